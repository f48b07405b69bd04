"""Repairs of what can be computed again: each says first what it would do, and none touches stock, orders or money."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from channels.models import SyncStream, WakeUp
from channels.workers import orphaned_leases
from oms import schedules
from oms.kit.models import Job
from oms.kit.search import index
from orders.models import ReportDay
from orders.ops.reports import rollups

EXPIRED = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Repair:
    """One repair: the checks of `doctor` that it serves, what it would do, and doing it (returns what was done)."""

    name: str
    checks: tuple[str, ...]
    plan: Callable[[], str]
    do: Callable[[], str]


def _plan_search() -> str:
    names = ", ".join(one.table for one in index.indexes())
    return f"write the search text of every row of {names} anew, and make missing indexes"


def _do_search() -> str:
    number = 0
    for one in index.indexes():
        number += index.rebuild(one)
        index.ensure(one)
    return f"{number:,} search texts written"


def _plan_reports() -> str:
    return f"compute {ReportDay.objects.count():,} days of the reports anew from the orders"


def _do_reports() -> str:
    rollups.mark()
    days = list(ReportDay.objects.order_by("-day").values_list("day", flat=True))
    for day in days:
        rollups.build_day(day)
    return f"{len(days):,} days computed"


def _expired() -> int:
    before = timezone.now() - EXPIRED
    streams = SyncStream.objects.filter(lease_until__lt=before).exclude(lease_token="").count()
    wake_ups = WakeUp.objects.filter(lease_until__lt=before).exclude(lease_token="").count()
    return streams + wake_ups + Job.objects.filter(lease_until__lt=before).live().count()


def _plan_leases() -> str:
    return f"free {_expired():,} leases that ended minutes ago, and those of workers that are dead"


def _do_leases() -> str:
    number, before = _expired(), timezone.now() - EXPIRED
    orphaned_leases.release()
    for model in (SyncStream, WakeUp):
        model._base_manager.filter(lease_until__lt=before).update(lease_token="", lease_until=None)
    Job.objects.filter(lease_until__lt=before).live().update(lease_token="", lease_until=None)
    return f"{number:,} leases freed; the lanes continue the work"


def _plan_schedules() -> str:
    return f"write the {len(schedules.declared())} periodic tasks of the lanes anew"


def _do_schedules() -> str:
    schedules.upsert()
    return "the periodic tasks are there"


REPAIRS = {
    one.name: one
    for one in (
        Repair("search", ("search_is_indexed", "search_texts_are_true"), _plan_search, _do_search),
        Repair("reports", ("reports_equal_orders",), _plan_reports, _do_reports),
        Repair("leases", ("leases_swept",), _plan_leases, _do_leases),
        Repair("schedules", ("lanes", "freshness"), _plan_schedules, _do_schedules),
    )
}

"""The recurring tasks are in django-q2's table after a migration, once each, and exist."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command
from django.utils.module_loading import import_string
from django_q.conf import Conf
from django_q.models import OrmQ, Schedule
from django_q.scheduler import scheduler
from django_q.signing import SignedPackage

from oms.kit.background import queue
from oms.schedules import OURS, declared, upsert

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-USE-04")]


def rows() -> dict[str, tuple[str, int | None, str | None]]:
    found = Schedule.objects.filter(name__startswith=OURS).order_by("name")
    return {str(row.name).removeprefix(OURS): (row.func, row.minutes, row.cluster) for row in found}


def test_a_migration_leaves_one_tick_a_lane_and_the_daily_clean_up() -> None:
    call_command("migrate", verbosity=0)
    call_command("migrate", verbosity=0)
    assert rows() == {
        "daily clean-up": ("oms.tasks.daily", 1440, "default"),
        "tick default": ("channels.tasks.tick", 1, "default"),
        "tick orders": ("channels.tasks.tick", 1, "orders"),
        "tick stock": ("channels.tasks.tick", 1, "stock"),
    }


def test_a_known_schedule_keeps_its_next_run_and_an_old_one_is_deleted() -> None:
    upsert()
    tick = Schedule.objects.get(name=f"{OURS}tick orders")
    turn = tick.next_run
    Schedule.objects.filter(pk=tick.pk).update(func="channels.tasks.gone", minutes=9)
    Schedule.objects.create(name=f"{OURS}tick of old", func="x.y", schedule_type=Schedule.MINUTES, minutes=1)
    Schedule.objects.create(name="somebody else's", func="x.y", schedule_type=Schedule.MINUTES, minutes=1)
    upsert()
    tick.refresh_from_db()
    assert (tick.func, tick.minutes, tick.next_run) == ("channels.tasks.tick", 1, turn)
    assert "tick of old" not in rows()
    assert Schedule.objects.filter(name="somebody else's").exists()


@pytest.mark.parametrize("tick", declared(), ids=lambda tick: tick.name)
def test_every_scheduled_function_exists(tick) -> None:
    assert callable(import_string(tick.func))


@pytest.mark.parametrize("tick", declared(), ids=lambda tick: tick.name)
def test_the_queue_runs_what_a_schedule_has_enqueued(tick, monkeypatch: pytest.MonkeyPatch) -> None:
    """As django-q2 enqueues it: with the name of the schedule as its group."""
    Schedule.objects.all().delete()
    upsert()
    monkeypatch.setattr(Conf, "CLUSTER_NAME", tick.lane)
    Schedule.objects.exclude(name=f"{OURS}{tick.name}").delete()
    scheduler(broker=queue.OrmBroker(list_key=tick.lane))
    entry: dict[str, Any] = SignedPackage.loads(OrmQ.objects.get().payload)
    assert (entry["func"], entry["group"]) == (tick.func, f"{OURS}{tick.name}")
    assert queue.refusal(entry) == ""
    assert queue.refusal({**entry, "hook": "os.system"}) != ""
    assert queue.refusal({**entry, "chain": [("os.system", ("ls",))]}) != ""

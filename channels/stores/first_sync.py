"""The first sync of a store after it is connected (R-CONN-08): one job that shows its progress.

It imports statuses, categories, brands, attributes (where the channel has them), every product, the orders of 90 days
and the carriers; each is a run of its stream. At the end it makes a report from the sections that the apps register.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.errors import AuthError, ChannelError, NotSupported
from channels.contract.records.orders import CarrierRecord
from channels.contract.records.pages import PullQuery, Window
from channels.contract.spec import Stream
from channels.contract.validation.record_limits import clean_records
from channels.models import Connection, SyncRun, SyncStream
from channels.pull import runner, streams
from channels.pull.page_writer import reason_of
from channels.stores import pull_jobs, remote_options, webhooks
from channels.workers import enqueue
from oms.kit.background import jobs
from oms.kit.models import Job

log = logging.getLogger(__name__)

KIND = "channels.first_sync"

_PHASES = (
    Stream.STATUSES,
    Stream.CATEGORIES,
    Stream.BRANDS,
    Stream.ATTRIBUTES,
    Stream.PRODUCTS,
    Stream.ORDERS_HISTORY,
)

Section = Callable[[Connection], Mapping[str, Any]]
CarrierSink = Callable[[Connection, Sequence[CarrierRecord]], int]

_sections: dict[str, Section] = {}
_carrier_sinks: list[CarrierSink] = []


def register_section(name: str, section: Section) -> None:
    """Register a section of the report (duplicates, missing SKUs, stock differences, …); called at start-up."""
    _sections[name] = section


def register_carrier_sink(sink: CarrierSink) -> None:
    """Register a function that stores the carriers that a channel lists, and returns how many there are."""
    _carrier_sinks.append(sink)


def start(*, connection: Connection, author: Any = None) -> Job:
    """Start the first sync of a store, or return the one that is running."""
    return jobs.start(
        kind=KIND,
        title=_("First sync of %s") % connection.name,
        subject_kind="connection",
        subject_id=connection.pk,
        author=author,
    )


def latest(connection: Connection) -> Job | None:
    """Return the newest first sync of this store, with its report in `result` when it is done; None without one."""
    return Job.objects.filter(kind=KIND, subject_kind="connection", subject_id=connection.pk).first()


def phases_of(connection: Connection) -> list[str]:
    """Return the streams that are imported, in order; without attributes where the products bring them."""
    have = set(connection.streams.values_list("name", flat=True))
    left_out = {Stream.ATTRIBUTES} if connection.spec.attributes_with_products else set()
    return [str(name) for name in _PHASES if name in have and name not in left_out]


def step(job: Job) -> bool:
    """Work one slice: continue the current phase, or start the next (the step of jobs of this kind)."""
    connection = Connection.objects.get(pk=job.subject_id or 0)
    have = {stream.name: stream for stream in connection.streams.select_related("connection")}
    phases = phases_of(connection)
    data = job.data
    if "since" not in data:
        data["since"] = timezone.now().isoformat()
        data["phases"] = {}
        _webhooks(connection, data)
    at = int(data.get("phase", 0))
    if at < len(phases):
        _pull(job, have[phases[at]])
        return True
    _carriers(connection, data)
    remote_options.refresh(connection)
    job.result = report(connection, data)
    job.message = str(job.result["summary"])
    job.total = job.done
    data.pop("phase_started", None)
    _open_streams(connection)
    return False


def _pull(job: Job, stream: SyncStream) -> None:
    data = job.data
    name = stream.name
    if data.get("phase_name") != name:
        # A phase has a total of its own, and a rate of its own.
        data |= {"phase_name": name, "phase_started": timezone.now().isoformat(), "phase_done": job.done}
        job.total = None
        if name == Stream.PRODUCTS and (count := stream.connection.account.get("product_count")):
            job.total = job.done + int(count)
        jobs.report(job, total=job.total, data=data, message=_("%s …") % streams.title(name))

    def words(run: SyncRun) -> str:
        if run.total:
            job.total = int(data["phase_done"]) + max(run.total, run.seen)
        of = _(" of %d") % run.total if run.total else ""
        return f"{streams.title(name)}: {run.seen}{of}"

    entry: dict[str, Any]
    try:
        run = pull_jobs.pull_slice(
            job, stream, query=_query(job, name), trigger=SyncRun.Trigger.FIRST, progress=words
        )
    except jobs.JobFailed as error:
        connection = Connection.objects.get(pk=stream.connection_id)
        if not connection.may_pull:
            raise
        # A list that cannot be imported does not stop the others; the report names it.
        entry = {"error": str(error)}
    else:
        if run.state != SyncRun.State.DONE:
            return
        entry = pull_jobs.result_of(run)
    data["phases"][name] = entry
    data["phase"] = int(data.get("phase", 0)) + 1
    data.pop("faults", None)


def _query(job: Job, name: str) -> PullQuery:
    if name == Stream.ORDERS_HISTORY:
        since = datetime.fromisoformat(job.data["since"])
        return PullQuery(window=Window(since - timedelta(days=streams.FIRST_DAYS), since), created=True)
    return PullQuery()


def _webhooks(connection: Connection, data: dict[str, Any]) -> None:

    webhooks.register_webhooks(connection=connection)
    data["webhooks"] = connection.webhooks_at is not None


def _carriers(connection: Connection, data: dict[str, Any]) -> None:
    """Import the carriers that the channel lists; carriers named by orders were imported with the orders."""
    try:
        records = clean_records(runner.adapter_of(connection).pull_carriers())
        count = sum(sink(connection, records) for sink in _carrier_sinks) if records else 0
        data["phases"]["carriers"] = {"new": count}
    except NotSupported:
        return
    except AuthError as error:
        raise jobs.JobFailed(error.message) from error
    except ChannelError as error:
        data["phases"]["carriers"] = {"error": error.message}


def report(connection: Connection, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first sync report: counts per phase, warnings of the channel, and every registered section."""
    phases: Mapping[str, Any] = data.get("phases", {})
    sections: dict[str, Any] = {}
    for name, section in _sections.items():
        try:
            sections[name] = dict(section(connection))
        except Exception as error:
            log.exception("the section %s of the first report failed", name)
            sections[name] = {"error": reason_of(error)}
    warnings = list(connection.account.get("warnings", []))
    warnings += [
        f"{streams.title(name)}: {entry['error']}" for name, entry in phases.items() if "error" in entry
    ]
    if "webhooks" in data and not data["webhooks"] and connection.account.get("webhook_warning"):
        warnings.append(connection.account["webhook_warning"])
    return {
        "summary": _summary(phases),
        "phases": dict(phases),
        "warnings": warnings,
        "sections": sections,
        "made_at": timezone.now().isoformat(),
    }


def _summary(phases: Mapping[str, Any]) -> str:
    def seen(name: str) -> int:
        entry = phases.get(name, {})
        return sum(int(entry.get(key, 0)) for key in ("new", "changed", "same"))

    products, orders = seen(Stream.PRODUCTS), seen(Stream.ORDERS_HISTORY)
    first = _("%d products") % products if products else _("The store has no products")
    return _("%(products)s; %(orders)d orders of the last %(days)d days.") % {
        "products": first,
        "orders": orders,
        "days": streams.FIRST_DAYS,
    }


def _open_streams(connection: Connection) -> None:
    """Start the scheduled imports. Orders are imported from the time of connecting, other data one period from now."""
    now = timezone.now()
    for stream in connection.streams.filter(period__isnull=False):
        stream_due = now if stream.name.startswith("orders.") else now + timedelta(seconds=stream.period or 0)
        SyncStream.objects.filter(pk=stream.pk).update(due_at=stream_due)
        if stream_due == now:
            enqueue.enqueue_pull(stream.pk, stream.lane)

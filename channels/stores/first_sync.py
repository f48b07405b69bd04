"""What happens when a store is connected (R-CONN-08), as one Job with visible progress.

Statuses, categories, brands, attributes (as the channel has them), every product, the orders of 90 days, then the
carriers: each a run of its stream. At the end a report is put together from the sections that the apps register.
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
from channels.models import Connection, SyncRun, SyncStream
from channels.pull import runner, streams
from channels.pull.page_writer import reason_of
from channels.stores import pull_jobs, remote_options, webhooks
from channels.workers import enqueue
from oms.kit import jobs
from oms.kit.models import Job

log = logging.getLogger(__name__)

KIND = "channels.first_sync"

_PULLED = (
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
    """Declare a part of the report (doubles, empty SKUs, stock differences ...); called from `ready()`."""
    _sections[name] = section


def register_carrier_sink(sink: CarrierSink) -> None:
    """Declare what stores the carriers that a channel names by itself; returns how many there are."""
    _carrier_sinks.append(sink)


def start(*, connection: Connection, author: Any = None) -> Job:
    """Start the first sync, or return the one that is running."""
    return jobs.start(
        kind=KIND,
        title=_("First sync of %s") % connection.name,
        subject_kind="connection",
        subject_id=connection.pk,
        author=author,
    )


def latest(connection: Connection) -> Job | None:
    """The last first sync of this store, with its report in `result` once it is done."""
    return Job.objects.filter(kind=KIND, subject_kind="connection", subject_id=connection.pk).first()


def phases_of(connection: Connection) -> list[str]:
    """The streams that are read, in their order; attributes have no turn of their own where products bring them."""
    have = set(connection.streams.values_list("name", flat=True))
    left_out = {Stream.ATTRIBUTES} if connection.spec.attributes_with_products else set()
    return [str(name) for name in _PULLED if name in have and name not in left_out]


def step(job: Job) -> bool:
    """One slice: go on with the present phase, or open the next."""
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
        # One list that cannot be read does not keep the rest away: the report says so.
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
    """Carriers named by orders came with the orders; here come those that the channel lists by itself."""
    try:
        records = list(runner.adapter_of(connection).pull_carriers())
        count = sum(sink(connection, records) for sink in _carrier_sinks) if records else 0
        data["phases"]["carriers"] = {"new": count}
    except NotSupported:
        return
    except AuthError as error:
        raise jobs.JobFailed(error.message) from error
    except ChannelError as error:
        data["phases"]["carriers"] = {"error": error.message}


def report(connection: Connection, data: Mapping[str, Any]) -> dict[str, Any]:
    """The first report: counts per phase, warnings of the channel, and every registered section."""
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
    first = _("%d products") % products if products else _("The store has no products, so none were read")
    return _("%(products)s; %(orders)d orders of the last %(days)d days.") % {
        "products": first,
        "orders": orders,
        "days": streams.FIRST_DAYS,
    }


def _open_streams(connection: Connection) -> None:
    """The regular pulls begin now; orders that came in meanwhile are read from the moment of connecting."""
    now = timezone.now()
    for stream in connection.streams.filter(period__isnull=False):
        stream_due = now if stream.name.startswith("orders.") else now + timedelta(seconds=stream.period or 0)
        SyncStream.objects.filter(pk=stream.pk).update(due_at=stream_due)
        if stream_due == now:
            enqueue.enqueue_pull(stream.pk, stream.lane)

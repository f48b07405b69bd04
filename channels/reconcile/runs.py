"""Compare a store with Manifold: read its orders of 90 days and its products page by page, then compare what is stored.

One job for each store. It reads through the channel's adapter within the API limit, continues after a killed worker at the
page that it had reached, and writes to no record but the differences; products that Manifold has are imported on the way,
so that their figures are those of now.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import ChannelError, NotSupported, RateLimited, TemporaryError
from channels.contract.records.pages import Page, PullQuery, Window
from channels.contract.spec import Stream
from channels.http import call_log, rate_limit
from channels.models import Connection, ReconcileSeen
from channels.pull import runner, streams
from channels.pull.page_writer import reason_of
from channels.reconcile import differences, pacing, parts, repairs
from channels.reconcile.parts import ORDERS, PRODUCTS, Found, Part
from channels.stores.pull_jobs import CannotSync
from channels.workers import failures
from oms.kit.background import jobs
from oms.kit.models import Job
from oms.kit.models.tables import JobQuerySet

KIND = "channels.reconcile"
PRIORITY = 40
HOUR = 3600
MAX_FAULTS = 8
#: Records that may be missing in the store are requested by id before they count as missing, at most so many.
CONFIRMED, CONFIRMED_AT_ONCE = 500, 50

_ORDER_STREAMS = (Stream.ORDERS_HISTORY, Stream.ORDERS_CHANGED, Stream.ORDERS_NEW)


def comparable(connection: Connection, wanted: Sequence[str] = ()) -> list[Part]:
    """Return the parts that can be compared for a store, of these keys or all."""
    return [
        part for part in parts.all_parts() if not part.off(connection) and (not wanted or part.key in wanted)
    ]


def ask(
    *, connection: Connection, wanted: Sequence[str] = (), paced: bool = False, author: Any = None
) -> Job:
    """Start comparing these parts of a store (default: all); return a live job that does so already.

    `paced`: the products are read in hourly parts, so that all are read in a day (`schedule.reconcile_all`); it ends when a
    person starts a comparison.

    Raises `CannotSync` with the reason when the store is not connected or none of the parts can be compared.
    """
    if not connection.may_pull:
        raise CannotSync(
            connection.state_reason
            or _("%(store)s is %(state)s: nothing is imported from it.")
            % {"store": connection.name, "state": connection.get_state_display().lower()}
        )
    if not comparable(connection, wanted):
        reasons = [part.off(connection) for part in parts.all_parts() if not wanted or part.key in wanted]
        raise CannotSync(next(filter(None, reasons), _("Choose what to compare.")))
    failures.try_at_once([connection.pk])
    if not paced:
        for job in live_jobs(connection).filter(params__paced=True):
            jobs.cancel(job=job)
    return jobs.start(
        kind=KIND,
        title=_("Reconcile %s") % connection.name,
        subject_kind="connection",
        subject_id=connection.pk,
        params={"parts": sorted(wanted), **({"paced": True} if paced else {})},
        author=author,
    )


def live_jobs(connection: Connection) -> JobQuerySet:
    """Return the comparisons of a store that have not ended."""
    return Job.objects.live().filter(kind=KIND, subject_kind="connection", subject_id=connection.pk)


def step(job: Job) -> bool:
    """Read for at most a minute, or compare what is stored (the step of jobs of this kind)."""
    connection = Connection.objects.get(pk=job.subject_id or 0)
    if not connection.may_pull:
        raise jobs.JobFailed(connection.state_reason or _("%s is not connected.") % connection.name)
    if live_jobs(connection).filter(pk__lt=job.pk).exists():
        raise jobs.StillBusy(2)  # two readings would forget what the other has seen
    if failures.is_blocked(connection) and connection.blocked_until:
        raise jobs.StillBusy(max((connection.blocked_until - timezone.now()).total_seconds(), 0.1))
    chosen = comparable(connection, job.params["parts"])
    try:
        with call_log.collecting(), rate_limit.spending(PRIORITY):
            more = _work(job, connection, chosen)
        job.data.pop("faults", None)
        return more
    except RateLimited as error:
        failures.record_failure(connection, error)
        raise jobs.StillBusy(error.retry_after) from error
    except (TemporaryError, OperationalError, InterfaceError) as error:
        if isinstance(error, TemporaryError):
            failures.record_failure(connection, error)
        faults = job.data["faults"] = int(job.data.get("faults", 0)) + 1
        if faults > MAX_FAULTS:
            raise jobs.JobFailed(reason_of(error)) from error
        job.message = reason_of(error)[:500]
        raise jobs.StillBusy(failures.backoff(faults, first=5, limit=300).total_seconds()) from error
    except (ChannelError, runner.RepeatedPage) as error:
        if isinstance(error, ChannelError):
            failures.record_failure(connection, error)
        raise jobs.JobFailed(reason_of(error)) from error


def _work(job: Job, connection: Connection, chosen: Sequence[Part]) -> bool:
    data = job.data
    data.setdefault("left", [name for name in (ORDERS, PRODUCTS) if any(p.stream == name for p in chosen)])
    data.setdefault("started", timezone.now().isoformat())
    if data["left"]:
        adapter = runner.adapter_of(connection)
        if _read(job, connection, adapter, data["left"][0], chosen):
            data["left"] = data["left"][1:]
            data.pop("reading", None)
        return True
    finish(connection, chosen)
    counts = parts.counts(connection)
    job.result = {
        "open": counts,
        "off": {p.key: p.off(connection) for p in parts.all_parts() if p.off(connection)},
    }
    job.message = _("%d differences are open.") % sum(counts.values())
    return False


def finish(connection: Connection, chosen: Sequence[Part]) -> None:
    """Compare what the imports show, repair by the store's rules, write the trend."""
    for part in chosen:
        if not part.stream:
            _compare_stored(connection, part)
    repairs.apply_rules(connection)
    differences.record_day(connection)


def _compare_stored(connection: Connection, part: Part) -> None:
    started = timezone.now()
    for found in part.compare_stored(connection):
        differences.write(connection, part.key, found)
    differences.close_agreeing(connection, part.key, before=started)


def _read(
    job: Job, connection: Connection, adapter: ChannelAdapter, name: str, chosen: Sequence[Part]
) -> bool:
    """Read pages of one stream for a minute; return whether all are read and compared."""
    if "reading" not in job.data:
        job.data["reading"] = _begin(connection, name)
    reading = job.data["reading"]
    mine = [part for part in chosen if part.stream == name]
    start, end = (datetime.fromisoformat(reading[place]) for place in ("start", "end"))
    stream = _stream_of(connection, name)
    until = runner.deadline()
    seen_tokens: set[str] = set()
    while True:
        query, slice_end = _query(connection, stream, reading, end)
        read_from = timezone.now()
        page = streams.pull(adapter, stream, query, reading["page"] or None)
        call_log.flush()
        if page.next_page is not None and (
            page.next_page == reading["page"] or page.next_page in seen_tokens
        ):
            raise runner.RepeatedPage(_("The channel sent the same page twice, so the comparison stopped."))
        if page.next_page is not None:
            seen_tokens.add(page.next_page)
        with transaction.atomic():
            _compare_page(connection, name, mine, page, read_from)
        failures.record_success(connection)
        reading["page"] = page.next_page or ""
        if page.next_page is None:
            seen_tokens.clear()
            reading["at"] = slice_end.isoformat()
        jobs.report_or_stop(job, done=job.done + len(page.records) + len(page.refused), data=job.data)
        if page.next_page is None and slice_end >= end:
            _end(
                connection,
                adapter,
                stream,
                name,
                mine,
                start,
                end,
                datetime.fromisoformat(job.data["started"]),
            )
            return True
        if (
            job.params.get("paced")
            and name == PRODUCTS
            and _is_enough(connection, reading, len(page.records))
        ):
            raise jobs.StillBusy(HOUR)
        if runner.deadline() - until >= runner.SLICE_SECONDS:
            return False


def _is_enough(connection: Connection, reading: dict[str, Any], records: int) -> bool:
    """Count a page of a paced reading; return whether the part of this hour is read."""
    reading["pages"], reading["records"] = reading.get("pages", 0) + 1, reading.get("records", 0) + records
    if reading["pages"] < pacing.pages_of_an_hour(connection) and reading["records"] < reading["hourly"]:
        return False
    reading["pages"] = reading["records"] = 0
    return True


def _begin(connection: Connection, name: str) -> dict[str, Any]:
    """Forget what an earlier reading saw; return the place where the reading begins."""
    ReconcileSeen.objects.filter(connection=connection, stream=name).delete()
    now = timezone.now()
    start = now - timedelta(days=streams.FIRST_DAYS)
    hourly = pacing.records_of_an_hour(connection) if name == PRODUCTS else 0
    return {
        "start": start.isoformat(),
        "end": now.isoformat(),
        "at": start.isoformat(),
        "page": "",
        "hourly": hourly,
    }


def _stream_of(connection: Connection, name: str) -> str:
    have = {str(spec.name) for spec in connection.spec.streams}
    wanted = _ORDER_STREAMS if name == ORDERS else (Stream.PRODUCTS,)
    found = next((str(one) for one in wanted if str(one) in have), "")
    if not found:
        raise NotSupported(_("%s has no import of this kind.") % connection.spec.label)
    return found


def _query(
    connection: Connection, stream: str, reading: dict[str, Any], end: datetime
) -> tuple[PullQuery, datetime]:
    """Return the query of the present slice, and where the slice ends. Products are read without a period."""
    if not stream.startswith("orders."):
        return PullQuery(stream=stream), end
    at = datetime.fromisoformat(reading["at"])
    slice_end = min(at + timedelta(days=connection.spec.stream(stream).slice_days), end)
    return PullQuery(window=Window(at, slice_end), created=True, stream=stream), slice_end


def _compare_page(
    connection: Connection, name: str, mine: Sequence[Part], page: Page[Any], read_from: datetime
) -> None:
    keys = {one.external_id[:255] for one in (*page.records, *page.refused)}
    ReconcileSeen.objects.bulk_create(
        [ReconcileSeen(connection=connection, stream=name, key=key) for key in sorted(keys)],
        ignore_conflicts=True,
    )
    for part in mine:
        differences.write(connection, part.key, part.compare_page(connection, page.records, read_from))


def _end(
    connection: Connection,
    adapter: ChannelAdapter,
    stream: str,
    name: str,
    mine: Sequence[Part],
    start: datetime,
    end: datetime,
    started: datetime,
) -> None:
    """Find what the store does not have, close what agrees, forget what was seen."""
    for part in mine:
        missing = part.compare_missing(connection, start, end)
        found = _confirm(adapter, stream, missing)
        with transaction.atomic():
            differences.write(connection, part.key, found)
            differences.close_agreeing(connection, part.key, before=started)
    ReconcileSeen.objects.filter(connection=connection, stream=name).delete()


def _confirm(adapter: ChannelAdapter, stream: str, missing: Sequence[Found]) -> list[Found]:
    """Request what seems to be missing by id: a list of a channel may leave out what it still has."""
    there: set[str] = set()
    for at in range(0, min(len(missing), CONFIRMED), CONFIRMED_AT_ONCE):
        ids = tuple(one.key for one in missing[at : at + CONFIRMED_AT_ONCE])
        token: str | None = None
        try:
            while True:
                page = streams.pull(adapter, stream, PullQuery(ids=ids, stream=stream), token)
                there |= {one.external_id for one in (*page.records, *page.refused)}
                if page.next_page is None or page.next_page == token:
                    break
                token = page.next_page
        except NotSupported:
            break
    return [one for one in missing if one.key not in there]

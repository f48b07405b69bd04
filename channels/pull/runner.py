"""Import a stream: lease, window, slices, pages, cursor.

Window = (cursor - lookback, start of the run). The cursor moves only when the last page of a slice is stored, in that
page's transaction: after a crash pages are repeated and none is skipped. Two runs of one stream never overlap; a worker
that lost its lease stores nothing. Manual imports (`channels.stores.pull_jobs`) use the same functions.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import AuthError, ChannelError, NotSupported, RateLimited, TemporaryError
from channels.contract.records.pages import PullQuery, Window
from channels.contract.spec import Lane, StreamSpec
from channels.http import app_quota, call_log, rate_limit
from channels.models import Connection, SyncRun, SyncStream
from channels.pull import prefetch, run_log, streams
from channels.pull.context import context_of
from channels.pull.page_writer import LEASE, LeaseLost, PageWriter, reason_of, slice_end
from channels.pull.single_records import (
    has_requested,
    pull_requested,
    release_stuck,
    request_again,
)
from channels.workers import enqueue
from channels.workers import failures as workers_failures
from oms.kit.models import Job

log = logging.getLogger(__name__)

SLICE_SECONDS = 45.0
MAX_FAULTS = (
    6  # temporary faults in a row of a stream that is not due, until its requested record counts as the cause
)
#: The priority of imports for the rate limit, in the order of outbox priorities: new orders like order events.
_PRIORITIES = {Lane.ORDERS: 10, Lane.STOCK: 30, Lane.DEFAULT: 40}

_clock = time.monotonic


class RepeatedPage(Exception):
    """The channel sent a page token a second time: the import would never end."""


def adapter_of(connection: Connection) -> ChannelAdapter:
    """Return the adapter of this store, with the engine's context; raises `NotSupported` where there is no API."""
    spec = connection.spec
    if not spec.has_wire:
        raise NotSupported(_("%s has no API.") % spec.label)
    if connection.lacks_credentials:
        raise AuthError(_("The credentials of this store are not in the database. Reconnect it."))
    return spec.adapter_class()(connection, context=context_of(connection))


def deadline() -> float:
    """Return the end of a slice that starts now, on the clock of `advance`."""
    return _clock() + SLICE_SECONDS


# ---------------------------------------------------------------- lease


def take_stream(stream_id: int, *, only_due: bool) -> tuple[SyncStream, str] | None:
    """Lease the stream; return it with the token. None when another worker has it, or (`only_due`) it is not due."""
    stream = SyncStream.objects.select_related("connection").filter(pk=stream_id).first()
    if stream is None or not stream.connection.may_pull or workers_failures.is_blocked(stream.connection):
        return None
    now = timezone.now()
    if only_due:
        is_due = stream.is_on and stream.due_at is not None and stream.due_at <= now
        is_waiting = stream.not_before is not None and stream.not_before > now
        if is_waiting or not (is_due or stream.wanted_ids):
            return None
    token = SyncStream.objects.filter(pk=stream_id).lease(LEASE)
    if not token:
        return None
    stream = SyncStream.objects.select_related("connection").get(pk=stream_id)
    return stream, token


def release_stream(stream: SyncStream, token: str, **fields: Any) -> None:
    """Release the lease and set `fields`; nothing is changed when the lease was lost."""
    SyncStream.objects.filter(pk=stream.pk).release_lease(token, **fields)


# ---------------------------------------------------------------- a scheduled slice


def run_stream(stream_id: int, *, must_stop: Callable[[], bool] | None = None) -> bool:
    """Import one slice of a due stream: requested single records first, then the window; at most a minute.

    `must_stop` is asked after each page; the slice ends when it returns True. Returns whether more is to be done now. Safe to
    call at any time, twice at a time, and after a crash.
    """
    taken = take_stream(stream_id, only_due=True)
    if taken is None:
        return False
    stream, token = taken
    with call_log.collecting(), rate_limit.spending(_PRIORITIES[Lane(stream.lane)]):
        try:
            more = _scheduled(stream, token, must_stop or _never)
        except LeaseLost:
            return False
    # Records may have been requested while this worker had the lease: their task found the stream leased.
    return more or SyncStream.objects.due(stream.lane).filter(pk=stream.pk).exclude(wanted_ids=[]).exists()


def _never() -> bool:
    return False


def _scheduled(stream: SyncStream, token: str, must_stop: Callable[[], bool]) -> bool:
    connection = stream.connection
    run: SyncRun | None = None
    after: dict[str, Any] = {}
    more = False
    try:
        adapter = adapter_of(connection)
        until = deadline()
        stuck = pull_requested(stream, token, adapter) if stream.wanted_ids else None
        is_due = stream.is_on and stream.due_at is not None and stream.due_at <= timezone.now()
        if is_due:
            run = _live_run(stream) or start_run(stream)
            if run is not None:
                # A person who waits for a single order does not wait for the rest of a long window.
                more = not advance(
                    run,
                    stream,
                    token,
                    adapter,
                    until=until,
                    after_page=lambda _run, _seen: has_requested(stream) or must_stop(),
                )
        if stuck is not None and not is_due and stream.failures < MAX_FAULTS:
            raise stuck.error
        if stuck is not None:  # the window was imported, so only this record fails
            release_stuck(stream, token, stuck)
        if stream.failures:
            after = {"failures": 0, "not_before": None}
    except LeaseLost:
        raise
    except RateLimited as error:
        workers_failures.record_failure(connection, error)
        when = timezone.now() + timedelta(seconds=error.retry_after)
        if error.scope:  # other requests of the store do not wait
            after = {"not_before": when}
        _set_error(run, error.message)
        enqueue.enqueue_at(stream.lane, when)
    except TemporaryError as error:
        workers_failures.record_failure(connection, error)
        after = _retry_later(stream, error.maintenance)
        _set_error(run, error.message)
    except (OperationalError, InterfaceError) as error:
        log.warning("%s: the database was busy", stream, exc_info=True)
        after = _retry_later(stream, maintenance=False)
        _set_error(run, reason_of(error))
    except (ChannelError, RepeatedPage) as error:
        after = _fail(stream, run, error)
    except Exception as error:
        log.exception("%s failed", stream)
        after = _fail(stream, run, error)
    finally:
        release_stream(stream, token, **after)
    return more


def _retry_later(stream: SyncStream, maintenance: bool) -> dict[str, Any]:
    failures = min(stream.failures + 1, 1000)
    pause = timedelta(seconds=stream.period or 3600)
    wait = pause if maintenance else min(workers_failures.backoff(failures), max(pause, timedelta(minutes=5)))
    when = timezone.now() + wait
    enqueue.enqueue_at(stream.lane, when)
    return {"failures": failures, "not_before": when}


def _fail(stream: SyncStream, run: SyncRun | None, error: Exception) -> dict[str, Any]:
    """Fail the run and return the stream's fields: the next run starts at the cursor, a period from now."""
    if isinstance(error, AuthError):
        workers_failures.record_failure(stream.connection, error)
    reason = reason_of(error)
    if run is None:
        run = SyncRun(connection=stream.connection, stream=stream.name, state=SyncRun.State.FAILED)
        run.error, run.finished_at = reason[:500], timezone.now()
        run.save()
    else:
        close(run, SyncRun.State.FAILED, reason)
        if not isinstance(error, (AuthError, NotSupported)):
            workers_failures.record_stopped_pull(stream.connection, reason)
    fields: dict[str, Any] = {
        "failures": min(stream.failures + 1, 1000),
        "due_at": timezone.now() + timedelta(seconds=max(stream.period or 3600, 60)),
    }
    if stream.wanted_ids:  # a single record that cannot be imported must not enqueue tasks without end
        fields["not_before"] = timezone.now() + workers_failures.backoff(fields["failures"], first=60)
    if isinstance(error, NotSupported):
        fields["is_on"] = False
    return fields


def _set_error(run: SyncRun | None, message: str) -> None:
    if run is not None:
        SyncRun.objects.filter(pk=run.pk).update(error=message[:500])


# ---------------------------------------------------------------- runs


def _live_run(stream: SyncStream) -> SyncRun | None:
    """Return the unfinished run to continue; raises `LeaseLost` when a live job owns it."""
    run = live_run(stream)
    if run is None or run.job_id is None:
        return run
    if Job.objects.filter(pk=run.job_id).live().exists():
        raise LeaseLost
    close(run, SyncRun.State.CANCELLED, _("Its job was stopped."))
    return None


def live_run(stream: SyncStream) -> SyncRun | None:
    """Return the unfinished run of a stream; None without one."""
    return SyncRun.objects.filter(
        connection_id=stream.connection_id, stream=stream.name, state=SyncRun.State.RUNNING
    ).first()


def start_run(
    stream: SyncStream,
    *,
    trigger: str = SyncRun.Trigger.SCHEDULE,
    query: PullQuery | None = None,
    job_id: int | None = None,
    is_dry: bool = False,
) -> SyncRun:
    """Start a run of the window since the cursor, or of this query. Raises `LeaseLost` when another run is live."""
    now = timezone.now()
    if query is None:
        spec = stream.connection.spec.stream(stream.name)
        reach = streams.first_reach(stream.name)
        start = stream.cursor_at - timedelta(seconds=spec.lookback) if stream.cursor_at else None
        if start is None and reach is not None:
            start = now - reach
        query = PullQuery(
            window=Window(start, now), statuses=streams.statuses_of(stream.connection, stream.name)
        )
    run = SyncRun(
        connection=stream.connection,
        stream=stream.name,
        trigger=trigger,
        query={
            "created": query.created,
            "statuses": list(query.statuses),
            "ids": list(query.ids),
            **({"dry_run": True} if is_dry else {}),
            **({"moves_cursor": True} if job_id is None else {}),
        },
        window_start=query.window.start,
        window_end=query.window.end if query.window.end or query.ids else now,
        slice_start=query.window.start,
        job_id=job_id,
        started_at=now,
    )
    try:
        with transaction.atomic():
            run.save()
    except IntegrityError:
        raise LeaseLost from None
    return run


def close(run: SyncRun, state: str, reason: str = "") -> None:
    """End a live run with this state and reason."""
    SyncRun.objects.filter(pk=run.pk, state=SyncRun.State.RUNNING).update(
        state=state, error=reason[:500], finished_at=timezone.now()
    )
    run.state, run.error = state, reason[:500]
    run_log.note(run, reason)


def advance(
    run: SyncRun,
    stream: SyncStream,
    token: str,
    adapter: ChannelAdapter,
    *,
    until: float,
    after_page: Callable[[SyncRun, int], bool | None] | None = None,
) -> bool:
    """Import and store pages until the run is finished (return True) or the time is over (return False).

    While a page is stored the next one is requested (`channels.pull.prefetch`). `after_page(run, records)` is called
    after each page; when it returns True, the slice ends. Errors of the channel are raised; the run continues at the same
    page later.
    """
    connection = stream.connection
    spec = connection.spec.stream(stream.name)
    writer = PageWriter(connection, stream, token)
    seen: set[str] = set()
    with prefetch.pages(lambda query, page: streams.pull(adapter, stream.name, query, page)) as pages:
        while True:
            end = slice_end(run, spec.slice_days)
            query = PullQuery(
                window=Window(run.slice_start, end),
                created=bool(run.query.get("created")),
                statuses=tuple(run.query.get("statuses", ())),
                ids=tuple(run.query.get("ids", ())),
                stream=stream.name,
                by_person=run.trigger == SyncRun.Trigger.MANUAL,
            )
            page = pages.fetch(query, run.page or None)
            call_log.flush()
            mark = _check_circle(run, page.next_page, seen)
            if page.next_page is not None and _clock() < until:
                pages.request(query, page.next_page)
            is_last = page.next_page is None and end == run.window_end
            run_fields, stream_fields = _next_position(run, stream, spec, page.next_page, mark, end, is_last)
            if page.total is not None:
                run_fields["total"] = page.total
            counts = writer.store(
                run,
                page,
                run_fields=run_fields,
                stream_fields=stream_fields,
                is_dry=bool(run.query.get("dry_run")),
            )
            workers_failures.record_success(connection)
            if is_last and run.query.get("moves_cursor"):
                request_again(stream, run)
            if is_last:
                streams.finished(connection, run)
            worked = counts.new + counts.changed + counts.same + len(counts.refused)
            worked += sum(counts.left_out.values())
            must_stop = after_page is not None and after_page(run, worked)
            if is_last:
                run_log.note(run, connection=connection)
                return True
            if must_stop or (_clock() >= until and not pages.is_requested):
                return False


def _next_position(
    run: SyncRun,
    stream: SyncStream,
    spec: StreamSpec,
    next_page: str | None,
    mark: str,
    end: Any,
    is_last: bool,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields of the run and of the stream after this page is stored."""
    if next_page is not None:
        return {"page": next_page, "mark": mark}, {}
    moves = bool(run.query.get("moves_cursor"))
    run_fields: dict[str, Any] = {"page": "", "mark": "", "slice_start": end}
    stream_fields: dict[str, Any] = {"cursor_at": end} if moves else {}
    if is_last:
        now = timezone.now()
        run_fields |= {"state": SyncRun.State.DONE, "finished_at": now, "error": ""}
        if moves:
            period = stream.period
            pause = timedelta(seconds=period * app_quota.stretch(stream.connection)) if period else None
            due = max(run.started_at + pause, now) if pause else None
            stream_fields |= {"completed_at": now, "due_at": due}
        elif run.trigger == SyncRun.Trigger.FIRST:
            stream_fields["completed_at"] = now
    return run_fields, stream_fields


def _check_circle(run: SyncRun, next_page: str | None, seen: set[str]) -> str:
    """Raise `RepeatedPage` when a page token comes again; return the mark to store on the run.

    Within a slice of work every token is compared; over several slices one mark, which moves at each power of two of
    pages (Brent's algorithm), finds any circle without storing all tokens.
    """
    if next_page is None:
        seen.clear()  # the next window slice is another list: its tokens may be the same
        return ""
    digest = hashlib.blake2b(next_page.encode(), digest_size=16).hexdigest()
    if next_page == run.page or digest == run.mark or digest in seen:
        raise RepeatedPage(
            _(
                "The channel sent the same page twice, so the import stopped. It starts again at the last stored page."
            )
        )
    seen.add(digest)
    pages = run.pages + 1
    return digest if pages & (pages - 1) == 0 else run.mark

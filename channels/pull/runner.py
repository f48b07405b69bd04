"""Pulling a stream: lease, window, slices, pages, cursor.

Window = (cursor - lookback, time the run began). The cursor moves only when the last page of a slice is stored,
in that page's transaction: a crash repeats pages and never skips one. Two runs of one stream never overlap; a
worker that lost its lease stores nothing. Work by hand (`channels.stores.pull_jobs`) goes through the same steps.
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
from channels.pull import prefetch, streams
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
PATIENCE = 6  # passing faults in a row of a stream without a period, until its record is to blame
#: What pulls may take of the store's budget, as the priority of pushes: new orders like order events.
_SPENDING = {Lane.ORDERS: 10, Lane.STOCK: 30, Lane.DEFAULT: 40}

_clock = time.monotonic


class RepeatedPage(Exception):
    """The channel gave a page token a second time: the scan would never end."""


def adapter_of(connection: Connection) -> ChannelAdapter:
    """Return the adapter of this store, with the engine's context; raises `NotSupported` where there is no API."""
    spec = connection.spec
    if not spec.has_wire:
        raise NotSupported(_("%s has no connection that could be asked.") % spec.label)
    return spec.adapter_class()(connection, context=context_of(connection))


def deadline() -> float:
    """The end of a slice that begins now, on the clock of `advance`."""
    return _clock() + SLICE_SECONDS


# ---------------------------------------------------------------- lease


def take_stream(stream_id: int, *, only_due: bool) -> tuple[SyncStream, str] | None:
    """Take the stream's lease; None when somebody has it, or (`only_due`) nothing is to be done."""
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
    """Give the lease back, with the fields that came of the work; nothing happens when it was lost."""
    SyncStream.objects.filter(pk=stream.pk).release_lease(token, **fields)


# ---------------------------------------------------------------- a scheduled slice


def run_stream(stream_id: int) -> bool:
    """One slice of a due stream: single records that were asked for first, then the window; at most a minute.

    Returns whether more is to be done now. Safe to call at any time, twice at a time, and after any crash.
    """
    enqueue.mark_answered(f"pull:{stream_id}")
    taken = take_stream(stream_id, only_due=True)
    if taken is None:
        return False
    stream, token = taken
    with call_log.collecting(), rate_limit.spending(_SPENDING[Lane(stream.lane)]):
        try:
            more = _scheduled(stream, token)
        except LeaseLost:
            return False
    # Or asked for while we had the lease: that ring found the stream taken.
    return more or SyncStream.objects.due(stream.lane).filter(pk=stream.pk).exclude(wanted_ids=[]).exists()


def _scheduled(stream: SyncStream, token: str) -> bool:
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
                # Somebody who waits for a single order does not wait for the rest of a long window.
                more = not advance(
                    run,
                    stream,
                    token,
                    adapter,
                    until=until,
                    after_page=lambda _run, _seen: has_requested(stream),
                )
        if stuck is not None and not is_due and stream.failures < PATIENCE:
            raise stuck.error
        if stuck is not None:  # the window could be read, so it is this record that cannot
            release_stuck(stream, token, stuck)
        if stream.failures:
            after = {"failures": 0, "not_before": None}
    except LeaseLost:
        raise
    except RateLimited as error:
        workers_failures.record_failure(connection, error)
        when = timezone.now() + timedelta(seconds=error.retry_after)
        if error.scope:  # the store goes on with the rest
            after = {"not_before": when}
        _note(run, error.message)
        enqueue.enqueue_at(stream.lane, when)
    except TemporaryError as error:
        workers_failures.record_failure(connection, error)
        after = _later(stream, error.maintenance)
        _note(run, error.message)
    except (OperationalError, InterfaceError) as error:
        log.warning("%s: the database was busy", stream, exc_info=True)
        after = _later(stream, maintenance=False)
        _note(run, reason_of(error))
    except (ChannelError, RepeatedPage) as error:
        after = _give_up(stream, run, error)
    except Exception as error:
        log.exception("%s failed", stream)
        after = _give_up(stream, run, error)
    finally:
        release_stream(stream, token, **after)
    return more


def _later(stream: SyncStream, maintenance: bool) -> dict[str, Any]:
    failures = min(stream.failures + 1, 1000)
    pause = timedelta(seconds=stream.period or 3600)
    wait = pause if maintenance else min(workers_failures.backoff(failures), max(pause, timedelta(minutes=5)))
    when = timezone.now() + wait
    enqueue.enqueue_at(stream.lane, when)
    return {"failures": failures, "not_before": when}


def _give_up(stream: SyncStream, run: SyncRun | None, error: Exception) -> dict[str, Any]:
    """The run ends; the next one begins at the cursor, a period from now."""
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
    if stream.wanted_ids:  # a single record that cannot be had must not ring without end
        fields["not_before"] = timezone.now() + workers_failures.backoff(fields["failures"], first=60)
    if isinstance(error, NotSupported):
        fields["is_on"] = False
    return fields


def _note(run: SyncRun | None, message: str) -> None:
    if run is not None:
        SyncRun.objects.filter(pk=run.pk).update(error=message[:500])


# ---------------------------------------------------------------- runs


def _live_run(stream: SyncStream) -> SyncRun | None:
    """The unfinished run to go on with. One that a job owns is that job's, as long as the job lives."""
    run = live_run(stream)
    if run is None or run.job_id is None:
        return run
    if Job.objects.filter(pk=run.job_id).live().exists():
        raise LeaseLost
    close(run, SyncRun.State.CANCELLED, _("Its work was stopped."))
    return None


def live_run(stream: SyncStream) -> SyncRun | None:
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
    """Begin a run: of the window since the cursor, or of the query given. Raises `LeaseLost` when one is live."""
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
    """End a run that has not ended."""
    SyncRun.objects.filter(pk=run.pk, state=SyncRun.State.RUNNING).update(
        state=state, error=reason[:500], finished_at=timezone.now()
    )
    run.state, run.error = state, reason[:500]


def advance(
    run: SyncRun,
    stream: SyncStream,
    token: str,
    adapter: ChannelAdapter,
    *,
    until: float,
    after_page: Callable[[SyncRun, int], bool | None] | None = None,
) -> bool:
    """Pull and store pages until the run is finished (True) or the time is up (False).

    While a page is stored the next is on its way (`channels.pull.prefetch`). `after_page` is told (run, records seen)
    after each page and may end the slice by True. Errors of the channel pass through; the run then goes on at the
    same page another time.
    """
    connection = stream.connection
    spec = connection.spec.stream(stream.name)
    house = PageWriter(connection, stream, token)
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
            )
            page = pages.fetch(query, run.page or None)
            call_log.flush()
            mark = _check_circle(run, page.next_page, seen)
            if page.next_page is not None and _clock() < until:
                pages.ask(query, page.next_page)
            is_last = page.next_page is None and end == run.window_end
            run_fields, stream_fields = _next_position(run, stream, spec, page.next_page, mark, end, is_last)
            if page.total is not None:
                run_fields["total"] = page.total
            counts = house.store(
                run,
                page,
                run_fields=run_fields,
                stream_fields=stream_fields,
                is_dry=bool(run.query.get("dry_run")),
            )
            workers_failures.record_success(connection)
            if is_last and run.query.get("moves_cursor"):
                request_again(stream, run)
            seen_now = counts.new + counts.changed + counts.same + len(counts.refused)
            is_asked_to_stop = after_page is not None and after_page(run, seen_now)
            if is_last:
                return True
            if is_asked_to_stop or (_clock() >= until and not pages.is_asked):
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
    """Where the run and the stream stand once this page is stored."""
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
    """Raise `RepeatedPage` when a page token comes again; returns the mark to keep.

    Within a slice of work every token is remembered; over slices one mark, moved at each power of two of
    pages (Brent), finds any circle without keeping them all.
    """
    if next_page is None:
        seen.clear()  # the next slice is another scan: its tokens may be the same
        return ""
    digest = hashlib.blake2b(next_page.encode(), digest_size=16).hexdigest()
    if next_page == run.page or digest == run.mark or digest in seen:
        raise RepeatedPage(
            _(
                "The channel gave the same page twice, so reading stopped; it begins again at the last safe point."
            )
        )
    seen.add(digest)
    pages = run.pages + 1
    return digest if pages & (pages - 1) == 0 else run.mark

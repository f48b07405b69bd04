"""Single records: asked for by a webhook, by a person, or because they were refused before.

They are pulled at once, whatever the period, and move no cursor. The stream's list only grows at its end and is
shortened at its beginning by the worker that holds the lease, so no news is lost while a record is being read.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import AuthError, RateLimited, TemporaryError
from channels.contract.records.pages import PullQuery, RefusedRow
from channels.contract.spec import Stream
from channels.models import Connection, RejectedRecord, SyncRun, SyncStream
from channels.pull import streams
from channels.pull.page_writer import LeaseLost, PageWriter, reason_of
from channels.workers import enqueue, failures

log = logging.getLogger(__name__)

REQUESTED_AT_ONCE = 50
RETRIES = 20  # times that a refused record is asked for again without a person


def request_records(stream: SyncStream, ids: list[str]) -> None:
    """Ask for single records: they are pulled at once, whatever the period, and move no cursor."""
    with transaction.atomic():
        row = SyncStream.objects.select_for_update().get(pk=stream.pk)
        # An id that is already listed is listed again: it may be in a worker's hands, read before this news.
        SyncStream.objects.filter(pk=row.pk).update(wanted_ids=[*row.wanted_ids, *dict.fromkeys(ids)])
        enqueue.enqueue_pull(row.pk, row.lane)


def request_orders(connection: Connection, external_ids: list[str]) -> None:
    """Ask for single orders by whichever stream brings them; nothing where a store has none (it has no wire)."""
    names = [str(name) for name in (Stream.ORDERS_CHANGED, Stream.ORDERS_NEW, Stream.ORDERS_HISTORY)]
    found = {row.name: row for row in SyncStream.objects.filter(connection=connection, name__in=names)}
    for name in names:
        if name in found:
            request_records(found[name], external_ids)
            return


@dataclass(frozen=True, slots=True)
class Stuck:
    """A record that the shop cannot give, while it may give others."""

    external_id: str
    error: TemporaryError


def pull_requested(stream: SyncStream, token: str, adapter: ChannelAdapter) -> Stuck | None:
    """Pull the records that were asked for, then take them off the list; a crash between repeats the pull.

    An id that the channel refuses is noted as a failed run and let go: it must not keep the stream for ever. A fault
    is raised the first time, since the shop may be away; the next time each record is asked for alone, up to the one
    that fails, which is returned. It stays on the list until the caller knows that the shop gives other things
    (`release_stuck`); one that was refused before goes back to the refused ones at once.
    """
    in_hand = stream.wanted_ids[:REQUESTED_AT_ONCE]
    ids = list(dict.fromkeys(str(external_id) for external_id in in_hand))
    store = PageWriter(stream.connection, stream, token)
    stuck: Stuck | None = None
    if stream.failures:
        stuck = _one_by_one(stream, store, adapter, ids)
    else:
        try:
            _pull_or_split(stream, store, adapter, ids)
        except TemporaryError as error:
            if error.maintenance or not _were_refused(stream, ids):
                raise
            stuck = _one_by_one(stream, store, adapter, ids)
    _shorten(stream, token, len(in_hand) if stuck is None else in_hand.index(stuck.external_id))
    if stuck is not None and _were_refused(stream, [stuck.external_id]):
        release_stuck(stream, token, stuck)
        return None
    return stuck


def release_stuck(stream: SyncStream, token: str, stuck: Stuck) -> None:
    """The shop gives other things: this is a refused record now, asked for again with the next runs."""
    with transaction.atomic():
        _shorten(stream, token, 1)
        store = PageWriter(stream.connection, stream, token)
        store.refuse([RefusedRow(stuck.external_id, stuck.error.message, {})])


def _one_by_one(
    stream: SyncStream, store: PageWriter, adapter: ChannelAdapter, ids: list[str]
) -> Stuck | None:
    """Up to the first that the shop cannot give: each may take as long as a call may."""
    for external_id in ids:
        try:
            _pull_or_split(stream, store, adapter, [external_id])
        except TemporaryError as error:
            if error.maintenance:
                raise
            return Stuck(external_id, error)
    return None


def _were_refused(stream: SyncStream, ids: list[str]) -> bool:
    """Whether these are asked for again and nothing else: they have failed before while the shop was there."""
    known = RejectedRecord.objects.open().filter(
        connection=stream.connection, stream=stream.name, external_id__in=ids
    )
    return known.count() == len(ids)


def _shorten(stream: SyncStream, token: str, done: int) -> None:
    """Take so many off the beginning of the list; others only append."""
    with transaction.atomic():
        row = SyncStream.objects.select_for_update().get(pk=stream.pk)
        if row.lease_token != token:
            raise LeaseLost
        stream.wanted_ids = row.wanted_ids[done:]
        SyncStream.objects.filter(pk=row.pk).update(wanted_ids=stream.wanted_ids)


def _pull_or_split(stream: SyncStream, store: PageWriter, adapter: ChannelAdapter, ids: list[str]) -> None:
    try:
        _pull(stream, store, adapter, ids)
    except (TemporaryError, RateLimited, AuthError, LeaseLost, OperationalError, InterfaceError):
        raise
    except Exception as error:
        if len(ids) == 1:
            log.warning("%s: %s could not be read", stream, ids[0], exc_info=True)
            SyncRun.objects.create(
                connection=stream.connection,
                stream=stream.name,
                trigger=SyncRun.Trigger.WEBHOOK,
                query={"ids": ids},
                state=SyncRun.State.FAILED,
                error=reason_of(error)[:500],
                finished_at=timezone.now(),
            )
            return
        for external_id in ids:
            _pull_or_split(stream, store, adapter, [external_id])


def _pull(stream: SyncStream, store: PageWriter, adapter: ChannelAdapter, ids: list[str]) -> None:
    page_token: str | None = None
    missing = set(ids)
    for _number in range(REQUESTED_AT_ONCE):
        query = PullQuery(ids=tuple(ids), stream=stream.name)
        page = streams.pull(adapter, stream.name, query, page_token)
        run = SyncRun(
            connection=stream.connection,
            stream=stream.name,
            trigger=SyncRun.Trigger.WEBHOOK,
            query={"ids": ids},
            state=SyncRun.State.DONE,
            finished_at=timezone.now(),
        )
        store.store(run, page, run_fields={"total": len(ids)})
        failures.record_success(stream.connection)
        missing -= {each.external_id for each in (*page.records, *page.refused)}
        if page.next_page is None or page.next_page == page_token:
            store.note_missing(missing)
            return
        page_token = page.next_page


def request_again(stream: SyncStream, run: SyncRun) -> None:
    """Have refused records of earlier runs pulled once more (those that this run did not see)."""
    if stream.name not in streams.BY_ID:
        return
    open_rows = RejectedRecord.objects.filter(
        connection=stream.connection,
        stream=stream.name,
        resolved_at=None,
        last_seen_at__lt=run.started_at,
        attempts__lt=RETRIES,
    ).order_by("last_seen_at")
    ids = list(open_rows.values_list("external_id", flat=True)[:REQUESTED_AT_ONCE])
    if ids:
        RejectedRecord.objects.filter(
            connection=stream.connection, stream=stream.name, external_id__in=ids, resolved_at=None
        ).update(last_seen_at=timezone.now())
        request_records(stream, ids)


def retry_rejected(*, rejected: list[RejectedRecord]) -> int:
    """Ask for these refused records again now (the Retry button); returns how many were asked for."""
    by_stream: dict[tuple[int, str], list[str]] = {}
    for row in rejected:
        if row.resolved_at is None:
            by_stream.setdefault((row.connection_id, row.stream), []).append(row.external_id)
    count = 0
    for (connection_id, name), ids in by_stream.items():
        stream = SyncStream.objects.filter(connection_id=connection_id, name=name).first()
        if stream is None:
            continue
        if name in streams.BY_ID:
            request_records(stream, ids)
        else:  # a full scan: the whole stream is read again
            SyncStream.objects.filter(pk=stream.pk).update(due_at=timezone.now(), not_before=None)
            enqueue.enqueue_pull(stream.pk, stream.lane)
        count += len(ids)
    return count


def has_requested(stream: SyncStream) -> bool:
    """Whether somebody waits for a single record of this stream."""
    return SyncStream.objects.filter(pk=stream.pk).exclude(wanted_ids=[]).exists()

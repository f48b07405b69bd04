"""Single records that a webhook or a person requested, or that were rejected before.

They are imported immediately, whatever the period, and move no cursor. Requests are appended to the stream's list; only
the worker with the lease removes them from its start, so that no request is lost while a record is imported.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
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
from oms.kit.authors import audit

log = logging.getLogger(__name__)

MAX_REQUESTED = 50  # records of one import
RETRIES = 20  # times that a rejected record is requested again without a person


def request_records(stream: SyncStream, ids: list[str], *, is_worked_now: bool = False) -> None:
    """Request single records by external id: they are imported immediately, whatever the period.

    `is_worked_now`: the caller imports the stream itself, so no worker is woken.
    """
    with transaction.atomic():
        row = SyncStream.objects.select_for_update().get(pk=stream.pk)
        # An id that is listed is appended again: a worker may have imported it before this change.
        SyncStream.objects.filter(pk=row.pk).update(wanted_ids=[*row.wanted_ids, *dict.fromkeys(ids)])
        if not is_worked_now:
            enqueue.enqueue_pull(row.pk, row.lane)


def request_products(connection: Connection, external_ids: Iterable[str]) -> None:
    """Request single products; does nothing for a store without this import."""
    ids = [external_id for external_id in dict.fromkeys(external_ids) if external_id]
    if not ids:
        return
    row = SyncStream.objects.filter(connection=connection, name=Stream.PRODUCTS).first()
    if row is not None:
        request_records(row, ids)


def request_orders(connection: Connection, external_ids: list[str]) -> None:
    """Request single orders through a stream of orders; does nothing for a store without one (it has no API)."""
    names = [str(name) for name in (Stream.ORDERS_CHANGED, Stream.ORDERS_NEW, Stream.ORDERS_HISTORY)]
    found = {row.name: row for row in SyncStream.objects.filter(connection=connection, name__in=names)}
    for name in names:
        if name in found:
            request_records(found[name], external_ids)
            return


@dataclass(frozen=True, slots=True)
class Stuck:
    """A requested record that cannot be imported, while others perhaps can."""

    external_id: str
    error: TemporaryError


def pull_requested(stream: SyncStream, token: str, adapter: ChannelAdapter) -> Stuck | None:
    """Import the requested records, then remove them from the list; after a crash between the two they come again.

    An id that the channel refuses becomes a failed run and is removed: it must not block the stream. A temporary fault is
    raised the first time, as the shop may be offline. The next time each record is requested alone, up to the one that
    fails, which is returned. It stays on the list until the caller knows that other imports succeed (`release_stuck`); a
    record that was rejected before is rejected again immediately.
    """
    requested = stream.wanted_ids[:MAX_REQUESTED]
    ids = list(dict.fromkeys(str(external_id) for external_id in requested))
    store = PageWriter(stream.connection, stream, token)
    stuck: Stuck | None = None
    if stream.failures:
        stuck = _one_by_one(stream, store, adapter, ids)
    else:
        try:
            _pull_or_split(stream, store, adapter, ids)
        except TemporaryError as error:
            if error.maintenance or not _were_rejected(stream, ids):
                raise
            stuck = _one_by_one(stream, store, adapter, ids)
    _shorten(stream, token, len(requested) if stuck is None else requested.index(stuck.external_id))
    if stuck is not None and _were_rejected(stream, [stuck.external_id]):
        release_stuck(stream, token, stuck)
        return None
    return stuck


def release_stuck(stream: SyncStream, token: str, stuck: Stuck) -> None:
    """Reject this record and remove it from the list, as other imports succeed; the next runs request it again."""
    with transaction.atomic():
        _shorten(stream, token, 1)
        store = PageWriter(stream.connection, stream, token)
        store.refuse([RefusedRow(stuck.external_id, stuck.error.message, {})])


def _one_by_one(
    stream: SyncStream, store: PageWriter, adapter: ChannelAdapter, ids: list[str]
) -> Stuck | None:
    """Import each record alone, up to the first that cannot be imported, which is returned."""
    for external_id in ids:
        try:
            _pull_or_split(stream, store, adapter, [external_id])
        except TemporaryError as error:
            if error.maintenance:
                raise
            return Stuck(external_id, error)
    return None


def _were_rejected(stream: SyncStream, ids: list[str]) -> bool:
    """Whether all of these are rejected records: they failed before while other imports succeeded."""
    rejected = RejectedRecord.objects.open().filter(
        connection=stream.connection, stream=stream.name, external_id__in=ids
    )
    return rejected.count() == len(ids)


def _shorten(stream: SyncStream, token: str, done: int) -> None:
    """Remove this many ids from the start of the list; other workers only append."""
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
            log.warning("%s: %s could not be imported", stream, ids[0], exc_info=True)
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
    for _number in range(MAX_REQUESTED):
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
    """Request rejected records of earlier runs again, up to 50 that this run did not include."""
    if stream.name not in streams.BY_ID:
        return
    open_rows = RejectedRecord.objects.filter(
        connection=stream.connection,
        stream=stream.name,
        resolved_at=None,
        last_seen_at__lt=run.started_at,
        attempts__lt=RETRIES,
    ).order_by("last_seen_at")
    ids = list(open_rows.values_list("external_id", flat=True)[:MAX_REQUESTED])
    if ids:
        RejectedRecord.objects.filter(
            connection=stream.connection, stream=stream.name, external_id__in=ids, resolved_at=None
        ).update(last_seen_at=timezone.now())
        request_records(stream, ids)


def retry_rejected(*, rejected: list[RejectedRecord]) -> int:
    """Request these rejected records again now (the Retry button); return how many were requested."""
    by_stream: dict[tuple[int, str], list[str]] = {}
    for row in rejected:
        if row.resolved_at is None:
            by_stream.setdefault((row.connection_id, row.stream), []).append(row.external_id)
    audit.record_many("record.retried", [(row, {}) for row in rejected if row.resolved_at is None])
    count = 0
    for (connection_id, name), ids in by_stream.items():
        stream = SyncStream.objects.filter(connection_id=connection_id, name=name).first()
        if stream is None:
            continue
        failures.try_at_once([connection_id])
        if name in streams.BY_ID:
            request_records(stream, ids)
        else:  # the channel has no call for single records: the whole stream is imported again
            SyncStream.objects.filter(pk=stream.pk).update(due_at=timezone.now(), not_before=None)
            enqueue.enqueue_pull(stream.pk, stream.lane)
        count += len(ids)
    return count


def has_requested(stream: SyncStream) -> bool:
    """Whether a single record of this stream is requested."""
    return SyncStream.objects.filter(pk=stream.pk).exclude(wanted_ids=[]).exists()

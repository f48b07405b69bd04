"""Store one page in one transaction: lease check, sink, rejected records, run and cursor.

Every record is cleaned first (`record_limits`), whichever connector or stream it comes from.

When the page fails, it is stored in halves until the record that causes the fault is alone: that one becomes a
`RejectedRecord` with its native document, and the others are stored.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import zlib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.cleaning import clean_document, clean_text, cut, dump_json, fit
from channels.contract.errors import ChannelError
from channels.contract.reading import not_readable
from channels.contract.record_limits import MOST_NUMBER, Unreadable, clean_record, clean_records
from channels.contract.records.native import hash_native
from channels.contract.records.pages import Page, RefusedRow
from channels.contract.spec import Stream
from channels.models import Connection, RejectedRecord, SyncRun, SyncStream
from channels.pull import streams
from channels.pull.streams import Counts

log = logging.getLogger(__name__)

#: Packages whose errors are faults of Manifold, not sentences for a person.
_LIBRARIES = ("builtins", "decimal", "django", "json")

LEASE = timedelta(seconds=150)
_DEADLOCKS = 3
REASON = 500  # characters of `RejectedRecord.reason`


class LeaseLost(Exception):
    """Another worker has the stream, or the store was stopped: nothing may be stored."""


def extend_lease(stream: SyncStream, token: str, **fields: Any) -> None:
    """Extend the lease and set `fields` of the stream, in the caller's transaction.

    Raises `LeaseLost` when another worker has the stream or the store is not active. The row is locked until the commit,
    so that a worker that lost its lease can store nothing.
    """
    active = Connection.objects.filter(pk=OuterRef("connection_id"), state=Connection.State.ACTIVE)
    if not SyncStream.objects.filter(Exists(active), pk=stream.pk).extend_lease(token, LEASE, **fields):
        raise LeaseLost


def family(stream: str) -> Q:
    """Return the filter for all streams with the same kind of record: an order may be imported by several streams."""
    return Q(stream__startswith="orders.") if stream.startswith("orders.") else Q(stream=stream)


class PageWriter:
    """Stores the pages of one slice of work."""

    def __init__(self, connection: Connection, stream: SyncStream, token: str) -> None:
        self.connection = connection
        self.stream = stream
        self.token = token
        self.sink = streams.sink_for(stream.name)
        self._has_open: bool | None = None

    def store(
        self,
        run: SyncRun,
        page: Page[Any],
        *,
        run_fields: dict[str, Any],
        stream_fields: dict[str, Any] | None = None,
        is_dry: bool = False,
    ) -> Counts:
        """Store one page with the next position of the run and the stream, completely or not at all.

        `is_dry`: the records are rolled back, only the run is stored. Raises `LeaseLost`, or the database's error when
        the records did not cause it.
        """
        if self._has_open is None:
            self._has_open = (
                RejectedRecord.objects.filter(family(self.stream.name), connection=self.connection)
                .open()
                .exists()
            )
        page = clean_page(page, self.connection.spec.label)
        if run_fields.get("total") is not None:
            run_fields = {**run_fields, "total": min(max(int(run_fields["total"]), 0), MOST_NUMBER)}
        split, is_new = False, run._state.adding
        for attempt in range(1, _DEADLOCKS + 2):
            try:
                return self._attempt(run, page, run_fields, stream_fields or {}, is_dry=is_dry, split=split)
            except (LeaseLost, InterfaceError):
                raise
            except OperationalError:  # a deadlock or a busy SQLite file: the next try can store the same page
                if attempt > _DEADLOCKS:
                    raise
            except Exception:
                if split or not page.records:
                    raise
                log.warning("a page of %s failed and is stored in halves", self.stream, exc_info=True)
                split = True
            if is_new:  # its insert was rolled back with the page
                run.pk, run._state.adding = None, True
        raise AssertionError("unreachable")

    def _attempt(
        self,
        run: SyncRun,
        page: Page[Any],
        run_fields: dict[str, Any],
        stream_fields: dict[str, Any],
        *,
        is_dry: bool,
        split: bool,
    ) -> Counts:
        with transaction.atomic():
            extend_lease(self.stream, self.token, **({} if is_dry else stream_fields))
            if run._state.adding:
                run.save(force_insert=True)
            # First: a record of this page may have the SKU of one that does not exist any more.
            streams.vanished(self.connection, self.stream.name, page.missing)
            if not page.records:
                counts = Counts()
            elif split:
                counts = self._in_halves(run, page.records)
            else:
                counts = self.sink(self.connection, page.records, run)
            if page.attributes:
                streams.sink_for(Stream.ATTRIBUTES)(self.connection, page.attributes, run)
            refused = [*page.refused, *counts.refused]
            left_out = streams.added(page.left_out, counts.left_out)
            if is_dry:
                transaction.set_rollback(True)
            else:
                self.refuse(refused)
                self._resolve(
                    {r.external_id for r in page.records}.union(page.settled)
                    - {r.external_id for r in refused}
                )
                self._advance(run, counts, len(refused), left_out, run_fields)
        if is_dry:
            with transaction.atomic():
                extend_lease(self.stream, self.token, **stream_fields)
                self._advance(run, counts, len(refused), left_out, run_fields)
        if left_out:
            run.left_out = streams.added(run.left_out, left_out)
        for name, value in (
            ("new", counts.new),
            ("changed", counts.changed),
            ("same", counts.same),
            ("refused", len(refused)),
            ("pages", 1),
        ):
            setattr(run, name, getattr(run, name) + value)
        for name, value in run_fields.items():
            setattr(run, name, value)
        for name, value in stream_fields.items():
            setattr(self.stream, name, value)
        return dataclasses.replace(counts, refused=tuple(refused), left_out=left_out)

    def _advance(
        self,
        run: SyncRun,
        counts: Counts,
        refused: int,
        left_out: dict[str, int],
        run_fields: dict[str, Any],
    ) -> None:
        if left_out:
            run_fields = {**run_fields, "left_out": streams.added(run.left_out, left_out)}
        SyncRun.objects.filter(pk=run.pk).update(
            new=F("new") + counts.new,
            changed=F("changed") + counts.changed,
            same=F("same") + counts.same,
            refused=F("refused") + refused,
            pages=F("pages") + 1,
            **run_fields,
        )

    def _in_halves(self, run: SyncRun, records: Sequence[Any]) -> Counts:
        try:
            with transaction.atomic():
                return self.sink(self.connection, records, run)
        except (InterfaceError, OperationalError, LeaseLost):
            raise
        except Exception as error:
            if len(records) == 1:
                record = records[0]
                log.exception("%s: record %s was rejected", self.stream, record.external_id)
                return Counts(refused=(RefusedRow(record.external_id, fault_of(error), native_of(record)),))
        middle = len(records) // 2
        return self._in_halves(run, records[:middle]) + self._in_halves(run, records[middle:])

    def note_missing(self, external_ids: Collection[str]) -> None:
        """Count an attempt for these rejected records, which the channel does not have: they are not retried for ever."""
        if self._has_open and external_ids:
            RejectedRecord.objects.filter(
                family(self.stream.name),
                connection=self.connection,
                external_id__in=external_ids,
                resolved_at=None,
            ).update(attempts=F("attempts") + 1)

    def refuse(self, rows: Sequence[RefusedRow]) -> None:
        """Store these rows as rejected records, or count an attempt for those that are, in the caller's transaction."""
        if not rows:
            return
        self._has_open = True
        latest = {rejected_id(row.external_id): row for row in rows}
        now = timezone.now()
        existing = RejectedRecord.objects.filter(
            family(self.stream.name), connection=self.connection, external_id__in=latest, resolved_at=None
        )
        again = []
        for old in existing:
            row = latest.pop(old.external_id, None)
            if row is None:
                continue
            old.reason = cut(clean_text(row.reason), REASON)
            old.native = packed(row.native) if row.native else old.native
            old.attempts, old.last_seen_at = old.attempts + 1, now
            again.append(old)
        if again:
            RejectedRecord.objects.bulk_update(again, ["reason", "native", "attempts", "last_seen_at"])
        RejectedRecord.objects.bulk_create(
            [
                RejectedRecord(
                    connection=self.connection,
                    stream=self.stream.name,
                    external_id=external_id,
                    reason=cut(clean_text(row.reason), REASON),
                    native=packed(row.native),
                    first_seen_at=now,
                    last_seen_at=now,
                )
                for external_id, row in latest.items()
            ]
        )

    def _resolve(self, stored: Iterable[str]) -> None:
        """Resolve the rejected records that are stored now. Makes no statement while the stream has no open ones."""
        if self._has_open and stored:
            ids = [rejected_id(external_id) for external_id in stored]
            RejectedRecord.objects.filter(
                family(self.stream.name), connection=self.connection, external_id__in=ids, resolved_at=None
            ).update(resolved_at=timezone.now())


def clean_page(page: Page[Any], label: str) -> Page[Any]:
    """Return a page whose records can be stored; one that cannot is refused with its reason (`label`: the channel)."""
    records: list[Any] = []
    refused = list(page.refused)
    for record in page.records:
        try:
            records.append(clean_record(record))
        except Unreadable as error:
            reason = not_readable(label, str(error))
            native = native_of(record)
            known_as = str(record.external_id).strip() or f"row:{hash_native(native)}"
            refused.append(RefusedRow(known_as, reason, native))
    attributes = clean_records(page.attributes)
    return dataclasses.replace(page, records=records, refused=refused, attributes=attributes)


def rejected_id(external_id: object) -> str:
    """Return the id of a record as a rejected record has it."""
    return fit(clean_text(str(external_id)), 255)


def packed(native: Any) -> bytes:
    """Return a native document compressed, for `RejectedRecord.native`. Never fails, whatever the document holds."""
    return zlib.compress(dump_json(native).encode())


def unpacked(document: bytes | memoryview) -> Any:
    """Return the native document of a rejected record."""
    return clean_document(json.loads(zlib.decompress(bytes(document))))


def native_of(record: Any) -> Any:
    """Return the native document of a record; its fields where it has none."""
    native = getattr(record, "native", None)
    return native or dataclasses.asdict(record)


def fault_of(error: Exception) -> str:
    """Return the reason of a record that Manifold could not store, in a sentence; the log has the error itself."""
    if isinstance(error, ChannelError) or type(error).__module__.partition(".")[0] not in _LIBRARIES:
        return clean_text(reason_of(error))
    return _(
        "Manifold has a fault and could not store this record. Its data is saved: send it to your administrator, and"
        " choose Retry after the next update."
    )


def reason_of(error: Exception) -> str:
    """Return a sentence for the screen: the error's own text; for an error of Python or Django, with its type."""
    if isinstance(error, ChannelError):
        return error.message
    if type(error).__module__.partition(".")[0] in _LIBRARIES:
        return clean_text(
            _("Internal error: %(kind)s: %(text)s") % {"kind": type(error).__name__, "text": error}
        )
    return clean_text(str(error)) or type(error).__name__


def slice_end(run: SyncRun, days: int) -> datetime | None:
    """Return the end of the slice that starts at `run.slice_start`; a window without a start is one slice."""
    if run.slice_start is None or run.window_end is None:
        return run.window_end
    return min(run.slice_start + timedelta(days=days), run.window_end)

"""The call log: calls are collected while a slice runs and stored in one statement when it ends, also when it fails.

The rows are stored after the slice's own transaction, so that the calls of a page that was rolled back are logged too.
A fault of the log never stops the work: rows that cannot be stored are dropped with a warning.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from channels.models import CallLog

log = logging.getLogger(__name__)

FLUSH_AT = 200

_buffer: ContextVar[list[CallLog] | None] = ContextVar("call_log", default=None)


@contextmanager
def collecting() -> Iterator[None]:
    """Collect the calls made in this block; the outermost block stores them."""
    if _buffer.get() is not None:
        yield
        return
    mark = _buffer.set([])
    try:
        yield
    finally:
        rows = _buffer.get() or []
        _buffer.reset(mark)
        _write(rows)


def add(row: CallLog) -> None:
    """Add a call to the log: it is stored at the end of the slice, or now when no slice runs."""
    rows = _buffer.get()
    if rows is None:
        _write([row])
        return
    rows.append(row)


def flush() -> None:
    """Store collected calls, 200 at a time; a long slice calls this between its transactions."""
    rows = _buffer.get()
    if rows is not None and len(rows) >= FLUSH_AT:
        written = rows[:FLUSH_AT]
        del rows[: len(written)]  # a call that another thread adds now stays in the list
        _write(written)


def _write(rows: list[CallLog]) -> None:
    if not rows:
        return
    try:
        CallLog.objects.bulk_create(rows, batch_size=FLUSH_AT)
    except DatabaseError:
        log.warning("%d calls could not be written to the log", len(rows), exc_info=True)


def prune(limit: int = 5000) -> int:
    """Delete calls older than `OMS_CALL_LOG_DAYS`, at most `limit` at a time; return how many."""
    before = timezone.now() - timedelta(days=settings.OMS_CALL_LOG_DAYS)
    old = list(CallLog.objects.filter(at__lt=before).order_by("at").values_list("pk", flat=True)[:limit])
    if old:
        CallLog.objects.filter(pk__in=old).delete()
    return len(old)

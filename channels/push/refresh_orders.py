"""Orders before stock: what a store is told of its stock is computed after its own latest orders were read.

A channel that lowers its figures itself at a sale would be told the figure of before that sale, and the unit sold a
second time (`design.md` §4). Where its spec says so (`orders_before_stock`), a drain of stock reads new orders first,
at most once in so many seconds and once a pass; it costs one call, and nothing where the regular pull has just been.
"""

from __future__ import annotations

import time
from datetime import timedelta

from django.utils import timezone

from channels.contract.spec import Lane, Stream
from channels.http import app_quota
from channels.models import Connection, OutboxMessage, SyncStream
from channels.pull import runner
from channels.push.topics import Topic

PATIENCE = 10.0  # seconds that another worker's reading of the same orders is waited for
LONGEST = 30.0  # and that our own may take
STEP = 0.2

_clock = time.monotonic
_sleep = time.sleep


def refresh_orders(connection: Connection, lane: str) -> bool:
    """Read the store's new orders if stock is due in this lane and they were not read just now; True if it asked.

    A reading that fails, is switched off or waits after a fault does not keep the stock back: the next one puts right
    what was missed, and a store that is never told of its stock oversells for certain.
    """
    age: float = connection.spec.orders_before_stock
    if not age or lane != Lane.STOCK or not connection.may_pull:
        return False
    stream = SyncStream.objects.filter(connection=connection, name=Stream.ORDERS_NEW, is_on=True).first()
    if stream is None or _is_fresh(stream, age) or not _stock_is_due(connection):
        return False
    age *= app_quota.stretch(connection)  # a day that runs short is for orders and what must be told
    if _is_fresh(stream, age) or not _wait(stream):
        return False
    stream.refresh_from_db()
    now = timezone.now()
    if _is_fresh(stream, age) or (stream.not_before is not None and stream.not_before > now):
        return False
    SyncStream.objects.filter(pk=stream.pk).update(due_at=now)
    until = _clock() + LONGEST
    while runner.run_stream(stream.pk) and _clock() < until:
        pass
    connection.refresh_from_db()  # the reading may have stopped the store
    return True


def _is_fresh(stream: SyncStream, seconds: float) -> bool:
    return stream.completed_at is not None and stream.completed_at > timezone.now() - timedelta(
        seconds=seconds
    )


def _stock_is_due(connection: Connection) -> bool:
    return (
        OutboxMessage.objects.filter(connection=connection, lane=Lane.STOCK, topic=Topic.STOCK).due().exists()
    )


def _wait(stream: SyncStream) -> bool:
    """Whether nobody reads these orders now, or stopped to within `PATIENCE`."""
    until = _clock() + PATIENCE
    while SyncStream.objects.filter(pk=stream.pk, lease_until__gt=timezone.now()).exists():
        if _clock() >= until:
            return False
        _sleep(STEP)
    return True

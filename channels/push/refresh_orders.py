"""Import the new orders of a store before its stock is sent.

A channel that lowers its figures itself at a sale would be sent the figure from before that sale, and the unit could be
sold twice (`design.md` §4). Where its spec has `orders_before_stock`, new orders are imported before stock is sent, once
in that many seconds and once in each slice at most. It needs one request, and none after a recent scheduled import.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from channels.contract.spec import Lane, Stream
from channels.http import app_quota
from channels.models import Connection, OutboxMessage, SyncStream
from channels.pull import runner
from channels.push.topics import Topic

LONGEST_WAIT_SECONDS = 10.0  # for another worker's import of the same orders
LONGEST_IMPORT_SECONDS = 30.0
STEP_SECONDS = 0.2  # between two checks

_clock = time.monotonic
_sleep = time.sleep


def with_last_import(stores: QuerySet[Connection]) -> QuerySet[Connection]:
    """Annotate stores with `orders_read_at`: when their new orders were last imported, for `refresh_orders`."""
    stream = SyncStream.objects.filter(connection=OuterRef("pk"), name=Stream.ORDERS_NEW, is_on=True)
    return stores.annotate(orders_read_at=Subquery(stream.values("completed_at")[:1]))


def refresh_orders(connection: Connection, lane: str) -> bool:
    """Import the store's new orders if stock is due in this lane and the last import is too old; return whether it did.

    An import that fails, is switched off or waits after a fault does not delay the stock: a store whose stock is never
    sent oversells for certain, and the next import corrects the figures.
    """
    age: float = connection.spec.orders_before_stock
    if not age or lane != Lane.STOCK or not connection.may_pull:
        return False
    if _is_recent(getattr(connection, "orders_read_at", None), age):  # read with the store, without a query
        return False
    stream = SyncStream.objects.filter(connection=connection, name=Stream.ORDERS_NEW, is_on=True).first()
    if stream is None or _is_fresh(stream, age) or not _stock_is_due(connection):
        return False
    age *= app_quota.stretch(connection)  # a small rest of the daily quota is for orders and for sending
    if _is_fresh(stream, age) or not _wait(stream):
        return False
    stream.refresh_from_db()
    now = timezone.now()
    if _is_fresh(stream, age) or (stream.not_before is not None and stream.not_before > now):
        return False
    SyncStream.objects.filter(pk=stream.pk).update(due_at=now)
    until = _clock() + LONGEST_IMPORT_SECONDS
    while runner.run_stream(stream.pk) and _clock() < until:
        pass
    connection.refresh_from_db()  # the import may have stopped the store
    return True


def _is_fresh(stream: SyncStream, seconds: float) -> bool:
    return _is_recent(stream.completed_at, seconds)


def _is_recent(at: datetime | None, seconds: float) -> bool:
    return at is not None and at > timezone.now() - timedelta(seconds=seconds)


def _stock_is_due(connection: Connection) -> bool:
    return (
        OutboxMessage.objects.filter(connection=connection, lane=Lane.STOCK, topic=Topic.STOCK).due().exists()
    )


def _wait(stream: SyncStream) -> bool:
    """Wait until no other worker imports these orders; return False when that takes longer than `LONGEST_WAIT_SECONDS`."""
    until = _clock() + LONGEST_WAIT_SECONDS
    while SyncStream.objects.filter(pk=stream.pk, lease_until__gt=timezone.now()).exists():
        if _clock() >= until:
            return False
        _sleep(STEP_SECONDS)
    return True

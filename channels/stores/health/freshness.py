"""The age of the last import of each stream, against its target: the period plus two minutes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Min
from django.utils import timezone

from channels.http import rate_limit
from channels.models import Connection, OutboxMessage, SyncStream
from channels.pull import streams
from channels.push.topics import Topic

SLACK = timedelta(minutes=2)
STOCK_TARGET = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Freshness:
    """The freshness of one stream: `age` since the last complete run (None = never), `target`, whether it is late.

    `since` is the start of the age; `is_off`: no run is expected (paused, switched off, on demand).
    """

    name: str
    title: Any
    since: datetime | None
    age: timedelta | None
    target: timedelta | None
    is_late: bool
    is_off: bool


@dataclass(frozen=True, slots=True)
class StoreFreshness:
    """The freshness of all streams of a store, with its API limit (requests left, size)."""

    connection: Connection
    lines: tuple[Freshness, ...]
    budget_left: float
    budget_size: float

    @property
    def is_late(self) -> bool:
        return any(line.is_late for line in self.lines)


def freshness(connection: Connection) -> StoreFreshness:
    """Return the freshness of one store, with what is left of its API limit."""
    return freshness_of([connection])[connection.pk]


def freshness_of(connections: Iterable[Connection]) -> dict[int, StoreFreshness]:
    """Return the freshness of many stores by key. Makes two queries, and one per store for its API limit."""
    stores = list(connections)
    now = timezone.now()
    rows: dict[int, list[SyncStream]] = defaultdict(list)
    for stream in SyncStream.objects.filter(connection__in=stores).order_by("name"):
        rows[stream.connection_id].append(stream)
    stock = stock_of(stores)
    found = {}
    for store in stores:
        lines = [_line(store, stream, now) for stream in rows[store.pk]]
        lines.append(stock[store.pk])
        left, size = rate_limit.left(store)
        found[store.pk] = StoreFreshness(store, tuple(lines), left, size)
    return found


def stock_of(connections: Iterable[Connection]) -> dict[int, Freshness]:
    """Return how long the oldest unsent stock change of each store has been waiting, by key. Makes one query."""
    stores = list(connections)
    now = timezone.now()
    waiting = (
        OutboxMessage.objects.filter(
            topic=Topic.STOCK, connection__in=[s for s in stores if s.may_push], is_held=False
        )
        .waiting()
        .order_by()
        .values("connection_id")
        .annotate(oldest=Min("waiting_since"))
        .values_list("connection_id", "oldest")
    )
    oldest: dict[int, datetime] = dict(waiting)
    return {store.pk: _stock_line(store, oldest.get(store.pk), now) for store in stores}


def _line(store: Connection, stream: SyncStream, now: datetime) -> Freshness:
    target = timedelta(seconds=stream.period) + SLACK if stream.period else None
    is_off = not stream.is_on or target is None or not store.may_pull
    since = stream.completed_at or (store.created_at if not is_off else None)
    age = now - stream.completed_at if stream.completed_at else None
    waited = now - since if since else timedelta(0)
    is_late = not is_off and target is not None and waited > target
    if stream.completed_at is None and stream.due_at is not None and stream.due_at > now:
        is_late = False  # the first sync comes before it
    return Freshness(
        stream.name, streams.title(stream.name), stream.completed_at, age, target, is_late, is_off
    )


def _stock_line(store: Connection, oldest: datetime | None, now: datetime) -> Freshness:
    """How long the oldest unsent stock change has been waiting."""
    age = now - oldest if oldest else timedelta(0)
    return Freshness(
        name="push.stock",
        title=streams.STOCK_TITLE,
        since=oldest,
        age=age,
        target=STOCK_TARGET,
        is_late=store.may_push and age > STOCK_TARGET,
        is_off=not store.may_push,
    )


def late_lines() -> list[tuple[Connection, Freshness]]:
    """Return every late stream of every active store, as (store, line)."""
    stores = Connection.objects.stores().active().order_by("name")
    return [
        (entry.connection, line)
        for entry in freshness_of(stores).values()
        for line in entry.lines
        if line.is_late
    ]

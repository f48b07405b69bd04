"""Requests a store may still make: one bucket per store in the database, shared by every process.

A token is taken by a compare-and-set on the row, so that two processes never take the same one. Work of lower
rank leaves a reserve for higher: order events may take the last token, stock leaves a tenth of the bucket,
prices two tenths, everything else three.

A channel may also count per hour and day, and each HTTP method by itself (`BudgetWindow`). Such a window slides: it
is counted in thirty parts, of which the oldest is given back as a whole, so that no stretch of its length ever holds
more than the limit, wherever the channel begins to count. Of a window lower work leaves a quarter of its reserve.

Where the channel's headers say when its own window ends (BigCommerce: 150 in 30 s), nothing flows in before that, and
everything is there after it. What a window leaves over is lost, so the reserve shrinks with the time that is left of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.errors import RateLimited
from channels.models import Budget
from oms.kit.admin.badges import span_text

if TYPE_CHECKING:
    from channels.contract.spec import BudgetWindow
    from channels.models import Connection

#: outbox priority (10 order events, 20 stock, 30 price, 40 listing) -> part of the bucket that is left alone
_RESERVE = ((10, 0.0), (20, 0.1), (30, 0.2))
_RESERVE_REST = 0.3
_TRIES = 20
_PARTS = 30  # of a window
_WINDOW_RESERVE = 0.25
#: Scope of a wait for what is kept back for higher work: this rank and those below it wait, orders go on.
RANK = "rank"

Spent = Mapping[str, Mapping[str, int]]

_reserve: ContextVar[float] = ContextVar("budget_reserve", default=0.0)


@contextmanager
def spending(priority: int) -> Iterator[None]:
    """Calls made inside belong to work of this outbox priority."""
    share = next((part for rank, part in _RESERVE if priority <= rank), _RESERVE_REST)
    before = _reserve.set(share)
    try:
        yield
    finally:
        _reserve.reset(before)


def level(row: Budget, now: datetime) -> float:
    """What the bucket holds now; nothing flows in while `filled_at` lies ahead, or `full_at`, when it is full again."""
    if row.full_at is not None:
        return row.capacity if now >= max(row.full_at, row.filled_at) else min(row.tokens, row.capacity)
    passed = max((now - row.filled_at).total_seconds(), 0.0)
    return min(row.capacity, row.tokens + passed * row.per_second)


def bucket_wait(row: Budget, now: datetime, reserve: float) -> float:
    """Seconds until the bucket has one request for work that leaves this part of it alone; 0.0 = now."""
    have = level(row, now)
    kept = min(row.capacity * reserve, row.capacity - 1.0)
    if row.full_at is not None and (left := (max(row.full_at, row.filled_at) - now).total_seconds()) > 0:
        if have < 1.0:
            return left
        length = max(row.capacity / row.per_second, left)
        return max(left - (have - 1.0) * length / kept, 0.0) if kept > 0 else 0.0
    if have >= 1.0 + kept:
        return 0.0
    ahead = max((row.filled_at - now).total_seconds(), 0.0)
    return ahead + ((1.0 + kept - have) / row.per_second if row.per_second > 0 else 60.0)


@dataclass(frozen=True, slots=True)
class Slot:
    """What came of asking: `wait` seconds until one is there (0.0: taken), and the method whose window is full."""

    wait: float
    scope: str = ""


def windows_of(connection: Connection, method: str) -> Sequence[BudgetWindow]:
    """The windows that count a request of this method, with the limits of this store."""
    return [window for window in all_windows_of(connection) if window.method in ("", method)]


def all_windows_of(connection: Connection) -> Sequence[BudgetWindow]:
    """All windows of the channel, with the limits of this store."""
    try:
        windows = connection.spec.budget.windows
    except LookupError:
        return ()
    return [_of_store(connection, window) for window in windows]


def _of_store(connection: Connection, window: BudgetWindow) -> BudgetWindow:
    try:
        own = int(connection.option(window.setting)) if window.setting else 0
    except (TypeError, ValueError):
        own = 0
    return replace(window, limit=own) if own > 0 else window


def _key(window: BudgetWindow) -> str:
    return f"{window.method}:{window.seconds}"


def _part(window: BudgetWindow, moment: float) -> int:
    return math.floor(moment * _PARTS / window.seconds)


def window_wait(window: BudgetWindow, spent: Spent, moment: float, reserve: float = 0.0) -> float:
    """Seconds until the window takes one more request (0.0: now). `moment` is unix time."""
    if window.is_pace and reserve == 0.0:
        return 0.0
    share = 0.0 if window.is_pace else reserve * _WINDOW_RESERVE
    allowed = max(math.floor(window.limit * (1.0 - share)), 1)
    now = _part(window, moment)
    counted = sorted((int(part), count) for part, count in spent.get(_key(window), {}).items())
    counted = [(part, count) for part, count in counted if part >= now - _PARTS]
    used = sum(count for _part_no, count in counted)
    for part, count in counted:
        if used < allowed:
            return 0.0
        used -= count
        if used < allowed:
            return max((part + _PARTS + 1) * window.seconds / _PARTS - moment, 0.05)
    return 0.0


def window_left(window: BudgetWindow, spent: Spent, moment: float) -> int:
    """Requests that the window still takes at this moment (unix time)."""
    oldest = _part(window, moment) - _PARTS
    used = sum(count for part, count in spent.get(_key(window), {}).items() if int(part) >= oldest)
    return max(window.limit - used, 0)


def _count(windows: Sequence[BudgetWindow], spent: Spent, moment: float) -> dict[str, dict[str, int]]:
    """The counts with one request more; parts that no window reaches any longer are dropped."""
    after = {key: dict(parts) for key, parts in spent.items()}
    for window in windows:
        now = _part(window, moment)
        parts = {k: n for k, n in after.get(_key(window), {}).items() if int(k) >= now - _PARTS}
        parts[str(now)] = parts.get(str(now), 0) + 1
        after[_key(window)] = parts
    return after


def take(connection_id: int) -> float:
    """Take one request from the store's bucket; 0.0 when taken, else the seconds until one is there."""
    return take_slot(connection_id, ()).wait


def take_slot(connection_id: int, windows: Sequence[BudgetWindow]) -> Slot:
    """Take one request from the store's bucket and from all these windows at once, or from none of them.

    A store without a bucket (not made yet) is not limited.
    """

    for _attempt in range(_TRIES):
        row = Budget.objects.filter(pk=connection_id).first()
        if row is None:
            return Slot(0.0)
        now = timezone.now()
        if wait := bucket_wait(row, now, _reserve.get()):
            return Slot(wait)
        moment = now.timestamp()
        full = max(
            (Slot(window_wait(each, row.spent, moment, _reserve.get()), each.method) for each in windows),
            key=lambda turn: turn.wait,
            default=Slot(0.0),
        )
        if full.wait > 0:
            return full
        today = now.astimezone(UTC).date()
        kept = Budget.objects.filter(pk=row.pk, tokens=row.tokens, filled_at=row.filled_at).update(
            tokens=level(row, now) - 1.0,
            filled_at=max(now, row.filled_at),
            full_at=row.full_at if row.full_at and row.full_at > now else None,
            used_today=row.used_today + 1 if row.day == today else 1,
            day=today,
            **({"spent": _count(windows, row.spent, moment)} if windows else {}),
        )
        if kept:
            return Slot(0.0)
    return Slot(0.05)  # many processes at once: let them pass


def correct(
    connection_id: int,
    *,
    remaining: float | None = None,
    capacity: float | None = None,
    per_second: float | None = None,
    wait: float | None = None,
    full_in: float | None = None,
) -> None:
    """Believe the channel's headers: what is left, how large the bucket is, how long nothing may be sent, and in how
    many seconds the channel counts anew.

    `remaining` only ever lowers the bucket: an answer that was slow must not give back what others have taken.
    A bucket that turns out larger than believed was so much fuller, too.
    """

    for _attempt in range(_TRIES):
        row = Budget.objects.filter(pk=connection_id).first()
        if row is None:
            return
        now = timezone.now()
        have = level(row, now)
        size = row.capacity if capacity is None else max(capacity, 1.0)
        have += max(size - row.capacity, 0.0)
        tokens = min(have, size, have if remaining is None else max(remaining, 0.0))
        filled = max(now, row.filled_at)
        if wait is not None:
            tokens, filled = 0.0, max(filled, now + timedelta(seconds=wait))
        kept = Budget.objects.filter(pk=row.pk, tokens=row.tokens, filled_at=row.filled_at).update(
            tokens=tokens,
            filled_at=filled,
            full_at=row.full_at if full_in is None else now + timedelta(seconds=full_in),
            capacity=size,
            per_second=row.per_second if per_second is None else max(per_second, 0.001),
        )
        if kept:
            return


def left(connection: Connection) -> tuple[float, float]:
    """(requests left now, size of the bucket), for the store's page."""

    row = Budget.objects.filter(pk=connection.pk).first()
    if row is None:
        spec = connection.spec.budget
        return float(spec.capacity), float(spec.capacity)
    return level(row, timezone.now()), row.capacity


def empty(connection: Connection, seconds: float, *, scope: str = "") -> RateLimited:
    """The error for a bucket, or a window of one method, that has nothing left for this work.

    What is left for order events may be there all the same: work of a lower rank waits alone (scope `RANK`), only
    when even they must wait does the whole store.
    """
    words = (
        _("%(store)s has used up its requests for now; it goes on by itself.")
        if connection.pk
        else _("%(store)s allows no more requests for now: try again in %(wait)s.")
    )
    return RateLimited(
        words % {"store": connection.name, "wait": span_text(math.ceil(seconds))},
        retry_after=max(seconds, 0.05),
        code="budget",
        scope=scope or (RANK if _reserve.get() > 0 else ""),
    )

"""The rate limit of a store: one token bucket in the database, shared by every process.

A token is taken by a compare-and-set on the row, so that two processes never take the same one. Work of lower priority
leaves a reserve: order events may take the last token, stock leaves a tenth of the bucket, prices two tenths, other work
three tenths.

A channel may also count for each hour and day, and each HTTP method separately (`BudgetWindow`). Such a window slides: it
is counted in thirty parts, and the oldest part is freed as a whole, so that no period of its length has more requests than
the limit, wherever the channel starts to count. Lower work leaves a quarter of its reserve of a window.

Where the channel's headers say when its own window ends (BigCommerce: 150 in 30 s), no token is added before that time,
and the bucket is full after it. Unused tokens of a window are lost, so the reserve shrinks with the time left.
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

#: outbox priority (10 order events, 20 stock, 30 price, 40 listing) -> part of the bucket that must be left
_RESERVE = ((10, 0.0), (20, 0.1), (30, 0.2))
_RESERVE_REST = 0.3
_TRIES = 20
_PARTS = 30  # of a window
_WINDOW_RESERVE = 0.25
_AT_ONCE = 0.25  # part of a window whose requests are spread that is used without a wait
_LAST = "last"  # in `Budget.spent`: the time of the last request of each method, in milliseconds
#: Scope of a wait for tokens that are reserved for higher priorities: this priority and lower ones wait, orders do not.
RANK = "rank"

Spent = Mapping[str, Mapping[str, int]]

_reserve: ContextVar[float] = ContextVar("budget_reserve", default=0.0)


@contextmanager
def spending(priority: int) -> Iterator[None]:
    """Make the calls in this block with this outbox priority."""
    share = next((part for rank, part in _RESERVE if priority <= rank), _RESERVE_REST)
    before = _reserve.set(share)
    try:
        yield
    finally:
        _reserve.reset(before)


def level(row: Budget, now: datetime) -> float:
    """Return the tokens in the bucket. None are added before `filled_at`; it is full from `full_at` on, if that is set."""
    if row.full_at is not None:
        return row.capacity if now >= max(row.full_at, row.filled_at) else min(row.tokens, row.capacity)
    passed = max((now - row.filled_at).total_seconds(), 0.0)
    return min(row.capacity, row.tokens + passed * row.per_second)


def bucket_wait(row: Budget, now: datetime, reserve: float) -> float:
    """Return the seconds until the bucket has a token for work that must leave this part of it; 0.0 = now."""
    have = level(row, now)
    reserved = min(row.capacity * reserve, row.capacity - 1.0)
    if row.full_at is not None and (left := (max(row.full_at, row.filled_at) - now).total_seconds()) > 0:
        if have < 1.0:
            return left
        length = max(row.capacity / row.per_second, left)
        return max(left - (have - 1.0) * length / reserved, 0.0) if reserved > 0 else 0.0
    if have >= 1.0 + reserved:
        return 0.0
    ahead = max((row.filled_at - now).total_seconds(), 0.0)
    return ahead + ((1.0 + reserved - have) / row.per_second if row.per_second > 0 else 60.0)


@dataclass(frozen=True, slots=True)
class Slot:
    """The result of `take_slot`: `wait` seconds until a token is free (0.0: taken), and the method whose window is full."""

    wait: float
    scope: str = ""


def windows_of(connection: Connection, method: str) -> Sequence[BudgetWindow]:
    """Return the windows that count a request of this method, with the limits of this store."""
    return [window for window in all_windows_of(connection) if window.method in ("", method)]


def all_windows_of(connection: Connection) -> Sequence[BudgetWindow]:
    """Return all windows of the channel, with the limits of this store."""
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
    """Return the seconds until the window allows one more request (0.0: now). `moment` is unix time."""
    allowed = _allowed(window, reserve)
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


def _allowed(window: BudgetWindow, reserve: float) -> int:
    return max(math.floor(window.limit * (1.0 - reserve * _WINDOW_RESERVE)), 1)


def spread_wait(window: BudgetWindow, spent: Spent, moment: float, reserve: float) -> float:
    """Return the seconds until the next request, where the requests of the window are spread (0.0: now).

    The first quarter is used at once. Then what is left is spread until the oldest requests leave the window: what changes
    meanwhile goes into the same batch. Without this all would be used up as fast as possible, and the next change would wait
    for the end of the window. Order events (no reserve) do not wait.
    """
    if not window.is_spread or reserve == 0.0:
        return 0.0
    oldest = _part(window, moment) - _PARTS
    counted = {int(part): n for part, n in spent.get(_key(window), {}).items() if int(part) >= oldest}
    used, allowed = sum(counted.values()), _allowed(window, reserve)
    if used < window.limit * _AT_ONCE:
        return 0.0
    evenly = window.seconds * (_PARTS + 1) / _PARTS / allowed
    free_in = (min(counted) + _PARTS + 1) * window.seconds / _PARTS - moment
    last = spent.get(_LAST, {}).get(window.method, 0) / 1000
    return max(last + max(evenly, free_in / max(allowed - used, 1)) - moment, 0.0)


def window_left(window: BudgetWindow, spent: Spent, moment: float) -> int:
    """Return the requests that the window still allows at this moment (unix time)."""
    oldest = _part(window, moment) - _PARTS
    used = sum(count for part, count in spent.get(_key(window), {}).items() if int(part) >= oldest)
    return max(window.limit - used, 0)


def _count(windows: Sequence[BudgetWindow], spent: Spent, moment: float) -> dict[str, dict[str, int]]:
    """Return the counts with one more request; parts older than their window are removed."""
    after = {key: dict(parts) for key, parts in spent.items()}
    for window in windows:
        now = _part(window, moment)
        parts = {k: n for k, n in after.get(_key(window), {}).items() if int(k) >= now - _PARTS}
        parts[str(now)] = parts.get(str(now), 0) + 1
        after[_key(window)] = parts
        if window.is_spread:
            after[_LAST] = {**after.get(_LAST, {}), window.method: int(moment * 1000)}
    return after


def _longest_wait(window: BudgetWindow, spent: Spent, moment: float) -> float:
    reserve = _reserve.get()
    return max(window_wait(window, spent, moment, reserve), spread_wait(window, spent, moment, reserve))


def _wait_of(row: Budget, windows: Sequence[BudgetWindow], now: datetime) -> Slot:
    """Return the seconds until the bucket and all of these windows allow one more request."""
    if wait := bucket_wait(row, now, _reserve.get()):
        return Slot(wait)
    moment = now.timestamp()
    return max(
        (Slot(_longest_wait(each, row.spent, moment), each.method) for each in windows),
        key=lambda slot: slot.wait,
        default=Slot(0.0),
    )


def take(connection_id: int) -> float:
    """Take one token of the store's bucket; return 0.0 when taken, else the seconds until one is free."""
    return take_slot(connection_id, ()).wait


def take_known(connection: Connection) -> Budget | None:
    """Return the bucket that was read with its store (`select_related`), once; None without one."""
    found = connection._state.fields_cache.pop("budget", None)
    return found if isinstance(found, Budget) else None


def take_slot(connection_id: int, windows: Sequence[BudgetWindow], *, known: Budget | None = None) -> Slot:
    """Take one token of the store's bucket and one request of each of these windows, or none of them.

    A store without a bucket (not created yet) is not limited. `known` is the bucket as it was read just now: if it has a
    token and nobody has changed it since, it is not read again.
    """

    for _attempt in range(_TRIES):
        row = known or Budget.objects.filter(pk=connection_id).first()
        if row is None:
            return Slot(0.0)
        now = timezone.now()
        wait = _wait_of(row, windows, now)
        if wait.wait > 0:
            if row is not known:
                return wait
            known = None  # it may have been filled since
            continue
        known = None
        moment = now.timestamp()
        today = now.astimezone(UTC).date()
        updated = Budget.objects.filter(pk=row.pk, tokens=row.tokens, filled_at=row.filled_at).update(
            tokens=level(row, now) - 1.0,
            filled_at=max(now, row.filled_at),
            full_at=row.full_at if row.full_at and row.full_at > now else None,
            used_today=row.used_today + 1 if row.day == today else 1,
            day=today,
            **({"spent": _count(windows, row.spent, moment)} if windows else {}),
        )
        if updated:
            return Slot(0.0)
    return Slot(0.05)  # many processes at the same time: try again soon


def correct(
    connection_id: int,
    *,
    remaining: float | None = None,
    capacity: float | None = None,
    per_second: float | None = None,
    wait: float | None = None,
    full_in: float | None = None,
) -> None:
    """Set the bucket to the values of the channel's headers.

    `remaining`: tokens left; it only lowers the bucket, as a slow answer must not add tokens that others have used.
    `capacity`, `per_second`: the size and the refill of the bucket; a larger size adds the difference. `wait`: seconds
    without any request. `full_in`: seconds until the channel's window ends.
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
        updated = Budget.objects.filter(pk=row.pk, tokens=row.tokens, filled_at=row.filled_at).update(
            tokens=tokens,
            filled_at=filled,
            full_at=row.full_at if full_in is None else now + timedelta(seconds=full_in),
            capacity=size,
            per_second=row.per_second if per_second is None else max(per_second, 0.001),
        )
        if updated:
            return


def left(connection: Connection) -> tuple[float, float]:
    """Return (requests left now, size of the bucket) of a store."""

    row = Budget.objects.filter(pk=connection.pk).first()
    if row is None:
        spec = connection.spec.budget
        return float(spec.capacity), float(spec.capacity)
    return level(row, timezone.now()), row.capacity


def empty(connection: Connection, seconds: float, *, scope: str = "") -> RateLimited:
    """Return the error for a bucket, or a window of one method, without a token for this work.

    Tokens that are reserved for order events may be left: then only work of lower priority waits (scope `RANK`). The
    whole store waits only when order events must wait too.
    """
    words = (
        _("The API limit of %(store)s is used up. Manifold continues automatically.")
        if connection.pk
        else _("The API limit of %(store)s is used up. Try again in %(wait)s.")
    )
    return RateLimited(
        words % {"store": connection.name, "wait": span_text(math.ceil(seconds))},
        retry_after=max(seconds, 0.05),
        code="budget",
        scope=scope or (RANK if _reserve.get() > 0 else ""),
    )

"""The quota of an application: one row for each key, shared by its stores and by every process.

Requests are spread evenly over each second, a little slower than allowed: so no second of the channel has more than its
limit, wherever the channel starts to count and however the network delays a request. The daily quota is sliding: used
requests become free again evenly, and the channel's headers lower it to the real value. Work of lower priority stops
first (the last tenth of the day is for orders). A store that has used twice its even share stops its background work
when half of the day's requests are used. Imports run less often when the stores of a key need more than the quota.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from channels.http import rate_limit
from channels.models import AppQuota, Budget, Connection, SyncStream

DAY = 86_400.0
_TRIES = 20
#: Part of the reserve of a priority (`rate_limit`) that applies to the day: background work leaves a tenth of the day.
_DAY_PART = 1 / 3
PACE = 0.925  # of the requests of a second: the rest is a margin of 81 ms for the jitter of the network
SLOT = 0.25  # seconds: a slot that is so near is taken immediately, and the caller waits for it
LATE = 0.06  # seconds: a caller that is later than this drops its slot, as its request would be too near to the next ones
LONGEST_HOLD = 2.0  # seconds that one refusal may delay all stores of an application: its second is over then
IMPORT_SHARE = 0.5  # of the day is for imports, the rest for sending
SLOWEST = 12.0


@dataclass(frozen=True, slots=True)
class Level:
    """What is available at a moment: the next request (1.0 = now), requests of the day."""

    tokens: float
    left_today: float


def _spec_key(connection: Connection) -> str:
    """Return the row's key for this store; "" without a shared quota, or when its application is not known."""
    try:
        shared = connection.spec.budget.shared
    except LookupError:
        return ""
    name = shared.key_of(connection) if shared else ""
    return (
        hashlib.blake2b(f"{connection.channel}:{name}".encode(), digest_size=16).hexdigest() if name else ""
    )


def level(row: AppQuota, now: datetime) -> Level:
    """Return what is available of a quota at this time."""
    passed = max((now - row.filled_at).total_seconds(), 0.0)
    return Level(
        min(1.0, row.tokens + passed * row.per_second * PACE),
        min(row.per_day, row.left_today + passed * row.per_day / DAY),
    )


def wait_for(have: Level, row: AppQuota, reserve: float, *, is_greedy: bool) -> float:
    """Return the seconds until work that must leave `reserve` may make a request; 0.0 = now."""
    needed = 1.0 + row.per_day * reserve * _DAY_PART
    if is_greedy and reserve > 0:
        needed = max(needed, row.per_day / 2)
    if have.left_today < needed:
        return (needed - have.left_today) * DAY / row.per_day
    if have.tokens < 1.0:
        return (1.0 - have.tokens) / (row.per_second * PACE)
    return 0.0


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot for a request: it starts in `wait` seconds, `at` on the monotonic clock. `is_taken` False: try again then."""

    wait: float
    is_taken: bool
    at: float = math.inf


def take(connection: Connection) -> Slot:
    """Take the next request of the quota of this store's application, or return how long to wait before the next try.

    A slot that is near is taken in advance, so that slots follow each other exactly, however late a waiting caller wakes.
    """
    key = _spec_key(connection)
    if not key:
        return Slot(0.0, True)
    reserve = rate_limit._reserve.get()
    for _attempt in range(_TRIES):
        row = _row(connection, key)
        now, started = timezone.now(), time.monotonic()
        have = level(row, now)
        is_greedy = reserve > 0 and have.left_today < row.per_day / 2 and _is_greedy(connection, row)
        wait = wait_for(have, row, reserve, is_greedy=is_greedy)
        if wait > SLOT:
            return Slot(wait, False)
        if _put(row, Level(have.tokens - 1, have.left_today - 1), now):
            return Slot(wait, True, started + wait)
    return Slot(0.05, False)


def correct(
    connection: Connection, *, left_today: int, per_day: int | None = None, per_second: float | None = None
) -> None:
    """Set the quota to the values of the channel's headers.

    `left_today` only lowers the value: a slow answer must not add requests that others have used in the meantime.
    """

    def corrected(row: AppQuota, have: Level) -> Level | None:
        is_new = (per_day or row.per_day) != row.per_day or (per_second or row.per_second) != row.per_second
        if left_today >= have.left_today and not is_new:
            return None
        if is_new and per_day:  # a new limit moves what is left with it
            have = Level(have.tokens, have.left_today + per_day - row.per_day)
        row.per_day, row.per_second = float(per_day or row.per_day), float(per_second or row.per_second)
        return Level(have.tokens, max(min(have.left_today, float(left_today)), 0.0))

    _change(connection, corrected)


def hold(connection: Connection, seconds: float) -> None:
    """Let no store of the application make a request for these seconds, at most two: the channel refused one.

    It is for the limit of a second, which each store would exceed on its own otherwise. The headers show a daily quota
    that is used up (`correct`); a longer wait may concern one store only.
    """

    def held(row: AppQuota, have: Level) -> Level | None:
        empty = 1.0 - min(seconds, LONGEST_HOLD) * row.per_second * PACE
        return Level(empty, have.left_today) if have.tokens > empty else None

    _change(connection, held)


def _change(connection: Connection, change: Callable[[AppQuota, Level], Level | None]) -> None:
    """Store the level that `change` returns (None: no change); repeat it when another process stored one meanwhile."""
    key = _spec_key(connection)
    for _attempt in range(_TRIES if key else 0):
        row, now = _row(connection, key), timezone.now()
        after = change(row, level(row, now))
        if after is None or _put(row, after, now):
            return


def left(connection: Connection) -> tuple[float, float] | None:
    """Return (requests left today, requests of a day) of the store's application; None without a shared quota."""
    key = _spec_key(connection)
    if not key:
        return None
    row = _row(connection, key)
    return level(row, timezone.now()).left_today, row.per_day


def stores_of(connection: Connection) -> int:
    """Return how many active stores share the quota of this store's application; 0 without a shared quota."""

    key = _spec_key(connection)
    if not key:
        return 0
    others = Connection.objects.filter(channel=connection.channel, state=Connection.State.ACTIVE)
    return sum(_spec_key(other) == key for other in others)


def stretch(connection: Connection) -> float:
    """Return the factor for the import intervals of this store (1.0 = as set), for all stores of the application.

    A run needs at least one request. When all runs need more than half of the daily quota, or little of it is left, the
    intervals are longer.
    """
    key = _spec_key(connection)
    if not key:
        return 1.0

    row = _row(connection, key)
    rows = SyncStream.objects.filter(
        connection__channel=connection.channel, connection__state="active", is_on=True, period__gt=0
    ).select_related("connection")
    others: dict[int, bool] = {}
    needed = 0.0
    for stream in rows:
        if stream.connection_id not in others:
            others[stream.connection_id] = _spec_key(stream.connection) == key
        if others[stream.connection_id]:
            needed += DAY / (stream.period or DAY)
    return planned(needed, row.per_day, level(row, timezone.now()).left_today)


def planned(needed: float, per_day: float, left_today: float) -> float:
    """Return the factor for imports that need `needed` requests a day, with `per_day` allowed and `left_today` left."""
    factor = max(needed / (per_day * IMPORT_SHARE), 1.0)
    if left_today < per_day / 10:
        factor *= 4
    elif left_today < per_day / 4:
        factor *= 2
    return min(factor, SLOWEST)


def _is_greedy(connection: Connection, row: AppQuota) -> bool:
    """Whether this store has used more than twice its even share of the day."""

    stores = stores_of(connection)
    if stores < 2:
        return False
    own = Budget.objects.filter(pk=connection.pk, day=timezone.now().date()).first()
    return own is not None and own.used_today > 2 * row.per_day / stores


def _row(connection: Connection, key: str) -> AppQuota:

    row = AppQuota.objects.filter(pk=key).first()
    if row is None:
        shared = connection.spec.budget.shared
        assert shared is not None
        with transaction.atomic():
            AppQuota.objects.bulk_create(
                [
                    AppQuota(
                        key=key,
                        tokens=1.0,
                        per_second=shared.per_second,
                        left_today=shared.per_day,
                        per_day=shared.per_day,
                        filled_at=timezone.now(),
                    )
                ],
                ignore_conflicts=True,
            )
        row = AppQuota.objects.get(pk=key)
    return row


def _put(row: AppQuota, after: Level, now: datetime) -> bool:
    return bool(
        type(row)
        .objects.filter(pk=row.pk, version=row.version)
        .update(
            tokens=after.tokens,
            left_today=after.left_today,
            per_day=row.per_day,
            per_second=row.per_second,
            filled_at=max(now, row.filled_at),
            version=row.version + 1,
        )
    )

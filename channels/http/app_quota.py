"""What an application may ask in all: one quota per key, shared by its stores and by every process.

Requests of a second are let through one by one, evenly, a little slower than allowed: so no second of the channel holds
more than its limit, wherever it begins to count and however the line delays one. The day slides: what is left flows back
evenly, and the channel's headers lower it to the truth. Work of lower rank
stops first (the last tenth of the day is for orders), a store that has used twice its even share stops its background
work once half the day is gone, and pulls come less often when the stores of a key need more than there is.
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
_DAY_PART = (
    1 / 3
)  # of the reserve that a rank leaves in its bucket: background work leaves a tenth of the day
PACE = 0.925  # of the requests of a second: eleven of ten lie 81 ms further apart than a second, for the jitter of a line
SLOT = 0.25  # seconds: a turn that is so near is taken at once, and waited for
LATE = 0.06  # seconds: who missed his turn by more leaves it, for what went out at it would be too near to the turns after
HELD = 2.0  # seconds: what one refusal may cost all stores of an application: its second is over then
PULLED = 0.5  # of the day is for pulls, the rest for what must be told
SLOWEST = 12.0


@dataclass(frozen=True, slots=True)
class Level:
    """What is there at a moment: the next request (1.0 = now), requests of the day."""

    tokens: float
    left_today: float


def _spec_key(connection: Connection) -> str:
    """The row's key for this store; '' where its channel has no shared quota or its application is not known."""
    try:
        shared = connection.spec.budget.shared
    except LookupError:
        return ""
    name = shared.key_of(connection) if shared else ""
    return (
        hashlib.blake2b(f"{connection.channel}:{name}".encode(), digest_size=16).hexdigest() if name else ""
    )


def level(row: AppQuota, now: datetime) -> Level:
    passed = max((now - row.filled_at).total_seconds(), 0.0)
    return Level(
        min(1.0, row.tokens + passed * row.per_second * PACE),
        min(row.per_day, row.left_today + passed * row.per_day / DAY),
    )


def wait_for(have: Level, row: AppQuota, reserve: float, *, is_greedy: bool) -> float:
    """Seconds until work that leaves `reserve` alone may ask once more; 0.0 = now."""
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
    """A turn: `wait` seconds until it, `at` on the monotonic clock; `is_taken`: ours then, or to be asked for again."""

    wait: float
    is_taken: bool
    at: float = math.inf


def take(connection: Connection) -> Slot:
    """Take the next request of the quota of this store's application, or hear how long to wait before asking again.

    A turn that is near is taken ahead, so that turns follow each other exactly, however late a waiter wakes.
    """
    key = _spec_key(connection)
    if not key:
        return Slot(0.0, True)
    reserve = rate_limit._reserve.get()
    for _attempt in range(_TRIES):
        row = _row(connection, key)
        now, begun = timezone.now(), time.monotonic()
        have = level(row, now)
        is_greedy = reserve > 0 and have.left_today < row.per_day / 2 and _is_greedy(connection, row)
        wait = wait_for(have, row, reserve, is_greedy=is_greedy)
        if wait > SLOT:
            return Slot(wait, False)
        if _put(row, Level(have.tokens - 1, have.left_today - 1), now):
            return Slot(wait, True, begun + wait)
    return Slot(0.05, False)


def correct(
    connection: Connection, *, left_today: int, per_day: int | None = None, per_second: float | None = None
) -> None:
    """Believe the headers. `left_today` only ever lowers: a slow answer must not give back what others took."""

    def believed(row: AppQuota, have: Level) -> Level | None:
        is_new = (per_day or row.per_day) != row.per_day or (per_second or row.per_second) != row.per_second
        if left_today >= have.left_today and not is_new:
            return None
        if is_new and per_day:  # a new limit moves what is left with it
            have = Level(have.tokens, have.left_today + per_day - row.per_day)
        row.per_day, row.per_second = float(per_day or row.per_day), float(per_second or row.per_second)
        return Level(have.tokens, max(min(have.left_today, float(left_today)), 0.0))

    _settle(connection, believed)


def hold(connection: Connection, seconds: float) -> None:
    """The channel refused a request of the application: none of its stores asks before so many seconds, at most two.

    That is for the limit of a second, into which each store would run for itself otherwise. A day that is used up is
    said by the headers (`correct`); and a longer wait may be one store's own.
    """

    def held(row: AppQuota, have: Level) -> Level | None:
        empty = 1.0 - min(seconds, HELD) * row.per_second * PACE
        return Level(empty, have.left_today) if have.tokens > empty else None

    _settle(connection, held)


def _settle(connection: Connection, change: Callable[[AppQuota, Level], Level | None]) -> None:
    """Write what `change` makes of the level (None: it stays), again and again until nobody came between."""
    key = _spec_key(connection)
    for _attempt in range(_TRIES if key else 0):
        row, now = _row(connection, key), timezone.now()
        after = change(row, level(row, now))
        if after is None or _put(row, after, now):
            return


def left(connection: Connection) -> tuple[float, float] | None:
    """(requests left today, requests of a day) of the store's application; None where there is no shared quota."""
    key = _spec_key(connection)
    if not key:
        return None
    row = _row(connection, key)
    return level(row, timezone.now()).left_today, row.per_day


def stores_of(connection: Connection) -> int:
    """How many active stores spend the quota of this store's application; 0 where there is none."""

    key = _spec_key(connection)
    if not key:
        return 0
    mates = Connection.objects.filter(channel=connection.channel, state=Connection.State.ACTIVE)
    return sum(_spec_key(mate) == key for mate in mates)


def stretch(connection: Connection) -> float:
    """By how much pulls of this store are spread out, 1.0 = as set: planned over all stores of the application.

    One call for each run is the least; when all of them need more than half the day, or the day runs short, each
    waits longer.
    """
    key = _spec_key(connection)
    if not key:
        return 1.0

    row = _row(connection, key)
    rows = SyncStream.objects.filter(
        connection__channel=connection.channel, connection__state="active", is_on=True, period__gt=0
    ).select_related("connection")
    mates: dict[int, bool] = {}
    needed = 0.0
    for stream in rows:
        if stream.connection_id not in mates:
            mates[stream.connection_id] = _spec_key(stream.connection) == key
        if mates[stream.connection_id]:
            needed += DAY / (stream.period or DAY)
    return planned(needed, row.per_day, level(row, timezone.now()).left_today)


def planned(needed: float, per_day: float, left_today: float) -> float:
    """The factor for pulls that need `needed` requests a day, of a day that holds `per_day` and has `left_today`."""
    factor = max(needed / (per_day * PULLED), 1.0)
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

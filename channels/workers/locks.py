"""One worker at a time for a key: the lease of its `WakeUp` row, which ends by itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.utils import timezone

from channels.models import SyncStream, WakeUp
from channels.workers.enqueue import ENQUEUE_AGAIN, of_lane
from oms.kit.models.leases import new_token

LOCKED_FOR = timedelta(seconds=150)  # longer than any slice of work


def acquire(key: str, *, is_answer: bool = True) -> str | None:
    """Lock the key for this worker until `release`, or for 150 s; returns the token, None when it is locked.

    The wake-up counts as answered (`is_answer`): the next change puts a task into the queue again.
    """
    fields = {"asked_at": None} if is_answer else {}
    row = WakeUp.objects.filter(key=key)
    token = row.lease(LOCKED_FOR, **fields)
    if not token and not row.exists():
        WakeUp.objects.bulk_create([WakeUp(key=key)], ignore_conflicts=True)
        token = row.lease(LOCKED_FOR, **fields)
    return token or None


class Together(NamedTuple):
    """The result of `acquire_together`: the keys that were locked, their token, and whether the row beside was asked for."""

    keys: set[str]
    token: str
    is_asked: bool


def acquire_together(*keys: str, answered: str, beside: str, since: datetime) -> Together:
    """Lock those of these keys that are free, with one statement; the wake-up `answered`, one of them, counts as answered.

    `is_asked` says whether the row `beside` was asked for after `since`; it is False when no key was free.
    """
    found = _acquire_together(keys, answered, beside, since)
    if len(found.keys) < len(keys):
        known = set(WakeUp.objects.filter(key__in=keys).values_list("key", flat=True))
        if new := sorted(set(keys) - known):
            WakeUp.objects.bulk_create([WakeUp(key=key) for key in new], ignore_conflicts=True)
            more = _acquire_together(new, answered, beside, since, found.token)
            return Together(found.keys | more.keys, found.token, found.is_asked or more.is_asked)
    return found


def _acquire_together(
    keys: Sequence[str], answered: str, beside: str, since: datetime, token: str = ""
) -> Together:
    token = token or new_token()
    now = timezone.now()
    rows = _WHERE_IN_ORDER if connection.vendor == "postgresql" else _WHERE
    table = connection.ops.quote_name(WakeUp._meta.db_table)
    marks = ", ".join(["%s"] * len(keys))
    is_free = "(lease_until IS NULL OR lease_until < %s)"
    sql = (
        f"UPDATE {table} SET lease_token = %s, lease_until = %s, "  # noqa: S608 (our own table's name)
        f"asked_at = CASE WHEN key = %s THEN NULL ELSE asked_at END "
        f"{rows.format(table=table, marks=marks)} AND {is_free} "
        f"RETURNING key, (SELECT 1 FROM {table} b WHERE b.key = %s AND b.asked_at > %s)"
    )
    adapt = connection.ops.adapt_datetimefield_value
    values: list[Any] = [token, adapt(now + LOCKED_FOR), answered, *keys, adapt(now), beside, adapt(since)]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found = cursor.fetchall()
    return Together({row[0] for row in found}, token, any(row[1] for row in found))


_WHERE = "WHERE key IN ({marks})"
#: Rows are locked in the order of their keys, as `enqueue` does it, so that two workers cannot deadlock.
_WHERE_IN_ORDER = (
    "WHERE key = ANY(ARRAY(SELECT key FROM {table} WHERE key IN ({marks}) ORDER BY key FOR NO KEY UPDATE))"
)


def extend(key: str, token: str) -> bool:
    """Extend the lock to 150 s from now; returns False when it was lost."""
    return WakeUp.objects.filter(key=key).extend_lease(token, LOCKED_FOR)


def release(key: str, token: str) -> None:
    """Release the lock; nothing happens when it was lost."""
    WakeUp.objects.filter(key=key).release_lease(token)


def release_together(*leases: tuple[str, str]) -> set[str]:
    """Release these locks (keys and tokens) with one statement; return the keys that are asked for.

    A lock that was lost stays as it is, and its key is not returned.
    """
    rows = _WHERE_IN_ORDER if connection.vendor == "postgresql" else _WHERE
    table = connection.ops.quote_name(WakeUp._meta.db_table)
    marks = ", ".join(["%s"] * len(leases))
    sql = (
        f"UPDATE {table} SET lease_token = '', lease_until = NULL "  # noqa: S608 (our own table's name)
        f"{rows.format(table=table, marks=marks)} AND lease_token IN ({marks}) RETURNING key, asked_at"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [key for key, _token in leases] + [token for _key, token in leases])
        return {key for key, asked_at in cursor.fetchall() if asked_at is not None}


def remove_idle(key: str) -> None:
    """Delete the row of a key that nobody has locked: for keys that are many and seldom used."""
    WakeUp.objects.filter(key=key, lease_token="", lease_until=None).delete()


def is_awaited(lane: str, connection_id: int) -> bool:
    """Return whether another store of this lane waits for a worker: who works on a store should then stop soon."""
    rows = WakeUp.objects.filter(lease_until=None).asked_since(timezone.now() - ENQUEUE_AGAIN)
    keys = rows.filter(of_lane(lane)).values_list("key", flat=True)
    streams: list[int] = []
    for kind, _sep, rest in (key.partition(":") for key in keys):
        if kind == "pull":
            streams.append(int(rest.rpartition(":")[2]))
        elif int(rest.partition(":")[0]) != connection_id:
            return True
    return (
        bool(streams)
        and SyncStream.objects.filter(pk__in=streams).exclude(connection_id=connection_id).exists()
    )

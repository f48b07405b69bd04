"""One worker at a time for a key: the lease of its `WakeUp` row, which ends by itself."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from channels.models import SyncStream, WakeUp
from channels.workers.enqueue import ENQUEUE_AGAIN, of_lane

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


def extend(key: str, token: str) -> bool:
    """Extend the lock to 150 s from now; returns False when it was lost."""
    return WakeUp.objects.filter(key=key).extend_lease(token, LOCKED_FOR)


def release(key: str, token: str) -> None:
    """Release the lock; nothing happens when it was lost."""
    WakeUp.objects.filter(key=key).release_lease(token)


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

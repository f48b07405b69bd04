"""One worker at a time for a key: the lease of its `WakeUp` row, which ends by itself."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from channels.models import WakeUp
from channels.workers.enqueue import ENQUEUE_AGAIN

LOCKED_FOR = timedelta(seconds=150)  # longer than any slice of work


def acquire(key: str) -> str | None:
    """Lock the key for this worker until `release`, or for 150 s; returns the token, None when it is locked.

    The wake-up counts as answered: the next change puts a task into the queue again.
    """
    WakeUp.objects.bulk_create([WakeUp(key=key)], ignore_conflicts=True)
    return WakeUp.objects.filter(key=key).lease(LOCKED_FOR, asked_at=None) or None


def extend(key: str, token: str) -> bool:
    """Extend the lock to 150 s from now; returns False when it was lost."""
    return WakeUp.objects.filter(key=key).extend_lease(token, LOCKED_FOR)


def release(key: str, token: str) -> None:
    """Release the lock; nothing happens when it was lost."""
    WakeUp.objects.filter(key=key).release_lease(token)


def remove_idle(key: str) -> None:
    """Delete the row of a key that nobody has locked: for keys that are many and seldom used."""
    WakeUp.objects.filter(key=key, lease_token="", lease_until=None).delete()


def is_awaited(lane: str) -> bool:
    """Return whether another store of this lane waits for a worker: who works on a store should then stop soon."""
    free = WakeUp.objects.filter(key__startswith="drain:", key__endswith=f":{lane}", lease_until=None)
    return free.asked_since(timezone.now() - ENQUEUE_AGAIN).exists()

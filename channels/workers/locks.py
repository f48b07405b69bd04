"""One worker at a time for a key: a row with a token that ends by itself."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from channels.models import Bell
from channels.workers.enqueue import ENQUEUE_AGAIN
from oms.kit.leases import new_token

LOCKED_FOR = timedelta(seconds=150)  # longer than any slice; a dead worker's turn ends by itself


def acquire(key: str) -> str | None:
    """Answer a bell: nobody else works this until `release` or 150 s from now. None = somebody does."""
    now = timezone.now()
    token = new_token()
    Bell.objects.bulk_create([Bell(key=key)], ignore_conflicts=True)
    taken = (
        Bell.objects.filter(key=key)
        .filter(Q(busy_until=None) | Q(busy_until__lt=now))
        .update(token=token, busy_until=now + LOCKED_FOR, rung_at=None)
    )
    return token if taken else None


def extend(key: str, token: str) -> bool:
    """Lengthen a turn that goes on; False when it was lost."""
    return bool(Bell.objects.filter(key=key, token=token).update(busy_until=timezone.now() + LOCKED_FOR))


def release(key: str, token: str) -> None:
    Bell.objects.filter(key=key, token=token).update(token="", busy_until=None)


def remove_idle(key: str) -> None:
    """Delete the row of a key that nobody holds: for keys that are many and seldom used."""
    Bell.objects.filter(key=key, token="", busy_until=None).delete()


def is_awaited(lane: str) -> bool:
    """Whether a store of this lane was rung for and nobody has answered yet: whoever works another should not be long."""
    rung = Bell.objects.filter(key__startswith="drain:", key__endswith=f":{lane}", busy_until=None)
    return rung.filter(rung_at__gt=timezone.now() - ENQUEUE_AGAIN).exists()

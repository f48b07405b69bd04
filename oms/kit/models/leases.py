"""The lease of a row: one worker at a time, with an end. The mixin `Leased` and its queryset `LeaseQuerySet`.

A lease ends at `lease_until`, on every machine and whatever happens. Its token names the process that took it, so that the
lease of a process that is known to be dead can be ended earlier (`end_orphaned`). A process of another place (another machine,
another container) cannot be seen: its lease ends earlier when its whole place is gone (`channels.workers.hosts`). A process is named by its number and its start time,
so that a later process with the same number is not taken for it.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections import deque
from collections.abc import Collection
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Self, TypeVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

_PROC = Path("/proc")
_ENDED = "ZX"  # states of a process that will never run again
_PARTS = 4

_made: deque[str] = deque(maxlen=10_000)

M_co = TypeVar("M_co", bound=models.Model, covariant=True)


@cache
def place() -> str:
    """Return the name of this boot of this machine and of the namespace in which process numbers count; '' where they cannot be told."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = (_PROC / "self/ns/pid").readlink()
    except OSError:
        return ""
    return hashlib.blake2b(f"{boot} {namespace}".encode(), digest_size=4).hexdigest()


def _began(pid: int) -> str:
    """When the process began, in the kernel's ticks; '' when there is none, or it has ended."""
    try:
        words = (
            (_PROC / str(pid) / "stat")
            .read_text(encoding="utf-8", errors="replace")
            .rpartition(")")[2]
            .split()
        )
    except OSError:
        return ""
    return "" if words[0] in _ENDED else f"{int(words[19]) & 0xFFFFFFF:x}"


def new_token() -> str:
    """A token for a lease that this process takes: at most 32 characters, never the same twice."""
    here = place()
    if here:
        pid = os.getpid()
        token = f"{here}-{pid:x}-{_began(pid)}-{secrets.token_hex(4)}"
    else:
        token = secrets.token_hex(16)
    _made.append(token)
    return token


def forget_made() -> None:
    """Forget which tokens this process has made: a task begins."""
    _made.clear()


def made() -> list[str]:
    """Return the tokens that this process has made since `forget_made`; the last 10,000 of them."""
    return list(_made)


def process_of(token: str) -> str:
    """What all tokens of one process begin with; '' for a token that names none."""
    parts = token.split("-")
    return "-".join(parts[:-1]) + "-" if len(parts) == _PARTS else ""


def is_gone(token: str, gone_places: Collection[str] = ()) -> bool:
    """Whether the process that took this token is known to be dead, or is in one of these places. In doubt, it lives."""
    parts = token.split("-")
    if len(parts) != _PARTS:
        return False
    if parts[0] != place():
        return parts[0] in gone_places
    return _began(int(parts[1], 16)) != parts[2]


class LeaseQuerySet(models.QuerySet[M_co]):
    """Take, extend, release and end leases; every change is one statement, so two workers never both succeed."""

    def unleased(self) -> Self:
        """Return the rows that no worker has: never leased, released, or past the end of the lease."""
        return self.filter(Q(lease_until=None) | Q(lease_until__lt=timezone.now()))

    def lease(self, length: timedelta, **fields: Any) -> str:
        """Lease the unleased rows for `length` and set `fields`; returns the new token, "" when there was no such row."""
        token = new_token()
        until = timezone.now() + length
        return token if self.unleased().update(lease_token=token, lease_until=until, **fields) else ""

    def extend_lease(self, token: str, length: timedelta, **fields: Any) -> bool:
        """Extend the lease of `token` to `length` from now and set `fields`; returns False when it was lost."""
        return bool(self.filter(lease_token=token).update(lease_until=timezone.now() + length, **fields))

    def release_lease(self, token: str, **fields: Any) -> bool:
        """Release the lease of `token` and set `fields`; returns False, and changes nothing, when it was lost."""
        return bool(self.filter(lease_token=token).update(lease_token="", lease_until=None, **fields))

    def end_orphaned(self, gone_places: Collection[str] = ()) -> set[str]:
        """End the leases whose process is known to be dead, and those of these places (`place`); returns their tokens.

        The token stays on the row, so that the next worker sees that the last one did not finish.
        """
        now = timezone.now()
        leased = self.filter(lease_until__gt=now).exclude(lease_token="")
        orphaned = {
            token for token in leased.values_list("lease_token", flat=True) if is_gone(token, gone_places)
        }
        if orphaned:
            leased.filter(lease_token__in=orphaned).update(lease_until=now)
        return orphaned


class Leased(models.Model):
    """A row that one worker at a time works on."""

    lease_token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

"""Who holds a lease: a token that names its process, so that what a dead one held is free before its time.

A lease ends by itself; that is what holds, on every machine and whatever happens. Where the process can be seen (the
same running Linux, the same namespace of processes) nobody need wait for it: a process is named by its number and the
moment it began, so that another one that was given the number later is not taken for it.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from functools import cache
from pathlib import Path
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

_PROC = Path("/proc")
_ENDED = "ZX"  # states of a process that will never run again
_PARTS = 4


@cache
def _place() -> str:
    """This boot of this machine, and the namespace in which process numbers count; '' where they cannot be told."""
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
    place = _place()
    if not place:
        return secrets.token_hex(16)
    pid = os.getpid()
    return f"{place}-{pid:x}-{_began(pid)}-{secrets.token_hex(4)}"


def process_of(token: str) -> str:
    """What all tokens of one process begin with; '' for a token that names none."""
    parts = token.split("-")
    return "-".join(parts[:-1]) + "-" if len(parts) == _PARTS else ""


def is_gone(token: str) -> bool:
    """Whether the process that took this token is known to be dead. In doubt, it lives."""
    parts = token.split("-")
    if len(parts) != _PARTS or parts[0] != _place():
        return False
    return _began(int(parts[1], 16)) != parts[2]


def free(rows: QuerySet[Any], *, held_by: str = "lease_token", until: str = "lease_until") -> set[str]:
    """End the leases that dead processes hold on these rows; returns the tokens.

    `held_by` and `until` name the columns. The token stays, so that whoever takes the row next sees that the last one
    did not finish.
    """
    now = timezone.now()
    held = rows.filter(**{f"{until}__gt": now}).exclude(**{held_by: ""})
    gone = {token for token in held.values_list(held_by, flat=True) if is_gone(token)}
    if gone:
        held.filter(**{f"{held_by}__in": gone}).update(**{until: now})
    return gone

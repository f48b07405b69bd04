"""Appointments that a worker keeps to the moment: a thread of its process rings, so that nobody sleeps on a window.

The queue's own schedule looks every half minute, which would waste most of a short window of requests. An
appointment is lost with its process; the schedule and the lane's tick make up for it (`docs/adr/0004-appointments.md`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import connections
from django.utils import timezone

LONGEST = 900.0  # seconds; who waits longer does not miss the half minute
_LATE = 0.02  # after the moment, so that what was due at it is due

_is_running = False
_lock = threading.Lock()
_next: dict[str, tuple[float, threading.Timer]] = {}

_Timer: Callable[..., threading.Timer] = threading.Timer


def start(**_signal: Any) -> None:
    """This process is a worker of the queue: it may keep appointments."""
    global _is_running
    _is_running = True


def keep(lane: str, when: datetime, ring: Callable[[], object]) -> bool:
    """Call `ring` at `when`; False where nobody could keep it. Of a lane's appointments the earliest is kept.

    The others are made again by whoever is rung and finds that it must go on waiting.
    """
    wait = (when - timezone.now()).total_seconds()
    if not _is_running or wait > LONGEST:
        return False
    at = time.monotonic() + max(wait, 0.0) + _LATE
    with _lock:
        known = _next.get(lane)
        if known is not None and known[0] <= at:
            return True
        if known is not None:
            known[1].cancel()
        timer = _Timer(at - time.monotonic(), _strike, (lane, at, ring))
        timer.daemon = True
        _next[lane] = at, timer
    timer.start()
    return True


def _strike(lane: str, at: float, ring: Callable[[], object]) -> None:
    with _lock:
        if _next.get(lane, (0.0,))[0] != at:  # an earlier one took its place as it went off
            return
        del _next[lane]
    try:
        ring()
    finally:
        connections.close_all()  # those of this thread, which ends

"""Appointments that a worker keeps to the moment: a thread of its process rings, so that nobody sleeps on a window.

The queue's own schedule looks every half minute, which would waste most of a short window of requests. An
appointment is lost with its process; the schedule and the lane's tick make up for it (`docs/adr/0004-timers.md`).
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import connections
from django.utils import timezone

LONGEST = 900.0  # seconds; who waits longer does not miss the half minute
_LATE = 0.02  # after the moment, so that what was due at it is due
_NEAR = 0.1  # seconds: an appointment that is so little later does as well

_is_running = False
_lock = threading.Lock()
_due: dict[str, list[float]] = {}  # of each lane, in order
_timers: dict[str, tuple[float, threading.Timer]] = {}

_Timer: Callable[..., threading.Timer] = threading.Timer


def start(**_signal: Any) -> None:
    """This process is a worker of the queue: it may keep appointments."""
    global _is_running
    _is_running = True


def set_timer(lane: str, when: datetime, ring: Callable[[], object]) -> bool:
    """Call `ring` at `when`; False where nobody could keep it.

    All of a lane's appointments are kept, by one timer for the earliest: a store that has to wait a second longer than
    another is not rung for with it, so nobody would make its appointment again.
    """
    wait = (when - timezone.now()).total_seconds()
    if not _is_running or wait > LONGEST:
        return False
    at = time.monotonic() + max(wait, 0.0) + _LATE
    timer = None
    with _lock:
        moments = _due.setdefault(lane, [])
        place = bisect_left(moments, at)
        if place < len(moments) and moments[place] - at <= _NEAR:
            return True
        moments.insert(place, at)
        if place == 0:
            timer = _start_timer(lane, ring)
    if timer is not None:
        timer.start()
    return True


def _start_timer(lane: str, ring: Callable[[], object]) -> threading.Timer:
    """A timer for the lane's earliest appointment, in the place of the one before; the caller starts it."""
    if (known := _timers.get(lane)) is not None:
        known[1].cancel()
    at = _due[lane][0]
    timer = _Timer(max(at - time.monotonic(), 0.0), _fire, (lane, at, ring))
    timer.daemon = True
    _timers[lane] = at, timer
    return timer


def _fire(lane: str, at: float, ring: Callable[[], object]) -> None:
    timer = None
    with _lock:
        if _timers.get(lane, (0.0,))[0] != at:  # an earlier one took its place as it went off
            return
        del _timers[lane]
        now = max(at, time.monotonic())
        _due[lane] = [moment for moment in _due[lane] if moment > now]
        if _due[lane]:
            timer = _start_timer(lane, ring)
    if timer is not None:
        timer.start()
    try:
        ring()
    finally:
        connections.close_all()  # those of this thread, which ends

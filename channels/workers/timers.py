"""Timers: a thread of a worker process sends a wake-up at an exact time.

The queue's own schedule runs every half minute, which would waste most of a short rate-limit window. A timer is lost with
its process; the schedule and the lane's tick replace it (`docs/adr/0004-timers.md`).
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

LONGEST = 900.0  # seconds; for a longer wait, the half minute of the schedule does not matter
_LATE = 0.02  # seconds after the exact time, so that rows which are due at that time are found
_NEAR = 0.1  # seconds: an existing timer that is this much later is used instead of a new one

_is_running = False
_lock = threading.Lock()
_due: dict[str, list[float]] = {}  # times of each lane, in order
_timers: dict[str, tuple[float, threading.Timer]] = {}

_Timer: Callable[..., threading.Timer] = threading.Timer


def start(**_signal: Any) -> None:
    """Allow timers in this process: it is a worker of the queue."""
    global _is_running
    _is_running = True


def set_timer(lane: str, when: datetime, wake: Callable[[], object]) -> bool:
    """Call `wake` at `when`; return False when this process is no worker or the time is too far away.

    A lane may have many times; one timer is for the earliest, and the next one is started when it has fired.
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
            timer = _start_timer(lane, wake)
    if timer is not None:
        timer.start()
    return True


def _start_timer(lane: str, wake: Callable[[], object]) -> threading.Timer:
    """Return a timer for the lane's earliest time, after cancelling the lane's timer; the caller starts it."""
    if (previous := _timers.get(lane)) is not None:
        previous[1].cancel()
    at = _due[lane][0]
    timer = _Timer(max(at - time.monotonic(), 0.0), _fire, (lane, at, wake))
    timer.daemon = True
    _timers[lane] = at, timer
    return timer


def _fire(lane: str, at: float, wake: Callable[[], object]) -> None:
    timer = None
    with _lock:
        if _timers.get(lane, (0.0,))[0] != at:  # an earlier timer replaced it while it fired
            return
        del _timers[lane]
        now = max(at, time.monotonic())
        _due[lane] = [moment for moment in _due[lane] if moment > now]
        if _due[lane]:
            timer = _start_timer(lane, wake)
    if timer is not None:
        timer.start()
    try:
        wake()
    finally:
        connections.close_all()  # the connections of this thread

"""What a lane works each minute without a task: due work of the apps, and work whose task was lost."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from channels.workers import enqueue, locks

log = logging.getLogger(__name__)

#: One batch of due work; returns how many rows it changed. None (nothing): it is not repeated, it enqueues its own tasks.
Sweep = Callable[[], int | None]
#: Length of one slice. Longer work goes on in a new task, so that other tasks of the lane run in between.
SECONDS: Final = 20.0

_sweeps: dict[str, list[Sweep]] = {}


def register(lane: str, *sweeps: Sweep) -> None:
    """Register functions that the lane's tick repeats until they change nothing."""
    known = _sweeps.setdefault(str(lane), [])
    known.extend(sweep for sweep in sweeps if sweep not in known)


def work(lane: str, seconds: float = SECONDS) -> int:
    """Repeat each sweep of the lane until it changes nothing or the time is up; return how many rows were changed.

    When the time is up, the work goes on in a new task. Two workers never do this at the same time: the second one
    returns 0 at once. A fault of one sweep is logged and does not stop the others; the next minute tries again.
    """
    key = f"sweep:{lane}"
    token = locks.acquire(key)
    if token is None:
        return 0
    ends, changed = time.monotonic() + seconds, 0
    try:
        for sweep in _sweeps.get(lane, ()):
            try:
                while (count := sweep() or 0) and time.monotonic() < ends and locks.extend(key, token):
                    changed += count
                changed += count
            except Exception:
                log.exception("the sweep %s failed", sweep)
    finally:
        locks.release(key, token)
    if time.monotonic() >= ends:
        enqueue.send_task("sweep", lane, lane=lane)
    return changed

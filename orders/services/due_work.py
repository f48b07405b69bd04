"""Work what is due in orders without anybody asking: map SKUs, allocate stock, release unpaid stock, complete orders."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from channels.workers import locks
from orders.services import backorders, completion, unpaid_stock

#: Length of one slice. Longer work goes on in a new task, so that other tasks of the lane run in between.
SECONDS: Final = 20.0
LOCK: Final = "due-work:orders"
#: Each does one batch and returns how many orders it changed.
STEPS: Final[tuple[Callable[[], int], ...]] = (
    backorders.map_waiting,
    backorders.refill,
    unpaid_stock.release_unpaid,
    completion.complete_due,
)


def work_due(seconds: float = SECONDS) -> int:
    """Repeat each step until it changes nothing or the time is up; return how many orders were changed.

    When the time is up, the work goes on in a new task. Two workers never do this at the same time: the second one
    returns 0 at once.
    """
    token = locks.acquire(LOCK)
    if token is None:
        return 0
    ends, changed, is_whole = time.monotonic() + seconds, 0, True
    try:
        for step in STEPS:
            while count := step():
                changed += count
                if time.monotonic() >= ends:
                    is_whole = False
                    break
                locks.extend(LOCK, token)
    finally:
        locks.release(LOCK, token)
    if not is_whole:
        backorders.enqueue_task("orders.tasks.sweep")
    return changed

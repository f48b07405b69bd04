"""The heartbeat of a lane: a thread of the process that fetches tasks notes every 8 s that this host reaches the database.

A host that does not ends its own busy workers before the others take their work over (`channels.workers.hosts`), so the guard must
know when the last heartbeat arrived: a number that the lane's processes share.
"""

from __future__ import annotations

import logging
import multiprocessing
import threading
import time
from contextlib import suppress
from typing import Any

from django.db import Error, connection, connections
from django_q import pusher as django_q_pusher
from django_q import scheduler as django_q_scheduler
from django_q.conf import Conf

from channels.workers import hosts

log = logging.getLogger(__name__)

AGAIN = 1.0  # seconds between two tries while the database cannot be reached
#: Seconds for which the guard must see that this host was given up: two of its rounds.
SEEN = 1.5

_clock = time.monotonic
_reached: Any = None  # when the last heartbeat that arrived was sent; None: there are none (SQLite)


def prepare() -> None:
    """Make the shared number, before the processes of the lane are forked."""
    global _reached
    hosts.share_count()
    _reached = multiprocessing.Value("d", _clock()) if connection.vendor == "postgresql" else None


def age() -> float:
    """Return the seconds since this lane last reached the database."""
    return 0.0 if _reached is None else _clock() - _reached.value


def run_once(lane: str) -> float:
    """Send one heartbeat; return how many seconds to wait until the next."""
    sent = _clock()
    try:
        is_current = hosts.beat(lane)
    except Error:
        log.warning("the database cannot be reached for the heartbeat of this host", exc_info=True)
        with suppress(Error):
            connections["default"].close()
        return AGAIN
    if not is_current:
        log.critical("this host was silent for %g s and was given up: its tasks end", hosts.GONE_AFTER)
        _reached.value = sent - hosts.GONE_AFTER
        return SEEN
    _reached.value = sent
    return hosts.EVERY


def _run(lane: str) -> None:
    while True:
        time.sleep(run_once(lane))


def pusher(task_queue: Any, event: Any, broker: Any = None) -> None:
    """Fetch tasks as django-q2 does, and send heartbeats beside it. Fetching waits while all workers are busy, so it is a thread."""
    if _reached is not None:
        threading.Thread(target=_run, args=(str(Conf.CLUSTER_NAME),), name="heartbeat", daemon=True).start()
    django_q_pusher.pusher(task_queue, event, broker)


def scheduler(broker: Any = None) -> None:
    """Enqueue what the schedules ask for; not while the database is away, because the guard would wait for it."""
    if age() < 2 * hosts.EVERY:
        django_q_scheduler.scheduler(broker=broker)

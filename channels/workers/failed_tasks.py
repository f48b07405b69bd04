"""The end of a task that failed: the leases that it could not release are ended at once, or as soon as the database answers.

A task whose database connection is cut can release nothing, and its process lives, so its leases would run until their end
(150 s). A worker works one task at a time: every lease that was taken since the task began belongs to nobody any more.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, connections
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import Task

from channels.workers import enqueue, orphaned_leases
from oms.kit.models import leases

log = logging.getLogger(__name__)

TRY_SECONDS = 1.0  # between two tries while the database cannot be reached
LONGEST_SECONDS = 180.0  # after which all leases have ended by themselves

STORED_FOR = timedelta(days=30)

_sleep = time.sleep


def note_start(**_signal: Any) -> None:
    """Note that this worker begins a task."""
    leases.forget_made()


def note_end(task: Mapping[str, Any], **_signal: Any) -> None:
    """End what a failed task left, in a thread of its own: the worker is ready for its next task."""
    tokens = leases.made()
    if task.get("success") or not tokens:
        return
    threading.Thread(target=release, args=(tokens,), name="failed-task", daemon=True).start()


def release(tokens: Collection[str]) -> bool:
    """End the leases of these tokens and wake the lane; try again each second, for three minutes at most."""
    tries = int(LONGEST_SECONDS / TRY_SECONDS)
    try:
        for _try in range(tries):
            try:
                orphaned_leases.release_tokens(tokens)
            except DatabaseError:
                connections.close_all()  # of this thread
                _sleep(TRY_SECONDS)
                continue
            log.warning("a task failed: its leases were released")
            lane = str(Conf.CLUSTER_NAME)
            if lane in enqueue.LANES:
                enqueue.forget_unanswered(lane)  # who was refused the failed task's seat waits for it
                enqueue.send_task("wake", lane, lane=lane)
            return True
    finally:
        connections.close_all()
    return False


def prune() -> int:
    """Delete the queue's records of tasks that failed more than 30 days ago; return how many."""
    return int(Task.objects.filter(stopped__lt=timezone.now() - STORED_FOR).delete()[0])

"""Enqueue tasks in django-q2; no other module calls it."""

from __future__ import annotations

import logging

from django_q.tasks import async_task

log = logging.getLogger(__name__)


def send(function: str, *args: object, lane: str) -> bool:
    """Put a task into a lane's queue: `function` is its dotted name, `args` are ids; return whether it was enqueued.

    A queue that cannot be reached is logged and does not fail the change that was committed (the broker's errors share
    no base class): the lane's tick enqueues the task again.
    """
    try:
        async_task(function, *args, cluster=lane)
    except Exception:
        log.warning("could not enqueue %s%s", function, args, exc_info=True)
        return False
    return True

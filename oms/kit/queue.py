"""The one place that puts a task into django-q2's queue."""

from __future__ import annotations

import logging

from django_q.tasks import async_task

log = logging.getLogger(__name__)


def send(function: str, *args: object, lane: str) -> bool:
    """Put a task into a lane's queue: `function` is its dotted name, `args` are ids; returns whether it is in.

    A queue that cannot be reached never fails the change that has just been committed (the broker's own errors share
    no base class): the lane's tick enqueues what is due again.
    """
    try:
        async_task(function, *args, cluster=lane)
    except Exception:
        log.warning("could not enqueue %s%s", function, args, exc_info=True)
        return False
    return True

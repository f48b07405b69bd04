"""The queue on PostgreSQL: the process that fetches tasks sleeps until it is notified, and makes no statement meanwhile.

Tasks are rows of django-q2's table, so none is lost; the notification only says when to look. It is sent by the statement
that inserts the row. A lane that hears nothing although rows come (a pooler in transaction mode between Manifold and the
database swallows notifications) polls ten times a second instead, as django-q2 does, and tries to listen again later.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import psycopg
from django.db import DatabaseError, connections
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ

from oms.kit.background.queue import OrmBroker

log = logging.getLogger(__name__)

STEP_SECONDS = 1.0  # the longest wait of one call: the process looks between two whether it must end
POLL_SECONDS = 5.0  # between two looks that nobody asked for
DEAF_POLL_SECONDS = 0.1
DEAF_SECONDS = 300.0  # that a lane polls after it missed a notification
AWAY_SECONDS = 1.0  # between two tries while the database cannot be reached

_clock = time.monotonic
_sleep = time.sleep

Tasks = list[tuple[Any, str]]


def channel_of(lane: str) -> str:
    """Return the name of the notifications of a lane."""
    return f"oms_queue_{lane}"


class Listening(OrmBroker):
    """django-q2's broker on our database, woken by LISTEN and NOTIFY."""

    _raw: Any = None  # the connection that listens; a new one must listen again
    _next_poll = 0.0
    _is_more = False  # the last look found a task: look again before sleeping
    _deaf_until = 0.0
    _highest = 0  # the highest id that was fetched: a smaller one is a task that came back, for which nobody notifies

    def enqueue(self, task: str) -> int:
        """Insert the task and notify the lane in one statement; return the id of the row."""
        lane = self.list_key or Conf.CLUSTER_NAME
        self.get_connection()  # closes a connection that is too old
        table = connections["default"].ops.quote_name(OrmQ._meta.db_table)
        with connections["default"].cursor() as cursor:
            cursor.execute(
                f"WITH made AS (INSERT INTO {table} (key, payload, lock) VALUES (%s, %s, %s) RETURNING id) "  # noqa: S608 (the queue's own table)
                "SELECT id, pg_notify(%s, '') FROM made",
                [lane, task, timezone.now(), channel_of(lane)],
            )
            return int(cursor.fetchone()[0])

    def dequeue(self) -> Tasks | None:
        """Return a task when there is one, None after a second at most. A database that is away does not end the process."""
        try:
            return self._dequeue()
        except (DatabaseError, psycopg.Error):
            log.warning("the database of the queue cannot be reached", exc_info=True)
            connections["default"].close()
            self._raw = None
            _sleep(AWAY_SECONDS)
            return None

    def _dequeue(self) -> Tasks | None:
        is_notified = self._listen()
        if not is_notified and not self._is_more and _clock() < self._next_poll:
            return None
        tasks = self._fetch()
        now = _clock()
        if tasks:
            newest = max(int(pk) for pk, _payload in tasks)
            if newest > self._highest and not is_notified and not self._is_more:
                if self._deaf_until < now:
                    log.warning(
                        "a task came without a notification: polling. Is there a pooler in transaction mode?"
                    )
                self._deaf_until = now + DEAF_SECONDS
            self._highest = max(self._highest, newest)
        self._is_more = tasks is not None  # also when what was found was refused
        self._next_poll = now + (DEAF_POLL_SECONDS if now < self._deaf_until else POLL_SECONDS)
        return tasks

    def _fetch(self) -> Tasks | None:
        pause, Conf.POLL = Conf.POLL, 0.0  # this class waits, not its parent
        try:
            tasks: Tasks | None = super().dequeue()
            return tasks
        finally:
            Conf.POLL = pause

    def _listen(self) -> bool:
        """Wait for a notification until the next poll, a second at most; True when one came, or when listening has begun.

        What was committed before the LISTEN was notified to nobody: look for work after it, never before.
        """
        database = connections["default"]
        database.ensure_connection()
        raw: Any = database.connection
        if raw is not self._raw:
            with database.cursor() as cursor:
                cursor.execute(f"LISTEN {database.ops.quote_name(channel_of(self.list_key))}")
            self._raw = raw
            return True
        wait = 0.0 if self._is_more else max(min(self._next_poll - _clock(), STEP_SECONDS), 0.0)
        is_notified = any(True for _notice in raw.notifies(timeout=wait, stop_after=1))
        if is_notified:
            self._deaf_until = 0.0
            for _notice in raw.notifies(timeout=0):
                pass  # one look answers them all
        return is_notified

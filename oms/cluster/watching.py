"""The queue on SQLite: the process that fetches tasks looks only when somebody has written to the database.

A commit changes time and size of the `-wal` file. Asking for them costs a microsecond and is no statement. The file is never
opened: closing it would end SQLite's own locks of this process.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.db import connections
from django_q.conf import Conf

from oms.kit.background.queue import OrmBroker

LOOK_SECONDS = 0.05
STEP_SECONDS = 1.0  # the longest wait of one call: the process looks between two whether it must end
POLL_SECONDS = 5.0  # between two looks without a change: for tasks that came back, and two commits in one tick of the file's clock

_clock = time.monotonic
_sleep = time.sleep

Stamp = tuple[int, int] | None


class Watching(OrmBroker):
    """django-q2's broker on our database, woken by the write-ahead log of SQLite."""

    _stamp: Stamp = None
    _next_poll = 0.0
    _is_more = False  # the last look found a task: look again before sleeping

    def dequeue(self) -> list[tuple[Any, str]] | None:
        """Return a task when there is one, None after a second at most."""
        until = _clock() + STEP_SECONDS
        while not self._is_more and self._read_stamp() == self._stamp and _clock() < self._next_poll:
            if _clock() >= until:
                return None
            _sleep(LOOK_SECONDS)
        self._stamp = self._read_stamp()  # before the look: what is written after it is seen next time
        pause, Conf.POLL = Conf.POLL, 0.0  # this class waits, not its parent
        try:
            tasks: list[tuple[Any, str]] | None = super().dequeue()
        finally:
            Conf.POLL = pause
        self._is_more = tasks is not None  # also when what was found was refused
        self._next_poll = _clock() + POLL_SECONDS
        return tasks

    def _read_stamp(self) -> Stamp:
        try:
            found = Path(f"{connections['default'].settings_dict['NAME']}-wal").stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size

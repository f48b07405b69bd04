"""The lane's internal queues, with locks that the kernel frees when their holder dies.

`multiprocessing.Queue` guards reading and writing with semaphores, which a killed process never releases. An idle worker
waits inside `read`, so it always holds the one of the task queue, and the monitor always that of the result queue: when
one of them is killed, the others wait for ever. A POSIX record lock ends with its process.
"""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
import threading
import time
from typing import Any

from django_q import queues

_STEP = 0.01  # seconds between two tries where there is a time limit
_EITHER = 0.001  # seconds before another try when the kernel took two threads for a circle
_NOT_FREE = {errno.EDEADLK, errno.EACCES}  # the second is another name of "would block"


def _nameless_file() -> int:
    """Return the descriptor of a file without a name, which the processes of the lane inherit."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("queue-lock")
    descriptor, name = tempfile.mkstemp()
    os.unlink(name)  # noqa: PTH108
    return descriptor


class KernelLock:
    """A lock between the processes that inherit it by fork; it has the methods of `multiprocessing.Lock`.

    The record lock belongs to a process, so the threads of one process are kept apart by a lock of its own.
    """

    def __init__(self) -> None:
        self._descriptor = _nameless_file()
        self._own = threading.Lock()
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._own = threading.Lock()  # another thread may have held it at the fork

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take the lock; `timeout` in seconds. Return False when it is not free in time, or now (`block` False)."""
        until = None if timeout is None else time.monotonic() + timeout
        if not self._own.acquire(block, -1 if timeout is None or not block else timeout):
            return False
        is_locked = False
        try:
            while not (is_locked := self._lock(wait=block and until is None)):
                if not block or (until is not None and time.monotonic() >= until):
                    break
                time.sleep(_STEP if until is not None else _EITHER)
        finally:
            if not is_locked:
                self._own.release()
        return is_locked

    def _lock(self, *, wait: bool) -> bool:
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        except OSError as error:
            # The kernel looks for circles between processes. Here a thread of each waits while another thread of it holds
            # the other lock, which is no circle: the holder goes on and releases it.
            if error.errno not in _NOT_FREE:
                raise
            return False
        return True

    def release(self) -> None:
        """Release the lock that this process holds."""
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN)
        self._own.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exc: object) -> None:
        self.release()


class Queue(queues.Queue):
    """A queue of the cluster whose readers and writers may be killed while they wait.

    The two names are private to the standard library; `tests/test_killed_lanes.py` fails when they change.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._rlock = KernelLock()
        self._wlock = KernelLock()

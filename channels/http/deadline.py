"""A limit for the total time of a request."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_limit = threading.local()


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Limit the requests that this thread makes in the block to so many seconds together, waits included.

    A request that does not end in time fails like one without an answer. A limit inside another one cannot be longer.
    """
    before = getattr(_limit, "until", None)
    until = time.monotonic() + seconds
    _limit.until = until if before is None else min(until, before)
    try:
        yield
    finally:
        _limit.until = before


def block_left() -> float:
    """Return the seconds that the block `at_most` of this thread has left; without one, infinity."""
    until = getattr(_limit, "until", None)
    return float("inf") if until is None else max(until - time.monotonic(), 0.0)


class Deadline:
    """Closes the socket of a request that takes longer than `seconds`. Use it as a context manager."""

    _current = threading.local()

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._until = time.monotonic() + seconds
        self._sock: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
        self._current.value = self
        self._timer.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._timer.cancel()
        self._current.value = None
        self._sock = None

    def _end(self) -> None:
        self.is_over = True
        sock = self._sock
        if sock is not None:
            with suppress(OSError):
                # Not SSLSocket.shutdown: it removes the TLS layer while another thread reads.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    @classmethod
    def left(cls) -> float:
        """Return the seconds that the request of this thread has left; without a limit, infinity."""
        current = getattr(cls._current, "value", None)
        return float("inf") if current is None else current._until - time.monotonic()

    @classmethod
    def watch(cls, sock: socket.socket | None) -> None:
        """Set the socket of the request that runs in this thread; it is closed at once when the time is over."""
        current = getattr(cls._current, "value", None)
        if current is not None:
            current._sock = sock
            if current.is_over:
                current._end()

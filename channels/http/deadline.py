"""One total time for a request, whatever it does in that time."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Deadline:
    """Ends an exchange that drips on for longer than `seconds`, wherever it stands, by shutting its socket."""

    _current = threading.local()

    def __init__(self, seconds: float) -> None:
        self.is_over = False
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
                # Not SSLSocket.shutdown, which drops the TLS layer under the reader's feet.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    @classmethod
    def watch(cls, sock: socket.socket | None) -> None:
        current = getattr(cls._current, "value", None)
        if current is not None:
            current._sock = sock
            if current.is_over:
                current._end()

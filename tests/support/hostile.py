"""A shop that answers to do harm: huge headers, huge or deep JSON, bytes that never end. `python -m tests.support.hostile` serves it."""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MB = 1024 * 1024
DEEP = b"[" * 200_000 + b"]" * 200_000


def huge(size: int) -> bytes:
    """A JSON document of about `size` bytes whose objects need much more memory than its text."""
    row = b'{"id": 1, "a": [1, 2, 3], "b": {"c": "d"}, "e": null},'
    return b'{"data": [' + row * (size // len(row)) + b"{}]}"


def header(size: int) -> str:
    """A header value for which patterns with two open ends need quadratic time."""
    return ("token" * (size // 5 + 1))[:size]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server: Any = self.server
        kind = next(server.kinds)
        server.asked.append(kind)
        try:
            getattr(self, f"_{kind}")()
        except OSError:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

    def _send(self, body: bytes, headers: Sequence[tuple[str, str]] = ()) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _headers(self) -> None:
        self._send(b"{}", [(f"X-{number}", header(60_000)) for number in range(20)])

    def _huge(self) -> None:
        self._send(huge(30 * MB))

    def _widest(self) -> None:
        """The largest document that is read: 400,000 values, 12 MB, four bytes a character in memory."""
        row = '{"a":{},"b":"%s"},' % ("€😀" * 14)
        self._send(('{"data":[' + row * 99_000 + "{}]}").encode())

    def _deep(self) -> None:
        self._send(DEEP)

    def _text(self) -> None:
        self._send(b'"' + header(2 * MB).encode())

    def _endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.2)

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    kinds: Iterator[str]
    asked: list[str]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that closed the connection."""


@contextmanager
def hostile(*kinds: str) -> Iterator[_Server]:
    """Serve these kinds of answers one after the other; yield the server (`server_port`, `asked`)."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.kinds = itertools.cycle(kinds)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def main() -> None:
    with hostile(*sys.argv[1:]) as server:
        print(server.server_port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()

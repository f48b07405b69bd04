"""A small web server with pictures, on this machine: what it answers is in `files`, what it was asked in `asked`."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

from PIL import Image


def image(width: int = 600, height: int = 300, kind: str = "JPEG", colour: str = "red") -> bytes:
    """The bytes of a picture in one colour."""
    target = BytesIO()
    Image.new("RGB", (width, height), colour).save(target, kind)
    return target.getvalue()


class PictureHost:
    """`files`: path -> (status, body, headers); `etags` answers 304 to who has the same; `seconds` to wait first."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.files: dict[str, tuple[int, bytes, dict[str, str]]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.seconds = 0.0

    def put(self, path: str, body: bytes, status: int = 200, **headers: str) -> str:
        """Serve `body` at a path; return its whole address."""
        self.files[path] = (status, body, {name.replace("_", "-"): value for name, value in headers.items()})
        return f"{self.url}{path}"

    @property
    def paths(self) -> list[str]:
        return [path for path, _headers in self.asked]


@contextmanager
def serve() -> Iterator[PictureHost]:
    """Run the server on a free port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            host.asked.append((self.path, dict(self.headers)))
            time.sleep(host.seconds)
            status, body, headers = host.files.get(self.path, (404, b"", {}))
            if "ETag" in headers and self.headers.get("If-None-Match") == headers["ETag"]:
                status, body = 304, b""
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    host = PictureHost(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

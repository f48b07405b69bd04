"""Router between a client and the proxies: sends each call to the proxy whose file has it, and collects the findings.

The paths of BigCommerce's files have no `/stores/{hash}/v2`, those of OnBuy's no `/v2`: the router removes such a prefix,
and the proxy's address of the sandbox has it again.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.support.specs import Spec

http.client._MAXLINE = 1 << 20  # type: ignore[attr-defined]  # the header with the findings is long
HOP = {"host", "connection", "content-length", "transfer-encoding", "keep-alive", "date", "server"}
OWN_ERRORS = (
    "https://stoplight.io/prism/errors#",
    "FetchError",
)  # the latter: the sandbox closed the connection
CUT = "Too many violations! "


@dataclass(frozen=True)
class Proxy:
    """The proxy of one file; `prefix` (a regular expression) is before the file's paths on the channel."""

    prefix: re.Pattern[str]
    spec: Spec
    port: int


@dataclass
class Findings:
    """Number of calls, and of each complaint."""

    requests: int = 0
    answers: int = 0
    outside: int = 0
    complaints: Counter[str] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


class Router:
    """Routes calls to `proxies`, or to the sandbox at the port `behind`."""

    def __init__(self, proxies: Sequence[Proxy], behind: int) -> None:
        self.proxies = proxies
        self.behind = behind
        self.findings = Findings()
        self.lock = threading.Lock()

    def forward(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send one call through the proxy whose file has it, or to the sandbox when no file has it."""
        for proxy in self.proxies:
            found = proxy.prefix.match(target)
            rest = target[found.end() :] if found else ""
            operation = found and proxy.spec.find(method, urlsplit(rest).path)
            if operation:
                break
        else:
            with self.lock:
                self.findings.outside += 1
                self.findings.complaints[f"{method} {urlsplit(target).path} is not in the specs"] += 1
            return send(self.behind, method, target, headers, body)
        name = f"{method} {operation.template}"
        answer = send(proxy.port, method, rest, headers, body)
        with self.lock:
            self._collect(name, answer)
        return answer

    def _collect(self, name: str, answer: Answer) -> None:
        seen = self.findings
        seen.requests += 1
        seen.operations[name] += 1
        if "problem+json" in answer.header("content-type"):
            problem = json.loads(answer.body)
            if str(problem.get("type", "")).startswith(OWN_ERRORS):
                seen.complaints[
                    f"{name} could not be checked: {problem.get('title')}: {problem.get('detail')}"
                ] += 1
                return
        seen.answers += 1
        header = answer.header("sl-violations")
        answer.headers = [(key, value) for key, value in answer.headers if key.lower() != "sl-violations"]
        seen.complaints.update({f"{name} {text}" for text in complaints(header, answer.status)})

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve on a free port until the block ends; yield the address."""
        server = _Server(("127.0.0.1", 0), _Handler)
        server.router = self
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join(5)


def complaints(header: str, status: int) -> Iterator[str]:
    """Return each finding of the header as one line: request or answer, place (rows as `*`), text."""
    rows, is_cut = _rows(header)
    for row in rows:
        side, *place = [str(part) for part in row["location"]]
        where = ".".join("*" if part.isdigit() else part for part in place)
        text = re.sub(
            r"^(Request|Response) (body|query parameter|path parameter|header) (property )?\S* ?",
            "",
            row["message"],
        )
        begin = "request" if side == "request" else f"answer {status}"
        yield f"{begin} {where}: {text or row['message']}"
    if is_cut:
        yield "has more findings than fit into Prism's header"


def _rows(header: str) -> tuple[list[dict[str, Any]], bool]:
    if not header.startswith(CUT):
        return (json.loads(header) if header else []), False
    rows, text, decoder = [], header.removeprefix(CUT).lstrip("["), json.JSONDecoder()
    while text.startswith("{"):
        try:
            row, end = decoder.raw_decode(text)
        except ValueError:
            break
        rows.append(row)
        text = text[end:].lstrip(",")
    return rows, True


def send(port: int, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Send one call to a port of this machine; return the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        sent = {name: value for name, value in headers.items() if name.lower() not in HOP}
        connection.request(method, target, body or None, sent)
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    router: Router


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.server.router.forward(self.command, self.path, dict(self.headers.items()), body)
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() not in HOP:
                self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()

    do_POST = do_GET  # noqa: N815
    do_PUT = do_GET  # noqa: N815
    do_PATCH = do_GET  # noqa: N815
    do_DELETE = do_GET  # noqa: N815

# long because: serving, faults, controls and saving are one small web server.
"""The base of every channel's sandbox: a threaded web server, faults on demand, a state that is saved in a file.

A channel subclasses `Sandbox`, answers its API in `handle` and its shop page in `page`. Tests, the demo and the benchmarks
control it from Python, or over HTTP at `/_sandbox/`:

    GET    /_sandbox/state                the state in short (`?full=1`: everything)
    GET    /_sandbox/requests             the calls so far
    GET    /_sandbox/faults               the faults that are set
    POST   /_sandbox/faults               set a fault: {"kind", "times", "match", "method", ...}, see `Fault`
    DELETE /_sandbox/faults               remove all faults
    POST   /_sandbox/<control>            a control of the channel: a method marked with `@control`
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import wraps
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast
from urllib.parse import parse_qsl, urlsplit

#: Faults that answer instead of the channel: the call is not carried out.
BEFORE = frozenset({"rate_limit", "server_error", "maintenance", "html", "drop"})
#: Faults after the channel has carried out the call.
AFTER = frozenset({"no_answer", "slow", "cut", "notice", "bom", "html_after", "repeat_page"})
#: Faults that a channel's sandbox handles itself.
OTHER = frozenset({"lost_webhook"})


class SandboxError(Exception):
    """A control or a fault was used in a wrong way; the text says why."""


@dataclass(slots=True)
class Request:
    """One call. `query` has the decoded pairs in the order in which they were sent."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes
    client: str = "127.0.0.1"

    @property
    def params(self) -> dict[str, str]:
        """The parameters by name; the last one for a name that is sent twice."""
        return dict(self.query)

    @property
    def target(self) -> str:
        """Path and parameters; `match` of a fault is searched in it."""
        return self.path + "?" + "&".join(f"{name}={value}" for name, value in self.query)


@dataclass(slots=True)
class Response:
    """The answer to a call. `wire`: "close" closes the connection without an answer, "cut" in the middle of the body."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    wire: str = "whole"
    delay: float = 0.0

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        body = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
        return cls(status, body, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})

    @classmethod
    def html(cls, text: str, status: int = 200) -> Response:
        return cls(status, text.encode(), {"Content-Type": "text/html; charset=utf-8"})


@dataclass(slots=True)
class Fault:
    """A fault that happens `times` times (None: until it is removed) for calls whose target contains `match`.

    Kinds without the call being carried out: `rate_limit` (429, `retry_after`), `server_error` (`status`, default 500),
    `maintenance` (503 page), `html` (200 page), `drop` (closes the connection). After it is carried out: `no_answer`
    (closes the connection), `slow` (answers after `seconds`), `cut` (half an answer), `notice` (a PHP notice before the
    JSON), `bom` (a byte order mark), `html_after` (a page instead of the answer), `repeat_page` (the cursor is for the same
    page again). Handled by the channel's sandbox: `lost_webhook`. `method` "WRITE" is every method except GET and HEAD.
    """

    kind: str
    times: int | None = 1
    match: str = ""
    method: str = ""
    status: int = 500
    retry_after: int = 30
    seconds: float = 0.0
    skip: int = 0  # matching calls without the fault before it starts

    def __post_init__(self) -> None:
        if self.kind not in BEFORE | AFTER | OTHER:
            raise SandboxError(f"No fault is named {self.kind}.")

    def matches(self, request: Request) -> bool:
        """Whether this call has the fault."""
        if self.match not in request.target:
            return False
        if self.method == "WRITE":
            return request.method not in ("GET", "HEAD")
        return self.method in ("", request.method)


MAINTENANCE_PAGE = (
    "<!DOCTYPE html><html><head><title>Maintenance</title></head><body><h1>Maintenance</h1>"
    "<p>We are currently performing some scheduled maintenance. We will be back as soon as possible.</p></body></html>"
)
FIREWALL_PAGE = (
    "<!DOCTYPE html><html><head><title>Just a moment</title></head><body>Checking your browser</body></html>"
)
NOTICE = b"<br />\n<b>Notice</b>:  Undefined index: sku in <b>/shop/catalog/model.php</b> on line <b>12</b><br />\n"

M = TypeVar("M", bound=Callable[..., Any])


def control(method: M) -> M:
    """Make a method a control: `POST /_sandbox/<name>` calls it with the JSON body as keyword arguments.

    It runs under the lock; the file is saved and webhooks are sent before it returns.
    """

    @wraps(method)
    def controlled(self: Any, *args: Any, **kwargs: Any) -> Any:
        with self.lock:
            answer = method(self, *args, **kwargs)
            self.save()
        self.run_after_unlock()
        return answer

    controlled.is_control = True  # type: ignore[attr-defined]
    return cast(M, controlled)


@dataclass(frozen=True, slots=True)
class Running:
    """A running sandbox: its address, and the keys to connect it."""

    url: str
    credentials: dict[str, str]
    sandbox: Any

    @property
    def secret_key(self) -> str:
        return self.credentials["secret_key"]


class Sandbox:
    """The base of a channel's sandbox. `lock` protects the state; every call is answered under it.

    With `file`, the state is loaded from it at the start and saved in it (completely, atomically) after each change, so
    that no order is lost and no number is used twice after a restart.
    """

    channel: ClassVar[str] = ""

    def __init__(self, *, file: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self.file = file
        self.clock = clock
        self.lock = threading.RLock()
        self.faults: list[Fault] = []
        self.requests: deque[dict[str, Any]] = deque(maxlen=2000)
        self.url = "http://127.0.0.1"
        self.deleted: dict[
            tuple[str, str], Any
        ] = {}  # rows that a control deleted, by kind and id; not saved
        self.is_dirty = False
        self.version = 0
        self._after_unlock: list[Callable[[], None]] = []
        self._sender: Executor | None = None

    # ------------------------------------------------ methods of a channel
    def handle(self, request: Request) -> Response:
        """Answer a call to the channel's API."""
        raise NotImplementedError

    def page(self, request: Request) -> Response:
        """Return the shop page for people, at `/`."""
        return Response.html(f"<!DOCTYPE html><title>{self.channel}</title><h1>{self.channel} sandbox</h1>")

    def credentials(self) -> dict[str, str]:
        """Return the keys that connect this shop."""
        return {}

    def dump(self) -> dict[str, Any]:
        """Return the complete state as JSON values."""
        return {}

    def load(self, data: dict[str, Any]) -> None:
        """Load a state that `dump` returned."""

    def summary(self) -> dict[str, Any]:
        """Return the state in short."""
        return {}

    def is_api(self, request: Request) -> bool:
        """Whether the call is for the channel's API; only such calls have faults."""
        return request.path != "/"

    def too_many(self, seconds: int) -> Response:
        """Return the channel's 429 answer, which asks to wait for these seconds."""
        error = {"code": "slow_down", "message": "Too many requests.", "retry_after": seconds}
        return Response.json({"error": error}, 429, {"Retry-After": str(seconds)})

    def repeat_page(self, request: Request, response: Response) -> Response:
        """Return an answer whose cursor is for the same page again."""
        return response

    # ------------------------------------------------ faults
    def inject(self, kind: str, times: int | None = 1, match: str = "", **options: Any) -> Fault:
        """Set a fault; see `Fault`. Raises `SandboxError` for an unknown kind or option."""
        try:
            fault = Fault(kind, times, match, **options)
        except TypeError as error:
            raise SandboxError(str(error)) from None
        with self.lock:
            self.faults.append(fault)
        return fault

    def take_fault(self, request: Request, kinds: frozenset[str]) -> Fault | None:
        """Return the first fault for this call, and count it down; None without one."""
        with self.lock:
            for fault in self.faults:
                if fault.kind in kinds and fault.matches(request):
                    if fault.skip > 0:
                        fault.skip -= 1
                        continue
                    if fault.times is not None:
                        fault.times -= 1
                        if fault.times <= 0:
                            self.faults.remove(fault)
                    return fault
        return None

    # ------------------------------------------------ answering
    def respond(self, request: Request) -> Response:
        """Answer one call, with its faults."""
        if request.path.startswith("/_sandbox/"):
            return self._control(request)
        if not self.is_api(request):
            with self.lock:
                return self.page(request)
        response = self._answer_instead(self.take_fault(request, BEFORE))
        if response is None:
            with self.lock:
                response = self.handle(request)
                self.save()
            self.run_after_unlock()
            response = self._with_fault(request, response, self.take_fault(request, AFTER))
        self.requests.append({"method": request.method, "target": request.target, "status": response.status})
        return response

    def after_unlock(self, work: Callable[[], None]) -> None:
        """Run `work` when the lock is free, before the answer is sent (a webhook, for example)."""
        self._after_unlock.append(work)

    def run_after_unlock(self) -> None:
        """Run the work that `after_unlock` collected."""
        with self.lock:
            works, self._after_unlock = self._after_unlock, []
        for work in works:
            work()

    def post_later(self, work: Callable[[], None]) -> None:
        """Run `work` (such as a webhook) in the background, one after the other: the caller does not wait for it.

        Without an HTTP server it runs before the answer.
        """
        if self._sender is None:
            self.after_unlock(work)
        else:
            self._sender.submit(work)

    def _answer_instead(self, fault: Fault | None) -> Response | None:
        if fault is None:
            return None
        if fault.kind == "rate_limit":
            return self.too_many(fault.retry_after)
        if fault.kind == "server_error":
            return Response.html("<html><body>Something went wrong.</body></html>", fault.status)
        if fault.kind == "maintenance":
            return Response.html(MAINTENANCE_PAGE, 503)
        if fault.kind == "html":
            return Response.html(FIREWALL_PAGE)
        return Response(wire="close")

    def _with_fault(self, request: Request, response: Response, fault: Fault | None) -> Response:
        if fault is None:
            return response
        if fault.kind == "no_answer":
            response.wire = "close"
        elif fault.kind == "cut":
            response.wire = "cut"
        elif fault.kind == "slow":
            response.delay = fault.seconds
        elif fault.kind == "notice":
            response.body = NOTICE + response.body
        elif fault.kind == "bom":
            response.body = b"\xef\xbb\xbf" + response.body
        elif fault.kind == "html_after":
            return Response.html(FIREWALL_PAGE)
        elif fault.kind == "repeat_page":
            return self.repeat_page(request, response)
        return response

    def _control(self, request: Request) -> Response:
        name = request.path.removeprefix("/_sandbox/")
        kind = request.headers.get("content-type", "")
        is_form = kind.startswith("application/x-www-form-urlencoded") and not request.body.startswith(b"{")
        try:
            if is_form:
                data: Any = dict(parse_qsl(request.body.decode()))
            else:
                data = json.loads(request.body or b"{}")
            if not isinstance(data, dict):
                raise SandboxError("The body must be a JSON object.")
            answer = self._run_control(request, name, data)
        except (SandboxError, ValueError, TypeError, KeyError) as error:
            return Response.json({"error": str(error)}, 422)
        if is_form:
            return Response(303, b"", {"Location": "/"})
        return Response.json(answer)

    def _run_control(self, request: Request, name: str, data: dict[str, Any]) -> Any:
        if name == "faults" and request.method == "POST":
            self.inject(**data)
        if name == "faults" and request.method == "DELETE":
            with self.lock:
                self.faults.clear()
        if name == "faults":
            return [
                {"kind": fault.kind, "times": fault.times, "match": fault.match, "skip": fault.skip}
                for fault in self.faults
            ]
        if name == "requests":
            return list(self.requests)
        if name == "state":
            with self.lock:
                return self.dump() if request.params.get("full") else self.summary()
        method = getattr(self, name, None)
        if method is None or request.method != "POST" or not getattr(method, "is_control", False):
            raise SandboxError(f"The sandbox has no control named {name}.")
        return method(**data)

    # ------------------------------------------------ saving
    def touch(self) -> None:
        """Record that the state has changed."""
        self.is_dirty = True
        self.version += 1

    def _kept(self, kind: str, external_id: int | str) -> Any:
        """Return a row that was deleted, and forget it. Raises `SandboxError` when none was."""
        try:
            return self.deleted.pop((kind, str(external_id)))
        except KeyError:
            raise SandboxError(f"No {kind} {external_id} was deleted.") from None

    def save(self) -> None:
        """Save the state in the file if it has changed: in another file first, so that a kill leaves a complete file."""
        if not self.is_dirty:
            return
        self.is_dirty = False
        if self.file is None:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        new_file = self.file.with_suffix(".new")
        new_file.write_text(json.dumps(self.dump(), separators=(",", ":")), encoding="utf-8")
        new_file.replace(self.file)

    def restore(self) -> bool:
        """Load the state from the file; return False when there is no file."""
        if self.file is None or not self.file.is_file():
            return False
        self.load(json.loads(self.file.read_text(encoding="utf-8")))
        return True

    # ------------------------------------------------ serving
    @contextmanager
    def serve(self, port: int = 0, host: str = "127.0.0.1") -> Iterator[Running]:
        """Answer calls on `port` (0: any free port) until the block ends."""
        server = _Server((host, port), self)
        self.url = f"http://{host}:{server.server_address[1]}"
        thread = threading.Thread(
            target=server.serve_forever, args=(0.05,), name=f"sandbox-{self.channel}", daemon=True
        )
        thread.start()
        sender = self._sender = ThreadPoolExecutor(1, f"hooks-{self.channel}")
        try:
            yield Running(self.url, self.credentials(), self)
        finally:
            self._sender = None
            server.shutdown()
            server.server_close()
            sender.shutdown(cancel_futures=True)
            thread.join(5)
            with self.lock:
                self.save()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that closed the connection."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Sandbox"
    sys_version = ""
    wbufsize = -1  # headers and body are sent in one packet
    disable_nagle_algorithm = True
    timeout = 60
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: `/_sandbox/requests` has the calls."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(
            self.command,
            parts.path,
            parse_qsl(parts.query, keep_blank_values=True),
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length) if length else b"",
            self.client_address[0],
        )
        response = self.server.sandbox.respond(request)
        if response.delay:
            time.sleep(response.delay)
        if response.wire == "close":
            self.close_connection = True
            return
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        half = response.wire == "cut"
        self.wfile.write(response.body[: len(response.body) // 2] if half else response.body)
        with suppress(OSError):
            self.wfile.flush()
        self.close_connection = self.close_connection or half

    do_POST = do_GET  # noqa: N815
    do_PUT = do_GET  # noqa: N815
    do_PATCH = do_GET  # noqa: N815
    do_DELETE = do_GET  # noqa: N815

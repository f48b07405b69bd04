"""A session that records what would be written to a channel and sends none of it: the preview of a change.

The adapter runs the same code as when it sends, so the preview shows exactly what will be sent. Reads are real.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from channels.contract.context import AdapterContext, ConnectorMemory
from channels.contract.documents import read_document
from channels.contract.records.listings import PlannedRequest
from channels.contract.records.orders import RemoteState
from channels.contract.spec import Capability
from channels.http.response import Answer, Classify, Params
from channels.http.session import TOTAL_SECONDS, ChannelSession

#: The ends of the addresses at which an adapter signs in: it needs a token for its reads too.
SIGN_IN = ("/oauth/token", "/request-token")
#: What every recorded request is answered with: the fields that adapters read of an answer to a change.
DONE: Mapping[str, Any] = {
    "success": True,
    "data": {"id": 0, "product_id": 0, "children": []},
    "results": [{"success": True, "queue_id": "0"}],
    "listing_image_id": 0,
    "state": "",
    "products": [],
}
_PART = re.compile(rb'name="([^"]*)"(?:; filename="([^"]*)")?.*?\r\n\r\n(.*)\r\n\Z', re.DOTALL)


class PlanningSession(ChannelSession):
    """A `ChannelSession` that sends reads and records writes; `planned` has them in order."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.planned: list[PlannedRequest] = []

    def call(
        self,
        method: str,
        url: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        repeatable: bool,
        classify: Classify | None = None,
        timeout: tuple[float, float] = (5, 30),
        total: float = TOTAL_SECONDS,
    ) -> Answer:
        """Send a read; record anything else and return an answer as if it had been done."""
        parts = urlsplit(url)
        if method.upper() == "GET" or parts.path.endswith(SIGN_IN):
            return super().call(
                method,
                url,
                params=params,
                headers=headers,
                body=body,
                repeatable=repeatable,
                classify=classify,
                timeout=timeout,
                total=total,
            )
        kind = next((v for k, v in (headers or {}).items() if k.lower() == "content-type"), "")
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        self.planned.append(PlannedRequest(method.upper(), path, body_of(kind, body)))
        return Answer(200, {"Content-Type": "application/json"}, json.dumps(DONE).encode(), 0.0, url)


def body_of(kind: str, body: bytes | None) -> Any:
    """Return the body of a request as data: JSON, the fields of a form, of a file its name. None without one."""
    if body is None:
        return None
    if "json" in kind:
        return read_document(body)
    if "form-data" in kind:
        edge = kind.partition("boundary=")[2].strip('"')
        found = filter(None, map(_PART.search, body.split(f"--{edge}".encode())))
        return {
            name.decode(): (file or value).decode("utf-8", "replace")
            for name, file, value in (one.groups() for one in found)
        }
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


class _ReadMemory:
    """A connector's memory that can be read only: a plan changes nothing."""

    def __init__(self, memory: ConnectorMemory) -> None:
        self.get, self.known = memory.get, memory.known

    def put(self, name: str, key: str = "", data: Mapping[str, Any] | None = None) -> None:
        return None

    def forget(self, name: str, keys: Any) -> None:
        return None


class PlanningContext:
    """The engine's services for an adapter that only plans: nothing is stored and nothing is locked."""

    def __init__(self, context: AdapterContext) -> None:
        self._context = context

    @property
    def memory(self) -> ConnectorMemory:
        return _ReadMemory(self._context.memory)

    def exclusive(self, key: str, *, wait_seconds: float | None = None) -> AbstractContextManager[None]:
        return nullcontext()

    def note_not_offered(self, capability: Capability, reason: str) -> None:
        return None

    def remote_states(self) -> Mapping[str, RemoteState]:
        return self._context.remote_states()

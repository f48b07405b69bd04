"""A warehouse system in memory: it checks signatures, takes each call once, and can report events to Manifold.

manage.py sandbox wms                                          # prints its address and its secret
POST /_sandbox/connect {"url": "http://127.0.0.1:8000", "token": "mnf_…"}    # the key of its warehouse
POST /_sandbox/report {"shipment": "<id>", "kind": "shipment.picked"}
POST /_sandbox/answer_recalls {"agree": false}                 # how it answers recalls; by default it agrees
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

from channels.sandbox.server import Request, Response, Sandbox, SandboxError, control
from oms.kit.api import signatures


class WmsSandbox(Sandbox):
    """One warehouse system. `shipments` are the newest contents that it was sent, `calls` the ids that it has taken."""

    channel: ClassVar[str] = "wms"

    def __init__(self, *, file: Path | None = None, secret: str = "", **options: Any) -> None:
        super().__init__(file=file, **options)
        self.secret = secret or signatures.new_secret()
        self.shipments: dict[str, dict[str, Any]] = {}
        self.calls: dict[str, str] = {}
        self.oms_url = self.token = ""
        self.agrees: bool | None = True

    def credentials(self) -> dict[str, str]:
        """Return what Manifold needs to call it."""
        return {"url": f"{self.url}/hook", "secret": self.secret}

    # ------------------------------------------------ calls of Manifold
    def handle(self, request: Request) -> Response:
        """Take a signed call; the same call again is answered and changes nothing."""
        if request.method != "POST" or request.path != "/hook":
            return Response.json({"error": "no such path"}, 404)
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            identity = signatures.verify([self.secret], headers, request.body, now=self.clock())
        except signatures.WrongSignature as error:
            return Response.json({"error": str(error)}, 401)
        if identity in self.calls:
            return Response.json({"taken": True})
        body = json.loads(request.body)
        self.calls[identity] = body["type"]
        self._take(body["type"], body["data"])
        self.touch()
        return Response.json({"taken": True})

    def _take(self, kind: str, data: dict[str, Any]) -> None:
        known = self.shipments.setdefault(data["id"], {})
        if kind == "shipment.cancel_requested":
            known["recalled"] = True
            if self.agrees is not None and self.token:
                answer = "shipment.cancelled" if self.agrees else "shipment.cancel_refused"
                self.post_later(lambda: self._answer(data["id"], answer))
            return
        if data["version"] >= known.get("version", 0):  # an older content comes too late
            known.update(data)

    # ------------------------------------------------ controls
    @control
    def connect(self, url: str, token: str) -> dict[str, Any]:
        """Set the address of Manifold and the API key of the warehouse."""
        self.oms_url, self.token = url.rstrip("/"), token
        return {"connected": True}

    @control
    def answer_recalls(self, agree: bool | None = None) -> dict[str, Any]:
        """Set how recalls are answered: agreed, refused, or (null) not at all."""
        self.agrees = agree
        return {"agree": agree}

    @control
    def report(self, shipment: str, kind: str, **more: Any) -> dict[str, Any]:
        """Report an event about a shipment to Manifold; return the answer."""
        return self._send(shipment, kind, more)

    def _answer(self, shipment: str, kind: str) -> None:
        self._send(shipment, kind, {"reason": "already packed"})

    def _send(self, shipment: str, kind: str, more: dict[str, Any]) -> dict[str, Any]:
        if not self.token:
            raise SandboxError("Connect the sandbox first: POST /_sandbox/connect with url and token.")
        event = {"type": kind, "occurred_at": datetime.now(UTC).isoformat(), **more}
        body, identity = json.dumps(event).encode(), str(uuid4())
        call = urllib.request.Request(  # noqa: S310 (the address of the own installation)
            f"{self.oms_url}/wms/v1/shipments/{shipment}/events",
            data=body,
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                "Idempotency-Key": identity,
                **signatures.headers_for(self.secret, identity, body),
            },
        )
        try:
            with urllib.request.urlopen(call, timeout=15) as answer:  # noqa: S310
                return {"status": answer.status, "body": json.loads(answer.read())}
        except urllib.error.HTTPError as error:
            return {"status": error.code, "body": json.loads(error.read() or b"{}")}

    # ------------------------------------------------ state
    def page(self, request: Request) -> Response:
        """Return the list of shipments for people."""
        rows = "".join(
            f"<tr><td>{escape(key)}</td><td>{escape(str(row.get('order', {}).get('number', '')))}</td>"
            f"<td>{escape(str(row.get('version', '')))}</td></tr>"
            for key, row in self.shipments.items()
        )
        return Response.html(
            "<!DOCTYPE html><title>Warehouse system</title><h1>Warehouse system (sandbox)</h1>"
            f"<table><tr><th>Shipment</th><th>Order</th><th>Version</th></tr>{rows}</table>"
        )

    def summary(self) -> dict[str, Any]:
        """Return how many shipments and calls it has."""
        return {"shipments": len(self.shipments), "calls": len(self.calls)}

    def dump(self) -> dict[str, Any]:
        """Return the complete state as JSON values."""
        names = ("secret", "shipments", "calls", "oms_url", "token", "agrees")
        return {name: getattr(self, name) for name in names}

    def load(self, data: dict[str, Any]) -> None:
        """Load a state that `dump` returned."""
        for name, value in data.items():
            setattr(self, name, value)


def make_sandbox(
    *,
    file: Path | None = None,
    seed: str = "demo",
    products: int = 0,
    orders: int = 0,
    **options: Any,
) -> WmsSandbox:
    """Return a warehouse system that can be served; it has no data of its own, so `seed` makes no difference."""
    sandbox = WmsSandbox(file=file, **options)
    if not sandbox.restore():
        sandbox.touch()
        sandbox.save()
    return sandbox

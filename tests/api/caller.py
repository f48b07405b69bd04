"""A program that calls the API through Django's test client, as `requests` would."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from django.test import Client

from oms.kit.api import keys, signatures
from oms.kit.authors.actors import SYSTEM

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_numbers = count(1)


class Caller:
    """Calls with one key; a write has a new idempotency key unless one is given. With a secret it signs."""

    def __init__(self, *scopes: str, base: str = "/api/v1", secret: str = "", **fields: Any) -> None:
        self.base, self.secret = base, secret
        self.key, self.token = keys.create(
            name=fields.pop("name", f"key {next(_numbers)}"), scopes=scopes, by=SYSTEM, **fields
        )
        self.client = Client(raise_request_exception=False)

    def get(self, path: str, **params: Any) -> Any:
        return self.client.get(f"{self.base}{path}", params, headers=self._bearer())

    def send(
        self, method: str, path: str, body: Any, *, key: str | None = None, message: str = "", **headers: str
    ) -> Any:
        """Send a body (JSON, or bytes as they are). `key` "" sends no idempotency key."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        number = next(_numbers)
        sent = {**self._bearer(), "Idempotency-Key": f"k{number}" if key is None else key}
        if self.secret:
            sent |= signatures.headers_for(self.secret, message or f"m{number}", raw)
        sent |= headers
        return self.client.generic(
            method,
            f"{self.base}{path}",
            raw,
            content_type="application/json",
            headers={name: value for name, value in sent.items() if value},
        )

    def post(self, path: str, body: Any, **more: Any) -> Any:
        return self.send("POST", path, body, **more)

    def put(self, path: str, body: Any, **more: Any) -> Any:
        return self.send("PUT", path, body, **more)

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

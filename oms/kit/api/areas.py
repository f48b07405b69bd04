"""Declare operations: an `Area` is a router whose operations need a scope, and whose writes act once.

area = Area("orders", prefix="/orders", tag="Orders")

@area.read("", response=Page[OrderOut])
def list_orders(request, after: After = "", limit: Limit = 50): ...

@area.write("POST", "/moves", response=list[OutcomeOut])
def make_moves(request, payload: MovesIn): ...      # calls a service with by=author_of(request)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from ninja import Router, Schema
from ninja.decorators import decorate_view

from oms.kit.api.auth import KeyAuth
from oms.kit.api.idempotency import Secrets, writes_once
from oms.kit.api.keys import READ, WRITE

Function = TypeVar("Function", bound=Callable[..., Any])


class Fault(Schema):
    """A faulty field of a request."""

    pointer: str
    detail: str


class Problem(Schema):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Fault] = []


#: What every operation may answer beside its result.
REFUSALS: dict[int, Any] = dict.fromkeys((400, 401, 403, 404, 409, 422, 429), Problem)

_HEADER = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": True,
    "schema": {"type": "string", "minLength": 1, "maxLength": 64},
    "description": "The same key with the same body is answered again without a second effect.",
}
_SIGNED = [
    {"in": "header", "name": name, "required": True, "schema": {"type": "string"}}
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
]


class Area:
    """A group of operations with one pair of scopes: "<name>:read" and "<name>:write".

    With `secrets_of` its writes must be signed (`oms.kit.api.signatures`).
    """

    def __init__(self, name: str, *, prefix: str, tag: str, secrets_of: Secrets | None = None) -> None:
        self.name, self.prefix, self.secrets_of = name, prefix, secrets_of
        self.router = Router(tags=[tag])

    def read(self, path: str, *, response: Any, **more: Any) -> Callable[[Function], Function]:
        """Declare an operation that reads."""
        return self.router.get(
            path, auth=KeyAuth(f"{self.name}:{READ}"), response={200: response, **REFUSALS}, **more
        )

    def write(self, method: str, path: str, *, response: Any, **more: Any) -> Callable[[Function], Function]:
        """Declare an operation that writes: it needs an idempotency key, and acts once for it."""
        scope = f"{self.name}:{WRITE}"
        once = partial(writes_once, scope=scope, secrets_of=self.secrets_of)
        declare = self.router.api_operation(
            [method],
            path,
            auth=KeyAuth(scope),
            response={200: response, **REFUSALS},
            openapi_extra={"parameters": [_HEADER, *(_SIGNED if self.secrets_of else [])]},
            **more,
        )

        def declared(function: Function) -> Function:
            return declare(decorate_view(once)(function))

        return declared

"""BigCommerce's webhooks: registered once for each scope, put right when they are off or changed (§8)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from channels.connectors.bigcommerce import auth
from channels.connectors.bigcommerce.client import BigCommerceClient
from channels.contract.errors import Rejected
from channels.contract.records.account import WebhookRecord
from channels.contract.spec import Stream

SCOPES = (
    "store/order/created",
    "store/order/updated",
    "store/order/statusUpdated",
    "store/order/archived",
    "store/order/refund/created",
    "store/product/created",
    "store/product/updated",
    "store/app/uninstalled",
    "store/hook/deliveryException",
)
HEADER = "X-OMS-Secret"


class Hooks:
    """The hooks of one store: BigCommerce shows only those that this token made."""

    def __init__(self, client: BigCommerceClient) -> None:
        self.client = client

    def keep(self, url: str, secret: str) -> None:
        """Make what is missing, wake what BigCommerce switched off, and take away doubles; safe to repeat."""
        mine: dict[str, list[Any]] = {}
        for row in self.client.v3_all("/v3/hooks"):
            if row.get("destination") == url:
                mine.setdefault(str(row["scope"]), []).append(row)
        for scope in SCOPES:
            body = {"scope": scope, "destination": url, "is_active": True, "headers": {HEADER: secret}}
            rows = mine.get(scope) or []
            if not rows:
                self.client.post("/v3/hooks", body, repeatable=True)
                continue
            first, *doubles = rows
            if not first.get("is_active") or (first.get("headers") or {}).get(HEADER) != secret:
                self.client.put(f"/v3/hooks/{first['id']}", body)
            for row in doubles:
                self.client.delete(f"/v3/hooks/{row['id']}")


def read_event(body: bytes, *, store_hash: str, takes_products: bool) -> WebhookRecord | None:
    """What a verified call is news of; None for what nobody waits for. It says which record, never what is in it.

    Raises `Rejected` when it cannot be read, or is about another store.
    """
    try:
        event = json.loads(body)
        if auth.hash_of(str(event["producer"])) != store_hash:
            raise Rejected("The call is about another store.", code="bad_store")
        return _news(str(event["scope"]), str(event["hash"]), event.get("data") or {}, takes_products)
    except (ValueError, KeyError, TypeError) as error:
        raise Rejected("The call is genuine but cannot be read.", detail=str(error)) from None


def _news(scope: str, event_id: str, data: Mapping[str, Any], takes_products: bool) -> WebhookRecord | None:
    if scope.startswith("store/order/"):
        stream = Stream.ORDERS_NEW if scope == "store/order/created" else Stream.ORDERS_CHANGED
        number = data.get("order_id") or data.get("id")
        return WebhookRecord(event_id, scope, stream, str(int(number)) if number else "")
    if scope.startswith("store/product/"):
        if not takes_products or scope.endswith("/deleted"):
            return None
        return WebhookRecord(event_id, scope, Stream.PRODUCTS, str(int(data["id"])))
    if scope in ("store/app/uninstalled", "store/hook/deliveryException"):
        return WebhookRecord(event_id, scope, Stream.ORDERS_CHANGED)
    return None

"""BigCommerce's webhooks: registered once for each scope, put right when they are off or changed (§8)."""

from __future__ import annotations

from typing import Any

from channels.bigcommerce.client import BigCommerceClient

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

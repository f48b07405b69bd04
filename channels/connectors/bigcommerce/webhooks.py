"""BigCommerce's webhooks: registered once for each scope, repaired when switched off or changed (`bigcommerce.md` §8)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext as _

from channels.connectors.bigcommerce import auth
from channels.connectors.bigcommerce.client import BigCommerceClient
from channels.contract.documents import read_document
from channels.contract.errors import Rejected
from channels.contract.records.account import WebhookRecord
from channels.contract.spec import Stream

if TYPE_CHECKING:
    from channels.models import Connection

SCOPES = (
    "store/order/created",
    "store/order/updated",
    "store/order/statusUpdated",
    "store/order/archived",
    "store/order/refund/created",
    "store/product/created",
    "store/product/updated",
    "store/product/deleted",
    "store/app/uninstalled",
    "store/hook/deliveryException",
)
HEADER = "X-OMS-Secret"


def register(client: BigCommerceClient, url: str, secret: str) -> None:
    """Create missing webhooks, switch on those that BigCommerce switched off, delete duplicates; safe to repeat.

    BigCommerce lists only the webhooks that were made with this token.
    """
    registered: dict[str, list[Any]] = {}
    for row in client.v3_all("/v3/hooks"):
        if row.get("destination") == url:
            registered.setdefault(str(row["scope"]), []).append(row)
    for scope in SCOPES:
        body = {"scope": scope, "destination": url, "is_active": True, "headers": {HEADER: secret}}
        rows = registered.get(scope) or []
        if not rows:
            client.post("/v3/hooks", body, repeatable=True)
            continue
        first, *duplicates = rows
        if not first.get("is_active") or (first.get("headers") or {}).get(HEADER) != secret:
            client.put(f"/v3/hooks/{first['id']}", body)
        for row in duplicates:
            client.delete(f"/v3/hooks/{row['id']}")


def read(
    client: BigCommerceClient, connection: Connection, headers: Mapping[str, str], body: bytes, secret: str
) -> Sequence[WebhookRecord]:
    """Verify a call from BigCommerce and return what it is about; raise `Rejected` when it is not genuine."""
    given = connection.credentials
    key = str(given.get("client_secret") or "")
    if not key and given.get("app"):
        key = settings.OMS_APPS["bigcommerce"]["client_secret"]
    auth.check_webhook(headers, body, secret=secret, client_secret=key, now=time.time())
    takes_products = bool(connection.option("auto_update_products"))
    record = read_event(body, store_hash=client.store_hash, takes_products=takes_products)
    return [record] if record else []


def read_event(body: bytes, *, store_hash: str, takes_products: bool) -> WebhookRecord | None:
    """Return which record a verified call is about, or None for an event that is not used.

    The record's fields are read from BigCommerce later. Raises `Rejected` when the call cannot be read or is about
    another store.
    """
    try:
        event = read_document(body)
        if auth.hash_of(str(event["producer"])) != store_hash:
            raise Rejected(_("The call is about another store."), code="bad_store")
        return _event_record(str(event["scope"]), str(event["hash"]), event.get("data") or {}, takes_products)
    except (ValueError, LookupError, TypeError, ArithmeticError, AttributeError) as error:
        raise Rejected(_("The call is genuine but cannot be read."), detail=str(error)) from None


def _event_record(
    scope: str, event_id: str, data: Mapping[str, Any], takes_products: bool
) -> WebhookRecord | None:
    if scope.startswith("store/order/"):
        stream = Stream.ORDERS_NEW if scope == "store/order/created" else Stream.ORDERS_CHANGED
        number = data.get("order_id") or data.get("id")
        return WebhookRecord(event_id, scope, stream, str(int(number)) if number else "")
    if scope.startswith("store/product/"):
        if not takes_products and not scope.endswith("/deleted"):
            return None
        return WebhookRecord(event_id, scope, Stream.PRODUCTS, str(int(data["id"])))
    if scope in ("store/app/uninstalled", "store/hook/deliveryException"):
        return WebhookRecord(event_id, scope, Stream.ORDERS_CHANGED)
    return None

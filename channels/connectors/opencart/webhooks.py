"""Register, verify and read webhooks of the shop (`contrib/opencart/CONTRACT.md` §6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from channels.connectors.opencart.auth import is_same, webhook_signature
from channels.connectors.opencart.client import OpenCartClient
from channels.contract.documents import read_document
from channels.contract.errors import Rejected
from channels.contract.records.account import WebhookRecord
from channels.contract.spec import Stream
from channels.contract.translation import gettext as _

EVENTS = ("order.created", "order.updated", "order.deleted")


def register(client: OpenCartClient, url: str, secret: str) -> None:
    """Register the webhook `url`, signed with `secret`; safe to repeat."""
    client.post("webhook_set", {"url": url, "events": list(EVENTS), "secret": secret}, repeatable=True)


def read(headers: Mapping[str, str], body: bytes, secret: str) -> Sequence[WebhookRecord]:
    """Verify a call and return its records. Raise `Rejected` when the signature is wrong or the call cannot be read."""
    given = {name.lower(): value for name, value in headers.items()}.get("x-oms-signature", "")
    if not secret or not is_same(given, webhook_signature(secret, body)):
        raise Rejected(_("The call is not signed with this store's webhook secret."), code="bad_signature")
    try:
        event = read_document(body)
        topic = str(event["event"])
        stream = Stream.ORDERS_NEW if topic == "order.created" else Stream.ORDERS_CHANGED
        return [WebhookRecord(str(event["id"]), topic, stream, str(int(event["order_id"])))]
    except (ValueError, LookupError, TypeError, ArithmeticError, AttributeError) as error:
        raise Rejected(_("The call is signed but cannot be read."), detail=str(error)) from None

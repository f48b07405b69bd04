"""What Etsy's webhooks say, and their signature (`etsy.md` §8). They are set up once for the application."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext as _

from channels.contract.documents import read_document
from channels.contract.errors import Rejected
from channels.contract.records.account import WebhookRecord
from channels.contract.spec import Stream
from oms.kit.numbers import is_whole_number, whole_number

if TYPE_CHECKING:
    from channels.models import Connection

CLOCK_TOLERANCE = 300  # seconds
EVENTS = {
    "order.paid": Stream.ORDERS_NEW,
    "order.canceled": Stream.ORDERS_CHANGED,
    "order.shipped": Stream.ORDERS_CHANGED,
    "order.delivered": Stream.ORDERS_CHANGED,
}


def check_set_up() -> None:
    """Raise `Rejected` where this installation has no webhook secret: Etsy has no call to register webhooks."""
    if not settings.OMS_APPS.get("etsy", {}).get("webhook_secret"):
        raise Rejected(
            _(
                "Set up webhooks once in Etsy's developer portal, with the address /apps/etsy/webhook/ of this "
                "installation, and put their secret into ETSY_WEBHOOK_SECRET."
            )
        )


def read(
    connection: Connection, headers: Mapping[str, str], body: bytes, secret: str
) -> Sequence[WebhookRecord]:
    """Verify a call and return which order it is about; raise `Rejected` unless it is signed and about this shop.

    The id is taken from `resource_url`; this address is never called.
    """
    event_id = check_webhook(headers, body, secret)
    try:
        event = read_document(body)
        topic = str(event["event_type"]).lower().replace("_", ".")
        receipt_id = str(event["resource_url"]).rstrip("/").rpartition("/")[2].partition("?")[0]
        shop_id = str(event["shop_id"])
    except (ValueError, LookupError, TypeError, ArithmeticError, AttributeError) as error:
        raise Rejected(_("The call is signed but cannot be read."), detail=str(error)) from None
    if connection.fingerprint and shop_id != connection.fingerprint:
        raise Rejected(_("The call is about another shop."), code="other_shop")
    if topic not in EVENTS or not is_whole_number(receipt_id):
        return []
    return [WebhookRecord(event_id, topic, EVENTS[topic], receipt_id)]


def check_webhook(headers: Mapping[str, str], body: bytes, secret: str, now: float | None = None) -> str:
    """Verify a webhook and return its id; raise `Rejected` unless it is signed with `secret` and at most 5 minutes old.

    The header may hold several `v1,<signature>` entries, or a bare one (secrets are rotated).
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    event_id, stamp = lowered.get("webhook-id", ""), lowered.get("webhook-timestamp", "")
    given = lowered.get("webhook-signature", "").split()
    sent_at = whole_number(stamp)
    if not event_id or sent_at is None or not given:
        raise Rejected(_("The call is not signed."), code="not_signed")
    if abs((time.time() if now is None else now) - sent_at) > CLOCK_TOLERANCE:
        raise Rejected(_("The call is older than 5 minutes."), code="stale")
    wanted = webhook_signature(secret, event_id, stamp, body)
    candidates = [entry.rpartition(",")[2] for entry in given]
    if not any(hmac.compare_digest(entry.encode("utf-8", "replace"), wanted) for entry in candidates):
        raise Rejected(_("The call is not signed with the secret of this application."), code="bad_signature")
    return event_id


def webhook_signature(secret: str, event_id: str, stamp: str, body: bytes) -> bytes:
    """Return base64(HMAC-SHA256(key, id.timestamp.body)); the key is the secret's base64 part.

    Raises `Rejected` when the secret is not valid base64.
    """
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise Rejected(
            _("The webhook secret is not the one of Etsy's developer page."), code="bad_secret"
        ) from None
    signed = f"{event_id}.{stamp}.".encode() + body
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())

"""OnBuy's order statuses, both ways: requests name them by slug, answers by label (`onbuy.md` §8 and §9).

A refund does not show whether the goods had been dispatched: refunds after dispatch have a status id of Manifold's own, so
that the store's status map can treat them differently.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from channels.contract.records.orders import FulfilmentEvent, RemoteState
from channels.contract.translation import gettext_lazy as _

ALL = "all"
AWAITING = "awaiting_dispatch"
PARTLY_SENT = "partially_dispatched"
SENT = "dispatched"
PARTLY_REFUNDED = "partially_refunded"
REFUNDED = "refunded"
AFTER_DISPATCH = "_after_dispatch"

#: Slug -> its meaning.
STATUSES: Mapping[str, RemoteState] = {
    AWAITING: RemoteState.NEW,
    PARTLY_SENT: RemoteState.READY,
    SENT: RemoteState.SHIPPED,
    "complete": RemoteState.COMPLETED,
    "cancelled": RemoteState.CANCELLED,
    "cancelled_by_seller": RemoteState.CANCELLED,
    "cancelled_by_buyer": RemoteState.CANCELLED,
    PARTLY_REFUNDED: RemoteState.NEW,
    PARTLY_REFUNDED + AFTER_DISPATCH: RemoteState.SHIPPED,
    REFUNDED: RemoteState.CANCELLED,
    REFUNDED + AFTER_DISPATCH: RemoteState.RETURNED,
}

#: Status id -> name on the status map; the native name, or Manifold's where OnBuy's is not exact.
NAMES: Mapping[str, Any] = {
    AWAITING: _("Awaiting Dispatch"),
    PARTLY_SENT: _("Partially Dispatched"),
    SENT: _("Dispatched"),
    "complete": _("Complete"),
    "cancelled": _("Cancelled (refund pending or failed)"),
    "cancelled_by_seller": _("Cancelled By Seller"),
    "cancelled_by_buyer": _("Cancelled By Buyer"),
    PARTLY_REFUNDED: _("Partially Refunded"),
    PARTLY_REFUNDED + AFTER_DISPATCH: _("Partially Refunded after dispatch"),
    REFUNDED: _("Refunded before dispatch"),
    REFUNDED + AFTER_DISPATCH: _("Refunded after dispatch"),
}

#: The status that each event sets. OnBuy has no ready-to-ship: dispatch is sent once, at ready to ship or at the manifest.
EVENTS: Mapping[FulfilmentEvent, str] = {
    FulfilmentEvent.READY_TO_SHIP: SENT,
    FulfilmentEvent.SHIPPED: "",
    FulfilmentEvent.TRACKING: "",
    FulfilmentEvent.CANCELLED: "cancelled_by_seller",
}

#: OnBuy's reasons of a cancellation by the seller: (id, words in Manifold's reason). No call lists them.
REASONS = (
    (1, re.compile(r"stock|sold out|unavailable|discontinued", re.IGNORECASE)),
    (2, re.compile(r"buyer|customer|changed (his|her|their) mind", re.IGNORECASE)),
    (3, re.compile(r"address|undeliverable|cannot be delivered", re.IGNORECASE)),
    (4, re.compile(r"pric", re.IGNORECASE)),
)
OTHER_REASON = 5


def slug_of(text: object) -> str:
    """Return the slug of a label or a slug: “Cancelled By Buyer” -> “cancelled_by_buyer”."""
    return re.sub(r"[^a-z]+", "_", str(text or "").casefold()).strip("_")


def filter_of(status_id: str) -> str:
    """Return the slug to filter by for a status id; all orders for a status that OnBuy's filter may not know."""
    return status_id.removesuffix(AFTER_DISPATCH) if status_id in STATUSES else ALL


def reason_id(reason: str) -> int:
    """Return OnBuy's number for a reason in words; 5 (other) also needs the words."""
    return next((number for number, pattern in REASONS if pattern.search(reason)), OTHER_REASON)

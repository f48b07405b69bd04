"""OnBuy's order statuses, both ways: requests name them by slug, answers by label (`onbuy.md` §8 and §9).

A refund does not say whether the goods had been sent: what was refunded in part or whole after dispatch has an id of
Manifold's own, so that the store's status map can treat the two differently.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from channels.contract.records.orders import FulfilmentEvent, RemoteState

ALL = "all"
AWAITING = "awaiting_dispatch"
PARTLY_SENT = "partially_dispatched"
SENT = "dispatched"
PARTLY_REFUNDED = "partially_refunded"
REFUNDED = "refunded"
AFTER_DISPATCH = "_after_dispatch"

#: Slug -> what it says.
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

NAMES: Mapping[str, str] = {
    AWAITING: "Awaiting Dispatch",
    PARTLY_SENT: "Partially Dispatched",
    SENT: "Dispatched",
    "complete": "Complete",
    "cancelled": "Cancelled (refund pending or failed)",
    "cancelled_by_seller": "Cancelled By Seller",
    "cancelled_by_buyer": "Cancelled By Buyer",
    PARTLY_REFUNDED: "Partially Refunded",
    PARTLY_REFUNDED + AFTER_DISPATCH: "Partially Refunded after dispatch",
    REFUNDED: "Refunded before dispatch",
    REFUNDED + AFTER_DISPATCH: "Refunded after dispatch",
}

#: What each event does. OnBuy has no ready-to-ship: dispatch is sent once, at the one or the other.
EVENTS: Mapping[FulfilmentEvent, str] = {
    FulfilmentEvent.READY_TO_SHIP: SENT,
    FulfilmentEvent.SHIPPED: "",
    FulfilmentEvent.TRACKING: "",
    FulfilmentEvent.CANCELLED: "cancelled_by_seller",
}

#: Why an order is cancelled by the seller (no call lists them): words that Manifold's reason may hold -> id.
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
    """Return OnBuy's number for a reason in words; 5 (other) needs the words as well."""
    return next((number for number, words in REASONS if words.search(reason)), OTHER_REASON)

"""Etsy's receipt statuses, both ways (`etsy.md` §7, §9). Compared lower-cased: the API answers "Paid", its document "paid".

"delivered" is no status of a receipt: it is a filter of the list and a webhook; `orders.status_id` derives it.
"""

from __future__ import annotations

from collections.abc import Mapping

from channels.contract.records.orders import FulfilmentEvent, RemoteState

PAID = "paid"
COMPLETED = "completed"
DELIVERED = "delivered"
CANCELED = "canceled"
REFUNDED = "fully refunded"
PARTLY_REFUNDED = "partially refunded"
UNPAID = frozenset({"open", "payment processing"})

STATUSES: Mapping[str, RemoteState] = {
    "open": RemoteState.UNPAID,
    "payment processing": RemoteState.UNPAID,
    PAID: RemoteState.NEW,
    PARTLY_REFUNDED: RemoteState.NEW,
    COMPLETED: RemoteState.SHIPPED,
    DELIVERED: RemoteState.DELIVERED,
    CANCELED: RemoteState.CANCELLED,
    REFUNDED: RemoteState.CANCELLED,
}

#: One call, `createReceiptShipment`, completes the receipt; a later tracking number is a second shipment of it.
EVENTS: Mapping[FulfilmentEvent, str] = {
    FulfilmentEvent.READY_TO_SHIP: COMPLETED,
    FulfilmentEvent.TRACKING: COMPLETED,
}

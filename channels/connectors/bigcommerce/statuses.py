"""BigCommerce's order statuses by id, both ways (`bigcommerce.md` §4 and §10). Sellers rename them; ids stay."""

from __future__ import annotations

from collections.abc import Mapping

from channels.contract.records.orders import FulfilmentEvent, RemoteState

INCOMPLETE = "0"
PENDING = "1"
SHIPPED = "2"
PARTIALLY_SHIPPED = "3"
REFUNDED = "4"
CANCELLED = "5"
AWAITING_PAYMENT = "7"
COMPLETED = "10"
AWAITING_FULFILMENT = "11"
AWAITING_SHIPMENT = "9"
PARTIALLY_REFUNDED = "14"

#: Native status id -> its meaning. Paid orders arrive as 11; 8 is collection in the shop, read and never written.
#: 4 and 14 are read together with what has been shipped (`orders.remote_state`).
STATUSES: Mapping[str, RemoteState] = {
    INCOMPLETE: RemoteState.IGNORED,
    PENDING: RemoteState.DRAFT,
    SHIPPED: RemoteState.SHIPPED,
    PARTIALLY_SHIPPED: RemoteState.READY,  # the rest is still to be shipped
    REFUNDED: RemoteState.RETURNED,
    CANCELLED: RemoteState.CANCELLED,
    "6": RemoteState.CANCELLED,
    AWAITING_PAYMENT: RemoteState.UNPAID,
    "8": RemoteState.NEW,
    AWAITING_SHIPMENT: RemoteState.READY,
    COMPLETED: RemoteState.COMPLETED,
    AWAITING_FULFILMENT: RemoteState.NEW,
    "12": RemoteState.DRAFT,  # held for verification
    "13": RemoteState.DRAFT,  # disputed
    PARTIALLY_REFUNDED: RemoteState.NEW,
}

#: The status that is sent for each event. A tracking number goes into the shipment.
EVENTS: Mapping[FulfilmentEvent, str] = {
    FulfilmentEvent.ACCEPTED: AWAITING_FULFILMENT,
    FulfilmentEvent.READY_TO_SHIP: AWAITING_SHIPMENT,
    FulfilmentEvent.TRACKING: "",
    FulfilmentEvent.SHIPPED: SHIPPED,
    FulfilmentEvent.COMPLETED: COMPLETED,
    FulfilmentEvent.CANCELLED: CANCELLED,
}

#: Statuses from which an accepted or paid order moves on; one that is held or disputed in BigCommerce stays so (§10).
_BEFORE_ACCEPTED = frozenset({PENDING, AWAITING_PAYMENT})
_OPEN = frozenset(
    {PENDING, PARTIALLY_SHIPPED, AWAITING_PAYMENT, "8", AWAITING_SHIPMENT, AWAITING_FULFILMENT, "12", "14"}
)
_SHIPPED = frozenset({SHIPPED})
_COMPLETED = frozenset({COMPLETED})

#: The statuses in which an order may be for an event to be sent.
BEFORE: Mapping[FulfilmentEvent, frozenset[str]] = {
    FulfilmentEvent.ACCEPTED: _BEFORE_ACCEPTED,
    FulfilmentEvent.READY_TO_SHIP: _OPEN,
    FulfilmentEvent.SHIPPED: _OPEN | _SHIPPED,
    FulfilmentEvent.TRACKING: _OPEN | _SHIPPED | _COMPLETED,
    FulfilmentEvent.COMPLETED: _OPEN | _SHIPPED,
    FulfilmentEvent.CANCELLED: _OPEN - {PARTIALLY_SHIPPED},
}
#: The statuses in which an event is true already: nothing is sent, and the event counts as done.
ALREADY: Mapping[FulfilmentEvent, frozenset[str]] = {
    FulfilmentEvent.ACCEPTED: frozenset(STATUSES) - _BEFORE_ACCEPTED,
    FulfilmentEvent.READY_TO_SHIP: _SHIPPED | _COMPLETED,
    FulfilmentEvent.SHIPPED: _COMPLETED,
    FulfilmentEvent.TRACKING: frozenset(),
    FulfilmentEvent.COMPLETED: _COMPLETED,
    FulfilmentEvent.CANCELLED: frozenset({CANCELLED, "6"}),
}


def holds_stock(status_id: str, *, deducts_at_shipping: bool) -> bool:
    """Whether BigCommerce has deducted the order's stock in this status: from placement or from shipping on."""
    if deducts_at_shipping:
        return status_id in (SHIPPED, COMPLETED)
    return STATUSES.get(status_id) not in (RemoteState.CANCELLED, RemoteState.IGNORED)

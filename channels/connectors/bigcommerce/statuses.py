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

#: Native status id -> what it says. Paid orders arrive as 11; 8 is collection in the shop, read and never written.
#: 4 and 14 are read together with what has been shipped (`mapping.remote_state`).
STATUSES: Mapping[str, RemoteState] = {
    INCOMPLETE: RemoteState.IGNORED,
    PENDING: RemoteState.DRAFT,
    SHIPPED: RemoteState.SHIPPED,
    PARTIALLY_SHIPPED: RemoteState.READY,  # the rest is still to be sent
    REFUNDED: RemoteState.RETURNED,
    CANCELLED: RemoteState.CANCELLED,
    "6": RemoteState.CANCELLED,
    AWAITING_PAYMENT: RemoteState.UNPAID,
    "8": RemoteState.NEW,
    AWAITING_SHIPMENT: RemoteState.READY,
    COMPLETED: RemoteState.COMPLETED,
    AWAITING_FULFILMENT: RemoteState.NEW,
    "12": RemoteState.DRAFT,  # held for a look at it
    "13": RemoteState.DRAFT,  # disputed
    PARTIALLY_REFUNDED: RemoteState.NEW,
}

#: What is written for each event. A tracking number goes into the shipment.
EVENTS: Mapping[FulfilmentEvent, str] = {
    FulfilmentEvent.ACCEPTED: AWAITING_FULFILMENT,
    FulfilmentEvent.READY_TO_SHIP: AWAITING_SHIPMENT,
    FulfilmentEvent.TRACKING: "",
    FulfilmentEvent.SHIPPED: SHIPPED,
    FulfilmentEvent.COMPLETED: COMPLETED,
    FulfilmentEvent.CANCELLED: CANCELLED,
}

#: Accepted or paid here, it is to be fulfilled there, too; one that is held for a look or disputed there stays so (§10).
_UNDECIDED = frozenset({PENDING, AWAITING_PAYMENT})
_OPEN = frozenset(
    {PENDING, PARTIALLY_SHIPPED, AWAITING_PAYMENT, "8", AWAITING_SHIPMENT, AWAITING_FULFILMENT, "12", "14"}
)
_GONE = frozenset({SHIPPED})
_DONE = frozenset({COMPLETED})

#: Where an order may stand for an event to be written.
BEFORE: Mapping[FulfilmentEvent, frozenset[str]] = {
    FulfilmentEvent.ACCEPTED: _UNDECIDED,
    FulfilmentEvent.READY_TO_SHIP: _OPEN,
    FulfilmentEvent.SHIPPED: _OPEN | _GONE,
    FulfilmentEvent.TRACKING: _OPEN | _GONE | _DONE,
    FulfilmentEvent.COMPLETED: _OPEN | _GONE,
    FulfilmentEvent.CANCELLED: _OPEN - {PARTIALLY_SHIPPED},
}
#: Where an order may stand for the event to be true already: nothing is written, and that is well.
ALREADY: Mapping[FulfilmentEvent, frozenset[str]] = {
    FulfilmentEvent.ACCEPTED: frozenset(STATUSES) - _UNDECIDED,
    FulfilmentEvent.READY_TO_SHIP: _GONE | _DONE,
    FulfilmentEvent.SHIPPED: _DONE,
    FulfilmentEvent.TRACKING: frozenset(),
    FulfilmentEvent.COMPLETED: _DONE,
    FulfilmentEvent.CANCELLED: frozenset({CANCELLED, "6"}),
}

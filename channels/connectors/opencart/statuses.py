"""OpenCart's order statuses by id, both ways (`opencart.md` §4.1 and §7). Sellers can edit the names, not the ids."""

from __future__ import annotations

from collections.abc import Mapping

from channels.contract.records.orders import FulfilmentEvent, RemoteState

PENDING = "1"
PROCESSING = "2"
SHIPPED = "3"
COMPLETE = "5"
CANCELED = "7"
PROCESSED = "15"

#: Statuses that an order gets when its payment was accepted.
PAID = frozenset({PROCESSING, SHIPPED, COMPLETE, PROCESSED})

#: Native status id -> its meaning. 15 is imported and never sent: it is in none of the shop's stock lists.
STATUSES: Mapping[str, RemoteState] = {
    "0": RemoteState.IGNORED,  # an unfinished checkout; the extension never lists it
    PENDING: RemoteState.NEW,
    PROCESSING: RemoteState.NEW,
    SHIPPED: RemoteState.SHIPPED,
    COMPLETE: RemoteState.COMPLETED,
    CANCELED: RemoteState.CANCELLED,
    "8": RemoteState.CANCELLED,
    "9": RemoteState.NEW,  # Canceled Reversal: a reversal was withdrawn, the order is live again
    "10": RemoteState.CANCELLED,
    "11": RemoteState.RETURNED,
    "12": RemoteState.RETURNED,
    "13": RemoteState.RETURNED,
    "14": RemoteState.CANCELLED,
    PROCESSED: RemoteState.READY,
    "16": RemoteState.CANCELLED,
}

#: The status that is sent for each event. A tracking number is sent as a comment under the order's present status.
EVENTS: Mapping[FulfilmentEvent, str] = {
    FulfilmentEvent.READY_TO_SHIP: PROCESSING,
    FulfilmentEvent.TRACKING: "",
    FulfilmentEvent.SHIPPED: SHIPPED,
    FulfilmentEvent.COMPLETED: COMPLETE,
    FulfilmentEvent.CANCELLED: CANCELED,
}

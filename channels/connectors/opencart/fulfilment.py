"""What may be written to an order of a shop, given where it stands there: pure decisions (`opencart.md` §4.1, §7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from channels.contract.errors import Rejected
from channels.contract.records.orders import FulfilmentEvent, RemoteState, StatusRecord

_EARLY = frozenset({RemoteState.UNPAID, RemoteState.DRAFT, RemoteState.NEW, RemoteState.READY})
_GONE = frozenset({RemoteState.SHIPPED, RemoteState.DELIVERED})
_DONE = frozenset({RemoteState.COMPLETED})

#: Where an order may stand in the shop for an event to be written.
BEFORE: Mapping[FulfilmentEvent, frozenset[RemoteState]] = {
    FulfilmentEvent.READY_TO_SHIP: _EARLY,
    FulfilmentEvent.SHIPPED: _EARLY,
    FulfilmentEvent.COMPLETED: _EARLY | _GONE,
    FulfilmentEvent.CANCELLED: _EARLY,
}
#: Where an order may stand for the event to be true already: nothing is written, and that is well.
ALREADY: Mapping[FulfilmentEvent, frozenset[RemoteState]] = {
    FulfilmentEvent.READY_TO_SHIP: _GONE | _DONE,
    FulfilmentEvent.SHIPPED: _GONE | _DONE,
    FulfilmentEvent.COMPLETED: _DONE,
    FulfilmentEvent.CANCELLED: frozenset({RemoteState.CANCELLED}),
}


def check_target(event: FulfilmentEvent, status_id: str, statuses: Sequence[StatusRecord]) -> None:
    """Refuse a status that the shop does not have, or that would put the order's units back on sale.

    OpenCart gives stock back whenever an order leaves the processing and complete lists; only a cancellation may.
    """
    known = {record.external_id: record for record in statuses}
    if status_id not in known:
        raise Rejected(
            f"The shop has no order status with the id {status_id}: correct the store's status map."
        )
    if event != FulfilmentEvent.CANCELLED and not known[status_id].holds_stock:
        raise Rejected(
            f"“{known[status_id].name}” is not among the shop's processing or complete statuses: "
            "OpenCart would put the order's units back on sale, so it is not written."
        )


def expected_ids(
    event: FulfilmentEvent, statuses: Sequence[StatusRecord], states: Mapping[str, RemoteState]
) -> list[str]:
    """The status ids of this shop from which the event may be written."""
    return [
        record.external_id
        for record in statuses
        if states.get(record.external_id, RemoteState.UNKNOWN) in BEFORE[event]
    ]


def is_already_true(event: FulfilmentEvent, status_id: str, states: Mapping[str, RemoteState]) -> bool:
    """Whether the order stands where the event would bring it, or further."""
    return states.get(status_id, RemoteState.UNKNOWN) in ALREADY.get(event, frozenset())

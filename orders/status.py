"""From the facts of an order to the one word that people see. Pure: no database, no clock.

`Order.status` stores the outcome; `orders.unit_of_work.unit_of_work` is the only writer, `doctor` compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orders.choices import AllocationState, CancelParty, OrderStatus, ShipmentState

S = OrderStatus


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about one order.

    `parcels` are the states of its shipments (cancelled ones are ignored). `unplanned` counts units that need
    stock and are in no live shipment nor cancelled; `short` those of them that a known SKU could not give.
    """

    is_draft: bool = False
    is_paid: bool = True
    short: int = 0
    unplanned: int = 0
    parcels: Sequence[str] = ()
    cancel_asked_by: str = ""
    is_cancelled: bool = False
    is_shipped: bool = False
    is_delivered: bool = False
    is_completed: bool = False
    is_returned: bool = False


#: The least advanced open parcel decides.
_PARCEL_ORDER = (
    (ShipmentState.PLANNED, S.READY_FOR_FULFILMENT),
    (ShipmentState.PACKED, S.PACKED),
    (ShipmentState.READY, S.READY_TO_SHIP),
    (ShipmentState.HANDED_OVER, S.IN_TRANSIT),
    (ShipmentState.DELIVERED, S.DELIVERED),
)

#: How far each state is along the way; news from a channel never lowers it. New and Partial differ by stock alone.
RANK: dict[str, int] = {
    S.DRAFT: 0,
    S.UNPAID: 1,
    S.NEW: 2,
    S.PARTIAL: 2,
    S.READY_FOR_FULFILMENT: 3,
    S.PACKED: 4,
    S.READY_TO_SHIP: 5,
    S.IN_TRANSIT: 6,
    S.DELIVERED: 7,
    S.COMPLETED: 8,
    S.CANCEL_IN_PROCESS: 9,
    S.SELLER_CANCEL_IN_PROCESS: 9,
    S.CANCELLED: 10,
    S.CANCELLED_BY_SELLER: 10,
    S.RETURNED: 11,
}


def status_of(facts: Facts) -> OrderStatus:
    """The state that these facts make; the first sentence that fits wins.

    Ended: cancelled, returned, completed. Asked to end: cancel in process. On its way: delivered, shipped.
    Waiting for a person: draft, unpaid. Else the least advanced part: what is in no parcel yet (New when stock
    is held for it or its SKU is not known, Partial when stock is short), then the least advanced parcel.
    """
    by_seller = facts.cancel_asked_by == CancelParty.SELLER
    if facts.is_cancelled:
        return S.CANCELLED_BY_SELLER if by_seller else S.CANCELLED
    if facts.is_returned:
        return S.RETURNED
    if facts.cancel_asked_by:
        return S.SELLER_CANCEL_IN_PROCESS if by_seller else S.CANCEL_IN_PROCESS
    if facts.is_completed:
        return S.COMPLETED
    if facts.is_delivered:
        return S.DELIVERED
    if facts.is_shipped:
        return S.IN_TRANSIT
    if facts.is_draft:
        return S.DRAFT
    if not facts.is_paid:
        return S.UNPAID
    if facts.short:
        return S.PARTIAL
    if facts.unplanned:
        return S.NEW
    live = [state for state in facts.parcels if state != ShipmentState.CANCELLED]
    for state, status in _PARCEL_ORDER:
        if state in live:
            return status
    return S.NEW


def allocation_of(*, needed: int, held: int) -> AllocationState:
    """How much of the `needed` units (ordered, neither shipped nor cancelled) is held; nothing needed is all held."""
    if held >= needed:
        return AllocationState.FULL
    return AllocationState.PART if held else AllocationState.NONE

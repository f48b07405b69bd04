"""The order status, computed from the facts of an order. Pure: no database, no clock.

`Order.status` stores the result. Only `orders.unit_of_work.unit_of_work` writes it; `manage.py doctor` compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orders.choices import AllocationState, CancelParty, OrderStatus, ShipmentState

S = OrderStatus


@dataclass(frozen=True, slots=True)
class Facts:
    """What the status of one order depends on.

    `shipments` are the states of its shipments; cancelled ones are ignored. `unplanned` counts the units that need
    stock and are neither in a live shipment nor cancelled. `missing` counts those of them that have a known SKU and no
    allocated stock. `is_part_released`: the available part was released, although units were missing.
    """

    is_draft: bool = False
    is_paid: bool = True
    missing: int = 0
    unplanned: int = 0
    shipments: Sequence[str] = ()
    cancel_asked_by: str = ""
    is_cancelled: bool = False
    is_shipped: bool = False
    is_delivered: bool = False
    is_completed: bool = False
    is_returned: bool = False
    is_part_released: bool = False


#: Shipments that have not left.
_OPEN = (ShipmentState.PLANNED, ShipmentState.PACKED, ShipmentState.READY)

#: The status that each state of a shipment makes; the least advanced shipment decides.
_STATUS_OF_SHIPMENT = (
    (ShipmentState.PLANNED, S.READY_FOR_FULFILMENT),
    (ShipmentState.PACKED, S.PACKED),
    (ShipmentState.READY, S.READY_TO_SHIP),
    (ShipmentState.HANDED_OVER, S.IN_TRANSIT),
    (ShipmentState.DELIVERED, S.DELIVERED),
)

#: How far an order with each status is. An import never lowers it. New and Partial differ by stock alone.
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
    """Return the status that these facts make. The first of these that fits decides:

    1. The order has ended, or a cancellation was asked for: Cancelled, Returned, Cancel in process, Completed.
    2. It has left: Delivered, In transit.
    3. It waits for a person or the buyer: Draft, Unpaid.
    4. Units are in no shipment: Partial when stock is missing; New when it is allocated, or the SKU is unknown. While a
       part that was released alone has not left, its shipments decide instead (5).
    5. The least advanced shipment: Ready for fulfilment, Packed, Ready to ship, In transit, Delivered.
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
    is_part_on_its_way = facts.is_part_released and any(state in _OPEN for state in facts.shipments)
    if facts.missing and not is_part_on_its_way:
        return S.PARTIAL
    if facts.unplanned and not is_part_on_its_way:
        return S.NEW
    live = [state for state in facts.shipments if state != ShipmentState.CANCELLED]
    for state, status in _STATUS_OF_SHIPMENT:
        if state in live:
            return status
    return S.NEW


def allocation_of(*, needed: int, allocated: int) -> AllocationState:
    """Return how much of the `needed` units (ordered, neither shipped nor cancelled) is allocated; FULL for no unit."""
    if allocated >= needed:
        return AllocationState.FULL
    return AllocationState.PART if allocated else AllocationState.NONE

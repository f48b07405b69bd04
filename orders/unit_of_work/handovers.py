"""Shipments of warehouses with a warehouse system (WMS): noticed when a unit of work is written, and sent by the outbox.

Whatever creates, changes or cancels a shipment passes through here, so no service can forget the WMS.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from channels.contract.records.orders import FulfilmentEvent
from channels.contract.spec import Capability
from channels.models import Connection
from channels.push import outbox
from channels.push.topics import Topic
from inventory.models import Warehouse
from orders.choices import HandoverState, Recall, ShipmentState
from orders.models import Handover, Shipment
from orders.unit_of_work.announcements import is_enabled, may_send

if TYPE_CHECKING:
    from datetime import datetime

    from orders.unit_of_work.order_state import OrderState

#: Columns of an order that a WMS is sent.
ORDER_FIELDS = (
    "ship_to customer_name customer_phone customer_email buyer_note gift_message shipping_method ship_by_at"
).split()
SHIPMENT_FIELDS = ("carrier_id", "service", "tracking_number", "state")
LEFT = (ShipmentState.HANDED_OVER, ShipmentState.DELIVERED)


def handover_of(shipment: Shipment) -> Handover | None:
    """Return the hand-over of a loaded shipment, if it has one; no query."""
    found = shipment._state.fields_cache.get("handover")
    return found if isinstance(found, Handover) else None


def prepare(order_states: Iterable[OrderState], now: datetime) -> list[Handover]:
    """Make the hand-overs of new shipments, and recall those of cancelled ones; return all that must be sent.

    One query, and only where a shipment is new.
    """
    new = [
        (order_state, shipment)
        for order_state in order_states
        for shipment in order_state.shipments
        if id(shipment) not in order_state.snapshots and _may_be_handed_over(order_state, shipment)
    ]
    ids = {shipment.warehouse_id for _order_state, shipment in new if shipment.warehouse_id}
    systems: dict[int, int] = {}
    if ids:
        rows = Warehouse.objects.filter(pk__in=ids, wms__isnull=False)
        rows = rows.exclude(wms__state=Connection.State.DISCONNECTED)
        systems = dict(rows.values_list("pk", "wms"))
    changed = []
    for order_state, shipment in new:
        if (connection_id := systems.get(shipment.warehouse_id or 0)) is not None:
            row = Handover(shipment=shipment, connection_id=connection_id, created_at=now)
            order_state.handovers.append(row)
            changed.append(row)
    for order_state in order_states:
        for row in order_state.handovers:
            if row._state.adding:
                continue
            _follow(order_state, row, now)
            if _is_changed(order_state, row):
                changed.append(row)
    return changed


def _may_be_handed_over(order_state: OrderState, shipment: Shipment) -> bool:
    """Whether a new shipment is one that a WMS would get: the seller ships it, and it has something to ship."""
    return (
        shipment.state == ShipmentState.PLANNED
        and shipment.warehouse_id is not None
        and not shipment.is_external
        and any(row.line.needs_parcel for row in order_state.lines_of(shipment))
        and is_enabled(order_state.connection, Capability.WMS_HANDOVER)
    )


def _follow(order_state: OrderState, row: Handover, now: datetime) -> None:
    """Recall what is cancelled or was shipped without the WMS; accept what the channel is not sent."""
    if row.is_open and (row.shipment.state == ShipmentState.CANCELLED or _left_elsewhere(row.shipment)):
        if row.offered_at is None:
            row.state = HandoverState.CANCELLED
        elif not row.recall:
            row.recall = Recall.REQUESTED
    is_ready = row.shipment.state in (ShipmentState.READY, *LEFT)
    is_told = may_send(order_state.connection, FulfilmentEvent.READY_TO_SHIP)
    if is_ready and row.accepted_at is None and not is_told:
        row.accepted_at = now


def _left_elsewhere(shipment: Shipment) -> bool:
    return shipment.is_external and shipment.state in LEFT


def _is_changed(order_state: OrderState, row: Handover) -> bool:
    lines = order_state.lines_of(row.shipment)
    return (
        _differs(order_state, order_state.order, ORDER_FIELDS)
        or _differs(order_state, row.shipment, SHIPMENT_FIELDS)
        or _differs(order_state, row, ("recall", "accepted_at"))
        or any(_differs(order_state, line, ("quantity",)) for line in lines)
    )


def _differs(order_state: OrderState, row: Any, names: Sequence[str]) -> bool:
    was = order_state.snapshots.get(id(row))
    return was is None or any(was[name] != getattr(row, name) for name in names)


def announce(rows: Iterable[Handover]) -> None:
    """Write the messages for the warehouse systems, in the caller's transaction."""
    outbox.touch(Topic.WMS_SHIPMENT, [(row.connection_id, row.shipment_id) for row in rows])

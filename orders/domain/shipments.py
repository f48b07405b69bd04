"""Shipments of one order in memory: plan, hand over, deliver, and record what the channel shipped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from oms.kit.bulk import make
from orders import problem_codes
from orders.choices import ShipmentState
from orders.domain.allocation import consume_allocations, open_allocations
from orders.models import Carrier, OrderLine, Shipment, ShipmentLine
from orders.unit_of_work.order_state import OrderState

if TYPE_CHECKING:
    from orders.unit_of_work.stock_session import StockSession


def plan_shipments(
    order_state: OrderState, now: datetime, carrier: Carrier | None, *, nearest_warehouse: int | None = None
) -> list[Shipment]:
    """Create one shipment per warehouse that serves the order, with the units that are allocated there.

    Units whose stock is not tracked go into the first shipment, or into one of their own from `nearest_warehouse` (id).
    An order without goods gets one shipment without lines, so that it passes through the same statuses.
    """
    by_warehouse: dict[int | None, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    lines: dict[int, OrderLine] = {}
    for row in open_allocations(order_state):
        lines[id(row.line)] = row.line
        by_warehouse[row.stock_item.warehouse_id][id(row.line)] += row.quantity
    untracked = {id(line): line for line in order_state.lines if line.needs_stock and not line.is_counted}
    for key, line in untracked.items():
        if left := line.quantity - line.shipped - line.cancelled:
            lines[key] = line
            by_warehouse[next(iter(by_warehouse), nearest_warehouse)][key] += left
    _leave_out_planned(order_state, by_warehouse)
    if not by_warehouse and not order_state.open_shipments:
        by_warehouse[None] = {}
    planned = []
    for warehouse_id, units in by_warehouse.items():
        shipment = add_shipment(order_state, now, warehouse_id=warehouse_id, carrier=carrier)
        shipment.service = order_state.order.service
        for key, quantity in units.items():
            order_state.shipment_lines.append(
                make(ShipmentLine, shipment=shipment, line=lines[key], quantity=quantity)
            )
        planned.append(shipment)
    order_state.order.released_at = now
    return planned


def _leave_out_planned(order_state: OrderState, by_warehouse: dict[int | None, dict[int, int]]) -> None:
    """Remove the units that are in an open shipment already: the rest of a short-picked order is released alone."""
    for shipment in order_state.open_shipments:
        units = by_warehouse.get(shipment.warehouse_id, {})
        for row in order_state.lines_of(shipment):
            if id(row.line) in units:
                units[id(row.line)] -= row.quantity
    for warehouse_id in list(by_warehouse):
        units = {key: count for key, count in by_warehouse[warehouse_id].items() if count > 0}
        if units:
            by_warehouse[warehouse_id] = units
        else:
            del by_warehouse[warehouse_id]


def add_shipment(
    order_state: OrderState,
    now: datetime,
    *,
    warehouse_id: int | None,
    carrier: Carrier | None = None,
    state: str = ShipmentState.PLANNED,
    is_external: bool = False,
) -> Shipment:
    """Add a shipment with the next number to an order. `is_external`: the channel shipped it, not Manifold."""
    number = max((shipment.number for shipment in order_state.shipments), default=0) + 1
    shipment = make(
        Shipment,
        order=order_state.order,
        number=number,
        warehouse_id=warehouse_id,
        carrier=carrier,
        state=state,
        is_external=is_external,
        created_at=now,
    )
    order_state.shipments.append(shipment)
    return shipment


def cancel_open_shipments(order_state: OrderState) -> None:
    """Cancel the shipments that have not left. Their units stay allocated; what was wrong with a parcel ends."""
    for shipment in order_state.open_shipments:
        shipment.state = ShipmentState.CANCELLED
    order_state.order.released_at = None
    order_state.order.is_part_released &= bool(order_state.live_shipments)
    for code in (problem_codes.NO_CARRIER, problem_codes.ADDRESS_CHANGED):
        order_state.close_problem(code, _("Packing was undone."))


def hand_over(order_state: OrderState, shipment: Shipment, stock: StockSession, now: datetime) -> int:
    """Mark a shipment as handed over and take its units out of the stock (R-SHIP-04).

    Return the units that no stock item had: they are counted as shipped, the stock stays above zero.
    """
    short = 0
    for row in order_state.lines_of(shipment):
        if not row.line.is_counted:
            row.line.shipped += row.quantity
            continue
        used = consume_allocations(
            order_state, row.line, row.quantity, now, warehouse_id=shipment.warehouse_id
        )
        for item_id, units in used:
            stock.ship(item_id, units, is_allocated=True, shipment=shipment, reason=_reason(order_state))
        missing = row.quantity - sum(units for _item, units in used)
        if missing:
            row.line.shipped += missing
            short += missing - _ship_available(order_state, row.line, missing, shipment, stock)
    shipment.state, shipment.handed_over_at = ShipmentState.HANDED_OVER, now
    update_shipped_at(order_state, now)
    return short


def record_channel_shipment(
    order_state: OrderState,
    stock: StockSession,
    now: datetime,
    *,
    lines: Mapping[int, int] | None = None,
    excluded: Collection[Shipment] = (),
    carrier: Carrier | None = None,
    tracking_number: str = "",
    external_id: str = "",
) -> int:
    """Record units that the channel shipped without Manifold, and take them out of the stock (R-ORD-16).

    `lines` are the units by `id(line)`; None means all that has not been shipped.

    - An open shipment that contains nothing else is handed over: what was packed is what was shipped.
    - From other open shipments the units are removed. Those in `excluded` are not changed.
    - The remaining units become one external shipment per warehouse, with this carrier, tracking number and channel id.

    Return the units that no stock item had.
    """
    short = 0
    left: dict[int, int] = dict(lines or {})
    for shipment in order_state.open_shipments:
        rows = order_state.lines_of(shipment)
        is_part = not rows or any(left.get(id(row.line), 0) < row.quantity for row in rows)
        if lines is not None and (is_part or shipment in excluded):
            continue
        if shipment.state == ShipmentState.PLANNED:
            shipment.is_external = True
        shipment.carrier = shipment.carrier or carrier
        shipment.tracking_number = shipment.tracking_number or tracking_number[:120]
        shipment.external_id = shipment.external_id or external_id[:120]
        for row in rows:
            left[id(row.line)] = left.get(id(row.line), 0) - row.quantity
        short += hand_over(order_state, shipment, stock, now)
    if lines is None:
        left = {
            id(line): line.quantity - line.shipped - line.cancelled
            for line in order_state.lines
            if line.needs_stock
        }
    external: dict[int | None, Shipment] = {}

    def external_from(warehouse_id: int | None) -> Shipment:
        if warehouse_id not in external:
            made = add_shipment(
                order_state,
                now,
                warehouse_id=warehouse_id,
                carrier=carrier,
                state=ShipmentState.HANDED_OVER,
                is_external=True,
            )
            made.tracking_number, made.external_id = tracking_number[:120], external_id[:120]
            made.handed_over_at = now
            external[warehouse_id] = made
        return external[warehouse_id]

    for line in order_state.lines:
        units = min(left.get(id(line), 0), line.quantity - line.shipped - line.cancelled)
        if units <= 0:
            continue
        packed: dict[int | None, int] = defaultdict(int)
        for place, part in _choose_allocated(order_state, line, units, excluded):
            for item_id, taken in consume_allocations(order_state, line, part, now, warehouse_id=place):
                stock.ship(
                    item_id,
                    taken,
                    is_allocated=True,
                    shipment=external_from(place),
                    reason=_reason(order_state),
                )
                packed[place] += taken
        rest = units - sum(packed.values())
        if rest:
            line.shipped += rest
            nearest_warehouse = next(iter(stock.warehouses_of.get(order_state.connection.pk, ())), None)
            if line.is_counted:
                short += rest - _ship_available(
                    order_state, line, rest, external_from(nearest_warehouse), stock
                )
            packed[nearest_warehouse] += rest
        for warehouse_id, part in packed.items():
            order_state.shipment_lines.append(
                ShipmentLine(shipment=external_from(warehouse_id), line=line, quantity=part)
            )
    update_shipped_at(order_state, now)
    return short


def _choose_allocated(
    order_state: OrderState, line: OrderLine, units: int, excluded: Collection[Shipment]
) -> list[tuple[int, int]]:
    """Return from which warehouses allocated units of a line leave: (warehouse id, units) for each part.

    Units that are in no shipment are used first. Others are removed from their open shipment (`_remove_units`), except
    from those in `excluded`.
    """
    unshipped: dict[int, int] = defaultdict(int)
    for row in open_allocations(order_state, line):
        unshipped[row.stock_item.warehouse_id] += row.quantity
    in_shipments = [
        (shipment, row)
        for shipment in order_state.open_shipments
        for row in order_state.lines_of(shipment)
        if row.line is line and (shipment.warehouse_id in unshipped or not line.is_counted)
    ]
    for shipment, shipment_line in in_shipments:
        if line.is_counted:
            unshipped[shipment.warehouse_id or 0] -= shipment_line.quantity
    found: list[tuple[int, int]] = []
    for warehouse_id, count in unshipped.items():
        if part := min(units, max(count, 0)):
            found.append((warehouse_id, part))
            units -= part
    for shipment, shipment_line in in_shipments:
        part = min(units, shipment_line.quantity)
        if part and shipment not in excluded:
            found.append((shipment.warehouse_id or 0, part))
            units -= part
            _remove_units(order_state, shipment, shipment_line, part)
    return found


def _remove_units(order_state: OrderState, shipment: Shipment, row: ShipmentLine, units: int) -> None:
    """Remove units from an open shipment. An empty one is cancelled; for one that is packed a problem is opened."""
    row.quantity -= units
    if not row.quantity:
        order_state.remove_line(row)
    if shipment.state != ShipmentState.PLANNED:
        order_state.open_problem(
            problem_codes.LATE_CHANGE,
            _("%(store)s shipped units that are packed in Manifold. Undo packing and compare the shipment.")
            % {"store": order_state.connection.name},
            key="shipment",
        )
    if not order_state.lines_of(shipment):
        shipment.state = ShipmentState.CANCELLED


def _ship_available(
    order_state: OrderState, line: OrderLine, units: int, shipment: Shipment, stock: StockSession
) -> int:
    """Ship units that are allocated to no order, from the nearest warehouses; return how many there were."""
    if not line.variant_id:
        return 0
    shipped = 0
    item_at = {item.warehouse_id: item.pk for item in stock.by_variant.get(line.variant_id, ())}
    for warehouse_id in stock.warehouses_of.get(order_state.connection.pk, ()):
        item_id = item_at.get(warehouse_id)
        part = min(units - shipped, max(stock.available(item_id), 0)) if item_id else 0
        if item_id and part:
            stock.ship(item_id, part, is_allocated=False, shipment=shipment, reason=_reason(order_state))
            shipped += part
    return shipped


def record_delivery(order_state: OrderState, now: datetime) -> None:
    """Mark an order and its shipments as delivered.

    If the channel accepts no “delivered”, the order goes to the list of those that a person enters there (R-ORD-14).
    """
    if order_state.order.delivered_at is None:
        order_state.order.delivery_to_do = bool(order_state.connection.spec.delivered_to_do)
    for shipment in order_state.live_shipments:
        if shipment.state == ShipmentState.HANDED_OVER:
            shipment.state, shipment.delivered_at = ShipmentState.DELIVERED, now
    order_state.order.delivered_at = order_state.order.delivered_at or now


def update_shipped_at(order_state: OrderState, now: datetime) -> None:
    """Mark an order as shipped when no unit and no shipment of it is left to send."""
    left = any(
        line.quantity > line.shipped + line.cancelled for line in order_state.lines if line.needs_stock
    )
    if not left and not order_state.open_shipments and order_state.order.shipped_at is None:
        order_state.order.shipped_at = now


def _reason(order_state: OrderState) -> str:
    return _("Order %(order)s") % {"order": order_state.order}

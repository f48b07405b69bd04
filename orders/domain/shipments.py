"""What happens to the parcels of one order, in memory: planned, packed, ready, handed over, shipped elsewhere."""

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
    work: OrderState, now: datetime, carrier: Carrier | None, *, home: int | None = None
) -> list[Shipment]:
    """One parcel per warehouse that serves the order, with what it holds for it (RFP).

    What nobody counts goes into the first of them, or into one of its own from the warehouse `home`.
    An order with nothing that needs stock gets one parcel without lines, so that it runs the same way.
    """
    by_warehouse: dict[int | None, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    lines: dict[int, OrderLine] = {}
    for row in open_allocations(work):
        lines[id(row.line)] = row.line
        by_warehouse[row.stock_item.warehouse_id][id(row.line)] += row.quantity
    loose = {id(line): line for line in work.lines if line.needs_stock and not line.is_counted}
    for key, line in loose.items():
        if left := line.quantity - line.shipped - line.cancelled:
            lines[key] = line
            by_warehouse[next(iter(by_warehouse), home)][key] += left
    if not by_warehouse:
        by_warehouse[None] = {}
    planned = []
    for warehouse_id, units in by_warehouse.items():
        shipment = add_shipment(work, now, warehouse_id=warehouse_id, carrier=carrier)
        for key, quantity in units.items():
            work.parcel_lines.append(
                make(ShipmentLine, shipment=shipment, line=lines[key], quantity=quantity)
            )
        planned.append(shipment)
    work.order.released_at = now
    return planned


def add_shipment(
    work: OrderState,
    now: datetime,
    *,
    warehouse_id: int | None,
    carrier: Carrier | None = None,
    state: str = ShipmentState.PLANNED,
    is_external: bool = False,
) -> Shipment:
    number = max((shipment.number for shipment in work.shipments), default=0) + 1
    shipment = make(
        Shipment,
        order=work.order,
        number=number,
        warehouse_id=warehouse_id,
        carrier=carrier,
        state=state,
        is_external=is_external,
        created_at=now,
    )
    work.shipments.append(shipment)
    return shipment


def cancel_open_shipments(work: OrderState) -> None:
    """The parcels that have not left are put away; their units stay held."""
    for shipment in work.open_shipments:
        shipment.state = ShipmentState.CANCELLED
    work.order.released_at = None


def hand_over(work: OrderState, shipment: Shipment, ledger: StockSession, now: datetime) -> int:
    """A parcel leaves the house: its units leave the shelves (R-SHIP-04). Returns units that no shelf could give."""
    short = 0
    for row in work.lines_of(shipment):
        if not row.line.is_counted:
            row.line.shipped += row.quantity
            continue
        used = consume_allocations(work, row.line, row.quantity, now, warehouse_id=shipment.warehouse_id)
        for item_id, units in used:
            ledger.consume(item_id, units, held=True, shipment=shipment, reason=_reason(work))
        missing = row.quantity - sum(units for _item, units in used)
        if missing:
            row.line.shipped += missing
            short += missing - _consume_free(work, row.line, missing, shipment, ledger)
    shipment.state, shipment.handed_over_at = ShipmentState.HANDED_OVER, now
    update_shipped_at(work, now)
    return short


def record_channel_shipment(
    work: OrderState,
    ledger: StockSession,
    now: datetime,
    *,
    lines: Mapping[int, int] | None = None,
    keep: Collection[Shipment] = (),
    carrier: Carrier | None = None,
    tracking_number: str = "",
    external_id: str = "",
) -> int:
    """The channel shipped it, not we: its units leave the shelves too (R-ORD-16). Returns units short.

    `lines` (by `id(line)`) says what left; None = all that has not. An open parcel of ours that holds nothing else
    leaves with it: what was packed here is what was sent. Another one gives up the units, unless it is one of `keep`.
    The rest is an external parcel per warehouse.
    """
    short = 0
    left: dict[int, int] = dict(lines or {})
    for shipment in work.open_shipments:
        rows = work.lines_of(shipment)
        is_part = not rows or any(left.get(id(row.line), 0) < row.quantity for row in rows)
        if lines is not None and (is_part or shipment in keep):
            continue
        if shipment.state == ShipmentState.PLANNED:
            shipment.is_external = True
        shipment.carrier = shipment.carrier or carrier
        shipment.tracking_number = shipment.tracking_number or tracking_number[:120]
        shipment.external_id = shipment.external_id or external_id[:120]
        for row in rows:
            left[id(row.line)] = left.get(id(row.line), 0) - row.quantity
        short += hand_over(work, shipment, ledger, now)
    if lines is None:
        left = {
            id(line): line.quantity - line.shipped - line.cancelled for line in work.lines if line.needs_stock
        }
    parcels: dict[int | None, Shipment] = {}

    def parcel(warehouse_id: int | None) -> Shipment:
        if warehouse_id not in parcels:
            made = add_shipment(
                work,
                now,
                warehouse_id=warehouse_id,
                carrier=carrier,
                state=ShipmentState.HANDED_OVER,
                is_external=True,
            )
            made.tracking_number, made.external_id = tracking_number[:120], external_id[:120]
            made.handed_over_at = now
            parcels[warehouse_id] = made
        return parcels[warehouse_id]

    for line in work.lines:
        units = min(left.get(id(line), 0), line.quantity - line.shipped - line.cancelled)
        if units <= 0:
            continue
        packed: dict[int | None, int] = defaultdict(int)
        for place, part in _promised(work, line, units, keep):
            for item_id, taken in consume_allocations(work, line, part, now, warehouse_id=place):
                ledger.consume(item_id, taken, held=True, shipment=parcel(place), reason=_reason(work))
                packed[place] += taken
        rest = units - sum(packed.values())
        if rest:
            line.shipped += rest
            home = next(iter(ledger.serving.get(work.connection.pk, ())), None)
            if line.is_counted:
                short += rest - _consume_free(work, line, rest, parcel(home), ledger)
            packed[home] += rest
        for warehouse_id, part in packed.items():
            work.parcel_lines.append(ShipmentLine(shipment=parcel(warehouse_id), line=line, quantity=part))
    update_shipped_at(work, now)
    return short


def _promised(
    work: OrderState, line: OrderLine, units: int, keep: Collection[Shipment]
) -> list[tuple[int, int]]:
    """From which warehouses the promised units of a line leave: (warehouse, units), first those in no parcel.

    Units in an open parcel are taken out of it; one that was packed is looked at by a person, an empty one is put
    away. What lies in a parcel of `keep` is not touched.
    """
    free: dict[int, int] = defaultdict(int)
    for promise in open_allocations(work, line):
        free[promise.stock_item.warehouse_id] += promise.quantity
    parcels_with = [
        (shipment, row)
        for shipment in work.open_shipments
        for row in work.lines_of(shipment)
        if row.line is line and (shipment.warehouse_id in free or not line.is_counted)
    ]
    for shipment, row in parcels_with:
        if line.is_counted:
            free[shipment.warehouse_id or 0] -= row.quantity
    found: list[tuple[int, int]] = []
    for place, there in free.items():
        if part := min(units, max(there, 0)):
            found.append((place, part))
            units -= part
    for shipment, row in parcels_with:
        part = min(units, row.quantity)
        if part and shipment not in keep:
            found.append((shipment.warehouse_id or 0, part))
            units -= part
            _take_out(work, shipment, row, part)
    return found


def _take_out(work: OrderState, shipment: Shipment, row: ShipmentLine, units: int) -> None:
    row.quantity -= units
    if not row.quantity:
        work.drop(row)
    if shipment.state != ShipmentState.PLANNED:
        work.open_problem(
            problem_codes.LATE_CHANGE,
            _("%(store)s shipped part of what is packed here: take it back from packing and compare.")
            % {"store": work.connection.name},
        )
    if not work.lines_of(shipment):
        shipment.state = ShipmentState.CANCELLED


def _consume_free(
    work: OrderState, line: OrderLine, units: int, shipment: Shipment, ledger: StockSession
) -> int:
    """Take units that nobody was promised, nearest warehouse first; returns how many there were."""
    if not line.variant_id:
        return 0
    given = 0
    places = {item.warehouse_id: item.pk for item in ledger.shelves.get(line.variant_id, ())}
    for warehouse_id in ledger.serving.get(work.connection.pk, ()):
        item_id = places.get(warehouse_id)
        part = min(units - given, max(ledger.free(item_id), 0)) if item_id else 0
        if item_id and part:
            ledger.consume(item_id, part, held=False, shipment=shipment, reason=_reason(work))
            given += part
    return given


def record_delivery(work: OrderState, now: datetime) -> None:
    """All that left has arrived. Where the channel cannot be told, somebody has to note it there (R-ORD-14)."""
    if work.order.delivered_at is None:
        work.order.delivery_to_do = bool(work.connection.spec.delivered_to_do)
    for shipment in work.live_shipments:
        if shipment.state == ShipmentState.HANDED_OVER:
            shipment.state, shipment.delivered_at = ShipmentState.DELIVERED, now
    work.order.delivered_at = work.order.delivered_at or now


def update_shipped_at(work: OrderState, now: datetime) -> None:
    """The order is shipped when nothing of it is left here."""
    left = any(line.quantity > line.shipped + line.cancelled for line in work.lines if line.needs_stock)
    if not left and not work.open_shipments and work.order.shipped_at is None:
        work.order.shipped_at = now


def _reason(work: OrderState) -> str:
    return _("Order %(order)s") % {"order": work.order}

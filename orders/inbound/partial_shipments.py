"""Shipments that the channel lists for an order: units that Manifold did not ship are recorded as shipped (R-ORD-16).

The listed units of each line are compared with the units that were shipped in Manifold and with those that the channel
was sent. So nothing is counted twice when a page is imported again, when the channel lists a shipment of Manifold, or
when it changes an id.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _

from channels.contract.records.orders import FulfilmentEvent, OrderRecord, ShipmentRecord
from channels.models import OutboxMessage
from orders import problem_codes
from orders.choices import ShipmentState
from orders.domain import kits
from orders.domain import shipments as domain_shipments
from orders.domain.carriers import carrier_key
from orders.models import Carrier, OrderLine, Shipment, ShipmentLine
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork

SHIPPED_STATES = (ShipmentState.HANDED_OVER, ShipmentState.DELIVERED)


def shipments_known_to_channel(order_states: Iterable[tuple[OrderState, OrderRecord]]) -> set[int]:
    """Return the shipments (ids) that are ready to ship and that their channel knows, or may know; one query.

    A message that was tried and has not failed counts, because its answer may be lost. So does a message whose
    reference the channel returns with the order.
    """
    waiting = {
        shipment.pk: (order_state, record)
        for order_state, record in order_states
        if any(part.lines for part in record.shipments)
        for shipment in order_state.open_shipments
        if shipment.state == ShipmentState.READY and shipment.pk
    }
    if not waiting:
        return set()
    topics = [str(FulfilmentEvent.READY_TO_SHIP), str(FulfilmentEvent.SHIPPED)]
    messages = OutboxMessage.objects.filter(
        connection__in={order_state.connection.pk for order_state, _record in waiting.values()},
        subject__in=list(waiting),
        topic__in=topics,
    ).filter(Q(sent__gt=0) | Q(attempts__gt=0))
    known = set()
    for shipment_id, key, parked_at, skipped_at in messages.values_list(
        "subject", "key", "parked_at", "skipped_at"
    ):
        order_state, record = waiting[shipment_id]
        is_seen = f"{order_state.connection.birthmark}-{key}" in record.own_refs
        if is_seen or (parked_at is None and skipped_at is None):
            known.add(shipment_id)
    return known


def apply_partial_shipments(
    unit: UnitOfWork,
    order_state: OrderState,
    shipments: Sequence[ShipmentRecord],
    carriers: Mapping[str, Carrier],
    known_shipments: set[int],
    at: datetime,
) -> int:
    """Record what the channel has shipped of an order without Manifold; return the units.

    `known_shipments` (ids) are ready shipments that the channel was sent: they stay ready until their manifest. Never
    more units are recorded than are open. `at` is used where the channel gives no time of shipping.
    """
    order = order_state.order
    if order.is_history or order.shipped_at or order_state.is_ended:
        return 0
    excluded = [shipment for shipment in order_state.open_shipments if shipment.pk in known_shipments]
    parts = _new_units(order_state, shipments, excluded)
    _fill_in_tracking(order_state, shipments, carriers)
    if not parts:
        return 0
    stock = unit.stock()
    units = short = 0
    for part, lines in parts:
        units += sum(lines.values())
        short += domain_shipments.record_channel_shipment(
            order_state,
            stock,
            part.shipped_at or at,
            lines=lines,
            excluded=excluded,
            carrier=carriers.get(carrier_key(part.carrier)),
            tracking_number=part.tracking_number,
            external_id=part.external_id,
        )
    name = order_state.connection.name
    if short:
        order_state.open_problem(
            problem_codes.SHIPPED_SHORT,
            _("%(store)s shipped %(units)d units more than were in stock in Manifold. Count the stock.")
            % {"store": name, "units": short},
            units=short,
        )
    if order.shipped_at is None:
        order_state.add_event(
            "ship_part",
            _("%(units)d units shipped on %(store)s, outside Manifold") % {"units": units, "store": name},
        )
    else:
        close_as_shipped(order_state, unit.now)
        order_state.add_event("ship", _("Shipped on %(store)s, outside Manifold") % {"store": name})
    return units


def close_as_shipped(order_state: OrderState, now: datetime) -> None:
    """Close what could block shipping, because the order has been shipped: holds, problems, a cancellation in process."""
    if order_state.order.cancel_asked_by:
        order_state.withdrawn_topics.add(FulfilmentEvent.CANCELLED)
    order_state.order.cancel_asked_by, order_state.order.cancel_asked_at = "", None
    order_state.end_holds(now)
    for code in (
        *problem_codes.LINE_CODES,
        problem_codes.NO_CARRIER,
        problem_codes.ADDRESS_MISSING,
        problem_codes.ADDRESS_WITHHELD,
        problem_codes.ADDRESS_CHANGED,
        problem_codes.PARTLY_REFUNDED,
    ):
        order_state.close_problem(code, _("The order was shipped."))


def _new_units(
    order_state: OrderState, shipments: Sequence[ShipmentRecord], excluded: Sequence[Shipment]
) -> list[tuple[ShipmentRecord, dict[int, int]]]:
    """Return the units of each listed shipment that are not recorded yet, by `id(line)`; at most what is open."""
    lines = {line.external_id: line for line in order_state.lines if line.needs_stock}
    shipments = [replace(part, lines=kits.in_components(order_state, part.lines)) for part in shipments]
    parts = [part for part in shipments if any(key in lines for key in part.lines)]
    if not parts:
        return []
    counted, waiting = Counter[int](), Counter[int]()
    excluded_ids = {id(shipment) for shipment in excluded}
    for row in order_state.shipment_lines:
        if id(row.shipment) in excluded_ids:
            waiting[id(row.line)] += row.quantity
        elif row.shipment.state in SHIPPED_STATES:
            counted[id(row.line)] += row.quantity
    left = {}
    for key, line in lines.items():
        listed = sum(max(part.lines.get(key, 0), 0) for part in parts)
        new = listed - counted[id(line)] - waiting[id(line)]
        left[key] = max(min(new, _open_units(line) - waiting[id(line)]), 0)
    live = order_state.live_shipments
    known = {one for shipment in live for one in shipment.external_id.split(",") if one}
    known |= {shipment.tracking_number for shipment in live if shipment.tracking_number}
    found = []
    for part in sorted(parts, key=lambda part: part.external_id in known or part.tracking_number in known):
        units = {}
        for key, quantity in part.lines.items():
            if taken := min(left.get(key, 0), max(quantity, 0)):
                left[key] -= taken
                units[id(lines[key])] = taken
        if units:
            found.append((part, units))
    return found


def _open_units(line: OrderLine) -> int:
    """Return the units of a line that are neither shipped nor cancelled."""
    return line.quantity - line.shipped - line.cancelled


def _fill_in_tracking(
    order_state: OrderState, shipments: Sequence[ShipmentRecord], carriers: Mapping[str, Carrier]
) -> None:
    """Add a tracking number or a carrier that the channel lists later for one of its own shipments."""
    external = {
        shipment.external_id: shipment for shipment in order_state.live_shipments if shipment.is_external
    }
    for part in shipments:
        shipment = external.get(part.external_id) if part.external_id else None
        if shipment is not None:
            shipment.tracking_number = shipment.tracking_number or part.tracking_number[:120]
            shipment.carrier = shipment.carrier or carriers.get(carrier_key(part.carrier))


def import_past_shipments(
    order_state: OrderState,
    shipments: Sequence[ShipmentRecord],
    carriers: Mapping[str, Carrier],
    at: datetime,
) -> None:
    """Add the shipments of a new order that left before its first import. They change no stock (R-ORD-16)."""
    created: dict[int, Shipment] = {}
    rows: dict[tuple[int, int], int] = defaultdict(int)
    for part, lines in _new_units(order_state, shipments, ()):
        left_at = part.shipped_at or at
        shipment = domain_shipments.add_shipment(
            order_state,
            left_at,
            warehouse_id=None,
            carrier=carriers.get(carrier_key(part.carrier)),
            state=ShipmentState.HANDED_OVER,
            is_external=True,
        )
        shipment.tracking_number, shipment.external_id = part.tracking_number[:120], part.external_id[:120]
        shipment.handed_over_at = left_at
        created[id(shipment)] = shipment
        for line_id, units in lines.items():
            rows[id(shipment), line_id] += units
    lines_by_id = {id(line): line for line in order_state.lines}
    for (shipment_id, line_id), units in rows.items():
        line = lines_by_id[line_id]
        line.shipped += units
        order_state.shipment_lines.append(
            ShipmentLine(shipment=created[shipment_id], line=line, quantity=units)
        )
    if created:
        domain_shipments.update_shipped_at(order_state, at)

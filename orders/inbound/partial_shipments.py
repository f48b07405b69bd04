"""Parts of an order that the channel has shipped, not we: those units have left, the rest stays open (R-ORD-16).

What the channel lists is counted per line against what has left here and what it was told of, so that the same page
again, an echo of our own parcel, or an id that changes there moves nothing twice.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _

from channels.contract.records.orders import FulfilmentEvent, OrderRecord, ShipmentRecord
from channels.models import OutboxMessage
from orders import problem_codes
from orders.choices import ShipmentState
from orders.domain import shipments as domain_shipments
from orders.domain.carriers import carrier_key
from orders.models import Carrier, OrderLine, Shipment, ShipmentLine
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork

SHIPPED_STATES = (ShipmentState.HANDED_OVER, ShipmentState.DELIVERED)


def shipments_known_to_channel(order_states: Iterable[tuple[OrderState, OrderRecord]]) -> set[int]:
    """Our parcels (ids) that are ready here and that their channel has, or may have, been told of; one query.

    A message that was tried and not parked counts, since its answer may be lost; so does one whose reference the
    channel gives back.
    """
    waiting = {
        parcel.pk: (order_state, record)
        for order_state, record in order_states
        if any(part.lines for part in record.shipments)
        for parcel in order_state.open_shipments
        if parcel.state == ShipmentState.READY and parcel.pk
    }
    if not waiting:
        return set()
    topics = [str(FulfilmentEvent.READY_TO_SHIP), str(FulfilmentEvent.SHIPPED)]
    messages = OutboxMessage.objects.filter(
        connection__in={order_state.connection.pk for order_state, _record in waiting.values()},
        subject__in=list(waiting),
        topic__in=topics,
    ).filter(Q(sent__gt=0) | Q(attempts__gt=0))
    told = set()
    for parcel_id, key, parked_at, skipped_at in messages.values_list(
        "subject", "key", "parked_at", "skipped_at"
    ):
        order_state, record = waiting[parcel_id]
        is_seen = f"{order_state.connection.birthmark}-{key}" in record.own_refs
        if is_seen or (parked_at is None and skipped_at is None):
            told.add(parcel_id)
    return told


def apply_partial_shipments(
    unit: UnitOfWork,
    order_state: OrderState,
    shipments: Sequence[ShipmentRecord],
    carriers: Mapping[str, Carrier],
    told: set[int],
    at: datetime,
) -> int:
    """Take the channel's word for what it has shipped of this order; returns the units that left with it.

    `told` are our ready parcels that the channel knows: they stay here until their manifest. Units are never more
    than what is open; our own parcel that is just what was shipped is handed over, another one gives up the units.
    """
    order = order_state.order
    if order.is_history or order.shipped_at or order_state.is_ended:
        return 0
    keep = [parcel for parcel in order_state.open_shipments if parcel.pk in told]
    news = _new_units(order_state, shipments, keep)
    _fill_in_tracking(order_state, shipments, carriers)
    if not news:
        return 0
    stock = unit.stock()
    units = short = 0
    for part, lines in news:
        units += sum(lines.values())
        short += domain_shipments.record_channel_shipment(
            order_state,
            stock,
            part.shipped_at or at,
            lines=lines,
            keep=keep,
            carrier=carriers.get(carrier_key(part.carrier)),
            tracking_number=part.tracking_number,
            external_id=part.external_id,
        )
    name = order_state.connection.name
    if short:
        order_state.open_problem(
            problem_codes.SHIPPED_SHORT,
            _("%(store)s shipped %(units)d units more than there were in stock here: count the stock.")
            % {"store": name, "units": short},
            units=short,
        )
    if order.shipped_at is None:
        order_state.add_event(
            "ship_part",
            _("%(units)d units shipped at %(store)s, not from here") % {"units": units, "store": name},
        )
    else:
        close_as_shipped(order_state, unit.now)
        order_state.add_event("ship", _("Shipped at %(store)s, not from here") % {"store": name})
    return units


def close_as_shipped(order_state: OrderState, now: datetime) -> None:
    """Nothing of the order is left here: what stood in the way of shipping is over, and so is a wish to cancel."""
    if order_state.order.cancel_asked_by:
        order_state.withdrawn_topics.add(FulfilmentEvent.CANCELLED)
    order_state.order.cancel_asked_by, order_state.order.cancel_asked_at = "", None
    order_state.end_holds(now)
    for code in (
        problem_codes.UNKNOWN_SKU,
        problem_codes.NO_CARRIER,
        problem_codes.ADDRESS_MISSING,
        problem_codes.ADDRESS_WITHHELD,
        problem_codes.PARTLY_REFUNDED,
    ):
        order_state.close_problem(code, _("It was shipped."))


def _new_units(
    order_state: OrderState, shipments: Sequence[ShipmentRecord], keep: Sequence[Shipment]
) -> list[tuple[ShipmentRecord, dict[int, int]]]:
    """Per part, units by `id(line)` that we have not counted yet, at most what is open of the line."""
    lines = {line.external_id: line for line in order_state.lines if line.needs_stock}
    parts = [part for part in shipments if any(key in lines for key in part.lines)]
    if not parts:
        return []
    counted, waiting = Counter[int](), Counter[int]()
    kept = {id(parcel) for parcel in keep}
    for row in order_state.shipment_lines:
        if id(row.shipment) in kept:
            waiting[id(row.line)] += row.quantity
        elif row.shipment.state in SHIPPED_STATES:
            counted[id(row.line)] += row.quantity
    left = {}
    for key, line in lines.items():
        there = sum(max(part.lines.get(key, 0), 0) for part in parts)
        fresh = there - counted[id(line)] - waiting[id(line)]
        left[key] = max(min(fresh, _open_units(line) - waiting[id(line)]), 0)
    known = {one for parcel in order_state.live_shipments for one in parcel.external_id.split(",") if one}
    known |= {parcel.tracking_number for parcel in order_state.live_shipments if parcel.tracking_number}
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
    return line.quantity - line.shipped - line.cancelled


def _fill_in_tracking(
    order_state: OrderState, shipments: Sequence[ShipmentRecord], carriers: Mapping[str, Carrier]
) -> None:
    """A number or a carrier that comes later for a parcel that was made there."""
    mine = {parcel.external_id: parcel for parcel in order_state.live_shipments if parcel.is_external}
    for part in shipments:
        parcel = mine.get(part.external_id) if part.external_id else None
        if parcel is not None:
            parcel.tracking_number = parcel.tracking_number or part.tracking_number[:120]
            parcel.carrier = parcel.carrier or carriers.get(carrier_key(part.carrier))


def import_past_shipments(
    order_state: OrderState,
    shipments: Sequence[ShipmentRecord],
    carriers: Mapping[str, Carrier],
    at: datetime,
) -> None:
    """Parts that had left before the order was first read: they are history and move no stock (R-ORD-16)."""
    made: dict[int, Shipment] = {}
    rows: dict[tuple[int, int], int] = defaultdict(int)
    for part, lines in _new_units(order_state, shipments, ()):
        left_at = part.shipped_at or at
        parcel = domain_shipments.add_shipment(
            order_state,
            left_at,
            warehouse_id=None,
            carrier=carriers.get(carrier_key(part.carrier)),
            state=ShipmentState.HANDED_OVER,
            is_external=True,
        )
        parcel.tracking_number, parcel.external_id = part.tracking_number[:120], part.external_id[:120]
        parcel.handed_over_at = left_at
        made[id(parcel)] = parcel
        for line_id, units in lines.items():
            rows[id(parcel), line_id] += units
    lines_by_id = {id(line): line for line in order_state.lines}
    for (parcel_id, line_id), units in rows.items():
        line = lines_by_id[line_id]
        line.shipped += units
        order_state.shipment_lines.append(ShipmentLine(shipment=made[parcel_id], line=line, quantity=units))
    if made:
        domain_shipments.update_shipped_at(order_state, at)

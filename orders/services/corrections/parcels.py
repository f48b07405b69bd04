"""Split a shipment into several parcels, each with its own tracking number, and share the money of the order among them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from channels.contract.spec import Capability
from oms.kit.authors.actors import Author
from oms.kit.bulk import make
from oms.kit.numbers import quantise, share
from orders.choices import ShipmentState
from orders.domain.shipments import add_shipment
from orders.errors import OrderError
from orders.models import Order, OrderLine, ShipmentLine
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork

#: Parcels that one order can have.
MOST_PARCELS = 50


def split_parcel(*, order_id: int, shipment_id: int, units: Mapping[int, int], by: Author) -> str:
    """Put units of a shipment into a parcel of its own; return what was done and what the channel will be sent.

    `units` is line id -> units. The new parcel has the warehouse, carrier, service and status of the shipment, and no
    tracking number. A channel that takes part shipments is sent each parcel (R-ORD-13); the others are sent all tracking
    numbers together. *Undo packing* puts the parcels together again.

    Raises `OrderError` when the shipment is ready to ship or has left, is at a warehouse system, when no unit or all
    units are chosen, or more than it has. Nothing is changed then.
    """
    with transaction.atomic():
        unit = UnitOfWork.load([order_id])
        order_state = unit.order_states[0] if unit.order_states else None
        shipment = next(
            (each for each in (order_state.shipments if order_state else ()) if each.pk == shipment_id), None
        )
        if order_state is None or shipment is None:
            raise OrderError(_("This shipment no longer exists."))
        if shipment.state not in (ShipmentState.PLANNED, ShipmentState.PACKED):
            raise OrderError(_("Only a shipment that is not ready to ship yet can be split."))
        if any(row.is_open and row.shipment is shipment for row in order_state.handovers):
            raise OrderError(_("A warehouse system packs this shipment. It decides about the parcels."))
        if len(order_state.live_shipments) >= MOST_PARCELS:
            raise OrderError(_("An order has at most %d parcels.") % MOST_PARCELS)
        rows = {row.line.pk: row for row in order_state.lines_of(shipment)}
        chosen = {pk: count for pk, count in units.items() if count}
        for pk, count in chosen.items():
            row = rows.get(pk)
            if row is None or not 0 < count <= row.quantity:
                raise OrderError(_("Choose units of this shipment, at most as many as it has."))
        if not chosen:
            raise OrderError(_("Enter how many units go into the new parcel."))
        if sum(chosen.values()) == sum(row.quantity for row in rows.values()):
            raise OrderError(_("At least one unit must stay in the first parcel."))
        parcel = add_shipment(
            order_state,
            unit.now,
            warehouse_id=shipment.warehouse_id,
            carrier=shipment.carrier,
            state=shipment.state,
        )
        parcel.service, parcel.packed_at = shipment.service, shipment.packed_at
        for pk, count in chosen.items():
            row = rows[pk]
            row.quantity -= count
            if not row.quantity:
                order_state.remove_line(row)
            order_state.shipment_lines.append(
                make(ShipmentLine, shipment=parcel, line=row.line, quantity=count)
            )
        text = _("Shipment S%(old)d split: %(units)s in parcel S%(new)d") % {
            "old": shipment.number,
            "new": parcel.number,
            "units": ", ".join(f"{count} × {_name(rows[pk])}" for pk, count in chosen.items())[:150],
        }
        order_state.add_event("split", text)
        sent = _sent_text(order_state)
        unit.flush(by)
    return " ".join(filter(None, [f"{text}.", sent]))


def _name(row: ShipmentLine) -> str:
    return row.line.sku or row.line.title


def _sent_text(order_state: OrderState) -> str:
    """Return what the channel is sent about several parcels; "" for a store without a web shop."""
    store = order_state.connection
    if not store.spec.has_wire:
        return ""
    if store.spec.supports(Capability.SPLIT_SHIPMENTS):
        return _("%s is sent each parcel with its own tracking number.") % store.name
    return (
        _("%s takes no part shipments: it is sent the tracking numbers of all parcels together.") % store.name
    )


def values_of_parcels(order: Order, parcels: Sequence[Mapping[int, int]]) -> list[Decimal]:
    """Return the share of the order's total of each parcel, and last that of the units in no parcel.

    `parcels` is line id -> units for each; the lines are those of the order (`order.lines`). The total is shared by the
    value of the goods, by largest remainder in minor units: the shares add up to the total exactly (R-PLUS-10).
    """
    return shares(order.total, amounts_of(list(order.lines.all())), parcels, order.currency)


def amounts_of(lines: Sequence[OrderLine]) -> list[tuple[int, int, Decimal]]:
    """Return (id, units, amount) of each line. The amount of a kit is divided evenly among the units of its components."""
    in_kit: dict[int, int] = defaultdict(int)
    for line in lines:
        if line.parent_id and line.kit_units:
            in_kit[line.parent_id] += line.quantity
    totals = {line.pk: line.total for line in lines}
    found = []
    for line in lines:
        if line.pk in in_kit:
            continue
        amount = line.total
        if line.parent_id and line.kit_units:
            amount = totals[line.parent_id] * line.quantity / max(in_kit[line.parent_id], 1)
        found.append((line.pk, line.quantity - line.cancelled, amount))
    return found


def shares(
    total: Decimal,
    lines: Sequence[tuple[int, int, Decimal]],
    parcels: Sequence[Mapping[int, int]],
    currency: str,
) -> list[Decimal]:
    """Return how `total` is shared among parcels and, last, the units in no parcel; a pure function.

    `lines` are (id, units, amount); `parcels` is line id -> units for each. Where no goods have a value the units count.
    A part of the total that is smaller than a minor unit goes to the first share that is not 0.
    """
    weights = [Decimal(0)] * (len(parcels) + 1)
    counts = [0] * (len(parcels) + 1)
    for pk, units, amount in lines:
        if units <= 0:
            continue
        left = units
        for index, parcel in enumerate(parcels):
            part = min(max(parcel.get(pk, 0), 0), left)
            left -= part
            weights[index] += max(amount, Decimal(0)) * part / units
            counts[index] += part
        weights[-1] += max(amount, Decimal(0)) * left / units
        counts[-1] += left
    found = share(total, weights if any(weights) else counts, currency)
    rest = total - quantise(abs(total), currency).copy_sign(total)
    if rest:
        index = next((i for i, value in enumerate(found) if value), 0)
        found[index] += rest
    return found

"""Record what a warehouse system (WMS) reports about a shipment (R-WMS-01).

A fact moves the shipment forward only. The same fact again changes nothing; one that is older than what is known is
refused. Facts are recorded whatever holds or problems the order has; these only stop the moves that they name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from channels.models import Connection
from oms.kit.authors.actors import Author
from orders import problem_codes
from orders.choices import HandoverState, ShipmentState
from orders.domain.handovers import RANK, end_shipment
from orders.errors import OrderError
from orders.inbound.wms import recall, shipping
from orders.models import Handover, WmsEvent
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork

S = HandoverState


class NoSuchShipment(OrderError):
    """There is no such shipment, or it belongs to another warehouse."""


class OutOfOrder(OrderError):
    """The fact is older than what is known, or the shipment is closed."""


class OtherReference(OrderError):
    """The WMS has given the shipment another reference before."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A parcel as the WMS packed it; weights in grams, sizes in millimetres."""

    tracking_number: str = ""
    carrier: str = ""
    service: str = ""
    weight_grams: int | None = None
    size_mm: Sequence[int] = ()
    lines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PickedLine:
    """How many units of a SKU were picked; `reason` says why fewer than ordered."""

    sku: str
    picked: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """One event of a WMS. `key` is the id of its call: the same call is recorded once."""

    key: str
    kind: str
    occurred_at: datetime
    reference: str = ""
    reason: str = ""
    lines: Sequence[PickedLine] = ()
    parcels: Sequence[Parcel] = ()
    data: Mapping[str, Any] = field(default_factory=dict)


Effect = Callable[[UnitOfWork, OrderState, Handover, Fact], None]


def record(*, wms: Connection, warehouse_id: int, uuid: UUID, fact: Fact, by: Author) -> Handover:
    """Record a fact about a shipment of this warehouse, and what follows from it; return the shipment's hand-over.

    Raises `NoSuchShipment`, also for a shipment of another WMS or warehouse; `OutOfOrder`; `OtherReference`;
    `OrderError` for lines that are not in the shipment. Nothing is changed then.
    """
    with transaction.atomic():
        rows = Handover.objects.filter(connection=wms, uuid=uuid, shipment__warehouse=warehouse_id)
        found = rows.values_list("pk", "shipment__order").first()
        if found is None:
            raise NoSuchShipment(_("There is no such shipment."))
        unit = UnitOfWork.load([found[1]])
        order_state = unit.order_states[0]
        row = next(each for each in order_state.handovers if each.pk == found[0])
        if row.facts.filter(key=fact.key).exists():
            return row
        if _is_new(row, fact):
            _EFFECTS[fact.kind](unit, order_state, row, fact)
            WmsEvent.objects.create(
                handover=row,
                key=fact.key,
                kind=fact.kind,
                occurred_at=fact.occurred_at,
                data=dict(fact.data),
                received_at=unit.now,
            )
            unit.flush(by)
    return row


def _is_new(row: Handover, fact: Fact) -> bool:
    """Return whether a fact is new; raise `OutOfOrder` for one that would move the shipment back."""
    if fact.reference and row.reference and fact.reference != row.reference:
        raise OtherReference(_("The shipment has the reference “%s” already.") % row.reference)
    if row.facts.filter(kind=fact.kind).exists() and fact.kind != "shipment.cancel_refused":
        return False
    if fact.kind == "shipment.dispatched" and row.state != S.DISPATCHED:
        return True  # the goods have left, whatever was agreed before
    if not row.is_open:
        raise OutOfOrder(
            _("The shipment is closed: %(state)s. “%(kind)s” comes too late.")
            % {"state": row.get_state_display(), "kind": fact.kind}
        )
    target = _TARGETS.get(fact.kind)
    if target is not None and RANK[target] <= RANK[row.state]:
        raise OutOfOrder(
            _("The shipment is further already: %(state)s. “%(kind)s” comes too late.")
            % {"state": row.get_state_display(), "kind": fact.kind}
        )
    return True


# ---------------------------------------------------------------- what each fact does


def _progress(unit: UnitOfWork, order_state: OrderState, row: Handover, fact: Fact) -> None:
    row.state = _TARGETS[fact.kind]
    if fact.reference and not row.reference:
        row.reference = fact.reference[:120]
    order_state.add_event("wms", f"{row.get_state_display()}: {row.shipment}")


def _picked(unit: UnitOfWork, order_state: OrderState, row: Handover, fact: Fact) -> None:
    _progress(unit, order_state, row, fact)
    if fact.parcels:
        row.parcels = shipping.as_stored(fact.parcels)
        shipping.use_parcels(order_state, row.shipment, fact.parcels, unit.now)
    if reason := shipping.make_ready(unit, order_state, row.shipment):
        order_state.add_event("wms", _("Not ready to ship yet: %(reason)s") % {"reason": reason})


def _dispatched(unit: UnitOfWork, order_state: OrderState, row: Handover, fact: Fact) -> None:
    if fact.parcels:
        row.parcels = shipping.as_stored(fact.parcels)
    if not row.is_open or row.shipment.state == ShipmentState.CANCELLED:
        order_state.open_problem(
            problem_codes.WMS_SHIPPED_CANCELLED,
            _(
                "The warehouse system shipped %(shipment)s after it was cancelled. Handle it as a return, count the stock."
            )
            % {"shipment": row.shipment},
            key=str(row.uuid),
        )
        row.state = S.DISPATCHED
        order_state.add_event("wms", _("Dispatched, although it was cancelled: %s") % row.shipment)
        return
    if row.recall:
        recall.refuse(order_state, row, unit, _("it was dispatched already"))
    row.state = S.DISPATCHED
    shipping.use_parcels(order_state, row.shipment, fact.parcels, unit.now)
    shipping.hand_over(unit, order_state, row.shipment)


def _rejected(unit: UnitOfWork, order_state: OrderState, row: Handover, fact: Fact) -> None:
    if fact.kind == "shipment.rejected" and RANK[row.state] >= RANK[S.PICKED]:
        raise OutOfOrder(_("The shipment is picked already. It cannot be rejected any more."))
    row.state = S.REJECTED
    order_state.open_problem(
        problem_codes.WMS_REJECTED,
        _("The warehouse rejected the shipment: %(reason)s. Undo packing, correct it, and release it again.")
        % {"reason": fact.reason or _("no reason given")},
        key=str(row.uuid),
    )
    order_state.add_event("wms", _("Rejected by the warehouse: %s") % (fact.reason or row.shipment))


def _short_picked(unit: UnitOfWork, order_state: OrderState, row: Handover, fact: Fact) -> None:
    missing = shipping.missing_units(order_state, row.shipment, fact.lines)
    text = ", ".join(f"{units} × {sku}" for sku, units in sorted(missing.items()))
    shipping.take_off(unit, order_state, row.shipment, missing, fact.lines)
    end_shipment(row, S.SHORT_PICKED)
    if not order_state.open_shipments:
        order_state.order.released_at = None
    order_state.open_problem(
        problem_codes.WMS_SHORT_PICKED,
        _("The warehouse did not find %(units)s. Wait for stock, or cancel these units and release the rest.")
        % {"units": text},
        key=str(row.uuid),
    )
    order_state.add_event("wms", _("Short-picked: %s") % text)


def _cancelled(unit: UnitOfWork, order_state: OrderState, row: Handover, fact: Fact) -> None:
    if not row.recall and row.shipment.state != ShipmentState.CANCELLED:
        _rejected(unit, order_state, row, fact)  # nobody asked for it
        return
    recall.agree(order_state, row, unit)


def _cancel_refused(unit: UnitOfWork, order_state: OrderState, row: Handover, fact: Fact) -> None:
    if not row.recall:
        raise OutOfOrder(_("Manifold has not asked for the cancellation of this shipment."))
    recall.refuse(order_state, row, unit, fact.reason)


#: The state that a fact leads to, where it is one of the steps forward.
_TARGETS: dict[str, str] = {
    "shipment.received": S.RECEIVED,
    "shipment.allocated": S.ALLOCATED,
    "shipment.picking_started": S.PICKING,
    "shipment.picked": S.PICKED,
    "shipment.packed": S.PACKED,
    "shipment.dispatched": S.DISPATCHED,
}

_EFFECTS: dict[str, Effect] = {
    "shipment.received": _progress,
    "shipment.allocated": _progress,
    "shipment.picking_started": _progress,
    "shipment.picked": _picked,
    "shipment.packed": _picked,
    "shipment.dispatched": _dispatched,
    "shipment.rejected": _rejected,
    "shipment.short_picked": _short_picked,
    "shipment.cancelled": _cancelled,
    "shipment.cancel_refused": _cancel_refused,
}

#: The events that a WMS may report.
KINDS = tuple(_EFFECTS)

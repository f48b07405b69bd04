"""Release, take back, pack and mark ready to ship."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.db import transaction
from django.utils.translation import gettext as _

from channels.contract.records.orders import FulfilmentEvent
from channels.contract.spec import Capability
from channels.pull.single_records import request_orders
from oms.kit.actors import Author
from orders import problem_codes
from orders.choices import ShipmentState
from orders.domain import shipments as domain_shipments
from orders.domain.carriers import carriers_for
from orders.domain.lifecycle import end_as_cancelled, pack_order, release_order
from orders.domain.moves import not_sent_reason
from orders.errors import OrderError
from orders.models import Carrier, Shipment
from orders.services.apply_moves import MoveOutcome, apply_move
from orders.unit_of_work.announcements import is_entered_by_hand, may_send
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork


def with_reason(text: str, work: OrderState, name: str) -> str:
    """A sentence of the timeline with the reason why the channel does not hear of it, where it does not."""
    why = not_sent_reason(work, name)
    return f"{text}. {why}" if why else text


def release(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """New → ready for fulfilment, when every unit is held (design §3)."""
    carriers: dict[int, Carrier] = {}

    def act(work_set: UnitOfWork, work: OrderState) -> str:
        if not carriers:
            carriers.update(carriers_for(work_set.works))
        release_order(work, work_set, carriers.get(id(work)))
        return ""

    return apply_move(order_ids, "release", act, by=by)


def take_back(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """From packing back to New; the units stay held. One that the channel cancelled meanwhile is cancelled now.

    One whose lines were changed there meanwhile is read again, so that they follow (R-ORD-15).
    """

    def act(work_set: UnitOfWork, work: OrderState) -> str:
        domain_shipments.cancel_open_shipments(work)
        if work.close_problem(problem_codes.LATE_CANCEL, _("Taken back from packing.")):
            order = work.order
            order.cancel_asked_by = order.cancel_asked_by or "buyer"
            order.cancel_asked_at = order.cancel_asked_at or work_set.now
            end_as_cancelled(work, work_set)
            work.add_event("take_back", _("Taken back from packing and cancelled, as on the channel"))
            return _("The channel has cancelled this order: it is cancelled here now, too.")
        is_changed = work.close_problem(problem_codes.LATE_CHANGE, _("Taken back from packing."))
        work.add_event("take_back", _("Taken back from packing"))
        if not is_changed:
            return ""
        # What the channel said of its lines was not taken over while it was packed, and it does not say it again.
        work.order.remote_hash = ""
        store, external_id = work.connection, work.order.external_id
        transaction.on_commit(lambda: request_orders(store, [external_id]), robust=True)
        return _("Its lines are read again from %(store)s now: look at them before it is released.") % {
            "store": store.name
        }

    return apply_move(order_ids, "take_back", act, by=by)


def pack(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Ready for fulfilment → packed: from here on a cancellation is too late (R-ORD-11)."""

    def act(work_set: UnitOfWork, work: OrderState) -> str:
        pack_order(work, work_set)
        return ""

    return apply_move(order_ids, "pack", act, by=by)


def mark_ready_to_ship(
    order_ids: Collection[int], *, by: Author, tracking: Mapping[int, tuple[int | None, str]] | None = None
) -> list[MoveOutcome]:
    """Packed → ready to ship, and the channel is told at once (R-SHIP-03).

    `tracking` is order id -> (carrier id or None, tracking number). The carrier is that one, else the parcel's,
    else the store's default, else the shop's own shipping method; an order with none of them gets a problem.
    """
    given = dict(tracking or {})
    named = Carrier.objects.in_bulk({carrier_id for carrier_id, _number in given.values() if carrier_id})
    chosen: dict[int, Carrier] = {}

    def act(work_set: UnitOfWork, work: OrderState) -> str:
        if not chosen:
            chosen.update(carriers_for(work_set.works))
        carrier_id, number = given.get(work.order.pk, (None, ""))
        carrier = named.get(carrier_id) if carrier_id else None
        ready = work.open_shipments
        if any(carrier is None and row.carrier_id is None and id(work) not in chosen for row in ready):
            work.open_problem(
                problem_codes.NO_CARRIER,
                _("No carrier is chosen: choose one for the parcel, or a default carrier for the store."),
            )
            work.settle()
            raise OrderError(
                _("No carrier is chosen: choose one for the parcel, or a default carrier for the store.")
            )
        for shipment in ready:
            shipment.carrier = carrier or shipment.carrier or chosen.get(id(work))
            shipment.tracking_number = number.strip()[:120] or shipment.tracking_number
            shipment.state, shipment.ready_at = ShipmentState.READY, work_set.now
        work.close_problem(problem_codes.NO_CARRIER, _("A carrier was chosen."))
        work.add_event("ready_to_ship", with_reason(_("Ready to ship"), work, "ready_to_ship"))
        announce_shipments(work, ready, FulfilmentEvent.READY_TO_SHIP)
        work.order.dispatch_to_do = is_entered_by_hand(work.connection, FulfilmentEvent.READY_TO_SHIP)
        return not_sent_reason(work, "ready_to_ship")

    return apply_move(order_ids, "ready_to_ship", act, by=by)


def announce_shipments(work: OrderState, shipments: Collection[Shipment], event: FulfilmentEvent) -> None:
    """Tell the channel of each parcel, or once of the whole order where it knows no parcels (split_shipments)."""
    if not shipments or not may_send(work.connection, event):
        return
    if work.connection.spec.supports(Capability.SPLIT_SHIPMENTS):
        for shipment in shipments:
            work.tell(event, f"{event}:{{shipment}}:{_key_number(shipment)}", shipment)
    else:
        last = max(shipments, key=lambda shipment: shipment.number)
        work.tell(event, f"{event}:{{shipment}}:{_key_number(last)}", last)


def _key_number(shipment: Shipment) -> int:
    """A parcel becomes ready once; the number keeps keys apart should that ever change."""
    return shipment.number

"""Release orders, pack them, mark them as ready to ship, and undo packing."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.db import transaction
from django.utils.translation import gettext as _

from channels.contract.carriers.tracking_numbers import fault_of
from channels.contract.records.orders import FulfilmentEvent
from channels.pull.single_records import request_orders
from oms.kit.authors.actors import Author
from orders import problem_codes
from orders.choices import ShipmentState
from orders.domain import lifecycle
from orders.domain import shipments as domain_shipments
from orders.domain.announcing import announce_shipments, with_reason
from orders.domain.carriers import carriers_for
from orders.domain.lifecycle import end_as_cancelled, pack_order, release_order
from orders.domain.moves import not_sent_reason
from orders.errors import OrderError
from orders.models import Carrier
from orders.services.apply_moves import MoveOutcome, apply_move
from orders.services.tracking import expects_tracking
from orders.unit_of_work.announcements import is_entered_by_hand
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork


def release(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Move orders from New to Ready for fulfilment, when all their units are allocated."""
    carriers: dict[int, Carrier] = {}

    def act(unit: UnitOfWork, order_state: OrderState) -> str:
        if not carriers:
            carriers.update(carriers_for(unit.order_states))
        release_order(order_state, unit, carriers.get(id(order_state)))
        return ""

    return apply_move(order_ids, "release", act, by=by)


def release_part(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Release the allocated units of Partial orders (R-ORD-13); the missing units wait and are shipped later.

    The order is Partial again when the part has left, or New when the rest has arrived. The outcome says what the
    channel is sent about the part.
    """
    carriers: dict[int, Carrier] = {}

    def act(unit: UnitOfWork, order_state: OrderState) -> str:
        if not carriers:
            carriers.update(carriers_for(unit.order_states))
        return lifecycle.release_part(order_state, unit, carriers.get(id(order_state)))

    return apply_move(order_ids, "release_part", act, by=by)


def undo_packing(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Undo packing: move orders back to New, or to Partial where units are missing. Their stock remains allocated.

    An order that the channel has cancelled since is cancelled now. One whose lines the channel has changed since is
    imported again, so that its lines are updated (R-ORD-15).
    """

    def act(unit: UnitOfWork, order_state: OrderState) -> str:
        domain_shipments.cancel_open_shipments(order_state)
        if order_state.close_problem(problem_codes.LATE_CANCEL, _("Packing was undone.")):
            order = order_state.order
            order.cancel_asked_by = order.cancel_asked_by or "buyer"
            order.cancel_asked_at = order.cancel_asked_at or unit.now
            end_as_cancelled(order_state, unit)
            order_state.add_event("undo_packing", _("Packing undone, and cancelled as on the channel"))
            return _("The channel has cancelled this order. It is now cancelled in Manifold, too.")
        is_changed = order_state.close_problem(problem_codes.LATE_CHANGE, _("Packing was undone."))
        order_state.add_event("undo_packing", _("Packing undone"))
        if not is_changed:
            return ""
        # While the order was packed its lines did not change. Without this hash the same document is imported again.
        order_state.order.remote_hash = ""
        store, external_id = order_state.connection, order_state.order.external_id
        transaction.on_commit(lambda: request_orders(store, [external_id]), robust=True)
        return _(
            "Its lines are being imported again from %(store)s. Check them before you release the order."
        ) % {"store": store.name}

    return apply_move(order_ids, "undo_packing", act, by=by)


def pack(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Move orders from Ready for fulfilment to Packed. From then on they cannot be cancelled (R-ORD-11)."""

    def act(unit: UnitOfWork, order_state: OrderState) -> str:
        pack_order(order_state, unit)
        return ""

    return apply_move(order_ids, "pack", act, by=by)


def unpack(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Move orders from Packed back to Ready for fulfilment. Nothing was sent when they were packed, nothing is now."""

    def act(unit: UnitOfWork, order_state: OrderState) -> str:
        for shipment in order_state.open_shipments:
            if shipment.state == ShipmentState.PACKED:
                shipment.state, shipment.packed_at = ShipmentState.PLANNED, None
        order_state.add_event("unpack", _("Marked as not packed"))
        return ""

    return apply_move(order_ids, "unpack", act, by=by)


def mark_ready_to_ship(
    order_ids: Collection[int], *, by: Author, tracking: Mapping[int, tuple[int | None, str]] | None = None
) -> list[MoveOutcome]:
    """Move orders from Packed to Ready to ship, and send it to the channel at once (R-SHIP-03).

    `tracking` is order id -> (carrier id or None, tracking number). The carrier is that one, otherwise the shipment's,
    the store's default, or the one with the name of the order's shipping method. An order without any gets a problem.
    Where the store's settings require a tracking number, an order without one is not moved.
    """
    entered = dict(tracking or {})
    named = Carrier.objects.in_bulk({carrier_id for carrier_id, _number in entered.values() if carrier_id})
    chosen: dict[int, Carrier] = {}

    def act(unit: UnitOfWork, order_state: OrderState) -> str:
        if not chosen:
            chosen.update(carriers_for(unit.order_states))
        carrier_id, number = entered.get(order_state.order.pk, (None, ""))
        carrier = named.get(carrier_id) if carrier_id else None
        ready = order_state.open_shipments
        if any(carrier is None and row.carrier_id is None and id(order_state) not in chosen for row in ready):
            order_state.open_problem(
                problem_codes.NO_CARRIER,
                _("No carrier. Choose one for the shipment, or a default carrier for the store."),
            )
            order_state.settle()
            raise OrderError(
                _("No carrier. Choose one for the shipment, or a default carrier for the store.")
            )
        is_without = not number.strip() and any(not row.tracking_number for row in ready)
        if is_without and order_state.settings.require_tracking:
            raise OrderError(_("No tracking number. This store requires one: enter it first."))
        for shipment in ready:
            shipment.carrier = carrier or shipment.carrier or chosen.get(id(order_state))
            shipment.tracking_number = number.strip()[:120] or shipment.tracking_number
            shipment.state, shipment.ready_at = ShipmentState.READY, unit.now
        order_state.close_problem(problem_codes.NO_CARRIER, _("A carrier was chosen."))
        order_state.add_event("ready_to_ship", with_reason(_("Ready to ship"), order_state, "ready_to_ship"))
        announce_shipments(order_state, ready, FulfilmentEvent.READY_TO_SHIP)
        order_state.order.dispatch_to_do = is_entered_by_hand(
            order_state.connection, FulfilmentEvent.READY_TO_SHIP
        )
        without = any(
            not row.tracking_number and expects_tracking(order_state.connection, row.carrier) for row in ready
        )
        return " ".join(
            filter(
                None,
                [
                    _("It has no tracking number.") if without else "",
                    fault_of(number, str(ready[0].carrier)) if number.strip() and ready else "",
                    not_sent_reason(order_state, "ready_to_ship"),
                ],
            )
        )

    return apply_move(order_ids, "ready_to_ship", act, by=by)

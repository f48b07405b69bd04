"""Changes of an order in memory that several services share: release, pack, end."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from channels.contract.records.orders import FulfilmentEvent
from channels.contract.spec import Capability
from orders import problem_codes
from orders.choices import CancelParty, ShipmentState
from orders.domain import handovers
from orders.domain import shipments as domain_shipments
from orders.domain.allocation import release_stock
from orders.domain.carriers import carriers_for
from orders.domain.moves import refusal
from orders.models import Carrier
from orders.unit_of_work.announcements import part_not_sent
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork


def end_as_cancelled(order_state: OrderState, unit: UnitOfWork) -> int:
    """End an order as cancelled: release its stock, cancel its open shipments, close its problems and holds.

    Return the units that were released. While a warehouse system works on a shipment, it is asked to return it, and the
    order remains in cancellation until it agrees (`orders.inbound.wms.recall`).
    """
    if handovers.recall_open(order_state):
        order_state.add_event("wms_recall", handovers.waiting_text())
        return 0
    released = release_stock(order_state, unit.stock(), unit.now)
    if order_state.order.cancel_asked_by == CancelParty.SELLER or order_state.shipments:
        order_state.withdrawn_topics |= set(FulfilmentEvent)
    for shipment in order_state.open_shipments:
        shipment.state = ShipmentState.CANCELLED
    order_state.end_holds(unit.now)
    for line in order_state.lines:
        line.cancelled_with_order = line.quantity - line.shipped - line.cancelled
        line.cancelled = line.quantity - line.shipped
    for code in (
        *problem_codes.LINE_CODES,
        problem_codes.NO_CARRIER,
        problem_codes.ADDRESS_MISSING,
        problem_codes.ADDRESS_WITHHELD,
        problem_codes.ADDRESS_INVALID,
        problem_codes.PARTLY_REFUNDED,
        problem_codes.LATE_CANCEL,
        problem_codes.LATE_CHANGE,
        problem_codes.ADDRESS_CHANGED,
        problem_codes.DELETED_ON_CHANNEL,
        problem_codes.REFUSED_BY_CHANNEL,
        *problem_codes.WMS_CODES,
    ):
        order_state.close_problem(code, _("The order was cancelled."))
    order_state.order.cancelled_at = unit.now
    return released


def reopen_order(order_state: OrderState) -> None:
    """Make a cancelled order live again, with the units that were cancelled with it; other cancelled units stay so.

    Stock is not allocated here. An unsent cancellation is not sent any more.
    """
    order = order_state.order
    order.cancelled_at = order.cancel_asked_at = None
    order.cancel_asked_by = order.cancel_reason = ""
    order.is_history = False
    order_state.withdrawn_topics.add(FulfilmentEvent.CANCELLED)
    for line in order_state.lines:
        line.cancelled -= line.cancelled_with_order
        line.cancelled_with_order = 0
    for code in (problem_codes.REOPENED_ON_CHANNEL, problem_codes.LATE_CANCEL):
        order_state.close_problem(code, _("The order was reopened."))


def release_order(order_state: OrderState, unit: UnitOfWork, carrier: Carrier | None) -> None:
    """Move an order from New to Ready for fulfilment: create one shipment per warehouse that serves it."""
    domain_shipments.plan_shipments(
        order_state, unit.now, carrier, nearest_warehouse=unit.nearest_warehouse_of(order_state)
    )
    for code in problem_codes.WMS_CODES:
        order_state.close_problem(code, _("The order was released again."))
    order_state.add_event("release", _("Released"))


def release_part(order_state: OrderState, unit: UnitOfWork, carrier: Carrier | None) -> str:
    """Release what is allocated of a Partial order, in memory: one shipment per warehouse; the rest waits for stock.

    Return what the channel will be sent about the part, as a sentence; "" for a store without a web shop.
    """
    planned = domain_shipments.plan_shipments(
        order_state, unit.now, carrier, nearest_warehouse=unit.nearest_warehouse_of(order_state)
    )
    order_state.order.is_part_released = True
    units = sum(row.quantity for shipment in planned for row in order_state.lines_of(shipment))
    order_state.add_event(
        "release_part",
        ngettext(
            "%d unit released, the rest waits for stock", "%d units released, the rest waits for stock", units
        )
        % units,
    )
    store = order_state.connection
    if not store.spec.has_wire:
        return ""
    if store.spec.supports(Capability.SPLIT_SHIPMENTS):
        return _("%s is sent this part with its own tracking number.") % store.name
    if store.spec.first_part_completes:
        return (
            _("%s completes the order with its first shipment. The rest is known in Manifold only.")
            % store.name
        )
    return part_not_sent(order_state, FulfilmentEvent.READY_TO_SHIP)


def pack_order(order_state: OrderState, unit: UnitOfWork) -> None:
    """Mark the planned shipments of an order as packed."""
    for shipment in order_state.open_shipments:
        if shipment.state == ShipmentState.PLANNED:
            shipment.state, shipment.packed_at = ShipmentState.PACKED, unit.now
    order_state.add_event("pack", _("Packed"))


def auto_release(unit: UnitOfWork, order_states: Iterable[OrderState]) -> None:
    """Release the orders that a rule releases, and those of stores that release automatically, where nothing blocks it."""
    ready = [
        order_state
        for order_state in order_states
        if (order_state.settings.auto_release or order_state.is_released_by_rule)
        and refusal(order_state, "release") is None
    ]
    if ready:
        carriers = carriers_for(ready)
        for order_state in ready:
            release_order(order_state, unit, carriers.get(id(order_state)))

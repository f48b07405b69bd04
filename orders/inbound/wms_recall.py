"""The answer of a warehouse system that was asked to return a shipment: the order is cancelled, or it is not."""

from __future__ import annotations

from django.utils.translation import gettext as _

from orders import problem_codes
from orders.choices import CancelParty, HandoverState, Recall
from orders.domain.announcing import announce_cancellation
from orders.domain.handovers import at_work, awaits_answer, end_shipment, refuse_recall
from orders.domain.lifecycle import end_as_cancelled
from orders.models import Handover
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork


def agree(order_state: OrderState, row: Handover, unit: UnitOfWork) -> None:
    """Record that a WMS returned a shipment. When no other answer is awaited, the cancellation of the order goes on."""
    row.recall = Recall.AGREED
    end_shipment(row, HandoverState.CANCELLED)
    order_state.add_event("wms", _("Returned by the warehouse: %s") % row.shipment)
    go_on(order_state, unit)


def go_on(order_state: OrderState, unit: UnitOfWork) -> None:
    """Go on with the cancellation of an order whose warehouse systems have all agreed.

    A seller's cancellation is sent to the channel, which must confirm it, as for an order without a warehouse system.
    """
    order = order_state.order
    if not order.cancel_asked_by or order.cancelled_at or awaits_answer(order_state) or at_work(order_state):
        return
    if order.cancel_asked_by == CancelParty.SELLER and order_state.connection.spec.has_wire:
        order_state.add_event("cancel", announce_cancellation(order_state, unit))
        return
    end_as_cancelled(order_state, unit)
    order_state.add_event("cancel", _("Cancelled: the warehouse has agreed"))


def refuse(order_state: OrderState, row: Handover, unit: UnitOfWork, reason: str) -> None:
    """Record that a WMS does not return a shipment: the order is not cancelled, and a person is asked."""
    asked_by = refuse_recall(order_state, row, unit.now)
    why = reason or _("no reason given")
    if asked_by == CancelParty.BUYER:
        order_state.open_problem(
            problem_codes.LATE_CANCEL,
            _(
                "%(store)s cancelled the order, and the warehouse does not return it: %(reason)s. Handle it as a return."
            )
            % {"store": order_state.connection.name, "reason": why},
        )
    else:
        order_state.open_problem(
            problem_codes.WMS_RECALL_REFUSED,
            _("The warehouse does not return %(shipment)s: %(reason)s. The order was not cancelled.")
            % {"shipment": row.shipment, "reason": why},
            key=str(row.uuid),
        )
    order_state.add_event("wms", _("The warehouse refused to return the shipment: %s") % why)

"""The answer of a warehouse system that was asked to return a shipment: the order is cancelled, or it is not."""

from __future__ import annotations

from django.utils.translation import gettext as _

from oms.kit.authors.actors import SYSTEM
from orders import problem_codes
from orders.choices import CancelParty, HandoverState, Recall
from orders.domain.announcing import announce_cancellation
from orders.domain.handovers import at_work, awaits_answer, end_shipment, refuse_recall
from orders.domain.lifecycle import end_as_cancelled
from orders.models import Handover
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork

BATCH_SIZE = 200  # orders of a WMS that is disconnected


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


def end_all(connection_id: int) -> None:
    """End all work of a WMS that is being disconnected: staff work on its open shipments again.

    A recall without an answer counts as agreed, so the cancellation goes on.
    """
    last = 0
    while True:
        rows = Handover.objects.open().filter(connection=connection_id, shipment__order__gt=last)
        ids = list(rows.order_by("shipment__order").values_list("shipment__order", flat=True)[:BATCH_SIZE])
        if not ids:
            return
        last = ids[-1]
        unit = UnitOfWork.load(set(ids))
        for order_state in unit.order_states:
            for row in order_state.handovers:
                if row.connection_id == connection_id and row.is_open:
                    row.recall = Recall.AGREED if row.recall == Recall.REQUESTED else row.recall
                    row.state = HandoverState.CANCELLED
                    order_state.add_event(
                        "wms", _("The warehouse system was disconnected: %s") % row.shipment
                    )
            go_on(order_state, unit)
        unit.flush(SYSTEM)

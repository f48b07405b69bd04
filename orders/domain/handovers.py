"""Shipments at a warehouse system, in memory: which it may still work on, the recall, and its end."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from orders.choices import HandoverState, Recall, ShipmentState
from orders.models import Handover
from orders.unit_of_work.order_state import OrderState

S = HandoverState

#: How far each state is. A fact with a lower or the same rank than the present one is not new.
RANK: dict[str, int] = {
    S.RELEASED: 0,
    S.RECEIVED: 1,
    S.ALLOCATED: 2,
    S.PICKING: 3,
    S.PICKED: 4,
    S.PACKED: 5,
    S.DISPATCHED: 6,
}


def at_work(order_state: OrderState) -> list[Handover]:
    """Return the hand-overs that the warehouse system may know and still work on."""
    return [row for row in order_state.handovers if row.is_open and row.offered_at is not None]


def awaits_answer(order_state: OrderState) -> bool:
    """Return whether a warehouse system was asked to return a shipment of the order and has not answered."""
    return any(row.is_open and row.recall == Recall.REQUESTED for row in order_state.handovers)


def recall_open(order_state: OrderState) -> bool:
    """Recall the shipments that a warehouse system works on; return whether its answer must be awaited.

    A shipment that it cannot know yet is simply not handed over. One whose recall it refused is asked for again.
    """
    for row in order_state.handovers:
        if row.is_open and row.offered_at is None:
            row.state = S.CANCELLED
    waiting = at_work(order_state)
    for row in waiting:
        row.recall = Recall.REQUESTED
    return bool(waiting)


def state_text(row: Handover) -> str:
    """Return the state as the API shows it: with a recall, "cancel_requested" or "cancel_refused"."""
    if row.is_open and row.recall == Recall.REQUESTED:
        return "cancel_requested"
    if row.is_open and row.recall == Recall.REFUSED:
        return "cancel_refused"
    return row.state


def end_shipment(row: Handover, state: str) -> None:
    """End the work of the warehouse system on a shipment that has not left; the shipment is cancelled."""
    row.state = state
    if row.shipment.state in (ShipmentState.PLANNED, ShipmentState.PACKED, ShipmentState.READY):
        row.shipment.state = ShipmentState.CANCELLED


def refuse_recall(order_state: OrderState, row: Handover, now: datetime) -> str:
    """Record that a recall was refused: the cancellation of the order ends. Return who had asked for it."""
    row.recall = Recall.REFUSED
    order = order_state.order
    asked_by, order.cancel_asked_by = order.cancel_asked_by, ""
    order.cancel_asked_at, order.cancel_reason = None, ""
    return asked_by


def waiting_text() -> str:
    """Return the sentence for an order whose cancellation waits for a warehouse system."""
    return _("The warehouse system was asked to return the shipment. The order is cancelled when it agrees.")

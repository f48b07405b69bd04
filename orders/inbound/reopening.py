"""Reopen a cancelled order that is open again on its channel: by itself, or a problem asks a person to do it."""

from __future__ import annotations

from django.db.models import F
from django.utils.translation import gettext as _

from channels.contract.records.orders import RemoteState
from orders import problem_codes
from orders.choices import Actor, CancelParty
from orders.domain.lifecycle import reopen_order
from orders.models import Note, OrderEvent
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork

#: Meanings of a status with which the buyer waits for goods; with which the order is paid; with which it is not cancelled.
OPEN_ON_CHANNEL = frozenset({RemoteState.NEW, RemoteState.READY})
PAID_ON_CHANNEL = OPEN_ON_CHANNEL | {RemoteState.SHIPPED, RemoteState.DELIVERED, RemoteState.COMPLETED}
LIVE_ON_CHANNEL = PAID_ON_CHANNEL | {RemoteState.UNPAID, RemoteState.DRAFT}


def reopen_if_live(unit: UnitOfWork, order_state: OrderState, state: RemoteState) -> bool:
    """Reopen a cancelled order whose status on the channel is live again; return whether it was reopened.

    It is reopened by itself when the channel had cancelled it and nothing has happened since: no person has changed it
    or written a note, and no unit of it has left. Otherwise a problem asks for “Reopen order”. The problem ends when the
    channel cancels the order, too.
    """
    order, name = order_state.order, order_state.connection.name
    if state in LIVE_ON_CHANNEL:
        if _nothing_happened_since(unit, order_state):
            reopen_order(order_state)
            text = _("Reopened: the status on %(store)s is “%(status)s”")
            order_state.pending_events.append(
                ("reopen", text % {"store": name, "status": order.remote_status_name})
            )
            return True
        order_state.open_problem(
            problem_codes.REOPENED_ON_CHANNEL,
            _(
                "Cancelled in Manifold, but “%(status)s” on %(store)s. Press “Reopen order”, or cancel it in the store."
            )
            % {"status": order.remote_status_name, "store": name},
        )
    elif state in (RemoteState.CANCELLED, RemoteState.RETURNED, RemoteState.IGNORED):
        order_state.close_problem(
            problem_codes.REOPENED_ON_CHANNEL, _("The order is cancelled on the channel, too.")
        )
    return False


def _nothing_happened_since(unit: UnitOfWork, order_state: OrderState) -> bool:
    """Return whether the channel cancelled the order, and nobody has worked on it since. One query per unit of work."""
    if order_state.order.cancel_asked_by != CancelParty.BUYER or any(
        line.shipped for line in order_state.lines
    ):
        return False
    if unit.touched_since_cancelled is None:
        ids = [each.order.pk for each in unit.order_states if each.order.pk and each.order.cancelled_at]
        since = F("order__cancelled_at")
        events = OrderEvent.objects.filter(order__in=ids, actor=Actor.PERSON, at__gte=since)
        notes = Note.objects.filter(order__in=ids, at__gte=since)
        rows = events.order_by().values_list("order_id").union(notes.order_by().values_list("order_id"))
        unit.touched_since_cancelled = {order_id for (order_id,) in rows}
    return order_state.order.pk not in unit.touched_since_cancelled

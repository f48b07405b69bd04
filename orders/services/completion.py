"""Mark orders as delivered or completed, by a person or when their time has passed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.records.orders import FulfilmentEvent
from channels.models import Connection
from oms.kit.authors.actors import SYSTEM, Author
from orders.choices import OrderStatus
from orders.domain import shipments as domain_shipments
from orders.domain.announcing import with_reason
from orders.domain.moves import not_sent_reason
from orders.models import Order, OrderSettings, Return
from orders.services.apply_moves import MoveOutcome, apply_move
from orders.unit_of_work.announcements import may_send
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.returns import OPEN
from orders.unit_of_work.unit_of_work import UnitOfWork

#: The action window of stores without order settings, in days; the default of `OrderSettings`.
ACTION_WINDOW_DAYS = 14


def mark_delivered(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Move orders from In transit to Delivered; their action window begins (R-ORD-12).

    Not possible where only the channel may report the delivery (R-ORD-14). If the channel accepts no “delivered”, the
    order goes to the list of those that a person enters there.
    """

    def act(unit: UnitOfWork, order_state: OrderState) -> str:
        domain_shipments.record_delivery(order_state, unit.now)
        order_state.add_event("mark_delivered", _("Delivered"))
        return ""

    return apply_move(order_ids, "mark_delivered", act, by=by)


def note_delivered(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Mark delivered orders as entered by a person on a channel that accepts no “delivered” (R-ORD-14)."""

    def act(unit: UnitOfWork, order_state: OrderState) -> str:
        order_state.order.delivery_to_do = False
        order_state.add_event(
            "note_delivered",
            _("Entered on %(store)s by hand: Delivered") % {"store": order_state.connection.name},
        )
        return ""

    return apply_move(order_ids, "note_delivered", act, by=by)


def note_dispatched(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Mark orders as entered by a person on a channel that accepts no carrier and tracking number (R-SHIP-03)."""

    def act(unit: UnitOfWork, order_state: OrderState) -> str:
        order_state.order.dispatch_to_do = False
        order_state.add_event(
            "note_dispatched",
            _("Entered on %(store)s by hand: carrier and tracking number")
            % {"store": order_state.connection.name},
        )
        return ""

    return apply_move(order_ids, "note_dispatched", act, by=by)


def complete(order_ids: Collection[int], *, by: Author, why: str = "") -> list[MoveOutcome]:
    """Move orders from Delivered to Completed. `why` replaces the sentence of the timeline."""

    def act(unit: UnitOfWork, order_state: OrderState) -> str:
        order_state.order.completed_at = unit.now
        if may_send(order_state.connection, FulfilmentEvent.COMPLETED):
            order_state.send_event(FulfilmentEvent.COMPLETED, "completed:{order}")
        order_state.add_event("complete", with_reason(why or _("Completed"), order_state, "complete"))
        return not_sent_reason(order_state, "complete")

    return apply_move(order_ids, "complete", act, by=by)


def complete_due(limit: int = 200) -> int:
    """Complete delivered orders whose action window has ended (R-ORD-12), at most `limit`; return how many.

    Not those with an open return: they are completed when it has ended and units remain with the buyer.
    """
    now = timezone.now()
    days = dict(OrderSettings.objects.values_list("connection", "action_window_days"))
    due = Q(pk__in=[])
    for store_id in Connection.objects.values_list("pk", flat=True):
        since = now - timedelta(days=days.get(store_id, ACTION_WINDOW_DAYS))
        due |= Q(connection=store_id, delivered_at__lte=since)
    waiting = Return.objects.filter(order=OuterRef("pk"), state__in=OPEN)
    rows = Order.objects.filter(due, ~Exists(waiting), status=OrderStatus.DELIVERED).order_by("delivered_at")
    ids = list(rows.values_list("pk", flat=True)[:limit])
    done = complete(ids, by=SYSTEM, why=_("Completed: the action window has ended")) if ids else []
    return sum(outcome.ok for outcome in done)

"""Delivered and completed, by hand, by the channel or by time."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.records.orders import FulfilmentEvent
from channels.models import Connection
from oms.kit.actors import SYSTEM, Author
from orders.choices import OrderStatus
from orders.domain import shipments as domain_shipments
from orders.domain.moves import not_sent_reason
from orders.models import Order, OrderSettings
from orders.services.apply_moves import MoveOutcome, apply_move
from orders.services.packing import with_reason
from orders.unit_of_work.announcements import may_send
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork

ACTION_WINDOW_DAYS = 14  # as OrderSettings' default, for stores that have no row of their own


def mark_delivered(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """In transit → delivered, by a carrier's word or by hand; the action window begins (R-ORD-12).

    Refused where the channel alone says so (R-ORD-14); where it cannot be told, the order is put on the list of those
    that somebody notes there.
    """

    def act(work_set: UnitOfWork, work: OrderState) -> str:
        domain_shipments.record_delivery(work, work_set.now)
        work.add_event("mark_delivered", _("Delivered"))
        return ""

    return apply_move(order_ids, "mark_delivered", act, by=by)


def note_delivered(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Tick off delivered orders that somebody has noted at a channel which cannot be told (R-ORD-14)."""

    def act(work_set: UnitOfWork, work: OrderState) -> str:
        work.order.delivery_to_do = False
        work.add_event(
            "note_delivered", _("Noted at %(store)s as delivered") % {"store": work.connection.name}
        )
        return ""

    return apply_move(order_ids, "note_delivered", act, by=by)


def note_dispatched(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Tick off orders whose carrier and number somebody has entered at a channel that does not take them (R-SHIP-03)."""

    def act(work_set: UnitOfWork, work: OrderState) -> str:
        work.order.dispatch_to_do = False
        work.add_event("note_dispatched", _("Entered at %(store)s by hand") % {"store": work.connection.name})
        return ""

    return apply_move(order_ids, "note_dispatched", act, by=by)


def complete(order_ids: Collection[int], *, by: Author, why: str = "") -> list[MoveOutcome]:
    """Delivered → completed: nothing comes back any more."""

    def act(work_set: UnitOfWork, work: OrderState) -> str:
        work.order.completed_at = work_set.now
        if may_send(work.connection, FulfilmentEvent.COMPLETED):
            work.tell(FulfilmentEvent.COMPLETED, "completed:{order}")
        work.add_event("complete", with_reason(why or _("Completed"), work, "complete"))
        return not_sent_reason(work, "complete")

    return apply_move(order_ids, "complete", act, by=by)


def complete_due(limit: int = 200) -> int:
    """Delivered orders whose store's action window has ended become completed (R-ORD-12); returns how many."""
    now = timezone.now()
    days = dict(OrderSettings.objects.values_list("connection", "action_window_days"))
    due = Q(pk__in=[])
    for store_id in Connection.objects.values_list("pk", flat=True):
        since = now - timedelta(days=days.get(store_id, ACTION_WINDOW_DAYS))
        due |= Q(connection=store_id, delivered_at__lte=since)
    rows = Order.objects.filter(due, status=OrderStatus.DELIVERED).order_by("delivered_at")
    ids = list(rows.values_list("pk", flat=True)[:limit])
    done = complete(ids, by=SYSTEM, why=_("Completed: the action window has ended")) if ids else []
    return sum(outcome.ok for outcome in done)

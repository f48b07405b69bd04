"""Decide about orders: approve, mark as paid, hold, cancel, reopen, note."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from channels.contract.records.orders import FulfilmentEvent
from channels.models import OutboxMessage
from channels.pull.single_records import request_orders
from oms.kit.authors.actors import Author
from orders.choices import CancelParty, PaymentStatus
from orders.domain import handovers
from orders.domain.allocation import allocate, release_stock
from orders.domain.announcing import announce_cancellation
from orders.domain.lifecycle import end_as_cancelled, reopen_order
from orders.errors import OrderError
from orders.models import Hold, Note, Order
from orders.services.apply_moves import MoveOutcome, apply_move
from orders.unit_of_work.announcements import may_send
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork


def shortage_text(order_state: OrderState) -> str:
    """Return how many units of an order are missing, as a sentence; "" when none."""
    missing = sum(units for _line, units in order_state.missing_units())
    if not missing:
        return ""
    return _("%(units)d units are not in stock. The order continues when they arrive.") % {"units": missing}


def approve(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Approve drafts: they become New, Partial or Unpaid, and stock is allocated to them (R-ORD-10)."""

    def act(unit: UnitOfWork, order_state: OrderState) -> str:
        order_state.order.approved_at = unit.now
        allocate(order_state, unit.stock(), unit.now)
        order_state.add_event("approve", _("Approved"))
        _announce_accepted(unit, order_state)
        return shortage_text(order_state)

    return apply_move(order_ids, "approve", act, by=by)


def mark_paid(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Mark orders as paid before the channel reports the payment; stock is allocated to them (R-ORD-10)."""

    def act(unit: UnitOfWork, order_state: OrderState) -> str:
        order_state.order.is_paid, order_state.order.paid_at = True, unit.now
        order_state.order.payment_state = PaymentStatus.PAID
        if order_state.order.paid_total is not None:
            order_state.order.paid_total = order_state.order.total
        allocate(order_state, unit.stock(), unit.now)
        order_state.add_event("mark_paid", _("Marked as paid"))
        _announce_accepted(unit, order_state)
        return shortage_text(order_state)

    return apply_move(order_ids, "mark_paid", act, by=by)


def unapprove(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Withdraw the approval of orders that their channel still has as drafts. Their stock remains allocated.

    “Accepted” that was not sent yet is skipped; an order of which it was sent remains approved.
    """
    sent: set[int | None] | None = None

    def act(unit: UnitOfWork, order_state: OrderState) -> str:
        nonlocal sent
        if sent is None:  # one query for all orders
            sent = _accepted_on_channel(unit)
        if order_state.order.pk in sent:
            raise OrderError(_("The channel was sent: Accepted. The approval cannot be withdrawn."))
        order_state.order.approved_at = None
        order_state.withdrawn_topics.add(FulfilmentEvent.ACCEPTED)
        _leave_waiting(unit, order_state)
        order_state.add_event("unapprove", _("Approval withdrawn"))
        return ""

    return apply_move(order_ids, "unapprove", act, by=by)


def mark_unpaid(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Mark orders as not paid again, which their channel still has as unpaid.

    They keep their stock no longer than the hours of the store's settings. “Accepted” that was not sent yet is skipped.
    """
    sent: set[int | None] | None = None

    def act(unit: UnitOfWork, order_state: OrderState) -> str:
        nonlocal sent
        if sent is None:
            sent = _accepted_on_channel(unit)
        if order_state.order.pk in sent:
            raise OrderError(_("The channel was sent: Accepted. The order cannot be marked as not paid."))
        order_state.order.is_paid, order_state.order.paid_at = False, None
        order_state.order.payment_state = PaymentStatus.UNPAID
        order_state.withdrawn_topics.add(FulfilmentEvent.ACCEPTED)
        _leave_waiting(unit, order_state)
        order_state.add_event("mark_unpaid", _("Marked as not paid"))
        return ""

    return apply_move(order_ids, "mark_unpaid", act, by=by)


def _accepted_on_channel(unit: UnitOfWork) -> set[int | None]:
    """Return the orders (ids) of which “accepted” was sent, or is being sent now."""
    ids = [order_state.order.pk for order_state in unit.order_states]
    rows = OutboxMessage.objects.filter(group__in=ids, topic=FulfilmentEvent.ACCEPTED, skipped_at=None)
    return set(rows.filter(Q(sent__gt=0) | ~Q(lease_token="")).values_list("group", flat=True))


def _leave_waiting(unit: UnitOfWork, order_state: OrderState) -> None:
    """Release the stock of an order that waits again, where it may not have any now."""
    if not order_state.may_be_allocated(unit.now):
        release_stock(order_state, unit.stock(), unit.now)


def _announce_accepted(unit: UnitOfWork, order_state: OrderState) -> None:
    """Send the channel “accepted” for an order that is approved and paid, if it has a status for that."""
    if (
        order_state.order.is_paid
        and not order_state.is_draft
        and FulfilmentEvent.ACCEPTED in order_state.connection.spec.events
        and may_send(order_state.connection, FulfilmentEvent.ACCEPTED)
    ):
        # The time is in the key: an approval that was withdrawn is sent when the order is approved again.
        order_state.send_event(FulfilmentEvent.ACCEPTED, f"accepted:{{order}}:{unit.now.timestamp():.3f}")


def cancel(order_ids: Collection[int], *, reason: str, by: Author) -> list[MoveOutcome]:
    """Cancel orders for the seller, before anything of them is packed (R-ORD-11). `reason` must not be empty.

    The channel is sent the cancellation, and the stock remains allocated until the channel has confirmed it. If it
    accepts no cancellation, the order is in process until the channel reports it, or a person confirms it. Without a
    web shop the order is cancelled at once.
    """

    def act(unit: UnitOfWork, order_state: OrderState) -> str:
        if not reason.strip():
            raise OrderError(_("Enter the reason of the cancellation."))
        order = order_state.order
        order.cancel_asked_by, order.cancel_asked_at = CancelParty.SELLER, unit.now
        order.cancel_reason = reason.strip()[:200]
        text = _("Cancelled by seller: %(reason)s") % {"reason": order.cancel_reason}
        if handovers.recall_open(order_state):  # the channel is asked when the warehouse has agreed
            order_state.add_event("cancel", f"{text}. {handovers.waiting_text()}")
            return handovers.waiting_text()
        if not order_state.connection.spec.has_wire:
            end_as_cancelled(order_state, unit)
            order_state.add_event("cancel", text)
            return ""
        note = announce_cancellation(order_state, unit)
        order_state.add_event("cancel", f"{text}. {note}")
        return note

    return apply_move(order_ids, "cancel", act, by=by)


def confirm_cancel(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Confirm a cancellation in process by hand: the order ends as cancelled and its stock is released."""

    def act(unit: UnitOfWork, order_state: OrderState) -> str:
        end_as_cancelled(order_state, unit)
        order_state.add_event("confirm_cancel", _("Cancellation confirmed"))
        return ""

    return apply_move(order_ids, "confirm_cancel", act, by=by)


def withdraw_cancel(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Withdraw a cancellation in process. A message about it that was not sent yet is skipped."""

    def act(unit: UnitOfWork, order_state: OrderState) -> str:
        order = order_state.order
        order.cancel_asked_by, order.cancel_asked_at, order.cancel_reason = "", None, ""
        order_state.withdrawn_topics.add(FulfilmentEvent.CANCELLED)
        allocate(order_state, unit.stock(), unit.now)
        order_state.add_event("withdraw_cancel", _("Cancellation withdrawn"))
        return shortage_text(order_state)

    return apply_move(order_ids, "withdraw_cancel", act, by=by)


def reopen(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Reopen cancelled orders that are open again on their channel. Stock is allocated to them.

    An order whose units all left before the cancellation cannot be reopened. The order is imported again at once,
    because its lines may have changed while it was cancelled.
    """

    def act(unit: UnitOfWork, order_state: OrderState) -> str:
        if all(line.quantity == line.shipped for line in order_state.lines):
            raise OrderError(_("All units of this order have been shipped. There is nothing to reopen."))
        reopen_order(order_state)
        allocate(order_state, unit.stock(), unit.now)
        order_state.add_event("reopen", _("Reopened"))
        store, external_id = order_state.connection, order_state.order.external_id
        if store.spec.has_wire:
            # The lines did not follow the channel while the order was cancelled. Without this hash they do now.
            order_state.order.remote_hash = ""
            transaction.on_commit(lambda: request_orders(store, [external_id]), robust=True)
        return shortage_text(order_state)

    return apply_move(order_ids, "reopen", act, by=by)


def hold(order_ids: Collection[int], *, reason: str, by: Author) -> list[MoveOutcome]:
    """Put orders on hold. Their stock remains allocated. `reason` must not be empty."""

    def act(unit: UnitOfWork, order_state: OrderState) -> str:
        if not reason.strip():
            raise OrderError(_("Enter the reason of the hold."))
        order_state.holds.append(
            Hold(
                order=order_state.order, reason=reason.strip()[:200], author_id=by.user_id, placed_at=unit.now
            )
        )
        order_state.add_event("hold", _("On hold: %(reason)s") % {"reason": reason.strip()})
        return ""

    return apply_move(order_ids, "hold", act, by=by)


def lift_hold(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Lift all holds of these orders."""

    def act(unit: UnitOfWork, order_state: OrderState) -> str:
        for row in order_state.holds:
            row.lifted_at, row.lifted_by_id = unit.now, by.user_id
        order_state.add_event("lift_hold", _("Hold lifted"))
        return ""

    return apply_move(order_ids, "lift_hold", act, by=by)


@transaction.atomic
def add_note(*, order: Order, text: str, by: Author) -> Note:
    """Add an internal note to an order; the channel is not sent it. Raises `OrderError` for an empty one."""
    if not text.strip():
        raise OrderError(_("The note is empty."))
    return Note.objects.create(order=order, text=text.strip(), author_id=by.user_id)

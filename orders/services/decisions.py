"""Decide about orders: approve, mark as paid, hold, cancel, note."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.utils.translation import gettext as _

from channels.contract.records.orders import FulfilmentEvent
from oms.kit.actors import Author
from orders.choices import CancelParty
from orders.domain.allocation import allocate
from orders.domain.lifecycle import end_as_cancelled
from orders.errors import OrderError
from orders.models import Hold, Note, Order
from orders.services.apply_moves import MoveOutcome, apply_move
from orders.unit_of_work.announcements import may_send, reason_not_sent
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork


def shortage_text(work: OrderState) -> str:
    """What stock means for an order that has just asked for it."""
    short = sum(units for _line, units in work.missing_units())
    if not short:
        return ""
    return _("%(units)d units are not in stock: the order goes on by itself when they come.") % {
        "units": short
    }


def approve(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Draft → on: the order is accepted and asks for its stock (R-ORD-10)."""

    def act(work_set: UnitOfWork, work: OrderState) -> str:
        work.order.approved_at = work_set.now
        allocate(work, work_set.stock(), work_set.now)
        work.add_event("approve", _("Approved"))
        _announce_accepted(work)
        return shortage_text(work)

    return apply_move(order_ids, "approve", act, by=by)


def mark_paid(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Unpaid → on: the payment is known here before the channel says so (R-ORD-10)."""

    def act(work_set: UnitOfWork, work: OrderState) -> str:
        work.order.is_paid, work.order.paid_at = True, work_set.now
        allocate(work, work_set.stock(), work_set.now)
        work.add_event("mark_paid", _("Marked as paid"))
        _announce_accepted(work)
        return shortage_text(work)

    return apply_move(order_ids, "mark_paid", act, by=by)


def _announce_accepted(work: OrderState) -> None:
    """Where the channel has a status for it: an order that is approved and paid is to be fulfilled there, too."""
    if (
        work.order.is_paid
        and not work.is_draft
        and FulfilmentEvent.ACCEPTED in work.connection.spec.events
        and may_send(work.connection, FulfilmentEvent.ACCEPTED)
    ):
        work.tell(FulfilmentEvent.ACCEPTED, "accepted:{order}")


def cancel(order_ids: Collection[int], *, reason: str, by: Author) -> list[MoveOutcome]:
    """The seller cancels, before anything is packed (R-ORD-11).

    A channel that can be told is told, and the stock stays held until it has agreed; one that cannot leaves the
    order in process until the cancellation is seen there or confirmed by hand. A store without a wire has nobody
    to ask: cancelled at once.
    """

    def act(work_set: UnitOfWork, work: OrderState) -> str:
        if not reason.strip():
            raise OrderError(_("Say why the order is cancelled."))
        order = work.order
        order.cancel_asked_by, order.cancel_asked_at = CancelParty.SELLER, work_set.now
        order.cancel_reason = reason.strip()[:200]
        text = _("Cancelled by us: %(reason)s") % {"reason": order.cancel_reason}
        if not work.connection.spec.has_wire:
            end_as_cancelled(work, work_set)
            work.add_event("cancel", text)
            return ""
        if may_send(work.connection, FulfilmentEvent.CANCELLED):
            work.tell(FulfilmentEvent.CANCELLED, f"cancelled:{{order}}:{work_set.now.timestamp():.3f}")
            note = _("The stock stays held until the channel has agreed.")
        else:
            note = _(
                "%(why)s The stock stays held until it is cancelled there too, or somebody confirms it here."
            ) % {"why": reason_not_sent(work.connection, FulfilmentEvent.CANCELLED)}
        work.add_event("cancel", f"{text}. {note}")
        return note

    return apply_move(order_ids, "cancel", act, by=by)


def confirm_cancel(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """A cancellation in process is settled by hand: the stock goes back."""

    def act(work_set: UnitOfWork, work: OrderState) -> str:
        end_as_cancelled(work, work_set)
        work.add_event("confirm_cancel", _("Cancellation confirmed"))
        return ""

    return apply_move(order_ids, "confirm_cancel", act, by=by)


def withdraw_cancel(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """The order goes on after all; a message to the channel that has not left is not sent any more."""

    def act(work_set: UnitOfWork, work: OrderState) -> str:
        order = work.order
        order.cancel_asked_by, order.cancel_asked_at, order.cancel_reason = "", None, ""
        work.withdrawn_topics.add(FulfilmentEvent.CANCELLED)
        allocate(work, work_set.stock(), work_set.now)
        work.add_event("withdraw_cancel", _("Cancellation withdrawn"))
        return shortage_text(work)

    return apply_move(order_ids, "withdraw_cancel", act, by=by)


def hold(order_ids: Collection[int], *, reason: str, by: Author) -> list[MoveOutcome]:
    """Somebody wishes that these orders wait; they keep their stock."""

    def act(work_set: UnitOfWork, work: OrderState) -> str:
        if not reason.strip():
            raise OrderError(_("Say why the order is put on hold."))
        work.holds.append(
            Hold(order=work.order, reason=reason.strip()[:200], author_id=by.user_id, placed_at=work_set.now)
        )
        work.add_event("hold", _("On hold: %(reason)s") % {"reason": reason.strip()})
        return ""

    return apply_move(order_ids, "hold", act, by=by)


def lift_hold(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """All holds of these orders are lifted."""

    def act(work_set: UnitOfWork, work: OrderState) -> str:
        for row in work.holds:
            row.lifted_at, row.lifted_by_id = work_set.now, by.user_id
        work.add_event("lift_hold", _("Hold lifted"))
        return ""

    return apply_move(order_ids, "lift_hold", act, by=by)


@transaction.atomic
def add_note(*, order: Order, text: str, by: Author) -> Note:
    """Write a note that the channel never sees; raises `OrderError` for an empty one."""
    if not text.strip():
        raise OrderError(_("The note is empty."))
    return Note.objects.create(order=order, text=text.strip(), author_id=by.user_id)

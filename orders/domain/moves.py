"""Every move that an order can make: from where, to where, on what condition, and what the channel is told.

One table. Screens, bulk actions, services and docs read it; a move that it does not allow answers with a
sentence and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from channels.contract.records.orders import FulfilmentEvent
from oms.kit import problems
from orders import problem_codes
from orders.choices import AllocationState, OrderStatus
from orders.models import Order
from orders.unit_of_work.announcements import reason_not_sent
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork

S = OrderStatus
Guard = Callable[[OrderState], str | None]


@dataclass(frozen=True, slots=True)
class Move:
    """`main` orders the big button (lower first, 0 = never); `is_forward` moves wait for holds to be lifted."""

    name: str
    label: Any
    sources: tuple[str, ...]
    results: tuple[str, ...]
    guard: Guard | None = None
    tells: FulfilmentEvent | None = None
    main: int = 0
    is_forward: bool = True


@dataclass(frozen=True, slots=True)
class PossibleMove:
    """A move as a button: enabled, or greyed with the reason."""

    name: str
    label: Any
    is_main: bool
    enabled: bool
    reason: str = ""


def _has_units(work: OrderState) -> str | None:
    if all(line.quantity == line.cancelled for line in work.lines):
        return _now("This order has no line left to ship.")
    return None


def _all_held(work: OrderState) -> str | None:
    refusal = _has_units(work)
    if refusal:
        return refusal
    if any(line.needs_stock and not line.variant_id for line in work.lines):
        return _now("A line of this order has no SKU that is known here: map it first.")
    if work.order.allocation != AllocationState.FULL:
        return _now("Not all units are in stock: the order goes on by itself when they come.")
    return None


def _can_be_taken_back(work: OrderState) -> str | None:
    late = problem_codes.LATE_CANCEL in work.open_codes or problem_codes.LATE_CHANGE in work.open_codes
    if work.status == S.READY_TO_SHIP and not late:
        return _now("The channel was told that this order is ready to ship: it cannot be taken back.")
    return None


def _may_be_delivered(work: OrderState) -> str | None:
    if alone := work.connection.spec.delivers_alone:
        return str(alone)
    if work.is_draft or not work.order.is_paid:
        return _now("This order is not on its way.")
    return None


def _is_to_be_noted(work: OrderState) -> str | None:
    if not work.order.delivery_to_do:
        return _now("Nothing is left to be noted at the channel for this order.")
    return None


def _is_to_be_entered(work: OrderState) -> str | None:
    if not work.order.dispatch_to_do:
        return _now("Nothing is left to be entered at the channel for this order.")
    return None


def _was_cancelled_by_us(work: OrderState) -> str | None:
    if work.order.cancelled_at:
        return _now("This order is cancelled already.")
    return None


BEFORE_PACKING = (S.DRAFT, S.UNPAID, S.NEW, S.PARTIAL, S.READY_FOR_FULFILMENT)
OPEN_STATES = (*BEFORE_PACKING, S.PACKED, S.READY_TO_SHIP)
IN_PROCESS = (S.CANCEL_IN_PROCESS, S.SELLER_CANCEL_IN_PROCESS)

MOVES: tuple[Move, ...] = (
    Move("approve", _("Approve"), (S.DRAFT,), (S.NEW, S.PARTIAL, S.UNPAID), main=1),
    Move("mark_paid", _("Mark as paid"), (S.UNPAID,), (S.NEW, S.PARTIAL), main=2),
    Move("release", _("Release"), (S.NEW,), (S.READY_FOR_FULFILMENT,), _all_held, main=3),
    Move("pack", _("Packed"), (S.READY_FOR_FULFILMENT,), (S.PACKED,), main=4),
    Move(
        "ready_to_ship",
        _("Ready to ship"),
        (S.PACKED,),
        (S.READY_TO_SHIP,),
        tells=FulfilmentEvent.READY_TO_SHIP,
        main=5,
    ),
    Move(
        "hand_over",
        _("Put on a manifest"),
        (S.READY_TO_SHIP,),
        (S.READY_TO_SHIP, S.IN_TRANSIT),
        tells=FulfilmentEvent.SHIPPED,
        main=6,
    ),
    Move("mark_delivered", _("Delivered"), (S.IN_TRANSIT,), (S.DELIVERED,), _may_be_delivered, main=7),
    Move("complete", _("Complete"), (S.DELIVERED,), (S.COMPLETED,), tells=FulfilmentEvent.COMPLETED, main=8),
    Move(
        "note_delivered",
        _("Noted at the channel"),
        (S.DELIVERED, S.COMPLETED),
        (S.DELIVERED, S.COMPLETED),
        _is_to_be_noted,
        is_forward=False,
    ),
    Move(
        "note_dispatched",
        _("Entered at the channel"),
        (S.READY_TO_SHIP, S.IN_TRANSIT, S.DELIVERED, S.COMPLETED),
        (S.READY_TO_SHIP, S.IN_TRANSIT, S.DELIVERED, S.COMPLETED),
        _is_to_be_entered,
        is_forward=False,
    ),
    Move(
        "take_back",
        _("Take back"),
        (S.READY_FOR_FULFILMENT, S.PACKED, S.READY_TO_SHIP),
        (S.NEW, S.CANCELLED),
        _can_be_taken_back,
        is_forward=False,
    ),
    Move(
        "cancel",
        _("Cancel"),
        BEFORE_PACKING,
        (S.SELLER_CANCEL_IN_PROCESS, S.CANCELLED_BY_SELLER),
        tells=FulfilmentEvent.CANCELLED,
        is_forward=False,
    ),
    Move(
        "confirm_cancel",
        _("Confirm the cancellation"),
        IN_PROCESS,
        (S.CANCELLED, S.CANCELLED_BY_SELLER),
        _was_cancelled_by_us,
        main=9,
        is_forward=False,
    ),
    Move(
        "withdraw_cancel",
        _("Withdraw the cancellation"),
        IN_PROCESS,
        (S.DRAFT, S.UNPAID, S.NEW, S.PARTIAL, S.READY_FOR_FULFILMENT),
        is_forward=False,
    ),
    Move("hold", _("Hold"), OPEN_STATES, OPEN_STATES, is_forward=False),
    Move("lift_hold", _("Lift the hold"), OPEN_STATES, OPEN_STATES, main=10, is_forward=False),
)

BY_NAME: dict[str, Move] = {move.name: move for move in MOVES}

#: Why an order in this state cannot be cancelled any more (R-ORD-11).
_TOO_LATE = _("This order is packed or further: it cannot be cancelled any more, only returned.")


def refusal(work: OrderState, name: str) -> str | None:
    """Why this order cannot make this move now, in one sentence; None = it can."""
    move = BY_NAME[name]
    if work.status not in move.sources:
        if name == "release" and work.status == S.PARTIAL:
            return _all_held(work)
        if name == "cancel" and work.status in (
            S.PACKED,
            S.READY_TO_SHIP,
            S.IN_TRANSIT,
            S.DELIVERED,
            S.COMPLETED,
        ):
            return str(_TOO_LATE)
        return _now("An order that is “%(status)s” cannot do “%(move)s”.") % {
            "status": work.order.get_status_display(),
            "move": move.label,
        }
    held = any(hold.lifted_at is None for hold in work.holds)
    if name == "lift_hold" and not held:
        return _now("This order is not on hold.")
    if move.is_forward and held:
        reason = next(hold.reason for hold in work.holds if hold.lifted_at is None)
        return _now("On hold: %(reason)s") % {"reason": reason}
    if move.guard is not None and (said := move.guard(work)):
        return said
    blocked = problems.blocked_moves(code for code in work.open_codes if code != problem_codes.NO_CARRIER)
    if name in blocked:
        return _now("First solve the problem: %(problem)s.") % {"problem": blocked[name]}
    return None


def possible_moves(work: OrderState) -> list[PossibleMove]:
    """The moves of this order's state, the main one marked: the first of the way that is open now."""
    found = []
    for move in MOVES:
        if work.status not in move.sources:
            continue
        if move.name in ("hold", "lift_hold") and (move.name == "lift_hold") != bool(work.order.holds_open):
            continue
        if move.name == "note_delivered" and not work.order.delivery_to_do:
            continue
        if move.name == "note_dispatched" and not work.order.dispatch_to_do:
            continue
        reason = refusal(work, move.name) or ""
        found.append((move, reason))
    mains = [move for move, reason in found if move.main and not reason] or [
        move for move, _reason in found if move.main
    ]
    main = min(mains, key=lambda move: move.main, default=None)
    return [PossibleMove(move.name, move.label, move is main, not reason, reason) for move, reason in found]


def moves_for(orders: Collection[Order] | Sequence[int]) -> dict[int, list[PossibleMove]]:
    """What each of these orders (or ids) can do now; a constant number of queries, nothing locked."""

    ids = [order if isinstance(order, int) else order.pk for order in orders]
    return {work.order.pk: possible_moves(work) for work in UnitOfWork.load(ids, lock=False).works}


def not_sent_reason(work: OrderState, name: str) -> str:
    """The sentence that says why the channel does not hear of this move; empty when it does or need not."""
    move = BY_NAME[name]
    return reason_not_sent(work.connection, move.tells) if move.tells else ""


def as_table() -> list[dict[str, Any]]:
    """The table for documents: one row per move, in words."""
    return [
        {
            "name": move.name,
            "label": str(move.label),
            "from": [str(S(status).label) for status in move.sources],
            "to": [str(S(status).label) for status in move.results],
            "tells": str(move.tells) if move.tells else "",
            "waits_for_holds": move.is_forward,
            "blocked_by": sorted(
                code for code, declared in problems.all_codes().items() if move.name in declared.blocks
            ),
        }
        for move in MOVES
    ]

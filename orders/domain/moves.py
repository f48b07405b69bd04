# long because: the moves are one table, and its guards are read beside it.
"""The table of moves: from which status an order can move to which, who may do it, and what the channel is sent.

Pages, bulk actions, services and docs read this table. `refusal` says in one sentence why an order cannot make a move;
`orders.services.moves` makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.contract.records.orders import FulfilmentEvent, RemoteState
from oms.kit import problems
from orders import problem_codes
from orders.choices import AllocationState, OrderStatus
from orders.domain import handovers
from orders.models import Order
from orders.unit_of_work.announcements import part_not_sent, reason_not_sent
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork

S = OrderStatus
Guard = Callable[[OrderState], str | None]


#: Permissions: to decide about orders, and to work on their shipments.
WORK = "orders.work_order"
SHIP = "orders.ship_order"


@dataclass(frozen=True, slots=True)
class Move:
    """One row of the table of moves.

    The rule:
    `sources` and `results` are the statuses before and after it, `guard` returns a reason why an order with the right
    status cannot make it. A move that `is_forward` is not possible while the order is on hold. `sends` is the event
    that the channel is sent.

    The button:
    `label`; `main` is the rank among the candidates for the main button of the order page (lower first, 0 = never);
    `permission` is needed for it; `is_bulk` offers it for many orders of the list; `needs_reason` asks for a reason;
    `is_dangerous` always asks first, with `question` (many orders) or `question_one`; `undo` is the move that reverses
    it; `first` is the sentence shown when a later move is tried before this one. A move that `is_undo` only reverses
    another one: it has no button above the list, and the order page offers it where it is possible.
    """

    name: str
    label: Any
    sources: tuple[str, ...]
    results: tuple[str, ...]
    guard: Guard | None = None
    sends: FulfilmentEvent | None = None
    main: int = 0
    is_forward: bool = True
    permission: str = WORK
    is_bulk: bool = False
    needs_reason: bool = False
    question: Any = ""
    question_one: Any = ""
    is_dangerous: bool = False
    undo: str = ""
    first: Any = ""
    is_undo: bool = False


@dataclass(frozen=True, slots=True)
class PossibleMove:
    """A move as a button: `reason` says why it is not `enabled`."""

    name: str
    label: Any
    is_main: bool
    enabled: bool
    reason: str = ""


def _has_units(order_state: OrderState) -> str | None:
    if all(line.quantity == line.cancelled for line in order_state.lines):
        return gettext("This order has no line left to ship.")
    return None


def _all_allocated(order_state: OrderState) -> str | None:
    if reason := _has_units(order_state):
        return reason
    if any(line.needs_stock and not line.variant_id for line in order_state.lines):
        return gettext("A line of this order has an unknown SKU. Choose its product first.")
    if order_state.order.allocation != AllocationState.FULL:
        return gettext("Not all units are in stock. The order continues automatically when stock arrives.")
    return None


def _part_is_available(order_state: OrderState) -> str | None:
    """Return why no part of a Partial order can be released: none of its units is allocated, or a system works on it."""
    if handovers.at_work(order_state):
        return gettext("The warehouse system is working on this order. Cancel the order to recall it.")
    if order_state.open_shipments:
        return gettext("A part of this order is on its way already. Wait until it has left.")
    untracked = any(
        line.needs_stock and not line.is_counted and line.quantity > line.shipped + line.cancelled
        for line in order_state.lines
    )
    if not untracked and not any(line.allocated for line in order_state.lines):
        return gettext(
            "No unit of this order is in stock. The order continues automatically when stock arrives."
        )
    return None


def _was_changed_late(order_state: OrderState) -> bool:
    """Whether the channel cancelled or changed the order after it was packed."""
    return not {problem_codes.LATE_CANCEL, problem_codes.LATE_CHANGE}.isdisjoint(order_state.open_codes)


def _can_undo_packing(order_state: OrderState) -> str | None:
    if handovers.at_work(order_state):
        return gettext("The warehouse system is working on this order. Cancel the order to recall it.")
    is_changed = _was_changed_late(order_state) or problem_codes.ADDRESS_CHANGED in order_state.open_codes
    if order_state.status == S.READY_TO_SHIP and not is_changed:
        return gettext("The channel was sent: Ready to ship. Packing cannot be undone.")
    return None


def _may_be_delivered(order_state: OrderState) -> str | None:
    order = order_state.order
    # The channel said it after the first part; it says nothing about the parts that it does not know.
    is_said = order.is_part_released and order.remote_state in (RemoteState.DELIVERED, RemoteState.COMPLETED)
    if (alone := order_state.connection.spec.delivers_alone) and not is_said:
        return str(alone)
    if order_state.is_draft or not order_state.order.is_paid:
        return gettext("This order is not in transit.")
    return None


def _delivery_is_to_be_entered(order_state: OrderState) -> str | None:
    if not order_state.order.delivery_to_do:
        return gettext("The delivery of this order does not have to be entered on the channel.")
    return None


def _tracking_is_to_be_entered(order_state: OrderState) -> str | None:
    if not order_state.order.dispatch_to_do:
        return gettext("The tracking number of this order does not have to be entered on the channel.")
    return None


def _can_unpack(order_state: OrderState) -> str | None:
    if handovers.at_work(order_state):
        return gettext("The warehouse system is working on this order. Cancel the order to recall it.")
    if _was_changed_late(order_state):
        return gettext(
            "The channel changed or cancelled this order after it was packed. Undo packing instead."
        )
    return None


def _was_approved_by_hand(order_state: OrderState) -> str | None:
    order = order_state.order
    if not order.needs_approval or any(line.shipped for line in order_state.lines):
        return gettext("This order needed no approval.")
    if order.remote_state != RemoteState.DRAFT:
        return gettext("The order is approved on the channel, too.")
    return None


def _was_paid_by_hand(order_state: OrderState) -> str | None:
    if order_state.order.remote_state != RemoteState.UNPAID or any(
        line.shipped for line in order_state.lines
    ):
        return gettext("The channel does not say that this order is unpaid.")
    return None


def _is_not_cancelled_yet(order_state: OrderState) -> str | None:
    if order_state.order.cancelled_at:
        return gettext("This order is already cancelled.")
    if handovers.awaits_answer(order_state):
        return gettext("The warehouse system has not answered the recall yet.")
    return None


def _is_not_being_recalled(order_state: OrderState) -> str | None:
    if handovers.awaits_answer(order_state):
        return gettext("The warehouse system has not answered the recall yet.")
    return None


def _is_live_on_channel(order_state: OrderState) -> str | None:
    """Return why a cancelled order cannot be reopened: on its channel it is cancelled, too."""
    if (
        order_state.connection.spec.has_wire
        and problem_codes.REOPENED_ON_CHANNEL not in order_state.open_codes
    ):
        return gettext("The order is cancelled on the channel, too. Reopen it there first.")
    return None


BEFORE_PACKING = (S.DRAFT, S.UNPAID, S.NEW, S.PARTIAL, S.READY_FOR_FULFILMENT)
OPEN_STATES = (*BEFORE_PACKING, S.PACKED, S.READY_TO_SHIP)
IN_PROCESS = (S.CANCEL_IN_PROCESS, S.SELLER_CANCEL_IN_PROCESS)

MOVES: tuple[Move, ...] = (
    Move(
        "approve",
        _("Approve"),
        (S.DRAFT,),
        (S.NEW, S.PARTIAL, S.UNPAID),
        main=1,
        is_bulk=True,
        undo="unapprove",
        first=_("Approve the order first."),
    ),
    Move(
        "mark_paid",
        _("Mark as paid"),
        (S.UNPAID,),
        (S.NEW, S.PARTIAL),
        main=2,
        is_bulk=True,
        undo="mark_unpaid",
        first=_("Mark the order as paid first."),
    ),
    Move(
        "release",
        _("Release"),
        (S.NEW,),
        (S.READY_FOR_FULFILMENT,),
        _all_allocated,
        main=3,
        is_bulk=True,
        undo="undo_packing",
        first=_("Release the order first."),
    ),
    Move(
        "release_part",
        _("Release available part"),
        (S.PARTIAL,),
        (S.READY_FOR_FULFILMENT,),
        _part_is_available,
        main=3,
        is_bulk=True,
        undo="undo_packing",
    ),
    Move(
        "pack",
        _("Mark packed"),
        (S.READY_FOR_FULFILMENT,),
        (S.PACKED,),
        main=4,
        permission=SHIP,
        is_bulk=True,
        undo="unpack",
        first=_("Mark the order as packed first."),
    ),
    Move(
        "ready_to_ship",
        _("Mark ready to ship"),
        (S.PACKED,),
        (S.READY_TO_SHIP,),
        sends=FulfilmentEvent.READY_TO_SHIP,
        main=5,
        permission=SHIP,
        is_bulk=True,
        first=_("Mark the order as ready to ship first."),
    ),
    Move(
        "hand_over",
        _("Put on a manifest"),
        (S.READY_TO_SHIP,),
        (S.READY_TO_SHIP, S.IN_TRANSIT),
        sends=FulfilmentEvent.SHIPPED,
        main=6,
        permission=SHIP,
        first=_("Put the order on a manifest first."),
    ),
    Move(
        "mark_delivered",
        _("Mark delivered"),
        (S.IN_TRANSIT,),
        (S.DELIVERED,),
        _may_be_delivered,
        main=7,
        permission=SHIP,
        is_bulk=True,
        first=_("Mark the order as delivered first."),
    ),
    Move(
        "complete",
        _("Complete"),
        (S.DELIVERED,),
        (S.COMPLETED,),
        sends=FulfilmentEvent.COMPLETED,
        main=8,
        is_bulk=True,
    ),
    Move(
        "note_delivered",
        _("Mark delivery as entered"),
        (S.DELIVERED, S.COMPLETED),
        (S.DELIVERED, S.COMPLETED),
        _delivery_is_to_be_entered,
        is_forward=False,
        permission=SHIP,
        is_bulk=True,
    ),
    Move(
        "note_dispatched",
        _("Mark tracking as entered"),
        (S.READY_TO_SHIP, S.IN_TRANSIT, S.DELIVERED, S.COMPLETED),
        (S.READY_TO_SHIP, S.IN_TRANSIT, S.DELIVERED, S.COMPLETED),
        _tracking_is_to_be_entered,
        is_forward=False,
        permission=SHIP,
        is_bulk=True,
    ),
    Move(
        "unapprove",
        _("Withdraw the approval"),
        (S.NEW, S.PARTIAL, S.UNPAID),
        (S.DRAFT,),
        _was_approved_by_hand,
        is_forward=False,
        is_bulk=True,
        is_undo=True,
    ),
    Move(
        "mark_unpaid",
        _("Mark as not paid"),
        (S.NEW, S.PARTIAL),
        (S.UNPAID,),
        _was_paid_by_hand,
        is_forward=False,
        is_bulk=True,
        is_undo=True,
    ),
    Move(
        "unpack",
        _("Mark not packed"),
        (S.PACKED,),
        (S.READY_FOR_FULFILMENT,),
        _can_unpack,
        is_forward=False,
        permission=SHIP,
        is_bulk=True,
        is_undo=True,
    ),
    Move(
        "undo_packing",
        _("Undo packing"),
        (S.READY_FOR_FULFILMENT, S.PACKED, S.READY_TO_SHIP),
        (S.NEW, S.PARTIAL, S.CANCELLED),
        _can_undo_packing,
        is_forward=False,
        is_bulk=True,
        undo="release",
    ),
    Move(
        "cancel",
        _("Cancel order"),
        BEFORE_PACKING,
        (S.SELLER_CANCEL_IN_PROCESS, S.CANCELLED_BY_SELLER),
        sends=FulfilmentEvent.CANCELLED,
        is_forward=False,
        is_bulk=True,
        needs_reason=True,
        is_dangerous=True,
        question=_(
            "Cancel these orders? Their stock becomes available again when the channel has confirmed."
        ),
        question_one=_(
            "Cancel this order? Its stock becomes available again when the channel has confirmed."
        ),
        undo="withdraw_cancel",
    ),
    Move(
        "confirm_cancel",
        _("Confirm the cancellation"),
        IN_PROCESS,
        (S.CANCELLED, S.CANCELLED_BY_SELLER),
        _is_not_cancelled_yet,
        main=9,
        is_forward=False,
        is_bulk=True,
        is_dangerous=True,
        question=_("Confirm these cancellations? The orders end, and their stock becomes available again."),
        question_one=_("Confirm the cancellation? The order ends, and its stock becomes available again."),
    ),
    Move(
        "withdraw_cancel",
        _("Withdraw the cancellation"),
        IN_PROCESS,
        (S.DRAFT, S.UNPAID, S.NEW, S.PARTIAL, S.READY_FOR_FULFILMENT),
        _is_not_being_recalled,
        is_forward=False,
        is_bulk=True,
    ),
    Move(
        "reopen",
        _("Reopen order"),
        (S.CANCELLED, S.CANCELLED_BY_SELLER),
        (S.NEW, S.PARTIAL, S.DRAFT, S.UNPAID),
        _is_live_on_channel,
        main=11,
        is_forward=False,
        is_bulk=True,
    ),
    Move(
        "hold",
        _("Hold"),
        OPEN_STATES,
        OPEN_STATES,
        is_forward=False,
        is_bulk=True,
        needs_reason=True,
        question=_("Hold these orders? They keep their stock."),
        question_one=_("Hold this order? It keeps its stock."),
        undo="lift_hold",
    ),
    Move(
        "lift_hold",
        _("Lift the hold"),
        OPEN_STATES,
        OPEN_STATES,
        main=10,
        is_forward=False,
        is_bulk=True,
    ),
)

BY_NAME: dict[str, Move] = {move.name: move for move in MOVES}

#: Why an order that is packed or further cannot be cancelled (R-ORD-11).
_TOO_LATE = _("This order is already packed. It cannot be cancelled, only returned.")


def _what_comes_first(order_state: OrderState, move: Move) -> str:
    """Return why an order with the wrong status cannot make a move: the step that comes before it, if there is one."""
    earlier = (other for other in MOVES if other.first and other.main < move.main)
    for other in earlier:
        if order_state.status in other.sources:
            return str(other.first)
    return gettext("This is not possible for an order with the status “%(status)s”.") % {
        "status": order_state.order.get_status_display()
    }


def refusal(order_state: OrderState, name: str) -> str | None:
    """Return why this order cannot make this move now, in one sentence; None when it can."""
    move = BY_NAME[name]
    if order_state.status not in move.sources:
        if name == "release" and order_state.status == S.PARTIAL:
            return _all_allocated(order_state)
        if name == "cancel" and order_state.status in (
            S.PACKED,
            S.READY_TO_SHIP,
            S.IN_TRANSIT,
            S.DELIVERED,
            S.COMPLETED,
        ):
            return str(_TOO_LATE)
        return _what_comes_first(order_state, move)
    hold = next((hold for hold in order_state.holds if hold.lifted_at is None), None)
    if name == "lift_hold" and hold is None:
        return gettext("This order is not on hold.")
    if move.is_forward and hold is not None:
        return gettext("On hold: %(reason)s") % {"reason": hold.reason}
    if move.guard is not None and (reason := move.guard(order_state)):
        return reason
    blocked = problems.blocked_moves(
        code for code in order_state.open_codes if code != problem_codes.NO_CARRIER
    )
    if name in blocked:
        return gettext("Resolve “%(problem)s” first.") % {"problem": blocked[name]}
    return None


def possible_moves(order_state: OrderState) -> list[PossibleMove]:
    """Return the moves that the status of this order has, with the reason why one is not possible now.

    The main one is the next useful step: see `_main_move`.
    """
    found = []
    for move in MOVES:
        if order_state.status not in move.sources:
            continue
        if move.name in ("hold", "lift_hold") and (move.name == "lift_hold") != bool(
            order_state.order.holds_open
        ):
            continue
        if move.name == "note_delivered" and not order_state.order.delivery_to_do:
            continue
        if move.name == "note_dispatched" and not order_state.order.dispatch_to_do:
            continue
        reason = refusal(order_state, move.name) or ""
        if move.is_undo and reason:
            continue
        found.append((move, reason))
    main = _main_move(order_state, found)
    return [PossibleMove(move.name, move.label, move is main, not reason, reason) for move, reason in found]


def _main_move(order_state: OrderState, found: Sequence[tuple[Move, str]]) -> Move | None:
    """Return the move of the main button, from the moves of the status with their reasons ("" = possible).

    An order that the channel cancelled or changed after packing: undo packing. Otherwise the first step forward that
    is possible, or the first step that is not, to show its reason.
    """
    if _was_changed_late(order_state):
        for move, reason in found:
            if move.name == "undo_packing" and not reason:
                return move
    candidates = [move for move, reason in found if move.main and not reason]
    candidates = candidates or [move for move, _reason in found if move.main]
    return min(candidates, key=lambda move: move.main, default=None)


def moves_for(orders: Collection[Order] | Sequence[int]) -> dict[int, list[PossibleMove]]:
    """Return the moves of these orders (or ids), by id. A constant number of statements; nothing is locked."""
    ids = [order if isinstance(order, int) else order.pk for order in orders]
    return {
        order_state.order.pk: possible_moves(order_state)
        for order_state in UnitOfWork.load(ids, lock=False).order_states
    }


def not_sent_reason(order_state: OrderState, name: str) -> str:
    """Return why the channel is not sent what this move sends; "" when it is, or when the move sends nothing."""
    move = BY_NAME[name]
    if not move.sends:
        return ""
    return reason_not_sent(order_state.connection, move.sends) or part_not_sent(order_state, move.sends)

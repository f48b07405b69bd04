"""The table of moves: from which status an order can move to which, who may do it, and what the channel is sent.

Pages, bulk actions, services and docs read this table. `refusal` says in one sentence why an order cannot make a move;
`orders.services.moves` makes it.
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


#: Rights of a person: decide about orders, and work on their parcels.
WORK = "orders.work_order"
SHIP = "orders.ship_order"


@dataclass(frozen=True, slots=True)
class Move:
    """One move.

    `label` is the button; `main` orders the one big button of the order page (lower first, 0 = never); a move that
    `is_forward` waits until holds are lifted; `tells` is what the channel is sent.
    For people: `permission` is the right that it needs, `needs_reason` asks for a reason, `is_bulk` allows it on many
    orders of a list, `question` (many orders) and `question_one` stand on the confirm step, `is_dangerous` always asks
    first, `undo` is the name of the move that reverses it, `first` says that this move must be made before a later one.
    """

    name: str
    label: Any
    sources: tuple[str, ...]
    results: tuple[str, ...]
    guard: Guard | None = None
    tells: FulfilmentEvent | None = None
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


@dataclass(frozen=True, slots=True)
class PossibleMove:
    """A move as a button: `reason` says why it is not `enabled`."""

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
        return _now("A line of this order has an unknown SKU. Choose its SKU first.")
    if work.order.allocation != AllocationState.FULL:
        return _now("Not all units are in stock. The order continues automatically when stock arrives.")
    return None


def _can_be_taken_back(work: OrderState) -> str | None:
    late = problem_codes.LATE_CANCEL in work.open_codes or problem_codes.LATE_CHANGE in work.open_codes
    if work.status == S.READY_TO_SHIP and not late:
        return _now("The channel was sent: Ready to ship. The order cannot be taken back.")
    return None


def _may_be_delivered(work: OrderState) -> str | None:
    if alone := work.connection.spec.delivers_alone:
        return str(alone)
    if work.is_draft or not work.order.is_paid:
        return _now("This order is not in transit.")
    return None


def _is_to_be_noted(work: OrderState) -> str | None:
    if not work.order.delivery_to_do:
        return _now("The delivery of this order does not have to be entered at the channel.")
    return None


def _is_to_be_entered(work: OrderState) -> str | None:
    if not work.order.dispatch_to_do:
        return _now("The tracking number of this order does not have to be entered at the channel.")
    return None


def _was_cancelled_by_us(work: OrderState) -> str | None:
    if work.order.cancelled_at:
        return _now("This order is already cancelled.")
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
        first=_("Approve the order first."),
    ),
    Move(
        "mark_paid",
        _("Mark as paid"),
        (S.UNPAID,),
        (S.NEW, S.PARTIAL),
        main=2,
        is_bulk=True,
        first=_("Mark the order as paid first."),
    ),
    Move(
        "release",
        _("Release"),
        (S.NEW,),
        (S.READY_FOR_FULFILMENT,),
        _all_held,
        main=3,
        is_bulk=True,
        undo="take_back",
        first=_("Release the order first."),
    ),
    Move(
        "pack",
        _("Mark packed"),
        (S.READY_FOR_FULFILMENT,),
        (S.PACKED,),
        main=4,
        permission=SHIP,
        is_bulk=True,
        first=_("Mark the order as packed first."),
    ),
    Move(
        "ready_to_ship",
        _("Mark ready to ship"),
        (S.PACKED,),
        (S.READY_TO_SHIP,),
        tells=FulfilmentEvent.READY_TO_SHIP,
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
        tells=FulfilmentEvent.SHIPPED,
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
        tells=FulfilmentEvent.COMPLETED,
        main=8,
        is_bulk=True,
    ),
    Move(
        "note_delivered",
        _("Mark delivery as entered"),
        (S.DELIVERED, S.COMPLETED),
        (S.DELIVERED, S.COMPLETED),
        _is_to_be_noted,
        is_forward=False,
        permission=SHIP,
        is_bulk=True,
    ),
    Move(
        "note_dispatched",
        _("Mark tracking as entered"),
        (S.READY_TO_SHIP, S.IN_TRANSIT, S.DELIVERED, S.COMPLETED),
        (S.READY_TO_SHIP, S.IN_TRANSIT, S.DELIVERED, S.COMPLETED),
        _is_to_be_entered,
        is_forward=False,
        permission=SHIP,
        is_bulk=True,
    ),
    Move(
        "take_back",
        _("Take back"),
        (S.READY_FOR_FULFILMENT, S.PACKED, S.READY_TO_SHIP),
        (S.NEW, S.CANCELLED),
        _can_be_taken_back,
        is_forward=False,
        is_bulk=True,
        undo="release",
    ),
    Move(
        "cancel",
        _("Cancel"),
        BEFORE_PACKING,
        (S.SELLER_CANCEL_IN_PROCESS, S.CANCELLED_BY_SELLER),
        tells=FulfilmentEvent.CANCELLED,
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
        _was_cancelled_by_us,
        main=9,
        is_forward=False,
        is_dangerous=True,
    ),
    Move(
        "withdraw_cancel",
        _("Withdraw the cancellation"),
        IN_PROCESS,
        (S.DRAFT, S.UNPAID, S.NEW, S.PARTIAL, S.READY_FOR_FULFILMENT),
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

#: Why an order with this status cannot be cancelled (R-ORD-11).
_TOO_LATE = _("This order is already packed. It cannot be cancelled, only returned.")


def _what_comes_first(work: OrderState, move: Move) -> str:
    """Return the sentence for a move from the wrong status: which step comes before it, if there is one."""
    earlier = (other for other in MOVES if other.first and other.main < move.main)
    for other in earlier:
        if work.status in other.sources:
            return str(other.first)
    return _now("This is not possible for an order with the status “%(status)s”.") % {
        "status": work.order.get_status_display()
    }


def refusal(work: OrderState, name: str) -> str | None:
    """Return why this order cannot make this move now, in one sentence; None when it can."""
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
        return _what_comes_first(work, move)
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
        return _now("First resolve the problem: %(problem)s.") % {"problem": blocked[name]}
    return None


def possible_moves(work: OrderState) -> list[PossibleMove]:
    """Return the moves of this order's status. The main one is the first step forward that is possible now."""
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
    """Return the moves of each of these orders (or ids), by id: a constant number of statements, nothing is locked."""

    ids = [order if isinstance(order, int) else order.pk for order in orders]
    return {work.order.pk: possible_moves(work) for work in UnitOfWork.load(ids, lock=False).works}


def not_sent_reason(work: OrderState, name: str) -> str:
    """Return why the channel is not sent this move; "" when it is, or when the move sends nothing."""
    move = BY_NAME[name]
    return reason_not_sent(work.connection, move.tells) if move.tells else ""


def as_table() -> list[dict[str, Any]]:
    """Return the table for documents: one row per move, in words."""
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

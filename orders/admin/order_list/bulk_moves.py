"""The moves of the table (`orders.domain.moves`) as bulk actions of the order list."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import ngettext

from oms.kit.admin.actions import BulkAction, Outcome, Run
from oms.kit.authors.actors import Author
from orders.admin.order_list.tabs import TAB_OF_STATUS, TABS
from orders.choices import OrderStatus
from orders.domain.moves import BY_NAME, MOVES, Move
from orders.models import Order
from orders.services import tracking
from orders.services.moves import make_move

#: The moves that the tab “All” shows. It accepts all moves, but fifteen buttons are too many.
SHOWN_IN_ALL = ("release", "pack", "ready_to_ship", "mark_delivered", "hold", "cancel")
#: Moves of the tabs whose orders may have any status.
SHOWN_BY_FLAG = {
    "problem": ("release", "undo_packing", "hold", "cancel"),
    "held": ("lift_hold", "cancel"),
    "dispatch_to_do": ("note_dispatched", "mark_delivered"),
    "delivery_to_do": ("note_delivered", "complete"),
}
#: Moves that belong to the tab of their flag; the tabs of their statuses do not show them.
ONLY_BY_FLAG = ("note_delivered", "note_dispatched", "lift_hold")


def shown_on(move: Move, tab_key: str) -> bool:
    """Whether a tab shows the button of a move: only what at least one order of this status can do."""
    if tab_key == "all":
        return move.name in SHOWN_IN_ALL
    if tab_key in SHOWN_BY_FLAG:
        return move.name in SHOWN_BY_FLAG[tab_key]
    statuses = next((tab.statuses for tab in TABS if tab.key == tab_key), ())
    return move.name not in ONLY_BY_FLAG and any(status in move.sources for status in statuses)


def tabs_of(move: Move) -> tuple[str, ...]:
    """Return the tabs on which a move may be posted: where it is shown, and “All” for bookmarks and the undo."""
    return ("all", *(tab.key for tab in TABS if tab.key != "all" and shown_on(move, tab.key)))


def tab_after(move: Move, status: str, is_held: bool) -> str:
    """Return the tab where an order with this status is found after a move."""
    return "held" if move.name == "hold" and is_held else TAB_OF_STATUS.get(status, "all")


def _can_undo(move: Move, was: str, is_now: str) -> bool:
    """Whether the undo of a move leads back to where the order was."""
    if move.name == "undo_packing":  # its undo, Release, leads to “Ready for fulfilment” and no further
        return was == OrderStatus.READY_FOR_FULFILMENT and is_now == OrderStatus.NEW
    if move.name == "cancel":  # a store without a channel cancels at once
        return is_now == OrderStatus.SELLER_CANCEL_IN_PROCESS
    return True


def runner(move: Move) -> Run:
    """Return the function that makes a move with many orders. Its outcomes name the tab where each order is afterwards."""

    def run(ids: Sequence[int], by: Author, reason: str) -> list[Outcome]:
        before = dict(Order.objects.filter(pk__in=ids).values_list("pk", "status"))
        outcomes = make_move(move.name, ids, by=by, reason=reason)
        rows = Order.objects.filter(pk__in=ids).values_list("pk", "status", "holds_open")
        after = {pk: (status, bool(holds)) for pk, status, holds in rows}
        found = []
        for outcome in outcomes:
            pk = outcome.order_id
            status, is_held = after.get(pk, ("", False))
            found.append(
                Outcome(
                    pk,
                    outcome.ok,
                    str(outcome.message),
                    f"#{outcome.number or pk}",
                    tab_after(move, status, is_held),
                    _can_undo(move, before.get(pk, ""), status),
                )
            )
        return found

    return run


def tracking_warning(ids: Sequence[int]) -> str:
    """Return how many of these orders should have a tracking number and have none; "" when all have one."""
    count = len(tracking.without_tracking(ids))
    if not count:
        return ""
    return ngettext(
        "%(count)d of %(all)d orders has no tracking number. The filter “without tracking” shows it.",
        "%(count)d of %(all)d orders have no tracking number. The filter “without tracking” shows them.",
        count,
    ) % {"count": count, "all": len(ids)}


def _goes_to(move: Move) -> str:
    """Return the tab where orders are after a move."""
    return "held" if move.name == "hold" else TAB_OF_STATUS.get(str(move.results[0]), "all")


BULK_ACTIONS = tuple(
    BulkAction(
        move.name,
        move.label,
        runner(move),
        move.permission,
        tabs=tabs_of(move),
        needs_reason=move.needs_reason,
        question=move.question,
        warning=tracking_warning if move.name == "ready_to_ship" else None,
        is_dangerous=move.is_dangerous,
        goes_to=_goes_to(move),
        undo=move.undo,
        in_bar=not move.is_undo,
    )
    for move in MOVES
    if move.is_bulk
)
MOVE_OF_ACTION = {action.name: BY_NAME[action.name] for action in BULK_ACTIONS}

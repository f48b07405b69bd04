"""The verbs of the order desk. They take sets; one is a set of one.

Every verb is keyword-only but for its ids, works in one transaction, locks the orders and then the shelves, and
answers with one `MoveOutcome` per order asked for: done, or a sentence why not and nothing changed for it.
"""

from __future__ import annotations

from orders.counting import set_counted
from orders.desk import (
    MoveOutcome,
    add_note,
    approve,
    cancel,
    confirm_cancel,
    dismiss_problem,
    hold,
    lift_hold,
    map_line,
    map_lines,
    mark_paid,
    reread_status_map,
    withdraw_cancel,
)
from orders.refilling import refill, release_unpaid
from orders.shipping import (
    HandedOver,
    complete,
    complete_due,
    create_manifest,
    mark_delivered,
    mark_ready_to_ship,
    note_delivered,
    note_dispatched,
    pack,
    release,
    save_carrier,
    set_tracking,
    take_back,
)

__all__ = [
    "HandedOver",
    "MoveOutcome",
    "add_note",
    "approve",
    "cancel",
    "complete",
    "complete_due",
    "confirm_cancel",
    "create_manifest",
    "dismiss_problem",
    "hold",
    "lift_hold",
    "map_line",
    "map_lines",
    "mark_delivered",
    "mark_paid",
    "mark_ready_to_ship",
    "note_delivered",
    "note_dispatched",
    "pack",
    "refill",
    "release",
    "release_unpaid",
    "reread_status_map",
    "save_carrier",
    "set_counted",
    "set_tracking",
    "take_back",
    "withdraw_cancel",
]

"""Make one move with many orders: lock them, check the table of moves, change them, write them together."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from oms.kit.authors.actors import Author
from orders.domain.moves import refusal
from orders.errors import OrderError
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class MoveOutcome:
    """The result of a move for one order. `message` says why it was not made, or more about a move that was made."""

    order_id: int
    ok: bool
    message: str = ""
    number: str = ""


Step = Callable[[UnitOfWork, OrderState], str]


def apply_move(order_ids: Collection[int], name: str, act: Step, *, by: Author) -> list[MoveOutcome]:
    """Make the move `name` with these orders, in one transaction; return one outcome for each, in the order given.

    `act` changes the facts of one order and returns what the person should know, or "". It raises `OrderError` before
    it changes anything if the order cannot make the move. Such an order does not stop the others.
    """
    wanted = list(dict.fromkeys(order_ids))
    outcomes: dict[int, MoveOutcome] = {}
    with transaction.atomic():
        unit = UnitOfWork.load(wanted)
        for order_state in unit.order_states:
            order = order_state.order
            message, ok = refusal(order_state, name), False
            if message is None:
                try:
                    message, ok = act(unit, order_state), True
                except OrderError as error:
                    message = str(error)
            outcomes[order.pk] = MoveOutcome(order.pk, ok, message, order.number)
        unit.flush(by)
    missing = _("This order no longer exists.")
    return [outcomes.get(pk) or MoveOutcome(pk, False, missing) for pk in wanted]

"""Make one move with many orders: lock, ask the table, act, write at once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from oms.kit.actors import Author
from orders.domain.moves import refusal
from orders.errors import OrderError
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class MoveOutcome:
    """What came of a move for one order: done, or one sentence why not. `message` may say more when done."""

    order_id: int
    ok: bool
    message: str = ""
    number: str = ""


Step = Callable[[UnitOfWork, OrderState], str]


def apply_move(order_ids: Collection[int], name: str, act: Step, *, by: Author) -> list[MoveOutcome]:
    """Make one move with each of these orders: lock, ask the table, act, write all at once.

    `act` changes the facts of one order and returns what the person should know, or raises `OrderError` before
    it has changed anything.
    """
    wanted = list(dict.fromkeys(order_ids))
    outcomes: dict[int, MoveOutcome] = {}
    with transaction.atomic():
        work_set = UnitOfWork.load(wanted)
        for work in work_set.works:
            order = work.order
            said, ok = refusal(work, name), False
            if said is None:
                try:
                    said, ok = act(work_set, work), True
                except OrderError as error:
                    said = str(error)
            outcomes[order.pk] = MoveOutcome(order.pk, ok, said, order.number)
        work_set.flush(by)
    gone = _("This order does not exist any more.")
    return [outcomes.get(pk) or MoveOutcome(pk, False, gone) for pk in wanted]

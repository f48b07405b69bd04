"""Make a move of the table (`orders.domain.moves`) by its name: the service behind each move, and moves as a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from oms.kit.authors.actors import Author, person
from oms.kit.background import jobs
from oms.kit.models import Job
from oms.kit.numbers import grouped
from orders.domain.moves import BY_NAME, Move, refusal
from orders.errors import OrderError
from orders.models import Order
from orders.services import completion, decisions, packing
from orders.services.apply_moves import MoveOutcome
from orders.services.handing_over import manifests
from orders.unit_of_work.unit_of_work import UnitOfWork

#: Kind of the jobs that move many orders; it is stored in their rows.
JOB = "orders.move"
#: Orders that one step of a job moves.
BATCH_SIZE = 250

#: The service of each move.
SERVICES: Mapping[str, Callable[..., list[MoveOutcome]]] = {
    "approve": decisions.approve,
    "mark_paid": decisions.mark_paid,
    "release": packing.release,
    "release_part": packing.release_part,
    "pack": packing.pack,
    "ready_to_ship": packing.mark_ready_to_ship,
    "hand_over": manifests.hand_over,
    "mark_delivered": completion.mark_delivered,
    "complete": completion.complete,
    "note_delivered": completion.note_delivered,
    "note_dispatched": completion.note_dispatched,
    "unapprove": decisions.unapprove,
    "mark_unpaid": decisions.mark_unpaid,
    "unpack": packing.unpack,
    "undo_packing": packing.undo_packing,
    "cancel": decisions.cancel,
    "confirm_cancel": decisions.confirm_cancel,
    "withdraw_cancel": decisions.withdraw_cancel,
    "reopen": decisions.reopen,
    "hold": decisions.hold,
    "lift_hold": decisions.lift_hold,
}


def make_move(
    name: str,
    order_ids: Sequence[int],
    *,
    by: Author,
    reason: str = "",
    tracking: Mapping[int, tuple[int | None, str]] | None = None,
) -> list[MoveOutcome]:
    """Make the move `name` with these orders and return one outcome for each.

    `reason` is used by moves that need one. `tracking` (order id -> carrier id, number) is used by “ready_to_ship”.
    An order that cannot make the move has an outcome with the reason; nothing is raised for it.
    """
    arguments: dict[str, Any] = {"reason": reason} if BY_NAME[name].needs_reason else {}
    if tracking and name == "ready_to_ship":
        arguments["tracking"] = tracking
    try:
        return SERVICES[name](list(order_ids), by=by, **arguments)
    except OrderError as error:  # none of them could be tried
        numbers = dict(Order.objects.filter(pk__in=order_ids).values_list("pk", "number"))
        return [MoveOutcome(pk, False, str(error), numbers.get(pk, "")) for pk in order_ids]


def try_move(name: str, order_ids: Sequence[int]) -> list[MoveOutcome]:
    """Return whether each of these orders can make the move now, in the order given; nothing is changed or locked."""
    found = UnitOfWork.load(order_ids, lock=False).by_id()
    outcomes = []
    for pk in order_ids:
        order_state = found.get(pk)
        reason = refusal(order_state, name) if order_state else _("This order no longer exists.")
        number = order_state.order.number if order_state else ""
        outcomes.append(MoveOutcome(pk, not reason, reason or "", number))
    return outcomes


def moved_text(count: int) -> str:
    """Return "13 orders moved."."""
    return ngettext("%s order moved.", "%s orders moved.", count) % grouped(count)


def start_job(*, move: Move, order_ids: Sequence[int], user: Any, reason: str = "") -> Job:
    """Move these orders by a job, with one outcome per order."""
    return jobs.start(
        kind=JOB,
        title=_("%(move)s: %(count)s orders") % {"move": move.label, "count": grouped(len(order_ids))},
        lane="orders",
        params={"move": move.name, "ids": list(order_ids), "reason": reason},
        total=len(order_ids),
        author=user,
    )


def move_batch(job: Job) -> bool:
    """Move the next orders of a job; return True while more are left.

    A step may be repeated after a crash: an order that was moved then cannot make the move again.
    """
    ids: list[int] = job.params["ids"]
    by = person(job.author) if job.author else Author()
    part = ids[job.done : job.done + BATCH_SIZE]
    rows: list[list[Any]] = job.result.setdefault("orders", [])
    del rows[job.done :]  # rows of this step that a killed worker wrote
    outcomes = {
        outcome.order_id: outcome
        for outcome in make_move(job.params["move"], part, by=by, reason=job.params.get("reason", ""))
    }
    for pk in part:
        outcome = outcomes.get(pk)
        text = str(outcome.message) if outcome else _("This order no longer exists.")
        rows.append([pk, bool(outcome and outcome.ok), text])
    job.refused = sum(1 for _pk, ok, _text in rows if not ok)
    jobs.report(job, done=job.done + len(part), result=job.result, refused=job.refused)
    job.message = moved_text(job.done - job.refused)
    return job.done < len(ids)

"""The moves that people make on orders: which service, which permission, what it must be told.

Whether a move is possible is `orders.domain.moves`' to say; here stands only how a page asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from oms.kit import jobs
from oms.kit.actors import Author, person
from oms.kit.models import Job
from orders.errors import OrderError
from orders.services import completion, decisions, packing

WORK = "orders.work_order"
SHIP = "orders.ship_order"

#: More orders than this are moved by a job with a bar instead of while the person waits.
AT_ONCE = 50
#: Orders that one bulk move may take.
AT_MOST = 2_000
JOB = "orders.move"


@dataclass(frozen=True, slots=True)
class DeskMove:
    """`needs_reason`: the service wants words, and a page asks for them; `in_bulk`: it is on the bar of the list (of this tab
    alone, where `tab` names one)."""

    name: str
    label: Any
    service: Callable[..., Sequence[Any]]
    permission: str
    needs_reason: bool = False
    asks: Any = ""
    asks_one: Any = ""
    in_bulk: bool = False
    tab: str = ""
    is_dangerous: bool = False
    done: Callable[[int], str] | None = None

    def run(
        self,
        order_ids: Sequence[int],
        *,
        by: Author,
        reason: str = "",
        tracking: Mapping[int, tuple[int | None, str]] | None = None,
    ) -> Sequence[Any]:
        """Call the service for these orders: one outcome each. Raises `OrderError` when none could be tried.

        `tracking` (order id -> carrier id, number) goes with “ready to ship” alone.
        """
        told: dict[str, Any] = {"reason": reason} if self.needs_reason else {}
        if tracking and self.name == "ready_to_ship":
            told["tracking"] = tracking
        return self.service(list(order_ids), by=by, **told)


def _move(
    name: str, service: Callable[..., Sequence[Any]], label: Any, permission: str, **more: Any
) -> tuple[str, DeskMove]:
    return name, DeskMove(name, label, service, permission, **more)


MOVES: dict[str, DeskMove] = dict(
    [
        _move("approve", decisions.approve, _("Approve"), WORK),
        _move("mark_paid", decisions.mark_paid, _("Mark as paid"), WORK),
        _move("release", packing.release, _("Release for packing"), WORK, in_bulk=True),
        _move("take_back", packing.take_back, _("Take back from packing"), WORK),
        _move("pack", packing.pack, _("Mark packed"), SHIP, in_bulk=True),
        _move("ready_to_ship", packing.mark_ready_to_ship, _("Mark ready to ship"), SHIP, in_bulk=True),
        _move(
            "mark_delivered",
            completion.mark_delivered,
            _("Mark delivered"),
            SHIP,
            in_bulk=True,
            tab="in_transit",
        ),
        _move(
            "note_delivered",
            completion.note_delivered,
            _("Noted at the channel"),
            SHIP,
            in_bulk=True,
            tab="delivery_to_do",
        ),
        _move(
            "note_dispatched",
            completion.note_dispatched,
            _("Entered at the channel"),
            SHIP,
            in_bulk=True,
            tab="dispatch_to_do",
        ),
        _move("complete", completion.complete, _("Close as completed"), WORK),
        _move(
            "hold",
            decisions.hold,
            _("Hold"),
            WORK,
            needs_reason=True,
            in_bulk=True,
            asks=_("Hold these orders?"),
            asks_one=_("Hold this order? It keeps its stock."),
        ),
        _move("lift_hold", decisions.lift_hold, _("Lift the hold"), WORK),
        _move(
            "cancel",
            decisions.cancel,
            _("Cancel"),
            WORK,
            needs_reason=True,
            in_bulk=True,
            is_dangerous=True,
            asks=_("Cancel these orders? Their stock goes back on sale once the channel is settled."),
            asks_one=_("Cancel this order? Its stock goes back on sale once the channel is settled."),
        ),
        _move(
            "confirm_cancel", decisions.confirm_cancel, _("Confirm the cancellation"), WORK, is_dangerous=True
        ),
        _move("withdraw_cancel", decisions.withdraw_cancel, _("Withdraw the cancellation"), WORK),
    ]
)
BULK = [move for move in MOVES.values() if move.in_bulk]


def sentence(done: int) -> str:
    return ngettext("%d order moved.", "%d orders moved.", done) % done


def start_job(*, move: DeskMove, order_ids: Sequence[int], user: Any, reason: str = "") -> Job:
    """Move these orders by a job, one outcome per order."""
    return jobs.start(
        kind=JOB,
        title=_t("%(move)s: %(count)d orders") % {"move": move.label, "count": len(order_ids)},
        lane="orders",
        params={"move": move.name, "ids": list(order_ids), "reason": reason},
        total=len(order_ids),
        author=user,
    )


def work(job: Job) -> bool:
    """One slice of a bulk move. Repeating it after a crash is safe: a move that was made is refused, not doubled."""
    move = MOVES[job.params["move"]]
    ids: list[int] = job.params["ids"]
    author = job.author
    by = person(author) if author else Author()
    slice_ids = ids[job.done : job.done + AT_ONCE]
    told: list[list[Any]] = job.result.setdefault("orders", [])
    del told[job.done :]  # what a killed worker wrote of this slice
    try:
        outcomes = {o.order_id: o for o in move.run(slice_ids, by=by, reason=job.params.get("reason", ""))}
        told += [[pk, outcomes[pk].ok, str(outcomes[pk].message)] for pk in slice_ids if pk in outcomes]
        told += [
            [pk, False, _t("This order is not there any more.")] for pk in slice_ids if pk not in outcomes
        ]
    except OrderError as error:
        told += [[pk, False, str(error)] for pk in slice_ids]
    job.refused = sum(1 for _pk, ok, _text in told if not ok)
    jobs.report(job, done=job.done + len(slice_ids), result=job.result, refused=job.refused)
    job.message = sentence(job.done - job.refused)
    return job.done < len(ids)


def register() -> None:
    jobs.register(JOB, work)

"""The verbs of the desk that decide about an order: approve, pay, hold, cancel, map, note."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from catalogue import services as catalogue
from catalogue.errors import CatalogueError
from catalogue.models import Variant
from catalogue.resolve import uncounted
from channels.records import FulfilmentEvent
from oms.kit.actors import Author
from oms.kit.models import Problem
from orders import codes
from orders.allocation import hold_stock, let_go
from orders.choices import CancelParty, ShipmentState
from orders.errors import OrderError
from orders.models import Hold, Note, Order, OrderLine
from orders.parcels import unplan
from orders.told import may_tell, why_untold
from orders.transitions import refusal
from orders.work import Work, is_before_packing
from orders.workset import WorkSet


@dataclass(frozen=True, slots=True)
class MoveOutcome:
    """What came of a move for one order: done, or one sentence why not. `message` may say more when done."""

    order_id: int
    ok: bool
    message: str = ""
    number: str = ""


Act = Callable[[WorkSet, Work], str]


def move(order_ids: Collection[int], name: str, act: Act, *, by: Author) -> list[MoveOutcome]:
    """Make one move with each of these orders: lock, ask the table, act, write all at once.

    `act` changes the facts of one order and returns what the person should know, or raises `OrderError` before
    it has changed anything.
    """
    wanted = list(dict.fromkeys(order_ids))
    outcomes: dict[int, MoveOutcome] = {}
    with transaction.atomic():
        work_set = WorkSet.load(wanted)
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


def stock_sentence(work: Work) -> str:
    """What stock means for an order that has just asked for it."""
    short = sum(units for _line, units in work.wants())
    if not short:
        return ""
    return _("%(units)d units are not in stock: the order goes on by itself when they come.") % {
        "units": short
    }


def approve(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Draft → on: the order is accepted and asks for its stock (R-ORD-10)."""

    def act(work_set: WorkSet, work: Work) -> str:
        work.order.approved_at = work_set.now
        hold_stock(work, work_set.ledger(), work_set.now)
        work.say("approve", _("Approved"))
        _tell_accepted(work)
        return stock_sentence(work)

    return move(order_ids, "approve", act, by=by)


def mark_paid(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Unpaid → on: the payment is known here before the channel says so (R-ORD-10)."""

    def act(work_set: WorkSet, work: Work) -> str:
        work.order.is_paid, work.order.paid_at = True, work_set.now
        hold_stock(work, work_set.ledger(), work_set.now)
        work.say("mark_paid", _("Marked as paid"))
        _tell_accepted(work)
        return stock_sentence(work)

    return move(order_ids, "mark_paid", act, by=by)


def _tell_accepted(work: Work) -> None:
    """Where the channel has a status for it: an order that is approved and paid is to be fulfilled there, too."""
    if (
        work.order.is_paid
        and not work.is_draft
        and FulfilmentEvent.ACCEPTED in work.connection.spec.events
        and may_tell(work.connection, FulfilmentEvent.ACCEPTED)
    ):
        work.tell(FulfilmentEvent.ACCEPTED, "accepted:{order}")


# ------------------------------------------------ cancelling


def end_as_cancelled(work: Work, work_set: WorkSet) -> int:
    """The order is over: its units go back, its parcels are put away. Returns the units given back."""
    given = let_go(work, work_set.ledger(), work_set.now)
    if work.order.cancel_asked_by == CancelParty.SELLER or work.shipments:
        work.untold |= set(FulfilmentEvent)
    for shipment in work.open_shipments:
        shipment.state = ShipmentState.CANCELLED
    work.end_holds(work_set.now)
    for line in work.lines:
        line.cancelled = line.quantity - line.shipped
    for code in (
        codes.UNKNOWN_SKU,
        codes.NO_CARRIER,
        codes.ADDRESS_MISSING,
        codes.ADDRESS_WITHHELD,
        codes.PARTLY_REFUNDED,
        codes.LATE_CANCEL,
        codes.LATE_CHANGE,
    ):
        work.mend(code, _("The order was cancelled."))
    work.order.cancelled_at = work_set.now
    return given


def cancel(order_ids: Collection[int], *, reason: str, by: Author) -> list[MoveOutcome]:
    """The seller cancels, before anything is packed (R-ORD-11).

    A channel that can be told is told, and the stock stays held until it has agreed; one that cannot leaves the
    order in process until the cancellation is seen there or confirmed by hand. A store without a wire has nobody
    to ask: cancelled at once.
    """

    def act(work_set: WorkSet, work: Work) -> str:
        if not reason.strip():
            raise OrderError(_("Say why the order is cancelled."))
        order = work.order
        order.cancel_asked_by, order.cancel_asked_at = CancelParty.SELLER, work_set.now
        order.cancel_reason = reason.strip()[:200]
        text = _("Cancelled by us: %(reason)s") % {"reason": order.cancel_reason}
        if work.connection.spec.adapter is None:
            end_as_cancelled(work, work_set)
            work.say("cancel", text)
            return ""
        if may_tell(work.connection, FulfilmentEvent.CANCELLED):
            work.tell(FulfilmentEvent.CANCELLED, f"cancelled:{{order}}:{work_set.now.timestamp():.3f}")
            note = _("The stock stays held until the channel has agreed.")
        else:
            note = _(
                "%(why)s The stock stays held until it is cancelled there too, or somebody confirms it here."
            ) % {"why": why_untold(work.connection, FulfilmentEvent.CANCELLED)}
        work.say("cancel", f"{text}. {note}")
        return note

    return move(order_ids, "cancel", act, by=by)


def confirm_cancel(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """A cancellation in process is settled by hand: the stock goes back."""

    def act(work_set: WorkSet, work: Work) -> str:
        end_as_cancelled(work, work_set)
        work.say("confirm_cancel", _("Cancellation confirmed"))
        return ""

    return move(order_ids, "confirm_cancel", act, by=by)


def withdraw_cancel(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """The order goes on after all; a message to the channel that has not left is not sent any more."""

    def act(work_set: WorkSet, work: Work) -> str:
        order = work.order
        order.cancel_asked_by, order.cancel_asked_at, order.cancel_reason = "", None, ""
        work.untold.add(FulfilmentEvent.CANCELLED)
        hold_stock(work, work_set.ledger(), work_set.now)
        work.say("withdraw_cancel", _("Cancellation withdrawn"))
        return stock_sentence(work)

    return move(order_ids, "withdraw_cancel", act, by=by)


# ------------------------------------------------ holds, notes, problems


def hold(order_ids: Collection[int], *, reason: str, by: Author) -> list[MoveOutcome]:
    """Somebody wishes that these orders wait; they keep their stock."""

    def act(work_set: WorkSet, work: Work) -> str:
        if not reason.strip():
            raise OrderError(_("Say why the order is put on hold."))
        work.holds.append(
            Hold(order=work.order, reason=reason.strip()[:200], author_id=by.user_id, placed_at=work_set.now)
        )
        work.say("hold", _("On hold: %(reason)s") % {"reason": reason.strip()})
        return ""

    return move(order_ids, "hold", act, by=by)


def lift_hold(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """All holds of these orders are lifted."""

    def act(work_set: WorkSet, work: Work) -> str:
        for row in work.holds:
            row.lifted_at, row.lifted_by_id = work_set.now, by.user_id
        work.say("lift_hold", _("Hold lifted"))
        return ""

    return move(order_ids, "lift_hold", act, by=by)


@transaction.atomic
def add_note(*, order: Order, text: str, by: Author) -> Note:
    """Write a note that the channel never sees; raises `OrderError` for an empty one."""
    if not text.strip():
        raise OrderError(_("The note is empty."))
    return Note.objects.create(order=order, text=text.strip(), author_id=by.user_id)


def dismiss_problem(*, problem: Problem, how: str, by: Author) -> None:
    """A person has dealt with a problem of an order outside of here and says how; what it blocked goes on.

    Raises `OrderError` for a problem that only ends with its cause, or without a word of explanation.
    """
    if problem.code not in codes.DISMISSIBLE or problem.subject_kind != codes.SUBJECT:
        raise OrderError(_("This problem ends when its cause is mended: it cannot be put aside."))
    if not how.strip():
        raise OrderError(_("Say how the problem was dealt with."))
    with transaction.atomic():
        work_set = WorkSet.load([problem.subject_id])
        for work in work_set.works:
            if work.mend(problem.code, how, key=problem.key):
                work.say("problem", _("Problem put aside: %(how)s") % {"how": how}, code=problem.code)
        work_set.flush(by)


# ------------------------------------------------ SKUs


def map_line(*, line: OrderLine, variant: Variant, remember: bool, by: Author) -> MoveOutcome:
    """A line gets the SKU that it was sold for, and its order asks for the stock (R-ORD-07).

    `remember` keeps the mapping for the store's next orders (and for those waiting with the same SKU). Raises
    `OrderError` when the order is packed or further.
    """
    with transaction.atomic():
        outcome = map_lines({line.pk: variant.pk}, by=by)[0]
        if not outcome.ok:
            raise OrderError(outcome.message)
        if remember and line.sku.strip():
            try:
                catalogue.map_sku(line.order.connection, line.sku, variant, by)
            except CatalogueError as error:
                raise OrderError(str(error)) from error
    return outcome


def map_lines(variant_of: dict[int, int], *, by: Author) -> list[MoveOutcome]:
    """Give these lines (line id -> variant id) their SKU; constant queries.

    Units held under another SKU go back first. Lines of orders that are packed or further stay as they are.
    """
    order_ids = OrderLine.objects.filter(pk__in=variant_of).values_list("order", flat=True)
    outcomes = []
    with transaction.atomic():
        work_set = WorkSet.load(set(order_ids))
        work_set.ledger(also=variant_of.values())
        loose = uncounted(set(variant_of.values()))
        for work in work_set.works:
            wanted = [line for line in work.lines if line.pk in variant_of]
            if not is_before_packing(work):
                said = _("This order is packed or further: its lines stay as they are.")
                outcomes.append(MoveOutcome(work.order.pk, False, said, work.order.number))
                continue
            for line in wanted:
                if line.variant_id != variant_of[line.pk]:
                    if line.allocated:
                        unplan(work)
                        let_go(work, work_set.ledger(), work_set.now, line=line)
                    line.variant_id = variant_of[line.pk]
                    line.is_counted = line.variant_id not in loose
                work.mend(codes.UNKNOWN_SKU, _("The SKU was mapped."), key=line.external_id)
            hold_stock(work, work_set.ledger(), work_set.now)
            names = ", ".join(sorted({line.sku or line.title for line in wanted}))
            work.say("map_line", _("SKU mapped: %(names)s") % {"names": names})
            outcomes.append(MoveOutcome(work.order.pk, True, stock_sentence(work), work.order.number))
        work_set.flush(by)
    return outcomes


def reread_status_map(*, connection_id: int, by: Author) -> tuple[int, bool]:
    """After the seller edited the status map: orders that waited for an unknown status are read again by it.

    Returns how many orders found their state, and whether more of them follow as a job. What a state means is the
    same as when the channel says it.
    """
    from orders.rereading import reread_all

    return reread_all(connection_id, by=by)

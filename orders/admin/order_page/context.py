# long because: one page shows everything about an order.
"""The data of the page of one order, read in a constant number of statements."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from catalogue.models import Variant, sku_key
from channels.models import OutboxMessage
from oms.kit import problems
from oms.kit.models import Problem
from orders import problem_codes
from orders.admin.order_rows import lines_of
from orders.choices import EVENT_LABELS, OrderPriority, OrderStatus, PaymentStatus, ShipmentState
from orders.domain import kits
from orders.domain import moves as status_moves
from orders.domain.moves import BEFORE_PACKING, PossibleMove
from orders.inbound.contact_changes import FIELDS
from orders.models import Allocation, Carrier, Hold, NativeOrder, Note, Order, OrderEvent, OrderLine, Shipment
from orders.services.corrections.parcels import amounts_of, shares
from orders.services.corrections.part_cancel import units_to_cancel
from orders.services.corrections.seen import reason_against
from orders.status import RANK
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork

#: Timeline entries that are shown.
SHOWN_EVENTS = 200

S = OrderStatus
STEPS = (
    (S.UNPAID, _("Paid")),
    (S.NEW, S.NEW.label),
    (S.READY_FOR_FULFILMENT, S.READY_FOR_FULFILMENT.label),
    (S.PACKED, S.PACKED.label),
    (S.READY_TO_SHIP, S.READY_TO_SHIP.label),
    (S.IN_TRANSIT, S.IN_TRANSIT.label),
    (S.DELIVERED, S.DELIVERED.label),
    (S.COMPLETED, S.COMPLETED.label),
)
ENDED = {S.CANCELLED, S.CANCELLED_BY_SELLER, S.RETURNED}


@dataclass(slots=True)
class LineView:
    """An order line: `allocated` are (warehouse, units), `open_units` neither cancelled nor, even in part, shipped.

    `components` are those of a kit, with their stock.
    """

    line: OrderLine
    thumb: str
    allocated: list[tuple[str, int]]
    problem: Problem | None
    open_units: int
    components: list[LineView] = field(default_factory=list)

    @property
    def missing(self) -> int:
        return self.line.missing

    @property
    def to_cancel(self) -> int:
        """Units that the channel has refunded and that are still to be shipped."""
        return units_to_cancel(self.line, self.open_units)


@dataclass(slots=True)
class MessageView:
    """A message to the channel, its state in words, and the answer."""

    what: str
    message: OutboxMessage
    state: str
    colour: str
    answer: str

    @property
    def is_accepted(self) -> bool:
        """Whether the channel has accepted it."""
        message = self.message
        return message.skipped_at is None and message.sent >= message.wanted and message.is_written


@dataclass(slots=True)
class ProblemView:
    """An open problem: the moves that it blocks, and how it is resolved."""

    problem: Problem
    title: str
    blocks: str
    line: OrderLine | None
    may_dismiss: bool
    fix: str = ""
    fix_words: str = ""

    @property
    def possible(self) -> list[Variant]:
        """The products of which one was sold, where the line does not say which."""
        ids = self.problem.data.get("possible", ())
        return (
            list(Variant.objects.filter(pk__in=ids).select_related("product").order_by("sku_key"))
            if ids
            else []
        )

    @property
    def is_confirmed(self) -> bool:
        """Whether it is dismissed with one button, without a reason."""
        return self.problem.code in problem_codes.CONFIRMED


@dataclass(slots=True)
class OrderView:
    """All that the page of an order shows."""

    order: Order
    lines: list[LineView]
    shipments: list[Shipment]
    holds: list[Hold]
    past_holds: list[Hold]
    problems: list[ProblemView]
    notes: list[Note]
    events: list[OrderEvent]
    sent: list[MessageView]
    not_sent: list[str]
    carriers: list[Carrier]
    moves: list[PossibleMove]
    native: NativeOrder | None

    @property
    def accepted(self) -> MessageView | None:
        """The newest message that the channel accepted after the status was imported; None when the status is newer."""
        return next(
            (
                one
                for one in self.sent
                if one.message.sent_at and one.is_accepted and one.message.sent_at > self.order.read_at
            ),
            None,
        )

    @property
    def is_partly_refunded(self) -> bool:
        """Whether somebody must decide what is still shipped."""
        return any(one.problem.code == problem_codes.PARTLY_REFUNDED for one in self.problems)

    @property
    def warehouses(self) -> list[str]:
        """The names of the warehouses that have units of the order, in the sequence of its lines."""
        return list(dict.fromkeys(name for one in self.lines for name, _units in one.allocated))

    @property
    def priorities(self) -> list[tuple[int, Any]]:
        """The priorities that the order can have."""
        return list(OrderPriority.choices)

    @property
    def can_be_corrected(self) -> bool:
        """Whether its address and lines can be corrected."""
        return not reason_against(self.order)

    @property
    def corrected(self) -> list[str]:
        """The names of the columns that staff corrected."""
        return [str(FIELDS[name]) for name in self.order.corrected]

    @property
    def units_can_be_cancelled(self) -> bool:
        """Whether some units can be cancelled and others shipped."""
        left = sum(one.open_units for one in self.lines)
        return self.order.status in BEFORE_PACKING and left > (
            0 if any(one.line.shipped for one in self.lines) else 1
        )

    @property
    def main(self) -> PossibleMove | None:
        """The move of the main button."""
        return next((move for move in self.moves if move.is_main), None)

    @property
    def others(self) -> list[PossibleMove]:
        """The moves of the menu, dangerous ones last."""
        others = [move for move in self.moves if not move.is_main]
        return sorted(others, key=lambda move: status_moves.BY_NAME[move.name].is_dangerous)

    @property
    def is_main_explained(self) -> bool:
        """Whether the card of problems and holds already shows why the main move is not possible."""
        main = self.main
        if main is None or main.enabled:
            return False
        is_blocked = any(str(main.label) in problem.blocks.split(", ") for problem in self.problems)
        return is_blocked or bool(self.holds)

    @property
    def steps(self) -> list[tuple[str, str]]:
        """Label and state ("done", "now", "off" or "") of each step of the order."""
        status = self.order.status
        if status in ENDED:
            return [(str(_("Placed")), "done"), (self.order.get_status_display(), "off")]
        rank = RANK[status] if RANK[status] <= RANK[S.COMPLETED] else 2
        found = []
        for step, label in STEPS:
            if step == S.UNPAID:
                state = "done" if self.order.is_paid else "now"
            elif not self.order.is_paid and rank < RANK[S.READY_FOR_FULFILMENT]:
                state = ""
            elif rank == RANK[S.COMPLETED]:
                state = "done"
            else:
                state = "done" if RANK[step] < rank else "now" if RANK[step] == rank else ""
            words: Any = S.PARTIAL.label if step == S.NEW and status == S.PARTIAL else label
            if step == S.UNPAID and self.order.is_paid and self.order.payment_state != PaymentStatus.PAID:
                words = self.order.get_payment_state_display().capitalize()
            found.append((str(words), state))
        return found

    @property
    def money(self) -> list[tuple[str, Any]]:
        """Label and amount of each part of the total."""
        order = self.order
        rows = [
            (_("Items"), order.items_total),
            (_("Shipping"), order.shipping_total),
            (_("Discount"), order.discount_total),
            (_("Tax, included") if order.prices_include_tax else _("Tax"), order.tax_total),
        ]
        return [(str(words), amount) for words, amount in rows if amount]


def load(pk: int) -> OrderView | None:
    """Return what the page of this order shows; None when there is no such order."""
    order_states = UnitOfWork.load([pk], lock=False).order_states
    if not order_states:
        return None
    order_state = order_states[0]
    order = order_state.order
    allocated: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    rows = Allocation.objects.filter(line__order=order, state=Allocation.State.OPEN).order_by("id")
    for line_id, name, units in rows.values_list("line_id", "stock_item__warehouse__name", "quantity"):
        allocated[line_id][name] += units
    open_problems = sorted(order_state.problems.values(), key=lambda problem: problem.pk)
    lines = shown_lines(list(lines_of([pk])))
    shipments = list(
        Shipment.objects.filter(order=order)
        .select_related("carrier", "warehouse", "manifest", "handover__connection")
        .defer("handover__connection__credentials", "handover__connection__webhook_secret")
        .prefetch_related("lines__line")
        .order_by("number")
    )
    for shipment in shipments:
        shipment.order = order
    live = [row for row in shipments if row.state != ShipmentState.CANCELLED]
    if len(live) > 1:
        _share_total(order, lines, live)
    holds = list(Hold.objects.filter(order=order).select_related("author", "lifted_by"))
    return OrderView(
        order=order,
        lines=_line_views(order_state, lines, allocated, open_problems),
        shipments=shipments,
        holds=[hold for hold in holds if hold.lifted_at is None],
        past_holds=[hold for hold in holds if hold.lifted_at is not None],
        problems=_problem_views(open_problems, lines, order),
        notes=list(Note.objects.filter(order=order).select_related("author")),
        events=list(
            OrderEvent.objects.filter(order=order).select_related("author").order_by("-id")[:SHOWN_EVENTS]
        ),
        sent=_sent(order),
        not_sent=list(
            dict.fromkeys(
                text
                for move in status_moves.MOVES
                if move.sends and (text := status_moves.not_sent_reason(order_state, move.name))
            )
        ),
        carriers=list(Carrier.objects.filter(is_active=True)),
        moves=status_moves.possible_moves(order_state),
        native=NativeOrder.objects.filter(order=order).defer("document").first(),
    )


def _line_views(
    order_state: OrderState,
    lines: Sequence[OrderLine],
    allocated: Mapping[int, Mapping[str, int]],
    problems: Sequence[Problem],
) -> list[LineView]:
    """Return the lines that were sold, each with its components. Components that were replaced are not shown."""
    loaded = {line.pk: line for line in order_state.lines}
    views = {
        line.pk: LineView(
            line,
            getattr(line, "thumb", "") or "",
            sorted(allocated[line.pk].items()) if line.pk in allocated else [],
            next((p for p in problems if p.code in problem_codes.LINE_CODES and _is_about(p, line)), None),
            kits.open_units(order_state, loaded[line.pk]) if line.pk in loaded else 0,
        )
        for line in lines
    }
    for line in lines:
        if line.parent_id in views and line.kit_units:
            views[line.parent_id].components.append(views[line.pk])
    return [views[line.pk] for line in lines if not line.parent_id]


def _share_total(order: Order, lines: Sequence[OrderLine], live: Sequence[Shipment]) -> None:
    """Give each parcel its share of the order's total, for customs and insurance; no statement."""
    contents = [{row.line_id: row.quantity for row in shipment.lines.all()} for shipment in live]
    values = shares(order.total, amounts_of(lines), contents, order.currency)
    for shipment, value in zip(live, values, strict=False):
        shipment.share_of_total = value  # type: ignore[attr-defined]


def shown_lines(lines: Sequence[OrderLine]) -> list[OrderLine]:
    """Return the lines without the cancelled twins that edits on the channel left before lines were matched by goods.

    A line that is cancelled completely is a twin when another line has the same goods and is not.
    """

    def goods(line: OrderLine) -> tuple[str, str, str]:
        place = line.variant_external_id or str(line.parent_id or "")
        return place, sku_key(line.sku), json.dumps(line.options, sort_keys=True)

    live = {goods(line) for line in lines if line.quantity > line.cancelled}
    return [line for line in lines if line.quantity > line.cancelled or goods(line) not in live]


def _is_about(problem: Problem, line: OrderLine) -> bool:
    """Return whether a problem is about a line whose SKU is unknown."""
    return line.variant_id is None and (
        problem.key in {str(line.pk), line.external_id, line.sku} or problem.data.get("line") == line.pk
    )


def _fix(problem: Problem, order: Order, lines: Sequence[OrderLine]) -> tuple[str, str]:
    """Return address and label of the page that resolves a problem; "" where the page of the order does."""
    if problem.code in (problem_codes.LATE_CANCEL, problem_codes.REFUNDED_ON_CHANNEL):
        if not any(line.shipped > line.returned for line in lines):
            return "", ""
        origin = "?origin=late_cancel" if problem.code == problem_codes.LATE_CANCEL else ""
        return f"{reverse('admin:order_return', args=[order.pk])}{origin}", str(_("Start a return"))
    if problem.code == problem_codes.ADDRESS_INVALID and not reason_against(order):
        return f"{reverse('admin:order_correct', args=[order.pk])}#contact", str(_("Correct address"))
    if problem.code != problem_codes.UNKNOWN_STATUS:
        return "", ""
    try:
        return reverse("admin:store_statuses", args=[order.connection_id]), str(_("Map this status"))
    except NoReverseMatch:
        return "", ""


def _problem_views(found: Sequence[Problem], lines: Sequence[OrderLine], order: Order) -> list[ProblemView]:
    """Return the open problems with their moves, lines and links."""
    views = []
    for problem in found:
        declared = problems.code_of(problem.code)
        blocked = [str(move.label) for move in status_moves.MOVES if move.name in declared.blocks]
        line = next((line for line in lines if _is_about(problem, line)), None)
        if problem.code in problem_codes.LINE_CODES and line is None:
            line = next((line for line in lines if line.variant_id is None), None)
        views.append(
            ProblemView(
                problem,
                str(declared.title),
                ", ".join(blocked),
                line if problem.code in problem_codes.LINE_CODES else None,
                problem.code in problem_codes.DISMISSIBLE,
                *_fix(problem, order, lines),
            )
        )
    return views


def _sent(order: Order) -> list[MessageView]:
    """Return the newest 30 messages about an order."""
    rows = OutboxMessage.objects.filter(connection_id=order.connection_id, kind="event", group=order.pk)
    return [message_view(message) for message in rows.order_by("-id")[:30]]


def message_view(message: OutboxMessage) -> MessageView:
    """Return one message in words: sent, waiting, failed, not sent."""
    what = str(EVENT_LABELS.get(message.topic, message.topic))  # type: ignore[call-overload]
    if message.skipped_at:
        state, colour = _("Skipped"), "default"
    elif message.sent >= message.wanted and not message.is_written:
        state, colour = _("Not needed"), "default"
    elif message.sent >= message.wanted:
        state, colour = _("Sent"), "success"
    elif message.parked_at:
        state, colour = _("Failed"), "danger"
    elif message.is_held:
        state, colour = _("Waiting: the store is read-only"), "warning"
    elif message.attempts:
        state, colour = _("Will be sent again"), "warning"
    else:
        state, colour = _("Waiting to be sent"), "info"
    return MessageView(what, message, str(state), colour, message.last_error)


def is_open(shipment: Shipment) -> bool:
    """Whether a shipment has not left yet."""
    return shipment.state in {ShipmentState.PLANNED, ShipmentState.PACKED, ShipmentState.READY}

"""One order in a unit of work: its facts in memory, its new timeline entries, and what its channel will be sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from oms.kit.authors.actors import Author
from oms.kit.bulk import make
from orders.choices import AllocationState, OrderStatus, PaymentStatus, ShipmentState
from orders.models import (
    Allocation,
    Handover,
    Hold,
    Order,
    OrderEvent,
    OrderLine,
    OrderSettings,
    Shipment,
    ShipmentLine,
)
from orders.problem_codes import LINE_CODES
from orders.status import RANK, Facts, allocation_of, status_of

if TYPE_CHECKING:
    from channels.models import Connection
    from oms.kit.models import Problem

#: Shipments that have not left the warehouse.
OPEN_SHIPMENTS = (ShipmentState.PLANNED, ShipmentState.PACKED, ShipmentState.READY)


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One sentence of the timeline. `flush` writes it, with the change of status that it caused."""

    kind: str
    text: str
    data: Mapping[str, Any]
    from_status: str = ""
    to_status: str = ""


@dataclass(frozen=True, slots=True)
class RaisedProblem:
    """A problem that `flush` opens, when a new order has its primary key."""

    code: str
    message: str
    key: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChannelEvent:
    """An event that the channel is sent. `shipment` None: it is about the whole order.

    `key` makes the message unique; it may contain `{order}` and `{shipment}`, which `flush` fills with primary keys.
    """

    topic: str
    key: str
    shipment: Shipment | None = None


@dataclass(eq=False, slots=True)
class OrderState:
    """One order with everything that a decision about it needs. Services change it, `UnitOfWork.flush` writes it."""

    order: Order
    connection: Connection
    settings: OrderSettings
    lines: list[OrderLine] = field(default_factory=list)
    allocations: list[Allocation] = field(default_factory=list)
    shipments: list[Shipment] = field(default_factory=list)
    shipment_lines: list[ShipmentLine] = field(default_factory=list)
    #: Hand-overs of its shipments to warehouse systems.
    handovers: list[Handover] = field(default_factory=list)
    #: Lines that were removed from a shipment that has not left; `flush` deletes them.
    removed_lines: list[ShipmentLine] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    #: Open problems by code and key.
    problems: dict[tuple[str, str], Problem] = field(default_factory=dict)
    #: The stored columns of each row, by `id(row)`: `flush` compares with them.
    snapshots: dict[int, dict[str, Any]] = field(default_factory=dict)
    timeline: list[TimelineEntry] = field(default_factory=list)
    new_problems: dict[tuple[str, str], RaisedProblem] = field(default_factory=dict)
    #: How each problem was resolved, by its primary key.
    closed_problems: dict[int, str] = field(default_factory=dict)
    channel_events: list[ChannelEvent] = field(default_factory=list)
    #: Topics whose unsent messages need not be sent any more.
    withdrawn_topics: set[str] = field(default_factory=set)
    #: Timeline entries (kind, text) that are added when stock has been allocated.
    pending_events: list[tuple[str, str]] = field(default_factory=list)
    #: The channel's document, compressed, if it was imported in this unit of work.
    native: bytes | None = None
    #: Whether the channel has just reported that the order was returned: `flush` creates the return.
    is_return_reported: bool = False
    #: Whether the order is imported for the first time in this unit of work.
    is_new: bool = False
    #: Whether a rule releases the order as soon as nothing blocks it.
    is_released_by_rule: bool = False

    # ------------------------------------------------ questions
    @property
    def status(self) -> str:
        """The stored status."""
        return self.order.status

    @property
    def rank(self) -> int:
        """How far the order is, by `orders.status.RANK`."""
        return RANK[self.order.status]

    @property
    def is_ended(self) -> bool:
        """Whether the order is cancelled, completed or returned."""
        order = self.order
        return bool(order.cancelled_at or order.completed_at or order.returned_at)

    @property
    def is_draft(self) -> bool:
        """Whether the order still needs the approval of a person."""
        return self.order.needs_approval and self.order.approved_at is None

    @property
    def open_codes(self) -> list[str]:
        """The codes of the open problems, those of this unit of work included."""
        return sorted({code for code, _key in self.problems} | {code for code, _key in self.new_problems})

    @property
    def live_shipments(self) -> list[Shipment]:
        """The shipments that are not cancelled."""
        return [shipment for shipment in self.shipments if shipment.state != ShipmentState.CANCELLED]

    @property
    def open_shipments(self) -> list[Shipment]:
        """The shipments that have not left."""
        return [shipment for shipment in self.shipments if shipment.state in OPEN_SHIPMENTS]

    def lines_of(self, shipment: Shipment) -> list[ShipmentLine]:
        """Return the lines of a shipment."""
        return [row for row in self.shipment_lines if row.shipment is shipment]

    @property
    def sold_lines(self) -> list[OrderLine]:
        """The lines without those of components of kits: what was sold, with the money, as the channel knows it."""
        return [line for line in self.lines if not line.is_component]

    def components_of(self, line: OrderLine) -> list[OrderLine]:
        """Return the component lines of a kit; none for another line."""
        if line.needs_stock or line.is_component:
            return []
        return [one for one in self.lines if one.kit_units and one.is_component and one.parent is line]

    @staticmethod
    def parent_of(line: OrderLine) -> OrderLine:
        """Return the line of the kit to which a component line belongs."""
        assert line.parent is not None
        return line.parent

    def remove_line(self, row: ShipmentLine) -> None:
        """Remove a line from its shipment."""
        self.shipment_lines = [each for each in self.shipment_lines if each is not row]
        if row.pk:
            self.removed_lines.append(row)

    def may_be_allocated(self, now: datetime | None = None) -> bool:
        """Return whether stock may be allocated to this order (R-ORD-10).

        It may not be ended, shipped or about to be cancelled, and must be paid or part-paid, or not paid for less than
        the hours of the store's settings. A draft gets stock while it waits for approval: its channel has deducted the units, so
        another store could otherwise sell them again.
        """
        order = self.order
        if self.is_ended or order.is_history or order.cancel_asked_by or order.shipped_at:
            return False
        if order.is_paid or order.payment_state == PaymentStatus.PART_PAID:
            return True
        return order.hold_stock_until is not None and order.hold_stock_until > (now or timezone.now())

    def missing_units(self) -> list[tuple[OrderLine, int]]:
        """Return the lines with a known SKU that miss units, with the units: not allocated, shipped or cancelled."""
        return [(line, line.missing) for line in self.lines if line.variant_id and line.missing > 0]

    def facts(self) -> Facts:
        """Return the facts that the status is made from (`orders.status.status_of`)."""
        order = self.order
        live = {id(shipment) for shipment in self.live_shipments}
        planned: dict[int, int] = {}
        for row in self.shipment_lines:
            if id(row.shipment) in live:
                planned[id(row.line)] = planned.get(id(row.line), 0) + row.quantity
        unplanned = sum(
            max(line.quantity - line.cancelled - planned.get(id(line), 0), 0)
            for line in self.lines
            if line.needs_stock
        )
        return Facts(
            is_draft=self.is_draft,
            is_paid=order.is_paid,
            missing=sum(units for _line, units in self.missing_units()),
            unplanned=unplanned,
            shipments=tuple(shipment.state for shipment in self.shipments),
            cancel_asked_by=order.cancel_asked_by,
            is_cancelled=order.cancelled_at is not None,
            is_shipped=order.shipped_at is not None,
            is_delivered=order.delivered_at is not None,
            is_completed=order.completed_at is not None,
            is_returned=order.returned_at is not None,
            is_part_released=order.is_part_released,
        )

    def allocation(self) -> AllocationState:
        """Return how much of what is neither shipped nor cancelled is allocated."""
        lines = [line for line in self.lines if line.needs_stock and line.is_counted]
        return allocation_of(
            needed=sum(line.quantity - line.shipped - line.cancelled for line in lines),
            allocated=sum(line.allocated for line in lines),
        )

    @property
    def rest_waits(self) -> bool:
        """Whether a part of the order was released alone and units of it are still in no shipment."""
        return self.order.is_part_released and self.facts().unplanned > 0

    # ------------------------------------------------ changes
    def add_event(self, kind: str, text: object, **data: Any) -> None:
        """Add a sentence to the timeline, with the change of status that the facts now make.

        `kind` is stored and at most 30 characters long, `text` 300; `data` must be JSON.
        """
        before, after = self.settle()
        is_moved = before != after
        self.timeline.append(
            TimelineEntry(
                kind[:30], str(text)[:300], data, before if is_moved else "", after if is_moved else ""
            )
        )

    def add_news(self, kind: str, text: object, **data: Any) -> None:
        """Add a sentence about news of the channel: after the entries that wait for the allocation, if there are any."""
        if self.pending_events:
            self.pending_events.append((kind, str(text)))
        else:
            self.add_event(kind, text, **data)

    def settle(self) -> tuple[str, str]:
        """Compute status, allocation and counters from the facts; return the status before and after."""
        order = self.order
        self._count_kits()
        before = "" if self.is_new and not self.timeline else order.status
        order.status = str(status_of(self.facts()))
        order.allocation = self.allocation()
        order.holds_open = sum(1 for hold in self.holds if hold.lifted_at is None)
        order.problems_open = len(self.problems) + len(self.new_problems)
        return before, order.status

    def _count_kits(self) -> None:
        """Count as shipped and returned the kits of which every component is."""
        components: dict[int, list[OrderLine]] = {}
        for line in self.lines:
            if line.kit_units and line.is_component:
                components.setdefault(id(line.parent), []).append(line)
        for line in self.lines if components else ():
            if found := components.get(id(line)):
                shipped = min(one.shipped // one.kit_units for one in found)
                line.shipped = min(shipped, line.quantity - line.cancelled)
                line.returned = min(line.shipped, *(one.returned // one.kit_units for one in found))

    def open_problem(self, code: str, message: object, key: str = "", **data: Any) -> None:
        """Open a problem. One with this code and key that is already open is not changed."""
        if (code, key) not in self.problems:
            self.new_problems[code, key] = RaisedProblem(code, str(message)[:500], key, data)

    def close_problem(self, code: str, how: object = "", key: str | None = None) -> int:
        """Resolve the open problems of this code, or only the one with this `key`; return how many there were.

        `how` is stored as the reason.
        """
        found = [
            name
            for name in (*self.problems, *self.new_problems)
            if name[0] == code and key in (None, name[1])
        ]
        for name in found:
            self.new_problems.pop(name, None)
            if name in self.problems:
                self.closed_problems[self.problems.pop(name).pk] = str(how)[:200]
        return len(found)

    def close_line_problems(self, how: object = "", key: str | None = None) -> int:
        """Resolve the problems of lines without a variant, or only those of the line with this `key` (channel id)."""
        return sum(self.close_problem(code, how, key) for code in LINE_CODES)

    def end_holds(self, now: datetime) -> None:
        """Lift all holds, because the order has nothing left to wait for."""
        for hold in self.holds:
            hold.lifted_at = hold.lifted_at or now

    def send_event(self, topic: str, key: str, shipment: Shipment | None = None) -> None:
        """Send the channel an event about the order, or about one shipment; `key` makes the message unique."""
        self.channel_events.append(ChannelEvent(topic, key[:80], shipment))

    def event_rows(self, by: Author, now: datetime) -> Iterable[OrderEvent]:
        """Return the timeline entries as rows; `by` is who caused them, named where that is a program."""
        name = by.label[:60] if by.kind in ("api", "wms") else ""
        for entry in self.timeline:
            yield make(
                OrderEvent,
                order=self.order,
                kind=entry.kind,
                text=entry.text,
                actor=by.kind,
                actor_name=name,
                author_id=by.user_id,
                from_status=entry.from_status,
                to_status=entry.to_status,
                data=dict(entry.data),
                at=now,
            )


def is_before_packing(order_state: OrderState) -> bool:
    """Return whether nothing of the order is packed. Until then it can be cancelled and changed (R-ORD-11)."""
    return order_state.rank < RANK[OrderStatus.PACKED]

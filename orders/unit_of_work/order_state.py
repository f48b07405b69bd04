"""One order in a unit of work: its facts in memory, what was said about it, and what is asked of the channel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from oms.kit.bulk import make
from orders.choices import AllocationState, OrderStatus, ShipmentState
from orders.models import (
    Allocation,
    Hold,
    Order,
    OrderEvent,
    OrderLine,
    OrderSettings,
    Shipment,
    ShipmentLine,
)
from orders.status import RANK, Facts, allocation_of, status_of

if TYPE_CHECKING:
    from channels.models import Connection
    from oms.kit.models import Problem

OPEN_SHIPMENTS = (ShipmentState.PLANNED, ShipmentState.PACKED, ShipmentState.READY)


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One sentence of the timeline, written at flush with the change of status that it caused."""

    kind: str
    text: str
    data: Mapping[str, Any]
    from_status: str = ""
    to_status: str = ""


@dataclass(frozen=True, slots=True)
class RaisedProblem:
    """A fault to be opened at flush, when the order has its key."""

    code: str
    message: str
    key: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChannelEvent:
    """An event for the channel; `shipment` None means the order as a whole."""

    topic: str
    key: str
    shipment: Shipment | None = None


@dataclass(eq=False, slots=True)
class OrderState:
    """Everything that is decided about one order, read together. Verbs change it, `UnitOfWork.flush` writes it."""

    order: Order
    connection: Connection
    settings: OrderSettings
    lines: list[OrderLine] = field(default_factory=list)
    allocations: list[Allocation] = field(default_factory=list)
    shipments: list[Shipment] = field(default_factory=list)
    parcel_lines: list[ShipmentLine] = field(default_factory=list)
    dropped: list[ShipmentLine] = field(default_factory=list)  # taken out of a parcel that is still open
    holds: list[Hold] = field(default_factory=list)
    problems: dict[tuple[str, str], Problem] = field(default_factory=dict)
    before: dict[int, dict[str, Any]] = field(default_factory=dict)
    timeline: list[TimelineEntry] = field(default_factory=list)
    new_problems: dict[tuple[str, str], RaisedProblem] = field(default_factory=dict)
    closed_problems: dict[int, str] = field(default_factory=dict)
    announcements: list[ChannelEvent] = field(default_factory=list)
    withdrawn_topics: set[str] = field(
        default_factory=set
    )  # topics of which the channel need not hear any more
    pending: list[tuple[str, str]] = field(default_factory=list)  # to be said when stock has been given out
    native: bytes | None = None
    is_fresh: bool = False  # read for the first time in this unit of work

    # ------------------------------------------------ questions
    @property
    def status(self) -> str:
        return self.order.status

    @property
    def rank(self) -> int:
        return RANK[self.order.status]

    @property
    def is_ended(self) -> bool:
        order = self.order
        return bool(order.cancelled_at or order.completed_at or order.returned_at)

    @property
    def is_draft(self) -> bool:
        return self.order.needs_approval and self.order.approved_at is None

    @property
    def open_codes(self) -> list[str]:
        """Codes of the faults that are open, those raised in this unit of work included."""
        return sorted({code for code, _key in self.problems} | {code for code, _key in self.new_problems})

    @property
    def live_shipments(self) -> list[Shipment]:
        return [shipment for shipment in self.shipments if shipment.state != ShipmentState.CANCELLED]

    @property
    def open_shipments(self) -> list[Shipment]:
        """Parcels that have not left."""
        return [shipment for shipment in self.shipments if shipment.state in OPEN_SHIPMENTS]

    def lines_of(self, shipment: Shipment) -> list[ShipmentLine]:
        return [row for row in self.parcel_lines if row.shipment is shipment]

    def drop(self, row: ShipmentLine) -> None:
        """Nothing of this line is in the parcel any more."""
        self.parcel_lines = [each for each in self.parcel_lines if each is not row]
        if row.pk:
            self.dropped.append(row)

    def may_hold_stock(self, now: datetime | None = None) -> bool:
        """Whether this order is promised units: not ended or ending, paid or within the store's time (R-ORD-10).

        A draft holds its units while it waits for a person: its channel has taken them off already, and what is
        offered elsewhere meanwhile would be sold a second time.
        """
        order = self.order
        if self.is_ended or order.is_history or order.cancel_asked_by or order.shipped_at:
            return False
        if order.is_paid:
            return True
        return order.hold_stock_until is not None and order.hold_stock_until > (now or timezone.now())

    def missing_units(self) -> list[tuple[OrderLine, int]]:
        """Lines with a known SKU, and how many units of each are neither held, shipped nor cancelled."""
        return [(line, line.missing) for line in self.lines if line.variant_id and line.missing > 0]

    def facts(self) -> Facts:
        order = self.order
        live = {id(shipment) for shipment in self.live_shipments}
        planned: dict[int, int] = {}
        for row in self.parcel_lines:
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
            short=sum(units for _line, units in self.missing_units()),
            unplanned=unplanned,
            parcels=tuple(shipment.state for shipment in self.shipments),
            cancel_asked_by=order.cancel_asked_by,
            is_cancelled=order.cancelled_at is not None,
            is_shipped=order.shipped_at is not None,
            is_delivered=order.delivered_at is not None,
            is_completed=order.completed_at is not None,
            is_returned=order.returned_at is not None,
        )

    def allocation(self) -> AllocationState:
        """How much of what is neither shipped nor cancelled is held."""
        stock = [line for line in self.lines if line.needs_stock and line.is_counted]
        return allocation_of(
            needed=sum(line.quantity - line.shipped - line.cancelled for line in stock),
            held=sum(line.allocated for line in stock),
        )

    # ------------------------------------------------ what is said and asked
    def add_event(self, kind: str, text: object, **data: Any) -> None:
        """Write a sentence into the timeline, with the change of status that the facts now make."""
        before, after = self.settle()
        moved = before != after
        self.timeline.append(
            TimelineEntry(kind[:30], str(text)[:300], data, before if moved else "", after if moved else "")
        )

    def settle(self) -> tuple[str, str]:
        """Bring the stored projections in line with the facts; returns the status before and after."""
        order = self.order
        before = "" if self.is_fresh and not self.timeline else order.status
        order.status = str(status_of(self.facts()))
        order.allocation = self.allocation()
        order.holds_open = sum(1 for hold in self.holds if hold.lifted_at is None)
        order.problems_open = len(self.problems) + len(self.new_problems)
        return before, order.status

    def open_problem(self, code: str, message: object, key: str = "", **data: Any) -> None:
        """Open a problem; one that is open already stays as it is."""
        if (code, key) not in self.problems:
            self.new_problems[code, key] = RaisedProblem(code, str(message)[:500], key, data)

    def close_problem(self, code: str, how: object = "", key: str | None = None) -> int:
        """Close the open problems of this code; returns how many there were."""
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

    def end_holds(self, now: datetime) -> None:
        """Nothing is left here that could wait: its holds are over, though nobody has lifted them."""
        for hold in self.holds:
            hold.lifted_at = hold.lifted_at or now

    def tell(self, topic: str, key: str, shipment: Shipment | None = None) -> None:
        self.announcements.append(ChannelEvent(topic, key[:80], shipment))

    def event_rows(self, actor: str, author_id: int | None, now: datetime) -> Iterable[OrderEvent]:
        for said in self.timeline:
            yield make(
                OrderEvent,
                order=self.order,
                kind=said.kind,
                text=said.text,
                actor=actor,
                author_id=author_id,
                from_status=said.from_status,
                to_status=said.to_status,
                data=dict(said.data),
                at=now,
            )


def is_before_packing(work: OrderState) -> bool:
    """Whether nothing of the order has been packed yet: until then it can be cancelled or changed (R-ORD-11)."""
    return work.rank < RANK[OrderStatus.PACKED]

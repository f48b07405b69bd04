"""Which warehouse gives what to an order, and how promised units are taken and let go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from oms.kit.bulk import make
from orders.models import Allocation, OrderLine
from orders.unit_of_work.order_state import OrderState

if TYPE_CHECKING:
    from orders.unit_of_work.stock_session import StockSession

Need = tuple[int, int]  # variant id, units
Place = tuple[int, int]  # shelf id, warehouse id


def choose_stock(
    needs: Sequence[Need],
    shelves: Mapping[int, Sequence[Place]],
    free: Callable[[int], int],
    serving: Sequence[int],
    near: Collection[int] = (),
) -> list[tuple[int, int, int]]:
    """Take units for `needs` from the shelves of `serving`, nearest first: (index of the need, shelf, units).

    One warehouse that can give everything is preferred, and among those one that gives to this order already
    (`near`); otherwise each need is filled from the nearest warehouse on. Nothing is promised beyond `free`.
    Pure: the shelves are not changed.
    """
    shelf = {(variant, warehouse): item for variant, places in shelves.items() for item, warehouse in places}
    left: dict[int, int] = {}

    def room(item: int) -> int:
        if item not in left:
            left[item] = max(free(item), 0)
        return left[item]

    ordered = sorted(serving, key=lambda warehouse: warehouse not in near) if near else list(serving)
    if len(ordered) > 1:
        whole: dict[int, int] = defaultdict(int)
        for variant, units in needs:
            whole[variant] += units
        for warehouse in ordered:
            items = [(shelf.get((variant, warehouse)), units) for variant, units in whole.items()]
            if all(item is not None and room(item) >= units for item, units in items):
                ordered = [warehouse]
                break
    taken: list[tuple[int, int, int]] = []
    for index, (variant, units) in enumerate(needs):
        for warehouse in ordered:
            item = shelf.get((variant, warehouse))
            if item is None or not units:
                continue
            part = min(units, room(item))
            if part:
                left[item] -= part
                units -= part
                taken.append((index, item, part))
    return taken


def open_allocations(work: OrderState, line: OrderLine | None = None) -> list[Allocation]:
    """The open allocations of an order, or of one line of it, oldest first."""
    return [
        row
        for row in work.allocations
        if row.state == Allocation.State.OPEN and (line is None or row.line is line)
    ]


def allocate(work: OrderState, ledger: StockSession, now: datetime) -> int:
    """Promise the order what it still wants, as far as there is; returns the units newly held."""
    wants = work.missing_units()
    if not wants or not work.may_hold_stock(now):
        return 0
    serving = ledger.serving[work.connection.pk]
    if not serving:
        return 0
    needs = [(line.variant_id or 0, units) for line, units in wants]
    shelves = {
        variant_id: [(item.pk, item.warehouse_id) for item in ledger.shelves.get(variant_id, ())]
        for variant_id, _units in needs
    }
    near = {row.stock_item.warehouse_id for row in open_allocations(work)}
    total = 0
    for index, item_id, units in choose_stock(needs, shelves, ledger.free, serving, near):
        line = wants[index][0]
        line.allocated += units
        work.allocations.append(
            make(Allocation, line=line, stock_item=ledger.items[item_id], quantity=units, created_at=now)
        )
        ledger.hold(item_id, units)
        total += units
    return total


def _end(work: OrderState, row: Allocation, units: int, state: str, now: datetime) -> None:
    """`units` of an open allocation come to their end; what is left of it stays open."""
    row.line.allocated -= units
    if units < row.quantity:
        row.quantity -= units
        ended = Allocation(
            line=row.line, stock_item=row.stock_item, quantity=units, created_at=row.created_at
        )
        work.allocations.append(ended)
    else:
        ended = row
    ended.state, ended.ended_at = state, now


def release_stock(
    work: OrderState,
    ledger: StockSession,
    now: datetime,
    *,
    line: OrderLine | None = None,
    units: int | None = None,
) -> int:
    """Give promised units back to the shelves, the youngest first; all of them unless `units` says fewer."""
    left, given = units, 0
    for row in reversed(open_allocations(work, line)):
        part = row.quantity if left is None else min(row.quantity, left)
        if not part:
            break
        ledger.let_go(row.stock_item_id, part)
        _end(work, row, part, Allocation.State.RELEASED, now)
        given += part
        if left is not None:
            left -= part
    return given


def release_from_item(
    work: OrderState, ledger: StockSession, now: datetime, *, stock_item_id: int, units: int
) -> int:
    """Give back up to `units` of one shelf; returns how many this order gave."""
    given = 0
    for row in reversed([row for row in open_allocations(work) if row.stock_item_id == stock_item_id]):
        part = min(row.quantity, units - given)
        if part:
            ledger.let_go(stock_item_id, part)
            _end(work, row, part, Allocation.State.RELEASED, now)
            given += part
    return given


def consume_allocations(
    work: OrderState, line: OrderLine, units: int, now: datetime, *, warehouse_id: int | None = None
) -> list[tuple[int, int]]:
    """Promised units of a line leave with a parcel: (shelf, units) of what was used, `warehouse_id`'s alone if given.

    The line's counters follow. What was not promised is not used: compare the sum with `units`.
    """
    used: list[tuple[int, int]] = []
    for row in open_allocations(work, line):
        if warehouse_id is not None and row.stock_item.warehouse_id != warehouse_id:
            continue
        part = min(row.quantity, units)
        if part:
            used.append((row.stock_item_id, part))
            units -= part
            _end(work, row, part, Allocation.State.CONSUMED, now)
            line.shipped += part
    return used


def oldest_first(works: Iterable[OrderState]) -> list[OrderState]:
    """The order in which stock is given out: who bought first is served first."""
    return sorted(works, key=lambda work: (work.order.placed_at, work.order.pk or 0))

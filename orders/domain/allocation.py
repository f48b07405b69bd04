"""Which warehouse serves an order, and how its units are allocated, released and shipped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from oms.kit.bulk import make
from orders.models import Allocation, OrderLine
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.routing import explain, sequence_for

if TYPE_CHECKING:
    from orders.unit_of_work.stock_session import StockSession

Need = tuple[int, int]  # variant id, units
ItemPlace = tuple[int, int]  # stock item id, warehouse id


def choose_stock(
    needs: Sequence[Need],
    stock_items: Mapping[int, Sequence[ItemPlace]],
    available: Callable[[int], int],
    warehouse_ids: Sequence[int],
    preferred: Collection[int] = (),
) -> list[tuple[int, int, int]]:
    """Choose the stock items that serve `needs`; return (index of the need, stock item id, units) for each part.

    `stock_items` are those of each variant (id). `available` returns the available units of a stock item (id); never
    more are chosen. `warehouse_ids` are the warehouses that may serve, nearest first.

    One warehouse that has everything serves alone, one of `preferred` first. Otherwise each need is served by the
    nearest warehouses in turn. A pure function: it changes nothing.
    """
    item_at = {
        (variant, warehouse): item for variant, places in stock_items.items() for item, warehouse in places
    }
    left: dict[int, int] = {}

    def units_left(item: int) -> int:
        if item not in left:
            left[item] = max(available(item), 0)
        return left[item]

    ordered = (
        sorted(warehouse_ids, key=lambda warehouse: warehouse not in preferred)
        if preferred
        else list(warehouse_ids)
    )
    if len(ordered) > 1:
        total: dict[int, int] = defaultdict(int)
        for variant, units in needs:
            total[variant] += units
        for warehouse in ordered:
            items = [(item_at.get((variant, warehouse)), units) for variant, units in total.items()]
            if all(item is not None and units_left(item) >= units for item, units in items):
                ordered = [warehouse]
                break
    chosen: list[tuple[int, int, int]] = []
    for index, (variant, units) in enumerate(needs):
        for warehouse in ordered:
            item = item_at.get((variant, warehouse))
            if item is None or not units:
                continue
            part = min(units, units_left(item))
            if part:
                left[item] -= part
                units -= part
                chosen.append((index, item, part))
    return chosen


def open_allocations(order_state: OrderState, line: OrderLine | None = None) -> list[Allocation]:
    """Return the open allocations of an order, or of one of its lines, oldest first."""
    return [
        row
        for row in order_state.allocations
        if row.state == Allocation.State.OPEN and (line is None or row.line is line)
    ]


def allocate(order_state: OrderState, stock: StockSession, now: datetime) -> int:
    """Allocate to an order the units that it misses, as far as they are available; return how many."""
    missing = order_state.missing_units()
    if not missing or not order_state.may_be_allocated(now):
        return 0
    warehouse_ids = sequence_for(order_state, stock)
    if not warehouse_ids:
        return 0
    needs = [(line.variant_id or 0, units) for line, units in missing]
    stock_items = {
        variant_id: [(item.pk, item.warehouse_id) for item in stock.by_variant.get(variant_id, ())]
        for variant_id, _units in needs
    }
    preferred = {row.stock_item.warehouse_id for row in open_allocations(order_state)}
    total = 0
    for index, item_id, units in choose_stock(needs, stock_items, stock.available, warehouse_ids, preferred):
        line = missing[index][0]
        line.allocated += units
        order_state.allocations.append(
            make(Allocation, line=line, stock_item=stock.items[item_id], quantity=units, created_at=now)
        )
        stock.allocate(item_id, units)
        total += units
    if total:
        used = {row.stock_item.warehouse_id for row in open_allocations(order_state)}
        order_state.order.warehouse_reason = explain(order_state, stock, warehouse_ids, used)
    return total


def _close(order_state: OrderState, row: Allocation, units: int, state: str, now: datetime) -> None:
    """End `units` of an open allocation with this state; the rest of it stays open."""
    row.line.allocated -= units
    if units < row.quantity:
        row.quantity -= units
        ended = Allocation(
            line=row.line, stock_item=row.stock_item, quantity=units, created_at=row.created_at
        )
        order_state.allocations.append(ended)
    else:
        ended = row
    ended.state, ended.ended_at = state, now


def close(row: Allocation, now: datetime) -> None:
    """End an open allocation as released; its line has its units no more. The stock is changed by the caller."""
    row.line.allocated -= row.quantity
    row.state, row.ended_at = Allocation.State.RELEASED, now


def release_stock(
    order_state: OrderState,
    stock: StockSession,
    now: datetime,
    *,
    line: OrderLine | None = None,
    units: int | None = None,
) -> int:
    """Make allocated units of an order, or of one `line`, available again, the newest allocation first.

    All of them, or at most `units`. Return how many were released.
    """
    left, released = units, 0
    for row in reversed(open_allocations(order_state, line)):
        part = row.quantity if left is None else min(row.quantity, left)
        if not part:
            break
        stock.release(row.stock_item_id, part)
        _close(order_state, row, part, Allocation.State.RELEASED, now)
        released += part
        if left is not None:
            left -= part
    return released


def release_from_item(
    order_state: OrderState, stock: StockSession, now: datetime, *, stock_item_id: int, units: int
) -> int:
    """Release at most `units` that an order has of one stock item; return how many were released."""
    released = 0
    for row in reversed([row for row in open_allocations(order_state) if row.stock_item_id == stock_item_id]):
        part = min(row.quantity, units - released)
        if part:
            stock.release(stock_item_id, part)
            _close(order_state, row, part, Allocation.State.RELEASED, now)
            released += part
    return released


def consume_allocations(
    order_state: OrderState, line: OrderLine, units: int, now: datetime, *, warehouse_id: int | None = None
) -> list[tuple[int, int]]:
    """Count at most `units` allocated units of a line as shipped; return (stock item id, units) for each part.

    With `warehouse_id` only units of that warehouse are used. Compare the sum with `units`: what was not allocated is
    not counted as shipped.
    """
    used: list[tuple[int, int]] = []
    for row in open_allocations(order_state, line):
        if warehouse_id is not None and row.stock_item.warehouse_id != warehouse_id:
            continue
        part = min(row.quantity, units)
        if part:
            used.append((row.stock_item_id, part))
            units -= part
            _close(order_state, row, part, Allocation.State.CONSUMED, now)
            line.shipped += part
    return used


def oldest_first(order_states: Iterable[OrderState]) -> list[OrderState]:
    """Return orders in the sequence in which they get stock: by priority, of equal ones the oldest order first."""
    return sorted(
        order_states,
        key=lambda order_state: (
            -order_state.order.priority,
            order_state.order.placed_at,
            order_state.order.pk or 0,
        ),
    )

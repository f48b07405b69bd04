"""Opening stock for open orders whose units the channel had deducted before its stock was imported (R-INV-06)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from channels.contract.records.orders import RemoteState
from inventory.services import opening_stock as inventory
from oms.kit.authors.actors import Author
from orders.domain.allocation import release_from_item
from orders.domain.shipments import cancel_open_shipments
from orders.models import OrderLine
from orders.unit_of_work.order_state import OrderState, is_before_packing
from orders.unit_of_work.unit_of_work import UnitOfWork

#: Columns of a variant from which `add_opening_stock` knows without a query that it has nothing to do.
OPENING_COLUMNS = ("opening_stock__connection_id", "opening_stock__read_at")

Openings = Mapping[int, tuple[int | None, datetime | None]]


def add_opening_stock(
    unit: UnitOfWork,
    lines: Iterable[tuple[OrderState, OrderLine]],
    *,
    by: Author,
    known: Openings | None = None,
) -> None:
    """Add the units of these lines to the opening stock: the channel had deducted them before its figure was imported.

    The lines have just got their variant and are not allocated yet. Units of an order that was cancelled, or got a status
    that nobody knows, after the figure was read and before its first import, were perhaps deducted: a problem asks for
    a count.

    One query if no order is older than the opening stock of its SKUs, which is the usual case; none with `known`, the
    `OPENING_COLUMNS` of the variants (ids) of these lines. Otherwise new rows get
    primary keys first, because the stock history refers to the line: some more statements, a constant number.
    """
    by_store: dict[int, list[tuple[OrderState, OrderLine]]] = defaultdict(list)
    for order_state, line in lines:
        order = order_state.order
        if not (line.variant_id and line.needs_stock and line.is_counted) or _is_unknown_to_channel(line):
            continue
        columns = (known or {}).get(line.variant_id)
        if columns is not None and not _may_be_older(order_state, *columns):
            continue
        if (order.stock_deducted and not order.is_history) or _was_perhaps_deducted(order_state):
            by_store[order_state.connection.pk].append((order_state, line))
    if not by_store:
        return
    variants = {line.variant_id or 0 for rows in by_store.values() for _store_changes, line in rows}
    openings = inventory.opened(by_store, variants)
    for store_id, rows in by_store.items():
        older = [
            (order_state, line)
            for order_state, line in rows
            if (opening := openings.get((store_id, line.variant_id or 0)))
            and order_state.order.placed_at < opening.read_at
        ]
        if not older:
            continue
        unit.assign_keys()
        cancelled = [
            inventory.Correction(line.pk, line.variant_id or 0, line.quantity, f"#{order_state.order.number}")
            for order_state, line in older
            if _was_perhaps_deducted(order_state)
            and order_state.order.remote_changed_at + inventory.CLOCK_PRECISION
            > openings[store_id, line.variant_id or 0].read_from
        ]
        if cancelled:
            inventory.uncertain(older[0][0].connection, cancelled)
        older = [(order_state, line) for order_state, line in older if not _was_perhaps_deducted(order_state)]
        if not older:
            continue
        stock = unit.stock()
        inventory.add_to_opening(
            older[0][0].connection,
            [
                inventory.OpenUnits(
                    line_id=line.pk,
                    variant_id=line.variant_id or 0,
                    units=line.quantity - line.cancelled - line.shipped,
                    placed_at=order_state.order.placed_at,
                    changed_at=order_state.order.remote_changed_at,
                    label=f"#{order_state.order.number}",
                )
                for order_state, line in older
            ],
            by=by,
            openings=openings,
            stock_items=stock.by_variant,
            write=stock.receive,
        )


def _is_unknown_to_channel(line: OrderLine) -> bool:
    """Return whether the channel has deducted nothing of the line's SKU for it.

    Staff added the line or chose its SKU, or it is a component of a kit: the channel knows the kit alone.
    """
    return line.is_added or line.is_substituted or line.is_component


def _may_be_older(order_state: OrderState, store_id: int | None, read_at: datetime | None) -> bool:
    """Return whether the order was placed before its store's figure for the opening stock was read."""
    is_of_store = store_id == order_state.connection.pk
    return is_of_store and read_at is not None and order_state.order.placed_at < read_at


def _was_perhaps_deducted(order_state: OrderState) -> bool:
    """Return whether the units of an order were perhaps in the channel's figure before its last change."""
    return order_state.order.remote_state == RemoteState.UNKNOWN or _was_deducted(order_state)


def _was_deducted(order_state: OrderState) -> bool:
    """Return whether the channel has put the units of an order back, and may have deducted them before.

    It was cancelled before its first import, or an earlier version of it was deducted.
    """
    order, was = order_state.order, order_state.snapshots.get(id(order_state.order))
    if order.is_history:
        return order.remote_state == RemoteState.CANCELLED
    return not order.stock_deducted and was is not None and bool(was["stock_deducted"])


def correct_opening_stock(
    unit: UnitOfWork, order_states: Iterable[OrderState], *, resolved: Collection[int] = ()
) -> None:
    """Correct the opening stock for orders of which an older version was counted in it.

    An order can be imported, then changed or cancelled on its channel, and only then the stock figure is read: that
    figure was made with the later version. When this version is imported, the units that it has more or fewer are
    added to the opening stock or removed. Where the version that the figure was made with is not known, or its status is
    one whose effect on the stock nobody knows, a problem asks for a count. `resolved` are lines (by `id`) that were
    counted in this unit of work. No query for orders that are not older than their import.
    """
    changed: dict[int, list[tuple[OrderState, OrderLine, int, int]]] = defaultdict(list)
    for order_state in order_states:
        order, was = order_state.order, order_state.snapshots.get(id(order_state.order))
        if was is None or order.is_history or was["remote_state"] == RemoteState.UNKNOWN:
            continue
        is_unknown = order.remote_state == RemoteState.UNKNOWN
        for line in order_state.lines:
            before = order_state.snapshots.get(id(line))
            if before is None or not before["variant_id"] or not line.needs_stock:
                continue
            if _is_unknown_to_channel(line):
                continue
            old = before["quantity"] - before["cancelled"] if was["stock_deducted"] else 0
            is_counted = (order.stock_deducted or bool(order.cancelled_at)) and not is_unknown
            new = line.quantity - line.cancelled if is_counted else 0
            if before["variant_id"] != line.variant_id:  # the channel has replaced the goods of the line
                new = 0
            elif id(line) in resolved:
                continue
            if new != old:
                changed[order_state.connection.pk].append(
                    (order_state, line, before["variant_id"], new - old)
                )
    if not changed:
        return
    variants = {variant_id for rows in changed.values() for _state, _line, variant_id, _delta in rows}
    openings = inventory.opened(changed, variants)
    for store_id, rows in changed.items():
        sure: list[inventory.Correction] = []
        doubtful: list[inventory.Correction] = []
        for order_state, line, variant_id, delta in rows:
            order, opening = order_state.order, openings.get((store_id, variant_id))
            was = order_state.snapshots[id(order)]
            if opening is None or order.placed_at >= opening.read_at:
                continue
            one = inventory.Correction(line.pk, variant_id, delta, f"#{order.number}")
            is_in_figure = order.remote_changed_at + inventory.CLOCK_PRECISION <= opening.read_from
            if is_in_figure and order.remote_state != RemoteState.UNKNOWN:
                sure.append(one)
                _make_available(unit, order_state, line, opening.warehouse_id, -delta)
            elif is_in_figure or (
                was["read_at"] < opening.read_from and was["remote_changed_at"] < opening.read_from
            ):
                doubtful.append(one)
        connection = rows[0][0].connection
        if sure:
            stock = unit.stock()
            inventory.correct_opening(
                connection,
                sure,
                openings=openings,
                stock_items=stock.by_variant,
                available=stock.available,
                write=stock.receive,
            )
        if doubtful:
            inventory.uncertain(connection, doubtful)


def _make_available(
    unit: UnitOfWork, order_state: OrderState, line: OrderLine, warehouse_id: int, units: int
) -> None:
    """Release units of a line that is not packed, so that `units` of its stock item are available, as far as possible."""
    stock = unit.stock()
    items = stock.by_variant.get(line.variant_id or 0, ())
    item_id = next((item.pk for item in items if item.warehouse_id == warehouse_id), None)
    if item_id is None or not is_before_packing(order_state):
        return
    short = units - max(stock.available(item_id), 0)
    if short > 0 and line.allocated:
        cancel_open_shipments(order_state)
        release_from_item(
            order_state, stock, unit.now, stock_item_id=item_id, units=min(short, line.allocated)
        )


def withdraw_opening_stock(unit: UnitOfWork, lines: Iterable[tuple[OrderState, OrderLine]]) -> None:
    """Remove the units of these lines from the opening stock of their variant: they are of another one.

    Call it before the variant of the lines is changed, and when their allocated stock is released.
    """
    by_store: dict[int, list[tuple[OrderState, OrderLine]]] = defaultdict(list)
    for order_state, line in lines:
        if line.variant_id and line.pk:
            by_store[order_state.connection.pk].append((order_state, line))
    if not by_store:
        return
    variants = {line.variant_id or 0 for rows in by_store.values() for _state, line in rows}
    openings = inventory.opened(by_store, variants)
    for store_id, rows in by_store.items():
        counted = [
            inventory.Correction(line.pk, line.variant_id or 0, None, f"#{order_state.order.number}")
            for order_state, line in rows
            if (store_id, line.variant_id or 0) in openings
        ]
        if counted:
            stock = unit.stock()
            inventory.correct_opening(
                rows[0][0].connection,
                counted,
                openings=openings,
                stock_items=stock.by_variant,
                available=stock.available,
                write=stock.receive,
            )

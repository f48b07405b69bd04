"""Opening stock for open orders whose units the channel had deducted before its stock was imported (R-INV-06)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from channels.contract.records.orders import RemoteState
from inventory.services import opening_stock as inventory
from oms.kit.actors import Author
from orders.models import OrderLine
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork


def add_opening_stock(unit: UnitOfWork, lines: Iterable[tuple[OrderState, OrderLine]], *, by: Author) -> None:
    """Add the units of these lines to the opening stock: the channel had deducted them before its figure was imported.

    The lines have just got their variant and are not allocated yet. One query if no order is older than the opening
    stock of its SKUs, which is the usual case. Otherwise new rows get primary keys first, because the stock history
    refers to the line: some more statements, a constant number.
    """
    by_store: dict[int, list[tuple[OrderState, OrderLine]]] = defaultdict(list)
    for order_state, line in lines:
        order = order_state.order
        is_known = order.remote_state != RemoteState.UNKNOWN
        if (
            order.stock_deducted
            and not order.is_history
            and is_known
            and line.variant_id
            and line.needs_stock
            and line.is_counted
        ):
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
        stock = unit.stock()
        unit.assign_keys()
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

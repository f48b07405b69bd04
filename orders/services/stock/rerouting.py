"""Move an order, or one of its lines, to another warehouse by hand; raise or lower its priority."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from django.db import transaction
from django.utils.translation import gettext as _

from inventory.models import Warehouse
from oms.kit.authors.actors import Author
from oms.kit.bulk import make
from orders.choices import OrderPriority
from orders.domain.allocation import allocate, close, open_allocations
from orders.domain.shipments import cancel_open_shipments
from orders.errors import OrderError
from orders.models import Allocation, Order, OrderLine
from orders.services.apply_moves import MoveOutcome
from orders.services.corrections.seen import load_for_correction
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.stock_session import StockSession, warehouses_by_store
from orders.unit_of_work.unit_of_work import UnitOfWork


def move_to_warehouse(
    *, order_id: int, warehouse_id: int, line_id: int | None = None, reason: str, by: Author
) -> str:
    """Allocate an order, or one line of it, from another warehouse; return what was done, in one sentence.

    All units that are allocated elsewhere are moved, or none. A released order moves back to New. When the whole order
    is moved, the warehouse is asked first from then on. The channel is sent nothing.

    Raises `OrderError` without a reason, for a warehouse that the store does not sell from or that has not enough units
    available, and for an order that is packed or has ended. Nothing is changed then.
    """
    with transaction.atomic():
        unit, order_state = load_for_correction(order_id, reason)
        warehouse = Warehouse.objects.filter(pk=warehouse_id, is_active=True).first()
        stock = unit.stock()
        if warehouse is None or warehouse.pk not in stock.warehouses_of.get(order_state.connection.pk, ()):
            raise OrderError(
                _(
                    "%(store)s does not sell from this warehouse. Choose another one, or add it on the page of the store."
                )
                % {"store": order_state.connection.name}
            )
        line = next((each for each in order_state.lines if each.pk == line_id), None)
        if line_id is not None and line is None:
            raise OrderError(_("This line no longer exists."))
        moved = _move_allocations(order_state, stock, unit, warehouse, line)
        order = order_state.order
        if line is None:
            if not moved and order.warehouse_id == warehouse.pk:
                raise OrderError(_("%s is the chosen warehouse of this order already.") % warehouse.name)
            order.warehouse_id = warehouse.pk
            allocate(order_state, stock, unit.now)
            order.warehouse_reason = _chosen(reason)
        elif not moved:
            raise OrderError(_("No unit of this line is allocated in another warehouse. Nothing was moved."))
        else:
            order.warehouse_reason = _("A line was moved by hand: %s") % reason.strip()[:120]
        if moved:
            cancel_open_shipments(order_state)
        text = (
            _("Moved to %(warehouse)s: %(units)d units. %(reason)s")
            if line is None
            else _("%(line)s moved to %(warehouse)s: %(units)d units. %(reason)s")
        ) % {
            "warehouse": warehouse.name,
            "units": moved,
            "reason": reason.strip()[:150],
            "line": (line.sku or line.title) if line else "",
        }
        order_state.add_event("warehouse", text)
        unit.flush(by)
    return text


def _chosen(reason: str) -> str:
    return (_("Chosen by hand: %s") % reason.strip())[:200]


def _move_allocations(
    order_state: OrderState,
    stock: StockSession,
    unit: UnitOfWork,
    warehouse: Warehouse,
    line: OrderLine | None,
) -> int:
    """Move the allocated units of an order or of one line to a warehouse; return how many. All of them, or an error."""
    rows = [row for row in open_allocations(order_state, line) if row.stock_item.warehouse_id != warehouse.pk]
    wanted: dict[int, int] = defaultdict(int)
    for row in rows:
        wanted[row.line.variant_id or 0] += row.quantity
    item_at: dict[int, int] = {}
    for variant_id, units in wanted.items():
        item = next(
            (one for one in stock.by_variant.get(variant_id, ()) if one.warehouse_id == warehouse.pk), None
        )
        free = max(stock.available(item.pk), 0) if item is not None else 0
        if item is None or free < units:
            name = next(row.line.sku or row.line.title for row in rows if row.line.variant_id == variant_id)
            raise OrderError(
                _(
                    "%(warehouse)s has %(free)d of the %(units)d units of %(sku)s available. Nothing was moved."
                )
                % {"warehouse": warehouse.name, "free": free, "units": units, "sku": name}
            )
        item_at[variant_id] = item.pk
    for row in rows:
        moved_line, units = row.line, row.quantity
        stock.release(row.stock_item_id, units)
        close(row, unit.now)
        target = item_at[moved_line.variant_id or 0]
        moved_line.allocated += units
        order_state.allocations.append(
            make(
                Allocation,
                line=moved_line,
                stock_item=stock.items[target],
                quantity=units,
                created_at=unit.now,
            )
        )
        stock.allocate(target, units)
    return sum(wanted.values())


def targets_of(order: Order) -> list[Warehouse]:
    """Return the warehouses that an order can be moved to: the active ones of its store, by priority; 2 statements."""
    ids = warehouses_by_store([order.connection_id])[order.connection_id]
    found = Warehouse.objects.in_bulk(ids)
    return [found[pk] for pk in ids]


def set_priority(order_ids: Collection[int], *, priority: int, by: Author) -> list[MoveOutcome]:
    """Set the priority of open orders: which of several waiting orders gets stock first. One outcome for each.

    Units that other orders have already are not taken away. Raises `OrderError` for a priority that does not exist.
    """
    if priority not in OrderPriority.values:
        raise OrderError(_("Choose a priority."))
    label = OrderPriority(priority).label
    outcomes = {}
    with transaction.atomic():
        unit = UnitOfWork.load(order_ids)
        for order_state in unit.order_states:
            order = order_state.order
            if order_state.is_ended or order.is_history or order.shipped_at:
                message, ok = _("This order has left or has ended. Its priority changes nothing."), False
            elif order.priority == priority:
                message, ok = _("The priority is %s already.") % label, True
            else:
                old = order.get_priority_display()
                order.priority = priority
                order_state.add_event(
                    "priority", _("Priority: %(old)s → %(new)s") % {"old": old, "new": label}
                )
                message, ok = _("Priority: %s") % label, True
            outcomes[order.pk] = MoveOutcome(order.pk, ok, message, order.number)
        unit.flush(by)
    missing = _("This order no longer exists.")
    return [outcomes.get(pk) or MoveOutcome(pk, False, missing) for pk in dict.fromkeys(order_ids)]

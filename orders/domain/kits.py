"""Kits in an order: the line that was sold has the money, the lines of its components have the stock (docs/kits.md).

A component line keeps the units that one kit had at the sale (`OrderLine.kit_units`). Its quantity is always that of its
parent times these units. What is allocated, shipped and returned is written on component lines alone; a parent counts
as shipped and returned the kits of which every component is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from secrets import token_hex
from typing import TYPE_CHECKING

from catalogue.services.kits import Component
from oms.kit.bulk import make
from orders.domain.allocation import release_stock
from orders.models import OrderLine
from orders.unit_of_work.order_state import OrderState

if TYPE_CHECKING:
    from orders.unit_of_work.unit_of_work import UnitOfWork


Kits = Mapping[int, Sequence[Component]]  # by the variant id of the kit


def add_components(order_state: OrderState, kits: Kits) -> list[OrderLine]:
    """Give the lines of kits that have no components yet those of now; return these lines. Call it before `unit.stock()`.

    Such a line takes stock itself until then. A line of which units were shipped as they were stays as it is.
    """
    if not kits:
        return []
    split = []
    for line in list(order_state.lines):
        components = kits.get(line.variant_id or 0)
        if not components or line.is_component or not line.needs_stock or line.shipped or line.allocated:
            continue
        line.needs_stock, line.is_counted = False, True
        order_state.lines += [_component_line(line, one) for one in components]
        split.append(line)
    return split


def _component_line(line: OrderLine, one: Component) -> OrderLine:
    return make(
        OrderLine,
        order=line.order,
        parent=line,
        kit_units=one.units,
        external_id=f"kit-{token_hex(8)}",
        position=line.position,
        variant_id=one.variant_id,
        sku=one.sku[:255],
        title=one.title[:300],
        needs_parcel=line.needs_parcel,
        is_counted=one.is_counted,
        quantity=line.quantity * one.units,
        cancelled=line.cancelled * one.units,
        cancelled_with_order=line.cancelled_with_order * one.units,
        dropped=line.dropped * one.units,
        is_added=line.is_added,
        is_substituted=line.is_substituted,
    )


def follow_parents(order_state: OrderState, unit: UnitOfWork) -> None:
    """Make the component lines follow the quantities of their parents; stock that is not needed any more is released.

    Units that have left stay counted as shipped, whatever was cancelled of their kit.
    """
    for line in order_state.lines:
        if not (line.is_component and line.kit_units):
            continue
        parent = order_state.parent_of(line)
        line.quantity = max(parent.quantity * line.kit_units, line.shipped)
        line.cancelled = min(parent.cancelled * line.kit_units, line.quantity - line.shipped)
        line.dropped = min(parent.dropped * line.kit_units, line.cancelled)
        line.cancelled_with_order = min(line.cancelled_with_order, line.cancelled)
        over = line.allocated - (line.quantity - line.shipped - line.cancelled)
        if over > 0:
            release_stock(order_state, unit.stock(), unit.now, line=line, units=over)


def end_components(order_state: OrderState, unit: UnitOfWork, line: OrderLine) -> None:
    """Detach the component lines of a line whose goods are replaced: what is left of them is cancelled, its stock released."""
    for component in order_state.components_of(line):
        release_stock(order_state, unit.stock(), unit.now, line=component)
        component.cancelled = component.quantity - component.shipped
        component.dropped = component.cancelled_with_order = component.kit_units = 0
    line.needs_stock = True


def begun_kits(order_state: OrderState, line: OrderLine) -> int:
    """Return of how many units of a line something has left: of a kit, those of which any component was shipped."""
    components = order_state.components_of(line)
    if not components:
        return line.shipped
    return min(line.quantity, max(-(-one.shipped // one.kit_units) for one in components))


def open_units(order_state: OrderState, line: OrderLine) -> int:
    """Return the units of a line that are not cancelled and of which nothing has left."""
    return max(line.quantity - line.cancelled - begun_kits(order_state, line), 0)


def whole_kits(units: Iterable[tuple[int, int]]) -> int:
    """Return how many whole kits there are; `units` are (units of a component, its units in one kit)."""
    return min((have // each for have, each in units), default=0)


def in_components(order_state: OrderState, lines: Mapping[str, int]) -> dict[str, int]:
    """Return units by channel id of the line with those of a kit as units of its component lines."""
    parents = {
        line.external_id: components
        for line in order_state.lines
        if line.external_id in lines and (components := order_state.components_of(line))
    }
    found: dict[str, int] = {}
    for key, units in lines.items():
        if key in parents:
            found.update({one.external_id: units * one.kit_units for one in parents[key]})
        else:
            found[key] = units
    return found

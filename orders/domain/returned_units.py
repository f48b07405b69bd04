"""What can come back of an order, what it is worth, and whether all of it is back. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from django.utils.translation import gettext as _

from oms.kit.numbers import quantise
from orders.models import OrderLine
from orders.unit_of_work.order_state import OrderState


def reason_against(order_state: OrderState) -> str:
    """Return why no return of this order can be requested, in one sentence; "" when one can (R-ORD-12)."""
    if not any(line.shipped for line in order_state.lines):
        return _("Nothing of this order was shipped. Cancel the order or its units instead.")
    if order_state.order.completed_at is not None:
        return _("This order is completed: the time for returns has ended.")
    if all(line.returned == line.shipped for line in order_state.lines):
        return _("All units of this order have come back.")
    return ""


def returnable(line: OrderLine, expected: Mapping[int, int]) -> int:
    """Return the units of a line that can be requested: shipped, not back, and in no open return.

    `expected` are the units that open returns still expect, by line (id).
    """
    return max(line.shipped - line.returned - expected.get(line.pk, 0), 0)


def value_of_units(
    order_state: OrderState, line: OrderLine, first: int, units: int, currency: str
) -> Decimal:
    """Return the part of a line's total for `units` units, after `first` units that were counted before.

    The parts of all units add up to the total exactly, however they are divided (R-PLUS-10). The total of a kit is divided
    evenly among the units of all its components.
    """
    total, quantity = line.total, line.quantity
    if line.is_component:
        parent = order_state.parent_of(line)
        components = order_state.components_of(parent)
        total, quantity = parent.total, sum(one.quantity for one in components)
        for one in components:
            if one is line:
                break
            first += one.quantity

    def up_to(count: int) -> Decimal:
        return total if count >= quantity else quantise(total * count / quantity, currency)

    return up_to(first + units) - up_to(first) if quantity else Decimal(0)


def is_all_back(order_state: OrderState) -> bool:
    """Return whether everything that was shipped has come back, and nothing is left to ship."""
    lines = [line for line in order_state.lines if line.needs_stock]
    return any(line.shipped for line in lines) and all(
        line.quantity == line.shipped + line.cancelled and line.returned == line.shipped for line in lines
    )

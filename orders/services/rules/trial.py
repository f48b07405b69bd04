"""Try a rule on past orders before it is switched on. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from orders.domain.rules.compiled import compile_rules
from orders.domain.rules.facts import ORDER_COLUMNS, facts_of
from orders.models import Order, OrderLine, OrderRule

#: The orders that are tried: those of so many days, at most so many, the newest.
DAYS, MOST_ORDERS = 30, 3_000
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Trial:
    """What a rule would have done: `touched` of `tried` orders, the newest of them in `orders`.

    `is_cut`: there were more orders than `MOST_ORDERS`. `fault` is why the rule cannot be checked, "" when it can.
    """

    tried: int
    touched: int
    orders: tuple[Order, ...]
    is_cut: bool = False
    fault: str = ""


def try_rule(rule: OrderRule, *, days: int = DAYS) -> Trial:
    """Return which orders of the last days a rule would have been applied to, if it had been switched on alone.

    It looks at the orders as they are now; 3 to 5 statements, whatever their number.
    """
    compiled = compile_rules([rule])
    if compiled.faults:
        return Trial(0, 0, (), fault=next(iter(compiled.faults.values())))
    since = timezone.now() - timedelta(days=days)
    rows = (
        Order.objects.filter(placed_at__gte=since).select_related("connection").order_by("-placed_at", "-pk")
    )
    # Of the store its name is shown. Its credentials would be decrypted for each order.
    orders = list(rows.only(*ORDER_COLUMNS, "connection__name", "status", "is_history")[: MOST_ORDERS + 1])
    is_cut = len(orders) > MOST_ORDERS
    orders = orders[:MOST_ORDERS]
    lines: dict[int, list[OrderLine]] = {}
    stored = OrderLine.objects.filter(order__placed_at__gte=since).order_by("-order__placed_at")
    if orders:
        stored = stored.filter(order__placed_at__gte=orders[-1].placed_at)
    for line in stored.only("order", "parent", "variant", "sku", "needs_parcel", "quantity", "cancelled"):
        lines.setdefault(line.order_id, []).append(line)
    facts = facts_of(
        [(order, order.connection.channel, lines.get(order.pk, [])) for order in orders], compiled.needs
    )
    faults: dict[int, str] = {}
    event = rule.when if rule.when != OrderRule.When.BOTH else OrderRule.When.ARRIVED
    touched = [
        order for order, one in zip(orders, facts, strict=True) if compiled.matching(one, event, faults)
    ]
    return Trial(
        tried=len(orders),
        touched=len(touched),
        orders=tuple(touched[:SHOWN]),
        is_cut=is_cut,
        fault=next(iter(faults.values()), ""),
    )

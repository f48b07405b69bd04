"""1,000 automation rules over 10,000 orders: seconds of processor, and the ratio of a stored page with and without rules.

Half of the rules have a condition that store, channel, country or currency decides; the others are checked for each order. About one order
in five is touched. The rules are applied as a page of new orders does it, in pages of 50, with facts and effects.
"""

from __future__ import annotations

import os
import random
import time
from dataclasses import replace
from decimal import Decimal
from typing import Any

from benchmarks._common import figure, in_own_database

NAME = "rules"
RULES, ORDERS, PAGE = 1_000, int(os.environ.get("BENCH_RULES_ORDERS", "10000")), 50
COUNTRIES = ("GB", "IE", "FR", "DE", "ES", "IT", "NL", "BE", "CH", "US")
TARGET = 10.0
STORED = 500


def made_rules() -> None:
    """Write the rules, switched on: of ten kinds, no two alike."""
    from orders.domain.rules.fields import parse_condition
    from orders.domain.rules.loaded import names_in_use
    from orders.models import OrderRule
    from orders.services.rules import editing
    from tests.orders.desk import DESK

    names = names_in_use()
    rows = []
    for number in range(RULES):
        kinds: list[tuple[tuple[str, str, str], ...]] = [
            (("country", "is", COUNTRIES[number % 10]), ("total", "at_least", f"{1_500 + number} GBP")),
            (("country", "is_not", "GB, IE"), ("units", "at_least", str(20 + number))),
            (("store", "is", "Shop"), ("sku", "is", f"S{number}")),
            (("country", "is", COUNTRIES[number % 7]), ("method", "contains", f"express {number}")),
            (("channel", "is", "OpenCart"), ("postcode", "starts", f"ZE{number}")),
            (("total", "at_least", f"{1_700 + number} GBP"),),
            (("weight", "at_least", str(50_000 + number)),),
            (("postcode", "between", f"{10000 + number}-{10000 + number}"),),
            (("sku", "starts", f"Z{number}"),),
            (("tag", "is", f"tag {number}"), ("lines", "at_least", "2")),
        ]
        rows.append(
            OrderRule(
                name=f"Rule {number}",
                position=number + 1,
                is_active=True,
                conditions=[parse_condition(*one, names) for one in kinds[number % 10]],
                actions=[{"kind": "tag", "value": f"t{number % 40}"}, {"kind": "priority", "value": "high"}],
            )
        )
    OrderRule.objects.bulk_create(rows)
    made = editing.save_rule(
        None,
        name="last",
        when="both",
        match="all",
        conditions=[],
        actions=[{"kind": "priority", "value": "high"}],
        stops=False,
        by=DESK,
    )
    editing.switch(made.pk, is_active=True, by=DESK)
    OrderRule.objects.filter(pk=made.pk).delete()


def records(count: int, prefix: str) -> list[Any]:
    """Return orders of one or two lines to ten countries."""
    from tests.orders.desk import HOME, line, record

    chosen, rows = random.Random(1), []
    for number in range(count):
        address = replace(
            HOME, country=chosen.choice(COUNTRIES), postcode=str(chosen.randint(10_000, 99_999))
        )
        price = Decimal(chosen.randint(5, 500))
        lines = tuple(
            line(f"{prefix}{number}-{at}", f"S{chosen.randint(0, 49)}", chosen.randint(1, 3), str(price))
            for at in range(chosen.randint(1, 2))
        )
        rows.append(
            replace(record(f"{prefix}{number}", lines=lines), ship_to=address, shipping_method="Standard")
        )
    return rows


def measure() -> None:
    from django.utils import timezone

    from orders.domain.rules.automation import apply_rules
    from orders.models import Order, OrderLine, RuleState
    from orders.unit_of_work.order_state import OrderState
    from orders.unit_of_work.unit_of_work import UnitOfWork
    from tests.orders import desk

    shop = desk.store("Shop")
    variants = [desk.stocked(f"S{number}", leeds=1_000_000) for number in range(50)]
    settings = shop.order_settings

    def state(number: int, given: Any) -> OrderState:
        order = Order(
            connection=shop,
            number=str(number),
            placed_at=given.placed_at,
            country=given.ship_to.country,
            currency="GBP",
            total=given.total,
            shipping_method=given.shipping_method,
            ship_to={"postcode": given.ship_to.postcode, "country": given.ship_to.country},
        )
        each = OrderState(order=order, connection=shop, settings=settings, is_new=True)
        each.lines = [
            OrderLine(order=order, variant=variants[int(row.sku[1:])], sku=row.sku, quantity=row.quantity)
            for row in given.lines
        ]
        return each

    states = [state(number, given) for number, given in enumerate(records(ORDERS, "m"))]
    without = time.process_time()
    for at in range(0, STORED, PAGE):
        desk.comes(shop, *records(PAGE, f"w{at}-"))
    without = time.process_time() - without

    made_rules()
    version = RuleState.objects.get().version
    apply_rules(UnitOfWork(now=timezone.now()), version, new=states[:1])  # the rules are read
    states[0].order.tags, states[0].order.priority = "", 0
    began, touched, count = time.process_time(), 0, 0
    for at in range(0, ORDERS, PAGE):
        unit = UnitOfWork(states[at : at + PAGE], now=timezone.now())
        applied = apply_rules(unit, version, new=unit.order_states)
        touched += len({id(trace.order) for trace in applied.traces})
        count += len(applied.traces)
    taken = time.process_time() - began
    figure(
        NAME,
        f"{RULES:,} rules over {ORDERS:,} orders, seconds of processor",
        taken,
        "s",
        target=TARGET,
        touched=touched,
        applied=count,
    )
    began = time.process_time()
    for at in range(0, STORED, PAGE):
        desk.comes(shop, *records(PAGE, f"r{at}-"))
    figure(
        NAME,
        "a stored page with 1,000 rules, to one without",
        (time.process_time() - began) / without,
        "ratio",
        target=1.5,
    )


def main() -> None:
    in_own_database(measure)


if __name__ == "__main__":
    main()

"""Whatever happens to orders of kits that share components: stock, offers, quantities and money equal a small model.

`make test` makes a few runs, `make test-slow` 400.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from django.db.models import Sum
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.extra.django import TestCase

from catalogue.models import Variant
from channels.contract.records.orders import RemoteState
from channels.models import Connection
from inventory.models import StockItem, Warehouse
from inventory.offers.compute import offers
from inventory.services import adjust
from orders.errors import OrderError
from orders.models import Order, OrderLine, ReturnLine
from orders.services.corrections.part_cancel import cancel_units
from orders.services.moves import make_move
from orders.services.returns.receipt import Grade, receive
from orders.services.returns.requests import approve, request_return
from orders.services.stock.backorders import refill
from tests.kits.desk import a_shop, listed, sound
from tests.orders.desk import DESK, comes, line, record

SKUS = ("GIFT", "TRIO", "MUG", "BOX")
#: What one unit of each SKU takes from the stock.
TAKES = {"GIFT": {"MUG": 2, "BOX": 1}, "TRIO": {"MUG": 1, "BOX": 1}, "MUG": {"MUG": 1}, "BOX": {"BOX": 1}}
PRICES = {"GIFT": "19.99", "TRIO": "10.01", "MUG": "4", "BOX": "3.33"}

UNITS = some.dictionaries(some.sampled_from(SKUS), some.integers(1, 3), min_size=1, max_size=3)
STEPS = some.lists(
    some.one_of(
        some.tuples(some.just("order"), UNITS),
        some.tuples(some.just("edit"), some.integers(0, 3), some.integers(0, 2), some.integers(1, 4)),
        some.tuples(some.just("cancel"), some.integers(0, 3)),
        some.tuples(some.just("drop"), some.integers(0, 3), some.integers(0, 2)),
        some.tuples(some.just("ship"), some.integers(0, 3)),
        some.tuples(some.just("return"), some.integers(0, 3)),
        some.tuples(some.just("receive"), some.sampled_from(["MUG", "BOX"]), some.integers(1, 4)),
    ),
    min_size=2,
    max_size=9,
)


@dataclass
class Sale:
    """An order as the shop and the warehouse know it: units by SKU, those dropped by staff, and how it ended."""

    order: Order
    units: dict[str, int]
    dropped: dict[str, int]
    state: str = "open"

    def needs(self, sku: str) -> int:
        return sum(
            (units - self.dropped.get(sold, 0)) * TAKES[sold].get(sku, 0)
            for sold, units in self.units.items()
        )


class Model:
    """The shop beside Manifold; every step is done to both."""

    def __init__(self) -> None:
        self.shop: Connection = a_shop(mugs=6, boxes=5)
        for sku in SKUS:
            listed(sku, self.shop)
        self.on_hand = {"MUG": 6, "BOX": 5}
        self.sales: list[Sale] = []
        self.minutes = 0

    def sends(self, sale: Sale | None, number: str, units: dict[str, int], state: RemoteState) -> None:
        self.minutes += 1
        rows = tuple(line(f"{number}-{sku}", sku, count, PRICES[sku]) for sku, count in units.items())
        given_ = record(number, state, minutes=self.minutes, lines=rows)
        comes(self.shop, replace(given_, native={**given_.native, "at": self.minutes}))

    def order(self, units: dict[str, int]) -> None:
        number = str(len(self.sales) + 1)
        self.sends(None, number, units, RemoteState.NEW)
        self.sales.append(Sale(Order.objects.get(external_id=number), dict(units), {}))

    def _open(self, index: int) -> Sale | None:
        found = [sale for sale in self.sales if sale.state == "open"]
        return found[index % len(found)] if found else None

    def edit(self, index: int, place: int, units: int) -> None:
        if (sale := self._open(index)) is None or sale.dropped:
            return
        sku = list(sale.units)[place % len(sale.units)]
        sale.units[sku] = units
        self.sends(sale, sale.order.external_id, sale.units, RemoteState.NEW)

    def cancel(self, index: int) -> None:
        if (sale := self._open(index)) is not None:
            self.sends(sale, sale.order.external_id, sale.units, RemoteState.CANCELLED)
            sale.state = "cancelled"

    def drop(self, index: int, place: int) -> None:
        """Staff cancel one unit of a line."""
        if (sale := self._open(index)) is None:
            return
        sku = list(sale.units)[place % len(sale.units)]
        row = sale.order.lines.get(external_id=f"{sale.order.external_id}-{sku}")
        try:
            cancel_units(order_id=sale.order.pk, units={row.pk: 1}, reason="asked", by=DESK)
        except OrderError:
            return  # it was the last one
        sale.dropped[sku] = sale.dropped.get(sku, 0) + 1

    def ship(self, index: int) -> None:
        if (sale := self._open(index)) is None:
            return
        moves = ("release", "pack", "ready_to_ship", "hand_over")
        outcomes = [make_move(name, [sale.order.pk], by=DESK)[0].ok for name in moves]
        assert outcomes in ([True] * 4, [False] * 4)
        if outcomes[0]:
            sale.state = "shipped"
            for sku in self.on_hand:
                self.on_hand[sku] -= sale.needs(sku)

    def return_(self, index: int) -> None:
        """Everything of a shipped order comes back, in two parcels."""
        shipped = [sale for sale in self.sales if sale.state == "shipped"]
        if not shipped:
            return
        sale = shipped[index % len(shipped)]
        sale.state = "returned"
        rows = sale.order.lines.filter(needs_stock=True, shipped__gt=0)
        units = dict(rows.values_list("pk", "shipped"))
        made = request_return(order_id=sale.order.pk, units=units, reason="damaged", by=DESK)
        approve(return_id=made.pk, by=DESK)
        leeds = Warehouse.objects.get(name="Leeds")
        for part in (1, None):
            grades = {
                row.pk: Grade(usable=min(row.expected, part or row.expected))
                for row in ReturnLine.objects.filter(of=made)
                if row.expected
            }
            if grades:
                receive(return_id=made.pk, grades=grades, warehouse=leeds, by=DESK)
        for sku in self.on_hand:
            self.on_hand[sku] += sale.needs(sku)
        if not sale.dropped:
            value = ReturnLine.objects.filter(of=made).aggregate(sum=Sum("amount"))["sum"]
            assert value == sale.order.items_total

    def receive(self, sku: str, units: int) -> None:
        leeds, variant = Warehouse.objects.get(name="Leeds"), Variant.objects.get(sku=sku)
        adjust.receive(variant=variant, warehouse=leeds, quantity=units, reason="came", by=DESK)
        self.on_hand[sku] += units

    def check(self) -> None:
        while refill():
            pass
        free = {}
        for sku, on_hand in self.on_hand.items():
            allocated = min(on_hand, sum(sale.needs(sku) for sale in self.sales if sale.state == "open"))
            item = StockItem.objects.get(variant__sku=sku)
            assert (item.on_hand, item.allocated) == (on_hand, allocated), sku
            free[sku] = on_hand - allocated
        wanted = {sku: min(free[one] // units for one, units in TAKES[sku].items()) for sku in SKUS}
        assert {offer.sku: offer.quantity for offer in offers(self.shop).values()} == wanted
        for sale in self.sales:
            sale.order.refresh_from_db()
            total = sum((Decimal(PRICES[sku]) * units for sku, units in sale.units.items()), Decimal(0))
            lines = OrderLine.objects.filter(order=sale.order).aggregate(sum=Sum("total"))["sum"]
            assert (sale.order.items_total, lines) == (total, total)
            if sale.state != "cancelled":
                units = sum(sale.units.values()) - sum(sale.dropped.values())
                assert sale.order.units == units
        sound()


def run(steps: list[tuple[object, ...]]) -> None:
    model = Model()
    for name, *more in steps:
        getattr(model, "return_" if name == "return" else str(name))(*more)
    model.check()


class AnyKits(TestCase):
    """Any steps in any order."""

    @pytest.mark.req("R-INV-04", "R-CAT-04", "R-PLUS-10")
    @settings(max_examples=4, deadline=None)
    @given(steps=STEPS)
    def test_stock_offers_and_money_equal_the_model(self, steps: list[tuple[object, ...]]) -> None:
        run(steps)

    @pytest.mark.slow
    @settings(max_examples=400, deadline=None)
    @given(steps=STEPS)
    def test_stock_offers_and_money_equal_the_model_many_times(self, steps: list[tuple[object, ...]]) -> None:
        run(steps)

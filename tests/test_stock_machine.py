# long because: the rules of one state machine are one class.
"""Two stores and one warehouse, whatever happens in whatever order: the stock is right after everything has settled.

A plain model (`tests.support.two_shops`) stands beside Manifold. Orders come before and after their product; they are
edited, cancelled, get statuses that nobody knows; stock is received, counted and lost; a person
changes a figure in a shop; pages are imported and stock is sent at any moment; tasks of the queue are late or lost.
After it has settled, on hand, allocated and what every shop shows equal the model, and every check of the doctor holds.

`make test` makes 50 runs, `make test-slow` 1,000; docs/stock.md has the command for 20,000 others.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection as database
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, event, settings
from hypothesis import strategies as some
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from catalogue.inbound import products
from catalogue.models import Variant
from channels.models import StatusMapEntry
from channels.push import dispatcher, outbox
from channels.push.topics import Topic
from channels.workers import enqueue
from inventory.models import StockItem, Warehouse
from inventory.services.adjust import adjust, receive
from oms.kit import doctor
from oms.kit.background import queue
from oms.kit.models import Problem
from orders import tasks as order_tasks
from orders.inbound.orders import store_orders
from orders.models import Order, OrderLine
from orders.services import carriers, packing
from orders.services.handing_over import manifests
from orders.services.stock import backorders
from tests.orders.desk import DESK, store
from tests.support.two_shops import HOLDING, STATUS, S, Sale, Shop

SKUS = ("BOWL", "CUP", "MUG")
START = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
LATE = ("late_change", "late_cancel")
CHECKS = [name for name in doctor.names() if name.startswith(("stock_", "order_"))]


FIGURE = some.sampled_from([-2, 0, 1, 3, 5, 8, 12])
PAID = (True, True, True, False)
LINES = some.lists(some.tuples(some.integers(0, 2), some.integers(1, 3)), min_size=1, max_size=2)


def is_editable(sale: Sale) -> bool:
    return sale.state not in (S.CANCELLED, S.SHIPPED)


def is_workable(sale: Sale) -> bool:
    return sale.paid is not None and sale.is_open


class StockMachine(RuleBasedStateMachine):
    """The rules are what people, shops and workers do; `teardown` settles and compares."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(timezone, "now", lambda: self.now)
        self.patch.setattr(queue, "async_task", self._enqueued)
        self.patch.setattr(enqueue, "enqueue_at", lambda *_args: None)
        self.patch.setattr(dispatcher, "adapter_of", lambda connection: self._shop_of(connection.pk))
        cache.clear()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.tasks: list[tuple[str, tuple[Any, ...]]] = []
        self.shelf: dict[str, int] = {}  # what really lies on the shelf, of SKUs that Manifold knows
        self.shops: list[Shop] = []
        self.carrier = carriers.save_carrier(name="Royal Mail", tracking_url="", by=DESK)

    # ------------------------------------------------ the surroundings

    def _enqueued(self, name: str, *args: Any, **_more: Any) -> None:
        self.tasks.append((name, args))

    def _shop_of(self, pk: int) -> Shop:
        return next(shop for shop in self.shops if shop.connection.pk == pk)

    def _commit(self) -> None:
        """Call what waits for the commit; the transaction of the run is never committed."""
        while database.run_on_commit:
            waiting, database.run_on_commit = database.run_on_commit, []
            for entry in waiting:
                entry[1]()

    def _passes(self, minutes: float = 1) -> None:
        self._commit()
        self.now += timedelta(minutes=minutes)

    @initialize(
        figures=some.lists(some.tuples(FIGURE, FIGURE), min_size=3, max_size=3),
        listed=some.sampled_from([(3, 3), (2, 2), (1, 2), (1, 1)]),
        orders=some.lists(
            some.tuples(some.integers(0, 1), LINES, some.sampled_from(PAID)), min_size=1, max_size=4
        ),
        seen=some.sampled_from(["orders", "products", "products and orders", ""]),
    )
    def begin(
        self,
        figures: list[tuple[int, int]],
        listed: tuple[int, int],
        orders: list[tuple[int, list[tuple[int, int]], bool]],
        seen: str,
    ) -> None:
        for place, name in enumerate(("A", "B")):
            connection = store(name, settings={"unpaid_hold_hours": 0, "default_carrier": self.carrier})
            StatusMapEntry.objects.bulk_create(
                StatusMapEntry(
                    connection=connection,
                    external_id=native,
                    name=state,
                    remote_state=state,
                    holds_stock=state in HOLDING,
                )
                for state, native in STATUS.items()
                if state != S.UNKNOWN
            )
            skus = SKUS[: listed[0]] if place == 0 else SKUS[-listed[1] :]
            shown = {sku: figures[SKUS.index(sku)][place] for sku in skus}
            self.shops.append(Shop(connection, shown))
        self._passes()
        for shop, lines, is_paid in orders:
            self.an_order_is_placed(shop, lines, is_paid)
        for of in self.shops:
            if "products" in seen:
                self._import_products(of)
            if "orders" in seen:
                self._import_orders(of)

    def _sales(self, which: Callable[[Sale], bool]) -> list[tuple[Shop, Sale]]:
        return [(shop, sale) for shop in self.shops for sale in shop.sales.values() if which(sale)]

    def _pick(self, number: int, which: Callable[[Sale], bool]) -> tuple[Shop, Sale] | None:
        found = self._sales(which)
        return found[number % len(found)] if found else None

    # ------------------------------------------------ the shops

    @rule(shop=some.integers(0, 1), lines=LINES, is_paid=some.sampled_from(PAID))
    def an_order_is_placed(self, shop: int, lines: list[tuple[int, int]], is_paid: bool) -> None:
        of = self.shops[shop]
        skus = sorted(of.shown)
        bought = [(skus[place % len(skus)], units) for place, units in lines]
        of.place(bought, S.NEW if is_paid else S.UNPAID, self.now)
        self._passes()

    @precondition(lambda self: self._sales(is_editable))
    @rule(number=some.integers(0, 9), line=some.integers(0, 2), units=some.integers(0, 3))
    def an_order_is_edited(self, number: int, line: int, units: int) -> None:
        """The last value of `line` adds a line."""
        found = self._pick(number, is_editable)
        if found is None:
            return
        shop, sale = found
        keys = [*sale.lines, f"{sale.number}-{len(sale.lines) + 7}{self.now:%H%M}"]
        key = keys[line % len(keys)]
        skus = sorted(shop.shown)
        sku = sale.lines[key][0] if key in sale.lines else skus[line % len(skus)]
        if units == 0 and len(sale.lines) == 1 and key in sale.lines:
            return
        if units == 0 and (sale.paid is None or self._took_units_unseen(shop, sale)) and shop.is_listed:
            return  # a line that was in the figure and never in an imported order: only a comparison of figures finds it
        shop.edit(sale, key, sku, units, self.now)
        self._passes()

    @precondition(lambda self: self._sales(is_editable))
    @rule(
        number=some.integers(0, 9),
        state=some.sampled_from([S.CANCELLED, S.UNKNOWN, S.NEW, S.NEW, S.CANCELLED]),
    )
    def an_order_gets_a_status(self, number: int, state: Any) -> None:
        found = self._pick(number, lambda sale: sale.state not in (S.CANCELLED, S.SHIPPED, state))
        if found is None or (state not in HOLDING and self._took_units_unseen(*found)):
            return
        found[0].set_state(found[1], state, self.now)
        self._passes()

    def _took_units_unseen(self, shop: Shop, sale: Sale) -> bool:
        """Whether units are in the figure of an order that Manifold knows as unpaid: no import can see that they come back."""
        return (
            sale.paid is False
            and sale.state in HOLDING
            and shop.is_listed
            and not self._is_up_to_date(shop, sale)
        )

    @precondition(lambda self: self._sales(is_workable))
    @rule(number=some.integers(0, 9))
    def the_shop_ships_an_order(self, number: int) -> None:
        """Only orders that Manifold knows, of known SKUs: others are history when they are imported (R-ORD-16)."""
        found = self._pick(number, lambda sale: sale.state == S.NEW and is_workable(sale))
        if found is None:
            return
        shop, sale = found
        if not self._is_up_to_date(shop, sale) or not self._lies_there(
            {sku: sale.wanted(sku) for sku, _units in sale.lines.values()}
        ):
            return  # what leaves lies on the shelf: else goods that are received before the import would count for it
        self._leaves(sale)
        shop.set_state(sale, S.SHIPPED, self.now)
        self._passes()

    def _is_up_to_date(self, shop: Shop, sale: Sale) -> bool:
        return shop.imported.get(sale.number) == sale.changed

    def _lies_there(self, wanted: dict[str, int]) -> bool:
        """Whether these units lie on the shelf and in no parcel: nobody packs or ships what is not there."""
        packed = dict.fromkeys(SKUS, 0)
        rows = OrderLine.objects.filter(order__status__in=("packed", "rts"), variant__isnull=False)
        for sku, units, cancelled in rows.values_list("variant__sku", "quantity", "cancelled"):
            packed[sku] += units - cancelled
        return all(self.shelf.get(sku, -1) - packed[sku] >= units for sku, units in wanted.items())

    def _leaves(self, sale: Sale) -> None:
        for sku in SKUS:
            if sku in self.shelf:
                self.shelf[sku] = max(self.shelf[sku] - sale.wanted(sku), 0)
        sale.has_left = True

    @precondition(lambda self: bool(self.shelf))
    @rule(shop=some.integers(0, 1), sku=some.integers(0, 2), units=some.integers(0, 9))
    def a_person_changes_a_figure_in_the_shop(self, shop: int, sku: int, units: int) -> None:
        """Before its first import this would be another opening stock, not a drift."""
        of = self.shops[shop]
        name = SKUS[sku]
        if name in of.shown and name in self.shelf:
            of.shown[name] = units
            self._passes()

    # ------------------------------------------------ imports and sending

    @precondition(lambda self: any(self._waiting(shop) for shop in self.shops))
    @rule(shop=some.integers(0, 1), newest=some.booleans(), count=some.integers(1, 9))
    def orders_are_imported(self, shop: int, newest: bool, count: int) -> None:
        self._import_orders(self.shops[shop], newest=newest, count=count)

    def _import_orders(self, shop: Shop, *, newest: bool = False, count: int = 999) -> None:
        waiting = self._waiting(shop)
        part = waiting[-count:] if newest else waiting[:count]
        for sale in part:
            if sale.paid is None:
                sale.paid = sale.state != S.UNPAID
            elif sale.state in (S.NEW, S.SHIPPED):
                sale.paid = True
            shop.imported[sale.number] = sale.changed
        if part:
            counts = store_orders(shop.connection, [shop.record(sale) for sale in part])
            assert not counts.refused
            self._passes()

    def _waiting(self, shop: Shop) -> list[Sale]:
        return [sale for sale in shop.sales.values() if not self._is_up_to_date(shop, sale)]

    @rule(shop=some.integers(0, 1))
    def products_are_imported(self, shop: int) -> None:
        self._import_products(self.shops[shop])

    def _import_products(self, shop: Shop) -> None:
        for sku, shown in shop.shown.items():
            if sku not in self.shelf:  # the first store that lists it says what lies on the shelf
                self.shelf[sku] = max(shown + shop.deducted(sku), 0)
        shop.is_listed = True
        with transaction.atomic():
            products.store_page(shop.connection, list(shop.products()), read_from=self.now, read_at=self.now)
        self._passes()

    @rule(shop=some.integers(0, 1))
    def stock_is_sent(self, shop: int) -> None:
        self._send(self.shops[shop])

    def _send(self, shop: Shop) -> None:
        while dispatcher.dispatch(shop.connection.pk, "stock"):
            pass
        self._passes()

    @precondition(lambda self: bool(self.tasks))
    @rule(is_lost=some.booleans())
    def a_worker_takes_its_tasks(self, is_lost: bool) -> None:
        waiting, self.tasks = self.tasks, []
        if is_lost:
            return
        for name, args in waiting:
            if name.startswith("orders.tasks."):
                getattr(order_tasks, name.rpartition(".")[2])(*args)
        self._passes()

    # ------------------------------------------------ the people

    def _known(self, sku: int) -> tuple[str, Variant] | None:
        name = SKUS[sku]
        if name not in self.shelf:
            return None
        return name, Variant.objects.get(sku=name)

    @precondition(lambda self: bool(self.shelf))
    @rule(sku=some.integers(0, 2), units=some.integers(1, 5))
    def goods_are_received(self, sku: int, units: int) -> None:
        if found := self._known(sku):
            receive(variant=found[1], warehouse=self._leeds(), quantity=units, reason="goods", by=DESK)
            self.shelf[found[0]] += units
            self._passes()

    def _leeds(self) -> Warehouse:
        return Warehouse.objects.get(code="LEEDS")

    @precondition(lambda self: self._sales(is_workable))
    @rule(number=some.integers(0, 9), how_far=some.sampled_from([1, 2, 3, 4, 4, 4]))
    def an_order_is_worked(self, number: int, how_far: int) -> None:
        """Release, pack, make ready, hand over: as far as it goes."""
        found = self._pick(number, is_workable)
        if found is None:
            return
        shop, sale = found
        order = Order.objects.get(connection=shop.connection, external_id=sale.number)
        is_packed = order.status in ("packed", "rts")
        wanted = {sku: self._ordered(order, sku) for sku in SKUS if self._ordered(order, sku)}
        if not is_packed and not self._lies_there(wanted):
            how_far = 1
        for move in (packing.release, packing.pack, packing.mark_ready_to_ship)[:how_far]:
            move([order.pk], by=DESK)
        order.refresh_from_db()
        event(f"worked to {order.status}")
        if how_far == 4 and order.status == "rts":
            ids = list(order.shipments.filter(state="ready").values_list("pk", flat=True))
            lines = list(order.lines.filter(variant=None).values_list("sku", flat=True))
            assert not lines
            wanted = {sku: self._ordered(order, sku) for sku in SKUS}
            manifests.create_manifest(
                carrier=self.carrier, warehouse=self._leeds(), shipment_ids=ids, by=DESK
            )
            order.refresh_from_db()
            if order.status == "in_transit":
                for sku, units in wanted.items():
                    if sku in self.shelf:
                        self.shelf[sku] -= units
                sale.has_left = True
        self._passes()

    def _ordered(self, order: Order, sku: str) -> int:
        """What was packed is what Manifold knew of the order."""
        return sum(line.quantity - line.cancelled for line in order.lines.filter(variant__sku=sku))

    # ------------------------------------------------ the end

    def teardown(self) -> None:
        try:
            if self.shops:
                self.settle()
                self.compare()
        finally:
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)
            self.patch.undo()

    def settle(self) -> None:
        """Everything is imported, every task runs, every problem is resolved, every figure is sent."""
        for shop in self.shops:
            if not shop.is_listed:
                self._import_products(shop)
            self._import_orders(shop)
        self.sweep()
        if self.undo_packing() + self.count():
            self.sweep()
        for shop in self.shops:
            outbox.touch_all(connection=shop.connection, topic=str(Topic.STOCK))
            self._send(shop)

    def sweep(self) -> None:
        while backorders.map_waiting():
            self._passes()
        while backorders.refill():
            self._passes()

    def undo_packing(self) -> int:
        """The channel changed or cancelled an order that is packed: staff undo packing, it is imported again."""
        late = Problem.objects.open().filter(code__in=LATE).values_list("subject_id", flat=True)
        orders = list(Order.objects.filter(pk__in=late).select_related("connection"))
        for order in orders:
            outcome = packing.undo_packing([order.pk], by=DESK)[0]
            shop = self._shop_of(order.connection_id)
            if outcome.ok:
                shop.imported.pop(order.external_id, None)
            self._passes()
        for shop in self.shops:
            self._import_orders(shop)
        return len(orders)

    def count(self) -> int:
        """Problems that ask for a count: staff count, and find what lies there."""
        asked = set(
            Problem.objects.open().filter(code="opening_in_doubt").values_list("subject_id", flat=True)
        )
        short = Problem.objects.open().filter(code="shipped_short").values_list("subject_id", flat=True)
        lines = Order.objects.filter(pk__in=short).values_list("lines__variant", flat=True)
        asked |= {pk for pk in lines if pk}
        for variant in Variant.objects.filter(pk__in=asked):
            units = self.shelf[variant.sku]
            adjust(variant=variant, warehouse=self._leeds(), set_to=units, reason="count", by=DESK)
            self._passes()
        return len(asked)

    def compare(self) -> None:
        wanted = {
            sku: sum(sale.wanted(sku) for _shop, sale in self._sales(lambda sale: True)) for sku in self.shelf
        }
        model = {sku: (units, min(units, wanted[sku])) for sku, units in self.shelf.items()}
        rows = StockItem.objects.filter(warehouse__code="LEEDS").values_list(
            "variant__sku", "on_hand", "allocated"
        )
        assert {sku: (on_hand, allocated) for sku, on_hand, allocated in rows} == model
        for shop in self.shops:
            shown = {sku: max(units, 0) for sku, units in shop.shown.items()}
            assert shown == {sku: model[sku][0] - model[sku][1] for sku in shown}, shop.connection.name
        wrong = [result for result in doctor.run(CHECKS) if not result.ok]
        assert wrong == []


def run(runs: int, steps: int = 14) -> None:
    """Make so many runs of at most so many steps.

    A failing run is made shorter (this can take minutes) only with the profile `explore`.
    """
    shorter = [Phase.shrink] if os.environ.get("HYPOTHESIS_PROFILE") == "explore" else []
    run_state_machine_as_test(
        StockMachine,
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            deadline=None,
            report_multiple_bugs=False,
            phases=[Phase.explicit, Phase.reuse, Phase.generate, *shorter],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.django_db
@pytest.mark.req("R-INV-01", "R-INV-04", "R-INV-05", "R-INV-06", "R-PLUS-01")
@pytest.mark.fault("F-01", "F-03", "F-10", "F-21")
def test_the_stock_is_right_after_everything_has_settled() -> None:
    run(50)


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("steps", [10, 16])
def test_the_stock_is_right_in_a_thousand_runs(steps: int) -> None:
    """Two halves, so that two workers share them."""
    run(int(os.environ.get("STOCK_MACHINE_RUNS", "1000")) // 2, steps)

"""OpenCart orders through the engine's own door, over real HTTP: how much is asked, and what a page costs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection as database
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalogue.models import ListingVariant
from channels import tasks
from channels.connectors.opencart import reference_data
from channels.connectors.opencart.sandbox import make_sandbox
from channels.models import CallLog, Connection, OutboxMessage, SyncRun, SyncStream
from channels.pull import runner
from channels.sandbox.server import Running
from channels.stores import connect, services
from inventory.models import OpeningStock, StockItem
from inventory.offers.compute import offer_of
from inventory.services.adjust import adjust
from oms.kit.authors.actors import SYSTEM
from orders.models import Order
from tests.support.workers import work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop() -> Iterator[Running]:
    with make_sandbox(seed="empty", products=30, orders=240).serve() as running:
        yield running


def connected(shop: Running) -> Connection:
    store = connect.connect(channel="opencart", name="Mug Shop", credentials=shop.credentials)
    work()
    services.switch_on(connection=store)
    work()
    return store


def calls(name: str) -> int:
    return sum(1 for url in CallLog.objects.values_list("url", flat=True) if f"call={name}&" in f"{url}&")


@pytest.mark.req("R-ORD-05", "R-CONN-08")
def test_90_days_of_orders_are_read_once_and_not_once_a_week(shop: Running) -> None:
    connected(shop)

    assert Order.objects.count() == 240
    run = SyncRun.objects.get(stream="orders.history")
    assert (run.state, run.new, run.same, run.pages) == ("done", 240, 0, 3)
    assert calls("orders") == 3 + SyncRun.objects.filter(stream__in=["orders.new", "orders.changed"]).count()


@pytest.mark.db
@pytest.mark.req("R-ORD-01")
def test_a_page_costs_25_statements_whatever_its_length(
    shop: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = connected(shop)
    skus = list(ListingVariant.objects.filter(connection=store).values_list("external_id", flat=True))
    assert len(skus) == 30
    stream = SyncStream.objects.get(connection=store, name="orders.new")
    monkeypatch.setattr(reference_data, "PAGE_SIZE", 200)  # the largest that the extension gives

    def page_of(count: int) -> list[str]:
        """So many new orders in one page; its statements, BEGIN and COMMIT among them."""
        for number in range(count):
            shop.sandbox.place_order([{"product_id": skus[number % 30], "quantity": 1}])
        SyncStream.objects.filter(pk=stream.pk).update(due_at=timezone.now())
        before = Order.objects.count()
        with CaptureQueriesContext(database) as asked:
            runner.run_stream(stream.pk)
        assert Order.objects.count() == before + count
        said = [row["sql"] for row in asked]
        [stored] = [number for number, sql in enumerate(said) if sql.startswith('COPY "orders_order" ')]
        begin = max(number for number, sql in enumerate(said[:stored]) if sql == "BEGIN")
        page = said[begin : said.index("COMMIT", stored) + 1]
        around.append(len(said) - len(page))
        return page

    around: list[int] = []
    # The stock was read well before these orders: in the same second it would be in doubt, by chance.
    ago = timedelta(seconds=5)
    OpeningStock.objects.update(read_from=F("read_from") - ago, read_at=F("read_at") - ago)
    few, many = page_of(30), page_of(160)

    assert len(few) == len(many) <= 25, "\n".join(sql[:200] for sql in many)
    # Once for a whole slice of many pages: turn, run, budget, bell, call log.
    assert max(around) <= 26
    assert OutboxMessage.objects.filter(topic="stock", wanted__gt=0).count() == 30


@pytest.mark.db
@pytest.mark.req("R-INV-01")
def test_one_quantity_is_sent_with_12_statements(shop: Running) -> None:
    """Over HTTP: one of them takes the request of the API limit, one writes the call log."""
    store = connected(shop)
    listed = ListingVariant.objects.filter(connection=store).select_related("variant").order_by("pk")[0]
    assert listed.variant is not None
    warehouse = StockItem.objects.get(variant=listed.variant).warehouse
    said: list[str] = []
    for _change in range(2):  # the first makes the rows of the locks
        adjust(variant=listed.variant, warehouse=warehouse, delta=5, reason="found", by=SYSTEM)
        with CaptureQueriesContext(database) as asked:
            tasks.drain(store.pk, "stock")
        said = [row["sql"] for row in asked if not row["sql"].startswith(("BEGIN", "COMMIT"))]

    assert not OutboxMessage.objects.unsent().filter(subject=listed.pk).exists()
    assert ListingVariant.objects.get(pk=listed.pk).sent_quantity == offer_of(listed).quantity
    assert CallLog.objects.filter(url__contains="stock").count() >= 2
    assert len(said) == 12, "\n".join(sql[:200] for sql in said)

"""Stock and price of one SKU on OnBuy: together where both are known, alone where not (`onbuy.md` §7, R-PRICE-02)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from catalogue.models import ListingVariant
from catalogue.services.selling_prices import set_price
from channels.connectors.onbuy.sandbox import make_sandbox
from channels.contract.records.updates import PriceUpdate, StockUpdate
from channels.models import Connection, OutboxMessage, SyncStream
from channels.pull import runner
from channels.push import dispatcher, outbox
from channels.push.topics import Topic
from channels.sandbox.server import Running
from channels.stores import connect
from inventory.services import adjust as stock
from oms.kit.authors.actors import SYSTEM
from oms.kit.models import Job
from tests import factories
from tests.channels.onbuy import adapter_for, sent

pytestmark = pytest.mark.django_db

SKU = "KNF-20"


@pytest.fixture
def running() -> Iterator[Running]:
    with make_sandbox().serve() as served:
        yield served


@pytest.fixture
def store(running: Running) -> Connection:
    cache.clear()
    found = connect.connect(channel="onbuy", name="OnBuy UK", credentials=running.credentials)
    Job.objects.all().delete()
    Connection.objects.update(is_read_only=False, pushing_since=timezone.now(), report_seen_at=timezone.now())
    found.refresh_from_db()
    factories.serve(found, "leeds")
    sweep(found)
    OutboxMessage.objects.all().delete()
    running.sandbox.exchanges.clear()
    return found


def sweep(store: Connection) -> None:
    stream = SyncStream.objects.get(connection=store, name="products")
    SyncStream.objects.filter(pk=stream.pk).update(due_at=timezone.now(), is_on=True)
    while runner.run_stream(stream.pk):
        pass


def listed(sku: str = SKU) -> ListingVariant:
    return ListingVariant.objects.select_related("variant", "listing").get(external_sku=sku)


def set_stock(units: int, sku: str = SKU) -> None:
    variant = listed(sku).variant
    stock.adjust(
        variant=variant, warehouse=factories.warehouse("leeds"), set_to=units, reason="Counted", by=SYSTEM
    )


@pytest.fixture
def tell(running: Running, store: Connection) -> Callable[[], list[dict[str, Any]]]:
    """Drain, and give what went over the wire, call by call: its items by SKU."""

    def drained() -> list[dict[str, Any]]:
        before = len(sent(running, "PUT", "/listings"))
        dispatcher.dispatch(store.pk, "stock")
        bodies = sent(running, "PUT", "/listings")[before:]
        return [{row["sku"]: row for row in body["listings"]} for body in bodies]

    return drained


@pytest.mark.req("R-INV-01", "R-PRICE-01")
def test_stock_and_price_that_both_wait_are_one_put(tell):
    set_stock(7)
    set_price(listed().variant, price="80.00", selling_price="70.00")
    [items] = tell()
    item = items[SKU]
    assert (item["stock"], item["price"], item["sale_price"]) == (7, 80.0, 70.0)
    assert item["sale_start_date"] < item["sale_end_date"]
    row = listed()
    assert (row.sent_quantity, row.sent_price, row.sent_selling_price) == (7, Decimal(80), Decimal(70))
    message = OutboxMessage.objects.get(topic=Topic.PRICE)
    assert (message.sent, message.last_error) == (message.wanted, "Sent with its stock.")
    assert tell() == []


def test_a_price_that_is_changed_again_or_asked_for_by_hand_is_sent(store, tell):
    set_stock(7)
    set_price(listed().variant, price="80.00", selling_price="")
    tell()
    outbox.touch_all(connection=store, topic=Topic.PRICE, skus=[SKU])
    [items] = tell()
    assert (items[SKU]["price"], items[SKU]["sale_end_date"]) == (80.0, "2000-01-02 00:00:00")
    set_price(listed().variant, price="81.00", selling_price="")
    [items] = tell()
    assert items[SKU]["price"] == 81.0


def test_what_is_known_goes_along_and_a_sale_of_the_sellers_own_is_left_alone(tell):
    """It is not known whether OnBuy keeps what is left out: price and stock are sent when both are known."""
    set_stock(7)
    [items] = tell()
    assert items[SKU] == {"sku": SKU, "stock": 7, "price": 79.0}
    set_price(listed().variant, price="80.00", selling_price="")
    [items] = tell()
    assert (items[SKU]["price"], items[SKU]["stock"]) == (80.0, 7)


def test_a_price_that_was_changed_there_is_not_overwritten_by_a_stock_figure(running, store, tell):
    running.sandbox.market.listing(SKU).update(price="60.00")
    running.sandbox.touch()
    sweep(store)
    set_stock(7)
    [items] = tell()
    assert items[SKU] == {"sku": SKU, "stock": 7}
    assert running.sandbox.market.listing(SKU)["price"] == "60.00"


def test_a_store_with_another_repricer_keeps_them_apart(store, tell):
    store.options = {"figures_alone": True}
    store.save()
    set_stock(7)
    set_price(listed().variant, price="80.00", selling_price="")
    first, second = tell()
    assert first[SKU] == {"sku": SKU, "stock": 7}
    assert "stock" not in second[SKU]


def test_a_price_that_onbuy_refuses_holds_no_stock_back(running, monkeypatch, tell):
    market = running.sandbox.market
    calls = running.sandbox.calls
    answer = calls.update_listings

    def refuses(body: dict[str, Any]) -> dict[str, Any]:
        if any("price" in row for row in body["listings"]):
            results = [{"sku": row["sku"], "error": "Price is out of range"} for row in body["listings"]]
            return {"success": True, "results": results}
        found: dict[str, Any] = answer(body)
        return found

    monkeypatch.setattr(calls, "update_listings", refuses)
    set_stock(7)
    set_price(listed().variant, price="80.00", selling_price="")
    tell()
    assert (market.listing(SKU)["stock"], market.listing(SKU)["price"]) == (7, "79.00")
    stock_message = OutboxMessage.objects.get(topic=Topic.STOCK)
    assert stock_message.sent == stock_message.wanted
    assert "Price is out of range" in stock_message.last_error
    price_message = OutboxMessage.objects.get(topic=Topic.PRICE)
    assert price_message.parked_at is not None
    assert listed().sent_price is None


@pytest.mark.req("R-PRICE-02")
def test_a_sale_with_dates_and_its_end_on_the_wire(running, store, tell):
    begin, end = datetime(2027, 1, 4, tzinfo=UTC), datetime(2027, 1, 18, 12, tzinfo=UTC)
    ListingVariant.objects.filter(pk=listed().pk).update(sale_from=begin, sale_until=end)
    set_price(listed().variant, price="80.00", selling_price="64.00")
    tell()
    row = running.sandbox.market.listing(SKU)
    assert (row["price"], row["sale_price"]) == ("80.00", "64.00")
    assert (row["sale_start_date"], row["sale_end_date"]) == ("2027-01-04 00:00:00", "2027-01-18 12:00:00")
    set_price(listed().variant, price="80.00", selling_price="")
    tell()
    row = running.sandbox.market.listing(SKU)
    assert (row["sale_start_date"], row["sale_end_date"]) == ("2000-01-01 00:00:00", "2000-01-02 00:00:00")
    assert row["sale_price"] == "79.99"  # never at the price or above it, though it does not count
    sweep(store)
    assert listed().remote_selling_price is None


def test_a_hundred_thousand_skus_fit_into_the_hour(running):
    """1,000 SKUs a call, price and stock together: a hundred calls of the 240 that an hour has."""
    onbuy = adapter_for(running)
    count = 2500
    price = PriceUpdate("p", "x", "x", "x", Decimal(9), None, "GBP")
    updates = [
        StockUpdate(f"r{n}", f"S{n}", f"S{n}", f"S{n}", 1, price=price, is_price_new=True)
        for n in range(count)
    ]
    onbuy.push_stock(updates)
    assert [len(body["listings"]) for body in sent(running, "PUT")] == [1000, 1000, 500]


def test_the_present_moment_begins_a_sale_without_dates(running):
    onbuy = adapter_for(running)
    update = PriceUpdate("r", SKU, SKU, SKU, Decimal(80), Decimal(70), "GBP")
    assert onbuy.push_prices([update])[0].ok
    [body] = sent(running, "PUT")
    begin = datetime.strptime(body["listings"][0]["sale_start_date"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    end = datetime.strptime(body["listings"][0]["sale_end_date"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    assert abs(begin - datetime.now(UTC)) < timedelta(minutes=1)
    assert end - begin == timedelta(days=365)

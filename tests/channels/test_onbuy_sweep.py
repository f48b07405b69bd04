"""OnBuy's products read again and again (R-CAT-07): names and pictures follow, price and stock that differ are offered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from catalogue.models import ListingVariant, Product, ProductImage
from catalogue.services.products import edit_product
from catalogue.services.reconcile import PricesPart
from catalogue.services.selling_prices import set_price
from channels.connectors.onbuy import products
from channels.connectors.onbuy.sandbox import make_sandbox
from channels.models import Connection, OutboxMessage, SyncStream
from channels.pull import runner
from channels.push import dispatcher, outbox
from channels.push.topics import Topic
from channels.sandbox.server import Running
from channels.stores import connect
from inventory.models import StockDifference, StockItem
from inventory.services import difference_decisions, stock_differences
from oms.kit.authors.actors import person
from oms.kit.models import Job
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-CAT-07")]

SKU = "KNF-20"


class Clock:
    """The moment that Django and the sandbox agree on."""

    def __init__(self) -> None:
        self.now = timezone.now()

    def go(self, **delta: float) -> None:
        self.now += timedelta(**delta)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(timezone, "now", lambda: found.now)
    return found


@pytest.fixture
def running(clock: Clock) -> Iterator[Running]:
    with make_sandbox(
        clock=lambda: clock.now.timestamp(), token_seconds=10**9, shown_seconds=150
    ).serve() as served:
        yield served


@pytest.fixture
def store(running: Running, clock: Clock) -> Connection:
    cache.clear()
    found = connect.connect(channel="onbuy", name="OnBuy UK", credentials=running.credentials)
    Job.objects.all().delete()
    Connection.objects.update(is_read_only=False, pushing_since=clock.now, report_seen_at=clock.now)
    found.refresh_from_db()
    factories.serve(found, "leeds")
    sweep(found)
    orders(found)
    return found


def priced_otherwise(store: Connection) -> list[str]:
    return [one.key for found in PricesPart().compare_stored(store) for one in found]


def sweep(store: Connection) -> None:
    """The stream of products, as its period brings it."""
    _run(store, "products")


def orders(store: Connection) -> None:
    _run(store, "orders.new")
    _run(store, "orders.changed")


def _run(store: Connection, name: str) -> None:
    stream = SyncStream.objects.get(connection=store, name=name)
    SyncStream.objects.filter(pk=stream.pk).update(due_at=timezone.now(), is_on=True)
    while runner.run_stream(stream.pk):
        pass
    stream.refresh_from_db()
    assert stream.failures == 0


def tell(store: Connection) -> None:
    for lane in ("stock", "default"):
        dispatcher.dispatch(store.pk, lane)


def listed() -> ListingVariant:
    return ListingVariant.objects.select_related("variant", "connection", "listing__product").get(
        external_sku=SKU
    )


def push(store: Connection, clock: Clock) -> None:
    outbox.touch(Topic.STOCK, [(store.pk, listed().pk)])
    OutboxMessage.objects.update(not_before=None)
    tell(store)


def test_names_and_pictures_follow_unless_they_were_edited_here(running, store, clock):
    running.sandbox.rename(SKU, "Chef's Knife, 21 cm", "https://cdn.onbuy.test/new.jpg")
    sweep(store)
    product = listed().variant.product
    assert product.title == "Chef's Knife, 21 cm"
    assert ProductImage.objects.get(product=product).url == "https://cdn.onbuy.test/new.jpg"
    edit_product(product, {"title": "Our knife", "images": ["https://ours.example/1.jpg"]})
    running.sandbox.rename(SKU, "Chef's Knife, 22 cm", "https://cdn.onbuy.test/newer.jpg")
    clock.go(hours=6)
    sweep(store)
    assert Product.objects.get(pk=product.pk).title == "Our knife"
    assert ProductImage.objects.get(product=product).url == "https://ours.example/1.jpg"
    assert listed().listing.remote_title == "Chef's Knife, 22 cm"


@pytest.mark.req("R-INV-06")
def test_a_stock_that_somebody_changed_there_is_offered_and_ours_or_theirs_is_chosen(running, store, clock):
    push(store, clock)
    ours = listed().sent_quantity
    clock.go(minutes=10)
    sweep(store)
    orders(store)
    assert stock_differences.find_all_differences() == 0
    running.sandbox.market.listing(SKU)["stock"] = 90  # in OnBuy's own panel
    running.sandbox.touch()
    clock.go(hours=6)
    sweep(store)
    cache.clear()
    assert stock_differences.find_all_differences() == 0  # the orders that could explain it are not read yet
    assert not StockDifference.objects.exists()
    clock.go(minutes=5)
    orders(store)
    cache.clear()
    assert stock_differences.find_all_differences() == 1
    [row] = StockDifference.objects.filter(decided_at=None)
    assert (row.listing_variant_id, row.ours, row.theirs) == (listed().pk, ours, 90)
    assert StockItem.objects.get(variant=row.listing_variant.variant).on_hand != 90
    assert running.sandbox.market.listing(SKU)["stock"] == 90  # nothing is sent before somebody has chosen

    difference_decisions.keep_own_figure(row)
    tell(store)
    assert running.sandbox.market.listing(SKU)["stock"] == ours
    clock.go(hours=6)
    sweep(store)
    orders(store)
    cache.clear()
    assert stock_differences.find_all_differences() == 0

    running.sandbox.market.listing(SKU)["stock"] = 77
    running.sandbox.touch()
    clock.go(hours=6)
    sweep(store)
    clock.go(minutes=5)
    orders(store)
    cache.clear()
    assert stock_differences.find_all_differences() == 1
    difference_decisions.use_store_figure(
        StockDifference.objects.get(decided_at=None), person(factories.user())
    )
    tell(store)
    assert listed().sent_quantity == 77
    assert not StockDifference.objects.filter(decided_at=None).exists()


def test_an_order_that_is_read_later_than_the_sweep_is_no_difference(running, store, clock):
    push(store, clock)
    clock.go(minutes=10)
    running.sandbox.buy(SKU)
    sweep(store)
    clock.go(minutes=1)
    orders(store)
    cache.clear()
    assert stock_differences.find_all_differences() == 0  # ours fell as well, and is told
    tell(store)
    cache.clear()
    assert stock_differences.find_all_differences() == 0
    assert not StockDifference.objects.exists()


def test_the_old_figure_that_onbuy_still_shows_is_no_difference(running, store, clock):
    """OnBuy shows a change two to three minutes later: what is read before says nothing."""
    row = listed()
    set_price(row.variant, price="81.00", selling_price="")
    shelf = StockItem.objects.get(variant=row.variant)
    StockItem.objects.filter(pk=shelf.pk).update(on_hand=shelf.on_hand - 3)
    push(store, clock)
    assert running.sandbox.market.listing(SKU)["stock"] == listed().sent_quantity
    running.sandbox.rename(SKU, "Another name")  # so that the sweep reads it again
    clock.go(minutes=1)
    sweep(store)
    row = listed()
    assert row.remote_quantity != row.sent_quantity  # the old figure came
    assert str(row.remote_price) != "81.0000"
    assert not row.differs
    assert row.external_id not in priced_otherwise(store)
    clock.go(minutes=5)
    orders(store)
    cache.clear()
    assert stock_differences.find_all_differences() == 0
    assert not StockDifference.objects.exists()

    sweep(store)
    row = listed()
    assert (row.remote_quantity, str(row.remote_price)) == (row.sent_quantity, "81.0000")
    running.sandbox.market.listing(SKU).update(price="70.00", stock=1)
    running.sandbox.touch()
    clock.go(minutes=1)
    sweep(store)
    assert listed().differs
    assert listed().external_id in priced_otherwise(store)


def test_a_change_is_shown_later_by_the_sandbox(running, clock):
    from tests.channels.onbuy import adapter_for

    onbuy: Any = adapter_for(running)
    onbuy.client.put("/listings/by-sku", {"listings": [{"sku": SKU, "stock": 3}]})
    onbuy.client.put("/listings/by-sku", {"listings": [{"sku": SKU, "price": 9}]})
    assert running.sandbox.market.listing(SKU)["stock"] == 3
    early: Any = products.listing(onbuy.client, SKU)
    assert early["stock"] != 3
    clock.go(seconds=151)
    row: Any = products.listing(onbuy.client, SKU)
    assert (row["stock"], row["price"]) == (3, "9.00")

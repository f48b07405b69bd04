"""An OpenCart shop through the house's own doors, over HTTP and worked by the lanes: what its sheet promises."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from catalogue.models import Listing, ListingVariant, Product
from catalogue.services import listings, selling_prices, sku_mapping
from catalogue.services import products as products_services
from channels.connectors.opencart.sandbox import make_sandbox
from channels.models import Connection, OutboxMessage, RejectedRecord, SyncStream
from channels.sandbox.server import Running
from channels.stores import connect, services
from inventory.models import StockItem, StockMovement, Warehouse
from inventory.services import adjust as stock
from oms.kit.authors.actors import SYSTEM
from oms.kit.models import Problem
from orders.models import Order
from orders.services import decisions, packing
from orders.services.stock import backorders
from tests.support.workers import work
from tests.test_main_flow import broken_invariants, buy, listed, remote_order, remote_stock, shelf

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop() -> Iterator[Running]:
    with make_sandbox(seed="empty", products=24, orders=30).serve() as running:
        yield running


@pytest.fixture
def store(shop: Running) -> Connection:
    """The shop, connected, read for the first time, and sending."""
    connection = connect.connect(channel="opencart", name="Mug Shop", credentials=shop.credentials)
    work()
    services.switch_on(connection=connection)
    work()
    connection.refresh_from_db()
    return connection


def there(shop: Running, sku: str) -> dict[str, Any]:
    rows = [row for row in shop.sandbox.shop.products.values() if row["sku"] == sku]
    assert len(rows) == 1
    return dict(rows[0])


@pytest.mark.req("R-INV-06", "R-ORD-16", "R-CAT-01")
def test_after_the_first_sync_available_stock_equals_the_shops(store: Connection, shop: Running) -> None:
    """Open orders had been deducted there and are added here; shipped and finished ones move nothing."""
    rows = ListingVariant.objects.filter(connection=store, listing__remote_kind="single").select_related(
        "listing"
    )
    rows = rows.exclude(listing__stock_blocked__gt="")
    compared = 0
    for row in rows:
        item = StockItem.objects.get(variant=row.variant_id)
        theirs = int(shop.sandbox.product(row.listing.external_id)["quantity"])
        if theirs >= 0:
            assert item.available == theirs, row.external_sku
            compared += 1
    assert compared >= 20
    history = Order.objects.filter(is_history=True)
    assert set(history.values_list("status", flat=True)) >= {"in_transit", "completed", "cancelled"}
    assert history.filter(lines__allocations__isnull=False).count() == 0
    assert set(StockMovement.objects.values_list("kind", flat=True)) == {"opening"}
    assert Order.objects.filter(is_history=False, lines__allocated__gt=0).exists()


@pytest.mark.req("R-CAT-05", "R-CAT-11", "R-PRICE-01", "R-PRICE-02")
@pytest.mark.parametrize("options", [(), ("S", "M")])
def test_a_product_is_made_repriced_and_deleted_in_the_shop(
    store: Connection, shop: Running, options: tuple[str, ...]
) -> None:
    skus = [f"TEA-{size}" for size in options] or ["TEA"]
    product = products_services.create_product(
        title="Green Tea & Tin",
        description="Two hundred grams.",
        variants=[
            products_services.NewVariant(
                sku, price="12.50", currency=store.currency, options={"Size": size} if size else {}
            )
            for sku, size in zip(skus, options or ("",), strict=True)
        ],
    )
    warehouse = Warehouse.objects.get()
    for variant in product.variants.all():
        stock.receive(variant=variant, warehouse=warehouse, quantity=7, reason="Delivered", by=SYSTEM)
    count = len(shop.sandbox.shop.products)

    listing = listings.list_on_store(product, store)
    work()

    listing.refresh_from_db()
    assert (listing.state, bool(listing.external_id)) == ("active", True)
    assert len(shop.sandbox.shop.products) > count
    rows = list(listing.variants.order_by("pk"))
    assert [row.sent_quantity for row in rows] == [7] * len(skus)
    assert {message.topic for message in OutboxMessage.objects.unsent()} == set()

    selling_prices.set_price(rows[0], price="14.00", selling_price=None if options else "11.00")
    work()
    rows[0].refresh_from_db()
    assert (rows[0].sent_price, rows[0].answer) == (Decimal("14.0000"), "")
    if not options:
        theirs = there(shop, "TEA")
        assert (Decimal(theirs["price"]), int(theirs["quantity"])) == (Decimal("14.0000"), 7)
        assert rows[0].sent_selling_price == Decimal("11.0000")

    listings.delete_listing(listing)
    work()
    listing.refresh_from_db()
    assert (listing.state, len(shop.sandbox.shop.products)) == ("removed", count)
    assert Product.objects.filter(pk=product.pk).exists()
    assert StockItem.objects.filter(variant__product=product, on_hand=7).count() == len(skus)
    assert broken_invariants() == []


@pytest.mark.req("R-CAT-06", "R-CAT-07", "R-CAT-10", "R-CAT-12")
def test_unsupported_events_are_not_sent_to_opencart(store: Connection, shop: Running) -> None:
    names = set(SyncStream.objects.filter(connection=store).values_list("name", flat=True))
    assert names == {
        "categories", "attributes", "statuses", "products", "orders.new", "orders.changed", "orders.history",
    }  # fmt: skip
    products = SyncStream.objects.get(connection=store, name="products")
    assert (products.period, products.due_at) == (None, None)
    assert dict(SyncStream.objects.filter(name__startswith="orders.").values_list("name", "period")) == {
        "orders.new": 300, "orders.changed": 1800, "orders.history": None,
    }  # fmt: skip

    item = listed(store)
    title = item.variant.product.title
    shop.sandbox.product(item.listing.external_id)["name"] = "Renamed there"
    SyncStream.objects.exclude(period=None).update(due_at=store.created_at)
    work()
    item.refresh_from_db()
    assert Product.objects.get(variants=item.variant).title == title
    assert (item.listing.remote_title, Listing.objects.filter(remote_title="Renamed there").count()) == (
        title,
        0,
    )


@pytest.mark.req("R-CAT-02")
def test_a_product_without_sku_is_given_one_and_sells(store: Connection, shop: Running) -> None:
    made = shop.sandbox.shop.add_product("No number", "5.0000", sku="", model="", quantity=6)
    services.refresh_now(connection=store, stream="products")
    services.refresh_record(
        connection=store, stream="products", external_id=str(made["product_id"])
    ) if hasattr(services, "refresh_record") else None
    work()
    problem = Problem.objects.open().get(code="missing_sku", key=str(made["product_id"]))
    assert RejectedRecord.objects.open().filter(external_id=str(made["product_id"])).count() == 1

    row = sku_mapping.give_sku(problem=problem, sku="NUMBERED", by=SYSTEM)
    work()

    assert StockItem.objects.get(variant=row.variant).on_hand == 6
    order = buy(shop, store, row, 2)
    assert (order.status, order.lines.get().variant) == ("new", row.variant)
    assert (shelf(row).available, remote_stock(shop, str(made["product_id"]))) == (4, 4)


@pytest.mark.req("R-ORD-09")
def test_an_order_with_missing_stock_continues_when_stock_arrives(store: Connection, shop: Running) -> None:
    item = listed(store)
    row = shelf(item)
    order = buy(shop, store, item, row.on_hand + 3)
    assert (order.status, order.allocation) == ("partial", "part")
    assert shelf(item).available == 0
    refused = packing.release([order.pk], by=SYSTEM)[0]
    assert (refused.ok, bool(refused.message)) == (False, True)

    stock.receive(variant=item.variant, warehouse=row.warehouse, quantity=5, reason="Delivered", by=SYSTEM)
    work()
    backorders.refill()
    work()

    order.refresh_from_db()
    assert (order.status, order.allocation) == ("new", "full")
    assert (shelf(item).available, remote_stock(shop, item.listing.external_id)) == (2, 2)
    assert broken_invariants() == []


@pytest.mark.req("R-ORD-11")
@pytest.mark.parametrize("is_told", [False, True])
def test_stock_of_a_seller_cancel_stays_allocated_until_the_shop_confirms(
    store: Connection, shop: Running, is_told: bool
) -> None:
    services.change_settings(connection=store, options={"push_seller_cancel": is_told})
    item = listed(store)
    before = shelf(item).available
    order = buy(shop, store, item, 2)

    assert decisions.cancel([order.pk], reason="Out of print", by=SYSTEM)[0].ok
    order.refresh_from_db()
    assert order.status == "seller_cancel_in_process"
    assert shelf(item).available == before - 2
    work()

    order.refresh_from_db()
    if not is_told:
        assert (remote_order(shop, order)["status_id"], shelf(item).allocated) == (1, 2)
        assert decisions.confirm_cancel([order.pk], by=SYSTEM)[0].ok
        work()
        order.refresh_from_db()
    else:
        assert remote_order(shop, order)["status_id"] == 7
    assert order.status == "cancelled_by_seller"
    assert (shelf(item).available, shelf(item).allocated) == (before, 0)
    assert remote_stock(shop, item.listing.external_id) == before
    assert not packing.pack([order.pk], by=SYSTEM)[0].ok
    assert broken_invariants() == []


@pytest.mark.req("R-ORD-10", "R-ORD-12", "R-ORD-08")
def test_pending_is_imported_as_unpaid_and_delivered_becomes_completed(
    store: Connection, shop: Running
) -> None:
    services.change_settings(connection=store, options={"pending_as_unpaid": True})
    item = listed(store)
    before = shelf(item).available
    by_card = {
        "name": "Card",
        "code": "card.card",
        "address": None,
    }  # cash on delivery never waits for its payment
    line = {"product_id": item.external_id, "quantity": 1}
    placed = shop.sandbox.place_order([line], extra={"payment": by_card})
    services.refresh_now(connection=store, stream="orders.new")
    work()
    order = Order.objects.get(connection=store, external_id=str(placed["order_id"]))
    assert (order.status, order.is_paid, shelf(item).available) == ("unpaid", False, before - 1)
    assert not packing.release([order.pk], by=SYSTEM)[0].ok

    shop.sandbox.set_status(order.external_id, 2)  # Processing: paid
    services.refresh_now(connection=store, stream="orders.changed")
    work()
    order.refresh_from_db()
    assert (order.status, order.is_paid) == ("new", True)

    shop.sandbox.set_status(order.external_id, 5)  # Complete
    services.refresh_now(connection=store, stream="orders.changed")
    work()
    order.refresh_from_db()
    assert order.status == "completed"
    assert (shelf(item).available, shelf(item).allocated) == (before - 1, 0)
    assert not decisions.cancel([order.pk], reason="x", by=SYSTEM)[0].ok
    assert broken_invariants() == []

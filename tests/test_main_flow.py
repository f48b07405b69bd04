"""The main flow over real HTTP against the OpenCart sandbox: connect, import, release, ship; work is done by the real lanes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from catalogue.models import ListingVariant
from channels.connectors.opencart.sandbox import make_sandbox
from channels.models import Connection, SyncStream
from channels.sandbox.server import Running
from channels.stores import connect, services, webhooks
from inventory.models import StockItem
from inventory.services import adjust as stock
from oms.kit import doctor
from oms.kit.authors.actors import SYSTEM
from oms.kit.models import Problem
from orders.models import Order
from orders.services import carriers, packing
from orders.services.handing_over import manifests
from tests.support.workers import work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop() -> Iterator[Running]:
    with make_sandbox(seed="demo").serve() as running:
        yield running


@pytest.fixture
def store(shop: Running) -> Connection:
    """The demo shop as a connected live store, after its first sync."""
    connection = connect.connect(channel="opencart", name="Mug Shop", credentials=shop.credentials)
    work()
    services.switch_on(connection=connection)
    work()
    connection.refresh_from_db()
    return connection


def remote_stock(shop: Running, product_id: str) -> int:
    return int(shop.sandbox.product(product_id)["quantity"])


def remote_order(shop: Running, order: Order) -> dict[str, Any]:
    return next(row for row in shop.sandbox.shop.orders.values() if str(row["order_id"]) == order.external_id)


def listed(store: Connection) -> ListingVariant:
    """Return a SKU of a single product with at least 10 units on hand, none allocated."""
    rows = ListingVariant.objects.filter(connection=store, listing__remote_kind="single")
    return rows.filter(variant__stock_items__on_hand__gte=10, variant__stock_items__allocated=0).order_by(
        "pk"
    )[0]


def buy(shop: Running, store: Connection, item: ListingVariant, quantity: int) -> Order:
    """Place an order in the shop and import it, as after a webhook; return it."""
    placed = shop.sandbox.buy(item.external_id, quantity)
    services.refresh_now(connection=store, stream="orders.new")
    work()
    return Order.objects.get(connection=store, external_id=str(placed["order_id"]))


def shelf(item: ListingVariant) -> StockItem:
    return StockItem.objects.get(variant=item.variant)


#: Checks of this machine and of the present time; all others must hold for the data at any time.
ABOUT_NOW = {
    "configuration",
    "lanes",
    "freshness",
    "stores",
    "outbox_parked",
    "records_refused",
    "leases_swept",
}


def broken_invariants() -> list[str]:
    """Return the checks of the data that fail; there must be none at any time."""
    names = [name for name in doctor.names() if name not in ABOUT_NOW]
    return [f"{result.name}: {result.detail}" for result in doctor.run(names) if not result.ok]


@pytest.mark.req("R-CONN-06", "R-CONN-08", "R-CAT-01", "R-ORD-05")
def test_first_sync_brings_products_stock_and_orders(store: Connection, shop: Running) -> None:
    shown = {str(p["product_id"]): p for p in shop.sandbox.shop.products.values()}
    item = listed(store)
    assert item.variant.product.title
    assert item.remote_quantity == int(shown[item.listing.external_id]["quantity"])
    assert Order.objects.filter(connection=store).count() == sum(
        1 for row in shop.sandbox.shop.orders.values() if int(row["status_id"]) != 0
    )
    assert Problem.objects.open().filter(code="duplicate_sku").exists()
    assert broken_invariants() == []


@pytest.mark.req("R-ORD-01", "R-ORD-09", "R-INV-01", "R-SHIP-03", "R-SHIP-04")
def test_an_order_goes_from_the_storefront_to_shipped(store: Connection, shop: Running) -> None:
    item = listed(store)
    before, offered = shelf(item).available, remote_stock(shop, item.listing.external_id)

    order = buy(shop, store, item, 2)

    assert order.status == "new"
    assert shelf(item).available == before - 2
    assert remote_stock(shop, item.listing.external_id) == offered - 2
    assert [o.ok for o in packing.release([order.pk], by=SYSTEM)] == [True]
    assert [o.ok for o in packing.pack([order.pk], by=SYSTEM)] == [True]
    carrier = carriers.save_carrier(name="Royal Mail 48", by=SYSTEM)
    outcomes = packing.mark_ready_to_ship(
        [order.pk], tracking={order.pk: (carrier.pk, "AB123456785GB")}, by=SYSTEM
    )
    assert [o.message for o in outcomes if not o.ok] == []
    work()
    told = remote_order(shop, order)
    assert told["status_id"] == 2
    assert any("AB123456785GB" in row["comment"] for row in told["history"])

    shipment = order.shipments.get()
    assert shipment.warehouse is not None
    made = manifests.create_manifest(carrier=carrier, warehouse=shipment.warehouse, by=SYSTEM)
    work()

    order.refresh_from_db()
    assert made.manifest is not None
    assert order.status == "in_transit"
    assert remote_order(shop, order)["status_id"] == 3
    assert (shelf(item).available, shelf(item).allocated) == (before - 2, 0)
    assert remote_stock(shop, item.listing.external_id) == offered - 2
    assert broken_invariants() == []


@pytest.mark.req("R-ORD-09", "R-INV-06")
def test_untracked_products_are_never_partial_and_are_shipped(store: Connection, shop: Running) -> None:
    row = ListingVariant.objects.get(connection=store, variant__sku="PDF-REC")
    before = remote_stock(shop, row.listing.external_id)
    assert not StockItem.objects.filter(variant=row.variant).exists()
    assert not Order.objects.filter(status="partial", lines__variant=row.variant).exists()

    order = buy(shop, store, row, 3)

    assert (order.status, order.problems_open, order.lines.get().allocated) == ("new", 0, 0)
    assert [outcome.ok for outcome in packing.release([order.pk], by=SYSTEM)] == [True]
    assert [outcome.ok for outcome in packing.pack([order.pk], by=SYSTEM)] == [True]
    assert [outcome.ok for outcome in packing.mark_ready_to_ship([order.pk], by=SYSTEM)] == [True]
    parcel = order.shipments.get()
    assert list(parcel.lines.values_list("quantity", flat=True)) == [3]
    assert parcel.carrier is not None
    assert parcel.warehouse is not None
    manifests.create_manifest(carrier=parcel.carrier, warehouse=parcel.warehouse, by=SYSTEM)
    work()
    order.refresh_from_db()
    assert (order.status, remote_order(shop, order)["status_id"]) == ("in_transit", 3)
    assert remote_stock(shop, row.listing.external_id) == before
    assert broken_invariants() == []


@pytest.mark.req("R-ORD-11")
def test_an_order_cancelled_in_the_shop_releases_its_stock(store: Connection, shop: Running) -> None:
    item = listed(store)
    before, offered = shelf(item).available, remote_stock(shop, item.listing.external_id)
    order = buy(shop, store, item, 3)
    assert shelf(item).available == before - 3

    shop.sandbox.set_status(order.external_id, 7)
    services.refresh_now(connection=store, stream="orders.changed")
    work()

    order.refresh_from_db()
    assert order.status == "cancelled"
    assert (shelf(item).available, shelf(item).allocated) == (before, 0)
    assert remote_stock(shop, item.listing.external_id) == offered
    assert broken_invariants() == []


@pytest.mark.req("R-INV-01")
def test_stock_changed_in_manifold_is_sent_to_the_shop(store: Connection, shop: Running) -> None:
    item = listed(store)
    row = shelf(item)
    stock.adjust(variant=item.variant, warehouse=row.warehouse, set_to=7, reason="Counted", by=SYSTEM)
    assert remote_stock(shop, item.listing.external_id) != 7
    work()
    assert remote_stock(shop, item.listing.external_id) == 7
    item.refresh_from_db()
    assert item.sent_quantity == 7


@pytest.mark.req("R-ORD-06")
def test_a_webhook_imports_the_order_and_poll_and_replay_change_nothing(
    store: Connection, shop: Running, live_server: Any, settings: Any
) -> None:
    settings.OMS_PUBLIC_URL = live_server.url
    assert webhooks.register_webhooks(connection=store)
    SyncStream.objects.filter(connection=store).update(due_at=None)
    item = listed(store)

    placed = shop.sandbox.buy(item.external_id, 1)
    work()

    orders = Order.objects.filter(connection=store, external_id=str(placed["order_id"]))
    assert [order.status for order in orders] == ["new"]
    held = shelf(item).allocated
    services.refresh_now(connection=store, stream="orders.new")
    services.refresh_now(connection=store, stream="orders.changed")
    work()
    assert orders.count() == 1
    assert shelf(item).allocated == held
    assert broken_invariants() == []


def test_a_forged_webhook_is_refused_and_starts_no_work(store: Connection) -> None:
    answer = Client().post(
        f"/hooks/opencart/{store.pk}/",
        data=b'{"event": "order.created", "order_id": 1}',
        content_type="application/json",
        headers={"X-OMS-Signature": "0" * 64, "X-OMS-Event": "order.created"},
    )
    assert answer.status_code == 401
    assert not store.webhooks.exists()

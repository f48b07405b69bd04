"""Our absolute figure stands again after BigCommerce has moved its own (`bigcommerce.md` §7): shipping, cancelling."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from django.core.cache import cache
from django.db.models import F

from catalogue.models import ListingVariant
from channels.models import Connection
from channels.stores import connect, services
from inventory.models import StockItem
from inventory.services.adjust import receive
from inventory.services.warehouse_mapping import Serving, ensure_default_mapping, set_warehouses
from oms.kit.authors.actors import SYSTEM
from orders.models import Order
from orders.services import carriers, packing
from orders.services.handing_over import manifests
from tests import factories
from tests.channels.bigcommerce import native, sent
from tests.support.workers import work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.req("R-INV-01")]
SKU = "KET-EN-15"
LATE = "order_completed_or_shipped"


@pytest.fixture(autouse=True)
def _nothing_believed():
    cache.clear()


def house(running: Any, **options: Any) -> Connection:
    connection = connect.connect(channel="bigcommerce", name="UK Shop", credentials=running.credentials)
    work()
    services.change_settings(connection=connection, options=options)
    services.switch_on(connection=connection)
    work()
    connection.refresh_from_db()
    return connection


def read_orders(connection: Connection) -> None:
    services.refresh_now(connection=connection, stream="orders.new")
    work()


def there(running: Any) -> int:
    product = running.sandbox.shop.sku_owner(SKU)
    return int(running.sandbox.shop.stock[f"1/{product['variants'][0]['id']}"])


def ours(connection: Connection) -> int:
    row = ListingVariant.objects.get(connection=connection, external_sku=SKU)
    return StockItem.objects.get(variant=row.variant).available


def bought(running: Any, connection: Connection, quantity: int = 2) -> tuple[Any, Order]:
    placed = running.sandbox.place_order([{"sku": SKU, "quantity": quantity}])
    read_orders(connection)
    return placed, Order.objects.get(external_id=str(placed["order_id"]))


def ready(order: Order) -> Any:
    carrier = carriers.save_carrier(name="Royal Mail", by=SYSTEM)
    for outcomes in (packing.release([order.pk], by=SYSTEM), packing.pack([order.pk], by=SYSTEM)):
        assert [one.message for one in outcomes if not one.ok] == []
    packing.mark_ready_to_ship([order.pk], tracking={order.pk: (carrier.pk, "RM1GB")}, by=SYSTEM)
    work()
    return carrier


def manifest(order: Order, carrier: Any) -> None:
    warehouse = order.shipments.get().warehouse
    assert warehouse is not None
    manifests.create_manifest(carrier=carrier, warehouse=warehouse, by=SYSTEM)
    work()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("mode", ["a", "b"])
def test_a_store_that_deducts_at_shipping_shows_our_figure_after_the_manifest(serve_bigcommerce, mode, when):
    """Set so before it was connected, or changed by its seller later on."""
    running = serve_bigcommerce(
        seed="demo", update_stock_behavior=LATE if when == "before" else "order_placed"
    )
    connection = house(running, shipping_mode=mode)
    if when == "after":
        running.sandbox.configure(update_stock_behavior=LATE)
        services.refresh_now(connection=connection, stream="statuses")
        work()
    before = ours(connection)
    placed, order = bought(running, connection)
    assert (ours(connection), there(running)) == (before - 2, before - 2)

    manifest(order, ready(order))

    row = native(running, placed)
    assert (row["status_id"], row["took_stock"]) == (2, True)  # BigCommerce took two off our figure
    assert (ours(connection), there(running)) == (before - 2, before - 2)


def test_an_order_shipped_in_the_control_panel_does_the_same(serve_bigcommerce):
    running = serve_bigcommerce(seed="demo", update_stock_behavior=LATE)
    connection = house(running, shipping_mode="b")
    before = ours(connection)
    placed, order = bought(running, connection)

    running.sandbox.set_status(placed["order_id"], 2)
    assert there(running) == before - 4
    read_orders(connection)

    order.refresh_from_db()
    assert order.shipped_at is not None
    assert (ours(connection), there(running)) == (before - 2, before - 2)


def test_units_that_bigcommerce_puts_back_while_they_are_packed_here_are_not_offered_twice(serve_bigcommerce):
    running = serve_bigcommerce(seed="demo", restocks=True)
    connection = house(running)
    before = ours(connection)
    placed, order = bought(running, connection)
    ready(order)

    running.sandbox.set_status(placed["order_id"], 5)
    assert there(running) == before
    read_orders(connection)

    order.refresh_from_db()
    assert order.cancelled_at is None  # packed: a person decides
    assert (ours(connection), there(running)) == (before - 2, before - 2)


def test_a_store_that_deducts_at_placement_is_not_told_again_at_shipping(serve_bigcommerce):
    running = serve_bigcommerce(seed="demo")
    connection = house(running, shipping_mode="b")
    _placed, order = bought(running, connection)
    told = len(sent(running, "PUT", "/adjustments/absolute"))

    manifest(order, ready(order))

    assert len(sent(running, "PUT", "/adjustments/absolute")) == told


@pytest.mark.req("R-SHIP-04", "R-ORD-16")
@pytest.mark.parametrize("mode", ["a", "b"])
def test_what_is_still_here_is_not_told_as_shipped_nor_read_as_gone(serve_bigcommerce, mode):
    """Two parcels from two warehouses: the order is Shipped there when the second has left, not before."""
    running = serve_bigcommerce(seed="demo")
    connection = house(running, shipping_mode=mode)
    variant = ListingVariant.objects.get(connection=connection, external_sku=SKU).variant
    home = ensure_default_mapping(connection).warehouse
    barn = factories.warehouse("barn")
    set_warehouses(connection=connection, servings=[Serving(home.pk, 1, True), Serving(barn.pk, 2)])
    StockItem.objects.filter(variant=variant).update(on_hand=F("allocated") + 1)
    receive(variant=variant, warehouse=barn, quantity=1, reason="moved", by=SYSTEM)
    placed, order = bought(running, connection)
    carrier = ready(order)
    first, second = order.shipments.order_by("number")
    assert {first.warehouse, second.warehouse} == {home, barn}

    manifests.create_manifest(carrier=carrier, warehouse=home, by=SYSTEM)
    work()
    running.sandbox.shop.clock = lambda: time.time() + 3600  # long after our own write
    for shipment in native(running, placed)["shipments"]:
        shipment["created"] -= 3600
    cache.clear()
    native(running, placed)["modified"] += 1
    read_orders(connection)

    second = order.shipments.get(warehouse=barn)
    assert (native(running, placed)["status_id"], second.state) == (3, "ready")
    assert StockItem.objects.get(variant=variant, warehouse=barn).on_hand == 1

    manifests.create_manifest(carrier=carrier, warehouse=barn, by=SYSTEM)
    work()

    assert native(running, placed)["status_id"] == 2
    assert [s["items"][0]["quantity"] for s in native(running, placed)["shipments"]] == [1, 1]


def test_what_is_told_again_is_this_order_alone(serve_bigcommerce):
    running = serve_bigcommerce(seed="demo", update_stock_behavior=LATE)
    connection = house(running, shipping_mode="b")
    placed, _order = bought(running, connection)
    running.sandbox.set_status(placed["order_id"], 2)
    count = len(sent(running, "PUT", "/adjustments/absolute"))

    read_orders(connection)

    [call] = sent(running, "PUT", "/adjustments/absolute")[count:]
    assert len(json.loads(call["body"])["items"]) == 1

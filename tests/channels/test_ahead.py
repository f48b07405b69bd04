"""Orders before stock: no unit that Etsy sold since our last look is put on sale a second time (`design.md` §4)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from catalogue.models import ListingVariant
from channels.contract.spec import Lane
from channels.http import app_quota
from channels.models import AppQuota, Connection, OutboxMessage, SyncStream
from channels.push import dispatcher, refresh_orders
from channels.sandbox.server import Running
from inventory.models import StockItem
from inventory.services import adjust as stock
from oms.kit.authors.actors import SYSTEM
from orders.models import Order
from tests import factories
from tests.support.etsy import asked, connected_store, remote, shop

pytestmark = [pytest.mark.django_db, pytest.mark.real_pace, pytest.mark.req("R-INV-01", "R-INV-04")]

SKU = "MUG"


@pytest.fixture
def etsy() -> Iterator[Running]:
    with shop(per_second=10_000) as running:
        for number in range(30):
            sku = SKU if not number else f"SKU-{number}"
            running.sandbox.shop.add_listing(sku, [{"sku": sku, "price": "9.00", "quantity": 8}])
        yield running


@pytest.fixture
def store(etsy: Running) -> Connection:
    """A store whose SKUs are known, 8 of each here and there, all told."""
    store = connected_store(etsy, maps={"leeds": 1})
    for row in etsy.sandbox.shop.listings.values():
        item = factories.listed(row["title"], store, external_id=str(row["listing_id"]))
        assert item.variant is not None
        factories.shelf(item.variant, on_hand=8)
    return store


def read_ago(store: Connection, seconds: float, **fields: Any) -> SyncStream:
    """The last complete reading of new orders lies so far back."""
    row = SyncStream.objects.get(connection=store, name="orders.new")
    SyncStream.objects.filter(pk=row.pk).update(
        completed_at=timezone.now() - timedelta(seconds=seconds),
        due_at=timezone.now() + timedelta(minutes=5),
        **fields,
    )
    return row


def delivery(store: Connection, units: int = 5) -> int:
    """A delivery comes in; answers what is available now."""
    item = StockItem.objects.get(variant__sku=SKU)
    stock.receive(
        variant=item.variant, warehouse=item.warehouse, quantity=units, reason="Delivery", by=SYSTEM
    )
    item.refresh_from_db()
    return item.available


def send(store: Connection) -> None:
    while dispatcher.dispatch(store.pk, Lane.STOCK):
        pass


def test_a_unit_sold_since_our_last_look_is_not_offered_again(store: Connection, etsy: Running) -> None:
    before = StockItem.objects.get(variant__sku=SKU).available
    assert remote(etsy, SKU) == ("active", before)
    read_ago(store, 240)
    order_id = etsy.sandbox.buy(SKU)["order_id"]
    assert delivery(store) == before + 5

    send(store)

    assert Order.objects.get(connection=store, external_id=str(order_id)).status == "new"
    assert StockItem.objects.get(variant__sku=SKU).available == before + 4
    assert remote(etsy, SKU) == ("active", before + 4)
    reads = [row["target"] for row in etsy.sandbox.requests if row["method"] == "GET"]
    assert "/receipts" in reads[0]  # before the document was read, let alone written
    written = ListingVariant.objects.get(connection=store, external_sku=SKU)
    assert written.sent_quantity == before + 4


def test_without_the_rule_it_would_be_sold_twice(
    store: Connection, etsy: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh_orders, "refresh_orders", lambda connection, lane: False)
    before = StockItem.objects.get(variant__sku=SKU).available
    read_ago(store, 240)
    etsy.sandbox.buy(SKU)
    delivery(store)

    send(store)

    assert remote(etsy, SKU) == ("active", before + 5)  # one more than there is


def test_orders_that_were_read_just_now_are_not_read_again(store: Connection, etsy: Running) -> None:
    read_ago(store, 5)
    available = delivery(store)

    send(store)

    assert remote(etsy, SKU) == ("active", available)
    assert asked(etsy, "GET", "/receipts") == []


def test_one_reading_serves_a_whole_pass_and_no_due_stock_needs_none(
    store: Connection, etsy: Running
) -> None:
    read_ago(store, 240)
    send(store)
    assert asked(etsy, "GET", "/receipts") == []  # nothing is due

    for item in StockItem.objects.all():
        stock.receive(variant=item.variant, warehouse=item.warehouse, quantity=1, reason="More", by=SYSTEM)
    send(store)

    assert len(asked(etsy, "PUT", "/inventory")) > 20
    assert len(asked(etsy, "GET", "/receipts")) == 1


@pytest.mark.parametrize("fields", [{"is_on": False}, {"not_before": timezone.now() + timedelta(hours=1)}])
def test_a_reading_that_is_off_or_waits_after_a_fault_keeps_no_stock_back(
    store: Connection, etsy: Running, fields: dict[str, Any]
) -> None:
    read_ago(store, 240, **fields)
    available = delivery(store)

    send(store)

    assert remote(etsy, SKU) == ("active", available)
    assert asked(etsy, "GET", "/receipts") == []


def test_orders_that_cannot_be_read_keep_no_stock_back(store: Connection, etsy: Running) -> None:
    read_ago(store, 240)
    etsy.sandbox.inject("server_error", status=404, match="/receipts", times=9)
    available = delivery(store)

    send(store)

    assert remote(etsy, SKU) == ("active", available)
    assert len(asked(etsy, "GET", "/receipts")) == 1  # asked once, not again and again
    assert OutboxMessage.objects.filter(connection=store, topic="stock").waiting().count() == 0


def test_another_workers_reading_is_waited_for(
    store: Connection, etsy: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = read_ago(store, 240, lease_token="theirs", lease_until=timezone.now() + timedelta(minutes=1))
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:  # it is done
            SyncStream.objects.filter(pk=row.pk).update(
                lease_token="", lease_until=None, completed_at=timezone.now()
            )

    monkeypatch.setattr(refresh_orders, "_sleep", sleep)

    assert refresh_orders.refresh_orders(store, Lane.STOCK) is False
    assert slept == []  # nothing is due
    delivery(store)
    assert refresh_orders.refresh_orders(store, Lane.STOCK) is False

    assert len(slept) == 3
    assert asked(etsy, "GET", "/receipts") == []


def test_a_day_that_runs_short_is_not_spent_on_it(store: Connection, etsy: Running) -> None:
    read_ago(store, 60)
    delivery(store)
    app_quota.take(store)
    AppQuota.objects.update(left_today=900, filled_at=timezone.now())  # of 10,000: all goes four times slower

    assert refresh_orders.refresh_orders(store, Lane.STOCK) is False
    read_ago(store, 150)
    assert refresh_orders.refresh_orders(store, Lane.STOCK) is True
    assert len(asked(etsy, "GET", "/receipts")) == 1


def test_only_stock_and_only_where_the_channel_wants_it(store: Connection, etsy: Running) -> None:
    read_ago(store, 240)
    delivery(store)

    assert refresh_orders.refresh_orders(store, Lane.ORDERS) is False
    assert refresh_orders.refresh_orders(store, Lane.DEFAULT) is False
    assert refresh_orders.refresh_orders(factories.store(), Lane.STOCK) is False
    assert refresh_orders.refresh_orders(store, Lane.STOCK) is True

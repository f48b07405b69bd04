"""Cancellations at Etsy: hourly within the store's window, at once by webhook, always by hand (R-ORD-03)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from channels import tasks
from channels.models import Connection, SyncRun, SyncStream, WebhookEvent
from channels.sandbox.server import Running
from inventory.models import StockItem
from oms.kit.authors.actors import SYSTEM
from oms.kit.models import Problem
from orders.models import Order
from orders.services import decisions, packing
from tests import factories
from tests.channels.test_etsy_orders import SECRET, called
from tests.support.etsy import asked, connected_store, read, remote, send, shop

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-ORD-03")]

DAY = 86_400


@pytest.fixture
def etsy() -> Iterator[Running]:
    with shop(per_second=10_000) as running:
        running.sandbox.shop.add_listing("Mug", [{"sku": "MUG", "price": "9.00", "quantity": 20}])
        yield running


@pytest.fixture
def store(etsy: Running) -> Connection:
    [row] = etsy.sandbox.shop.listings.values()
    store = connected_store(etsy, maps={"leeds": 1})
    item = factories.listed("MUG", store, external_id=str(row["listing_id"]))
    assert item.variant is not None
    factories.shelf(item.variant, on_hand=20)
    return store


def open_order(store: Connection, etsy: Running, days: float) -> Order:
    """An order of so long ago that is still to be sent."""
    order_id = etsy.sandbox.place_order([{"sku": "MUG", "quantity": 2}], moment=time.time() - days * DAY)[
        "order_id"
    ]
    read(store, "orders.new")
    return Order.objects.get(connection=store, external_id=str(order_id))


def cancel(etsy: Running, order: Order) -> None:
    """At Etsy, without a word to us: no webhook, and the time of the last change stays (`etsy.md` §7)."""
    receipt = etsy.sandbox.shop.receipts[order.external_id]
    before = receipt["updated_timestamp"]
    etsy.sandbox.shop.move(receipt, "Canceled")
    receipt["updated_timestamp"] = before


def status(order: Order) -> str:
    order.refresh_from_db()
    return order.status


def test_the_hourly_look_finds_it_and_the_stock_is_free_everywhere(store: Connection, etsy: Running) -> None:
    order = open_order(store, etsy, days=4.5)
    stream = SyncStream.objects.get(connection=store, name="orders.cancelled")
    assert (stream.period, stream.is_on) == (3600, True)
    assert (status(order), StockItem.objects.get().available, remote(etsy, "MUG")[1]) == ("new", 18, 18)
    cancel(etsy, order)

    read(store, "orders.changed")
    assert status(order) == "new"  # nothing changed there, says its time
    read(store, "orders.cancelled")
    send(store)

    assert status(order) == "cancelled"
    assert (StockItem.objects.get().available, remote(etsy, "MUG")[1]) == (20, 20)
    stream.refresh_from_db()
    assert stream.due_at is not None
    assert stream.completed_at is not None
    assert 3590 < (stream.due_at - stream.completed_at).total_seconds() <= 3600


@pytest.mark.parametrize(("days", "window"), [(20, 30), (80, 90), (200, 365)])
def test_older_ones_are_found_when_the_store_looks_further_back(
    store: Connection, etsy: Running, days: int, window: int
) -> None:
    order = open_order(store, etsy, days=days)
    cancel(etsy, order)
    read(store, "orders.cancelled")
    assert status(order) == "new"
    get_user_model().objects.create_superuser("olga", password="secret")
    client = Client()
    client.login(username="olga", password="secret")

    page = reverse("admin:store_settings", args=[store.pk])
    assert client.post(page, {"which": "channel", "channel-cancel_days": str(window)}).status_code == 302
    read(store, "orders.cancelled")

    assert status(order) == "cancelled"


@pytest.mark.req("R-ORD-03", "R-ORD-04", "R-USE-03")
def test_a_sync_by_hand_always_finds_it(store: Connection, etsy: Running) -> None:
    order = open_order(store, etsy, days=60)
    cancel(etsy, order)
    read(store, "orders.cancelled")
    assert status(order) == "new"

    out = StringIO()
    call_command("sync_orders", "--store", "Etsy shop", "--number", order.number, "--json", stdout=out)

    [told] = json.loads(out.getvalue())["stores"]
    assert told["ok"] is True
    assert status(order) == "cancelled"


def test_a_webhook_says_it_within_seconds(store: Connection, etsy: Running, settings: Any) -> None:
    settings.OMS_APPS = {"etsy": {"webhook_secret": SECRET}}
    order = open_order(store, etsy, days=30)
    cancel(etsy, order)
    event = {
        "event_type": "ORDER_CANCELED",
        "resource_url": f"https://api.etsy.com/v3/application/shops/1/receipts/{order.external_id}",
        "shop_id": store.fingerprint,
    }
    headers, body = called(event)

    for _ in range(2):  # Etsy's retry, or somebody's replay
        Client().post("/apps/etsy/webhook/", body, content_type="application/json", headers=headers)
    for row in WebhookEvent.objects.filter(handled_at=None):
        tasks.handle_webhooks(row.connection_id)

    assert status(order) == "cancelled"
    assert WebhookEvent.objects.count() == 1
    assert SyncRun.objects.filter(connection=store, trigger=SyncRun.Trigger.WEBHOOK).count() == 1


@pytest.mark.req("R-ORD-11")
def test_one_that_comes_after_packing_asks_a_person(store: Connection, etsy: Running) -> None:
    order = open_order(store, etsy, days=1)
    for step in (packing.release, packing.pack):
        assert step([order.pk], by=SYSTEM)[0].ok
    cancel(etsy, order)

    read(store, "orders.cancelled")

    assert status(order) == "packed"
    problem = Problem.objects.open().get(subject_kind="order", subject_id=order.pk)
    assert problem.code == "late_cancel"
    assert "Etsy shop cancelled the order after it was packed" in problem.message


@pytest.mark.req("R-ORD-11")
def test_a_sellers_own_cancellation_waits_until_etsy_shows_it(store: Connection, etsy: Running) -> None:
    order = open_order(store, etsy, days=1)
    [outcome] = decisions.cancel([order.pk], reason="Broken", by=SYSTEM)
    assert outcome.ok
    assert "Orders are cancelled in Etsy's shop manager" in str(outcome.message)
    assert (status(order), StockItem.objects.get().available) == ("seller_cancel_in_process", 18)
    send(store)
    assert asked(etsy, "POST", "/receipts") == asked(etsy, "PUT", "/receipts") == []

    cancel(etsy, order)
    read(store, "orders.cancelled")

    assert (status(order), StockItem.objects.get().available) == ("cancelled_by_seller", 20)

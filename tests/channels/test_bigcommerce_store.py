# long because: what a store of BigCommerce lives through, from connecting to being taken off, one a test.
"""A BigCommerce store in this house, from its keys to a parcel: engine, sinks and handlers over the sandbox."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django import forms
from django.urls import reverse
from django.utils import timezone

from catalogue.errors import CatalogueError
from catalogue.inbound import products
from catalogue.models import Attribute, Listing, ListingVariant
from catalogue.services import listing_state
from catalogue.services.products import edit_product
from channels.admin.store.settings import ChannelForm
from channels.contract.records.pages import PullQuery
from channels.models import Budget, Connection, OutboxMessage, SyncStream, WebhookEvent
from channels.pull.runner import adapter_of, run_stream
from channels.push.dispatcher import dispatch
from channels.push.outbox import touch
from channels.push.topics import Topic
from channels.stores import connect, first_sync, services
from channels.tasks import handle_webhooks
from inventory.models import StockItem
from inventory.services.adjust import receive
from inventory.services.warehouse_mapping import ensure_default_mapping
from oms.kit.authors.actors import SYSTEM
from oms.kit.background import jobs
from oms.kit.models import Job, Problem
from orders.models import Order
from orders.services.stock.stock_tracking import set_stock_tracking
from tests.support.workers import work

pytestmark = pytest.mark.django_db


@pytest.fixture
def running(serve_bigcommerce):
    return serve_bigcommerce(seed="demo")


@pytest.fixture
def store(running):
    connection = connect.connect(channel="bigcommerce", name="UK Shop", credentials=running.credentials)
    job = first_sync.latest(connection)
    assert job is not None
    for _ in range(200):
        if not jobs.work(job.pk):
            break
    assert Job.objects.get(pk=job.pk).state == Job.State.DONE
    connection.refresh_from_db()
    return connection


def poll(connection: Connection, name: str = "orders.new") -> None:
    stream = SyncStream.objects.get(connection=connection, name=name)
    SyncStream.objects.filter(pk=stream.pk).update(due_at=timezone.now() - timedelta(minutes=1))
    for _ in range(20):
        if not run_stream(stream.pk):
            return


@pytest.mark.req("R-CONN-01", "R-CONN-08", "R-ORD-05")
def test_first_sync_brings_products_and_90_days_of_orders(running, store):
    shop = running.sandbox.shop
    assert Listing.objects.filter(connection=store).count() == len(shop.products)
    assert ListingVariant.objects.filter(connection=store).count() == sum(
        len(row["variants"]) for row in shop.products.values()
    )
    assert set(Order.objects.values_list("external_id", flat=True)) == {str(number) for number in shop.orders}
    assert store.currency == "GBP"
    assert store.is_read_only is True
    assert not [r for r in running.sandbox.exchanges if r["method"] != "GET" and "/hooks" not in r["path"]]


@pytest.mark.req("R-CAT-12", "R-CONN-08")
def test_attributes_come_with_the_products_and_the_catalogue_is_read_once(running, store):
    found = Attribute.objects.filter(connection=store).order_by("external_id")
    assert list(found.values_list("external_id", "name")) == [
        ("field:Care", "Care"),
        ("option:Colour", "Colour"),
    ]
    asked = [r for r in running.sandbox.exchanges if r["path"].endswith("/catalog/products")]
    assert [dict(r["query"])["limit"] for r in asked] == ["1", "250"]  # may it be read, and the reading

    Attribute.objects.all().delete()
    poll(store, "attributes")

    assert Attribute.objects.filter(connection=store).count() == 2


def test_the_budget_follows_the_headers(running, store):
    budget = Budget.objects.get(pk=store.pk)

    assert (budget.capacity, round(budget.per_second)) == (20_000, 667)


@pytest.mark.req("R-CONN-07")
def test_the_same_account_is_not_connected_twice(running, store):
    with pytest.raises(connect.StoreError, match="already connected as “UK Shop”"):
        connect.connect(channel="bigcommerce", name="Again", credentials=running.credentials)


@pytest.mark.req("R-ORD-01", "R-ORD-11")
def test_a_new_order_comes_in_and_its_cancellation_follows(running, store):
    placed = running.sandbox.place_order([{"sku": "KET-EN-15", "quantity": 2}])
    poll(store)
    order = Order.objects.get(external_id=str(placed["order_id"]))
    assert (order.remote_status_id, order.units) == ("11", 2)

    running.sandbox.set_status(placed["order_id"], 5)
    poll(store)

    order.refresh_from_db()
    assert order.cancelled_at is not None


@pytest.mark.req("R-ORD-08")
def test_what_shoppers_may_pay_in_is_no_problem_and_anything_else_is_one(running):
    running.sandbox.configure(currencies=["EUR"], display_currencies=["USD"])
    store = connect.connect(channel="bigcommerce", name="UK Shop", credentials=running.credentials)
    work()
    for code in ("EUR", "USD"):
        running.sandbox.place_order([{"sku": "KET-EN-15", "quantity": 1}], extra={"currency": code})

    poll(store)

    euro, dollar = Order.objects.filter(connection=store).order_by("-pk")[:2][::-1]
    assert (euro.currency, dollar.currency) == ("EUR", "USD")
    problems = Problem.objects.open().filter(subject_kind="order", code="unknown_currency")
    assert list(problems.values_list("subject_id", flat=True)) == [dollar.pk]


@pytest.mark.req("R-ORD-14")
def test_an_order_has_a_link_to_its_page_in_the_control_panel(running, store):
    order = Order.objects.filter(connection=store).latest("pk")

    assert order.url == f"{running.url}/manage/orders/{order.external_id}"


@pytest.mark.req("R-CONN-06")
def test_a_permission_that_is_missing_is_said_on_the_form_and_nothing_is_stored(running):
    running.sandbox.configure(scopes_missing=["/v3/orders"])

    with pytest.raises(connect.StoreError, match="Order transactions") as caught:
        connect.connect(channel="bigcommerce", name="UK Shop", credentials=running.credentials)

    assert caught.value.field == "access_token"
    assert not Connection.objects.exists()


def test_an_unknown_status_becomes_a_problem_and_no_guess(running, store, monkeypatch):
    from channels.connectors.bigcommerce.sandbox import shop

    monkeypatch.setitem(shop.STATUSES, 77, "Invented")
    placed = running.sandbox.place_order(status_id=77)

    poll(store)

    order = Order.objects.get(external_id=str(placed["order_id"]))
    assert order.remote_state == "unknown"


def test_a_signed_webhook_brings_its_order_at_once_and_a_forged_one_nothing(running, store, client):
    placed = running.sandbox.place_order()
    url = reverse("channels:webhook", args=["bigcommerce", store.pk])
    hook = next(iter(running.sandbox.shop.hooks.values()), None)
    secret = store.webhook_secret["secret"]
    assert hook is None or hook["headers"] == {"X-OMS-Secret": secret}
    body = json.dumps({
        "producer": f"stores/{running.sandbox.store_hash}", "scope": "store/order/created", "hash": "h1",
        "data": {"type": "order", "id": placed["order_id"]},
    })  # fmt: skip

    def call(given: str) -> Any:
        return client.post(url, body, content_type="application/json", headers={"X-OMS-Secret": given})

    assert call("wrong").status_code == 401
    assert call(secret).status_code == 202
    assert call(secret).status_code == 200  # a replay
    event = WebhookEvent.objects.get(connection=store, event_id="h1")
    handle_webhooks(event.connection_id)

    assert Order.objects.filter(external_id=str(placed["order_id"])).exists()


def announce(running: Any, store: Connection, client: Any, scope: str, number: int, event: str) -> None:
    """BigCommerce tells of something; what it tells is worked."""
    body = json.dumps({
        "producer": f"stores/{running.sandbox.store_hash}", "scope": scope, "hash": event,
        "data": {"type": "order", "id": number},
    })  # fmt: skip
    secret = {"X-OMS-Secret": store.webhook_secret["secret"]}
    url = reverse("channels:webhook", args=["bigcommerce", store.pk])
    answer = client.post(url, body, content_type="application/json", headers=secret)
    assert (answer.status_code, answer.content) == (202, b"")
    work()


@pytest.mark.req("R-ORD-01")
def test_an_unfinished_checkout_is_announced_too_and_is_no_order(running, store, client):
    placed = running.sandbox.place_order(status_id=0)
    announce(running, store, client, "store/order/created", placed["order_id"], "h0")
    assert not Order.objects.filter(external_id=str(placed["order_id"])).exists()

    running.sandbox.set_status(placed["order_id"], 11)
    announce(running, store, client, "store/order/statusUpdated", placed["order_id"], "h1")
    assert Order.objects.filter(external_id=str(placed["order_id"])).exists()


@pytest.mark.req("R-ORD-11")
def test_an_archived_order_is_not_cancelled(running, store, client):
    placed = running.sandbox.place_order([{"sku": "KET-EN-15", "quantity": 2}])
    poll(store)
    order = Order.objects.get(external_id=str(placed["order_id"]))

    running.sandbox.shop.orders[placed["order_id"]]["is_deleted"] = True
    announce(running, store, client, "store/order/archived", placed["order_id"], "h2")
    poll(store)

    order.refresh_from_db()
    assert (order.cancelled_at, order.status) == (None, "new")


@pytest.mark.req("R-CONN-01")
def test_an_app_that_is_taken_off_stops_the_store_at_once(running, store, client):
    running.sandbox.uninstall()

    announce(running, store, client, "store/app/uninstalled", 0, "h3")

    store.refresh_from_db()
    assert store.state == Connection.State.NEEDS_SELLER
    assert "reconnect" in store.state_reason
    assert Order.objects.filter(connection=store).exists()


@pytest.mark.req("R-ORD-16")
def test_a_part_that_was_shipped_there_leaves_our_shelves_and_the_rest_stays_open(running, store):
    placed = running.sandbox.place_order([{"sku": "KET-EN-15", "quantity": 3}])
    poll(store)
    order = Order.objects.get(external_id=str(placed["order_id"]))
    shelf = StockItem.objects.get(variant__sku="KET-EN-15")
    row = running.sandbox.shop.orders[placed["order_id"]]
    body = {"order_address_id": row["addresses"][0]["id"], "items": [{"order_product_id": row["lines"][0]["id"], "quantity": 2}]}  # fmt: skip
    running.sandbox.shop.ship(row, {**body, "tracking_number": "T1"})

    for _ in range(2):  # once, however often it is read
        poll(store)

    order.refresh_from_db()
    [line] = order.lines.all()
    [shipment] = order.shipments.filter(is_external=True)
    assert (line.shipped, shipment.external_id) == (2, str(row["shipments"][0]["id"]))
    assert shipment.tracking_number == "T1"
    assert StockItem.objects.get(pk=shelf.pk).on_hand == shelf.on_hand - 2
    assert order.shipped_at is None

    body["items"][0]["quantity"] = 1
    running.sandbox.shop.ship(row, body)
    poll(store)
    order.refresh_from_db()
    assert order.status == "in_transit"
    assert StockItem.objects.get(pk=shelf.pk).on_hand == shelf.on_hand - 3


@pytest.mark.req("R-INV-03")
def test_the_location_that_gets_the_stock_is_chosen_by_its_name(running):
    running.sandbox.shop.locations[2] = {"id": 2, "code": "B", "label": "Barn", "enabled": True}
    connection = connect.connect(channel="bigcommerce", name="UK Shop", credentials=running.credentials)
    work()
    connection.refresh_from_db()

    field = ChannelForm(connection).fields["location"]

    assert isinstance(field, forms.ChoiceField)
    assert field.choices == [("", "– none –"), ("1", "Default"), ("2", "Barn")]


@pytest.mark.req("R-INV-01")
def test_stock_is_sent_when_the_store_is_switched_on(running, store):
    services.switch_on(connection=store)
    rows = list(ListingVariant.objects.filter(connection=store).exclude(external_id=""))
    touch(Topic.STOCK, [(store.pk, row.pk) for row in rows])

    dispatch(store.pk, "stock")

    [call] = [row for row in running.sandbox.exchanges if row["path"].endswith("/adjustments/absolute")]
    assert len(json.loads(call["body"])["items"]) == len(rows)
    assert not ListingVariant.objects.filter(connection=store).exclude(answer="").exists()


@pytest.mark.req("R-INV-01", "R-INV-06")
def test_what_is_counted_here_is_counted_there_where_the_store_allows_it(serve_bigcommerce):
    running = serve_bigcommerce(seed="demo")
    row = running.sandbox.shop.add_product("Loose tea", 4.0, sku="LOOSE", quantity=3, tracking="none")
    store = connect.connect(channel="bigcommerce", name="UK Shop", credentials=running.credentials)
    work()
    services.switch_on(connection=store)
    listed = ListingVariant.objects.get(connection=store, external_sku="LOOSE")
    assert (listed.listing.stock_blocked, listed.variant.is_counted) == (
        "The store does not track its stock.",
        False,
    )

    def count_here() -> None:
        set_stock_tracking([listed.variant_id], is_counted=True, by=SYSTEM)
        warehouse = ensure_default_mapping(store).warehouse
        receive(variant=listed.variant, warehouse=warehouse, quantity=7, reason="counted", by=SYSTEM)
        work()

    count_here()
    assert row["inventory_tracking"] == "none"  # not without leave

    services.change_settings(connection=store, options={"track_stock": True})
    poll(store, "products")
    count_here()

    assert (row["inventory_tracking"], running.sandbox.shop.stock[f"1/{row['variants'][0]['id']}"]) == (
        "product",
        14,
    )


@pytest.mark.req("R-CAT-09")
def test_a_warranty_comes_in_with_its_product_and_an_edit_of_it_goes_back(serve_bigcommerce):
    running = serve_bigcommerce(seed="demo")
    row = running.sandbox.shop.sku_owner("KET-EN-15")
    row["warranty"] = f"<p>{'Two years. ' * 40}</p>"
    store = connect.connect(channel="bigcommerce", name="UK Shop", credentials=running.credentials)
    work()
    services.switch_on(connection=store)
    work()
    product = ListingVariant.objects.get(connection=store, external_sku="KET-EN-15").variant.product
    assert product.warranty == row["warranty"]  # whole, however long

    edit_product(product, {"warranty": "Three years."})
    work()

    assert row["warranty"] == "Three years."
    [call] = [c for c in running.sandbox.exchanges if c["path"] == f"/v3/catalog/products/{row['id']}" and c["method"] == "PUT"]  # fmt: skip
    assert json.loads(call["body"]) == {"warranty": "Three years."}


@pytest.mark.req("R-CAT-07")
def test_product_changes_are_taken_over_by_webhook_and_poll_where_the_store_allows_it(running, store, client):
    listing = Listing.objects.get(connection=store, variants__external_sku="KET-EN-15")
    row = running.sandbox.shop.products[int(listing.external_id)]
    stream = SyncStream.objects.get(connection=store, name="products")
    assert (stream.period, stream.due_at) == (None, None)  # off by default

    def rename(name: str) -> None:
        row["name"] = name
        row["modified"] = int(timezone.now().timestamp())

    def call(event: str) -> int:
        body = json.dumps({
            "producer": f"stores/{running.sandbox.store_hash}", "scope": "store/product/updated", "hash": event,
            "data": {"type": "product", "id": row["id"]},
        })  # fmt: skip
        secret = {"X-OMS-Secret": store.webhook_secret["secret"]}
        url = reverse("channels:webhook", args=["bigcommerce", store.pk])
        return int(client.post(url, body, content_type="application/json", headers=secret).status_code)

    def title() -> str:
        work()
        listing.product.refresh_from_db()
        return listing.product.title

    old = row["name"]
    rename("Kettle A")
    assert call("p1") == 200
    assert title() == old

    services.change_settings(connection=store, options={"auto_update_products": True})
    assert title() == "Kettle A"  # the poll begins at once
    stream.refresh_from_db()
    assert (stream.period, stream.due_at is not None and stream.due_at > timezone.now()) == (1800, True)
    rename("Kettle B")
    assert call("p2") == 202
    assert title() == "Kettle B"
    rename("Kettle C")
    poll(store, "products")
    assert title() == "Kettle C"
    last = [r for r in running.sandbox.exchanges if r["path"] == "/v3/catalog/products"][-1]
    assert "date_modified:min" in dict(last["query"])  # what has changed, not everything again

    services.change_settings(connection=store, options={"auto_update_products": False})
    rename("Kettle D")
    assert call("p3") == 200
    assert title() == "Kettle C"
    stream.refresh_from_db()
    assert (stream.period, stream.due_at) == (None, None)


@pytest.mark.req("R-CAT-10")
def test_a_listing_switched_off_here_is_hidden_there(running, store):
    services.switch_on(connection=store)
    listing = Listing.objects.filter(connection=store, state=Listing.State.ACTIVE).first()
    assert listing is not None

    listing_state.set_listing_active(listing, active=False)
    dispatch(store.pk, "default")

    row = running.sandbox.shop.products[int(listing.external_id)]
    listing.refresh_from_db()
    assert (row["is_visible"], listing.state) == (False, Listing.State.INACTIVE)
    listing_state.set_listing_active(listing, active=False)  # nothing to say
    assert not OutboxMessage.objects.filter(topic=Topic.LISTING_ACTIVE).due().exists()


@pytest.mark.req("R-CAT-10")
def test_a_pull_before_the_send_does_not_undo_the_switch(running, store):
    services.switch_on(connection=store)
    listing = Listing.objects.get(connection=store, variants__external_sku="KET-EN-15")
    row = running.sandbox.shop.products[int(listing.external_id)]
    listing_state.set_listing_active(listing, active=False)
    row["modified"] += 5
    row["description"] = "changed there meanwhile"
    poll(store, "products")
    listing.refresh_from_db()
    assert (row["is_visible"], listing.state) == (True, Listing.State.INACTIVE)

    dispatch(store.pk, "default")
    assert row["is_visible"] is False
    poll(store, "products")
    listing.refresh_from_db()
    assert listing.state == Listing.State.INACTIVE

    row["is_visible"] = True  # and now somebody shows it there: that is news
    poll(store, "products")
    listing.refresh_from_db()
    assert listing.state == Listing.State.ACTIVE


@pytest.mark.req("R-CAT-10")
def test_a_page_that_was_read_before_the_send_and_stored_after_it_does_not_undo_the_switch_either(
    running, store
):
    services.switch_on(connection=store)
    listing = Listing.objects.get(connection=store, variants__external_sku="KET-EN-15")
    begun = timezone.now()
    running.sandbox.shop.products[int(listing.external_id)]["description"] = "changed there meanwhile"
    [page] = adapter_of(store).pull_products(PullQuery(ids=(listing.external_id,))).records
    listing_state.set_listing_active(listing, active=False)
    dispatch(store.pk, "default")

    products.store_page(store, [page], read_from=begun, read_at=begun)
    listing.refresh_from_db()
    assert listing.state == Listing.State.INACTIVE

    products.store_page(store, [page], read_from=timezone.now(), read_at=timezone.now())
    listing.refresh_from_db()
    assert listing.state == Listing.State.ACTIVE


@pytest.mark.req("R-CAT-10")
def test_what_cannot_be_switched_says_why(running, store):
    listing = Listing.objects.filter(connection=store).first()
    assert listing is not None
    Listing.objects.filter(pk=listing.pk).update(state=Listing.State.REMOVED)
    with pytest.raises(CatalogueError, match="is not on the store"):
        listing_state.set_listing_active(listing, active=True)

    Connection.objects.filter(pk=store.pk).update(channel="opencart")
    listing = Listing.objects.exclude(pk=listing.pk).first()
    assert listing is not None
    with pytest.raises(CatalogueError, match="OpenCart's own admin"):
        listing_state.set_listing_active(listing, active=True)

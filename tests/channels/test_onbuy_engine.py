"""OnBuy under the engine: one token for all workers, limits by method, a listing made through the queue."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from catalogue.inbound.reference_data import brands_by_name
from catalogue.models import Listing, ListingVariant, Product, Variant
from catalogue.push import listings
from catalogue.services import products
from channels.connectors.onbuy.sandbox import make_sandbox
from channels.contract.errors import RateLimited
from channels.models import Budget, Connection, OutboxMessage, SyncStream
from channels.pull import runner
from channels.push import dispatcher, outbox
from channels.push.topics import Topic
from channels.sandbox.server import Running
from channels.stores import connect
from oms.kit.models import Job
from orders.models import Order

pytestmark = pytest.mark.django_db


@pytest.fixture
def running() -> Iterator[Running]:
    with make_sandbox().serve() as served:
        yield served


@pytest.fixture
def store(running: Running) -> Connection:
    found = connect.connect(channel="onbuy", name="OnBuy UK", credentials=running.credentials)
    Job.objects.all().delete()
    Connection.objects.update(is_read_only=False)
    found.refresh_from_db()
    return found


@pytest.mark.req("R-CONN-03", "R-CONN-06", "R-CONN-07")
def test_connecting_and_the_same_account_again(running, store):
    assert (store.currency, store.fingerprint.startswith("2000:entity:")) == ("GBP", True)
    assert SyncStream.objects.get(connection=store, name="products").period == 6 * 3600
    assert set(store.statuses.values_list("external_id", flat=True)) >= {
        "awaiting_dispatch",
        "refunded_after_dispatch",
    }
    with pytest.raises(connect.StoreError, match="already connected as “OnBuy UK”"):
        connect.connect(
            channel="onbuy", name="Again", credentials={**running.credentials, "seller_id": "4711"}
        )
    with pytest.raises(connect.StoreError, match="consumer key"):
        connect.connect(
            channel="onbuy", name="Wrong", credentials={**running.credentials, "secret_key": "x" * 9}
        )
    assert Connection.objects.count() == 1


def test_two_workers_share_one_token(running, store):
    running.sandbox.sign_ins = 0
    for _worker in range(3):
        runner.adapter_of(Connection.objects.get(pk=store.pk)).pull_statuses()
        runner.adapter_of(Connection.objects.get(pk=store.pk)).verify()
    assert running.sandbox.sign_ins == 1
    running.sandbox.kill_tokens()
    for _worker in range(2):
        runner.adapter_of(Connection.objects.get(pk=store.pk)).verify()
    assert running.sandbox.sign_ins == 2


def test_a_full_method_lets_the_others_go_on(running, store):
    store.options = {"puts_per_hour": 1}
    store.save()
    client = runner.adapter_of(store).client  # type: ignore[attr-defined]
    client.put("/listings/by-sku", {"listings": [{"sku": "KNF-20", "stock": 3}]})
    with pytest.raises(RateLimited) as caught:
        client.put("/listings/by-sku", {"listings": [{"sku": "KNF-20", "stock": 4}]})
    assert (caught.value.scope, caught.value.retry_after > 3000) == ("PUT", True)
    assert client.rows("/listings", site_id=2000).total == 25
    assert running.sandbox.market.listing("KNF-20")["stock"] == 3
    assert set(Budget.objects.get(connection=store).spent) >= {"PUT:3600", "PUT:86400", "GET:3600"}


def listed(store: Connection, sku: str, **fields: str) -> ListingVariant:
    product = Product.objects.create(title="Teapot", description="<p>x</p>")
    variant = Variant.objects.create(
        product=product, sku=sku, sku_key=sku.casefold(), price="25.00", currency="GBP"
    )
    listing = Listing.objects.create(
        product=product, connection=store, category_external_ids=["2102"], **fields
    )
    return ListingVariant.objects.create(
        listing=listing, connection=store, variant=variant, external_sku=sku, sku_key=sku.casefold(),
        external_id=sku if fields else "",
    )  # fmt: skip


@pytest.mark.req("R-CAT-08")
def test_a_listing_waits_for_the_queue_and_is_active_when_it_is_live(running, store):
    row = listed(store, "POT")
    Product.objects.update(brand=next(iter(brands_by_name(["Kiln Street"]).values())))
    outbox.touch(Topic.LISTING_CREATE, [(store.pk, row.listing_id)])
    message = OutboxMessage.objects.get(topic=Topic.LISTING_CREATE)
    dispatcher.dispatch(store.pk, message.lane)
    message.refresh_from_db()
    assert message.step.startswith("queue:")
    assert (message.sent, message.parked_at, message.is_uncertain) == (0, None, False)
    assert message.not_before is not None
    assert Listing.objects.get().state == Listing.State.PENDING
    running.sandbox.settle()
    OutboxMessage.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    dispatcher.dispatch(store.pk, message.lane)
    message.refresh_from_db()
    assert (message.sent, message.step) == (message.wanted, "")
    listing = Listing.objects.get()
    assert (listing.state, listing.external_id) == (Listing.State.ACTIVE, "POT")
    assert ListingVariant.objects.get().external_id == "POT"
    assert running.sandbox.market.listing("POT")["price"] == "25.00"
    assert OutboxMessage.objects.filter(topic=Topic.STOCK, subject=row.pk).exists()
    assert len(running.sandbox.market.queues) == 1


@pytest.mark.req("R-CAT-08")
def test_many_new_listings_leave_together_and_each_has_its_own_end(running, store):
    brand = next(iter(brands_by_name(["Kiln Street"]).values()))
    rows = [listed(store, f"POT-{n:03d}") for n in range(105)]
    Product.objects.update(brand=brand)
    Listing.objects.filter(pk=rows[7].listing_id).update(category_external_ids=[])
    outbox.touch(Topic.LISTING_CREATE, [(store.pk, row.listing_id) for row in rows])
    lane = OutboxMessage.objects.filter(topic=Topic.LISTING_CREATE).values_list("lane", flat=True)[0]
    running.sandbox.requests.clear()
    dispatcher.dispatch(store.pk, lane)
    messages = OutboxMessage.objects.filter(topic=Topic.LISTING_CREATE)
    posts = [row for row in running.sandbox.requests if row["method"] == "POST"]
    assert [row["target"].rstrip("?") for row in posts if "token" not in row["target"]] == [
        "/v2/products"
    ] * 2
    [refused] = messages.filter(parked_at__isnull=False)
    assert (refused.subject, "Choose one" in refused.last_error) == (rows[7].listing_id, True)
    assert messages.filter(step__startswith="queue:").count() == 104
    assert Listing.objects.filter(state=Listing.State.PENDING).count() == 104

    entries = list(running.sandbox.market.queues.values())
    entries[0] |= {"status": "failed", "error_message": "Image could not be fetched"}
    entries[1]["at"] += 10_000
    running.sandbox.configure(queue_seconds=0, listing_seconds=0)
    messages.update(not_before=None)
    dispatcher.dispatch(store.pk, lane)
    assert Listing.objects.filter(state=Listing.State.ACTIVE).count() == 102
    assert Listing.objects.filter(state=Listing.State.PENDING).count() == 1
    assert Listing.objects.filter(state=Listing.State.DRAFT).count() == 2
    [failed] = messages.filter(parked_at__isnull=False, last_error__contains="Image could not be fetched")
    assert ListingVariant.objects.get(listing=failed.subject).answer.endswith("Image could not be fetched")
    puts = [row for row in running.sandbox.requests if row["method"] == "PUT"]
    assert len(puts) == 2  # of the first hundred and of the rest
    assert OutboxMessage.objects.filter(topic=Topic.STOCK).count() == 102


def test_an_answer_that_cannot_be_kept_repeats_none_of_the_call(running, store, monkeypatch):
    rows = [listed(store, f"POT-{n}") for n in range(3)]
    Product.objects.update(brand=next(iter(brands_by_name(["Kiln Street"]).values())))
    outbox.touch(Topic.LISTING_CREATE, [(store.pk, row.listing_id) for row in rows])
    kept = listings.CreateHandler.store_answer

    def fails(self: Any, ref: str, work: Any, answer: Any) -> Any:
        if work.listing.pk == rows[1].listing_id:
            raise RuntimeError("no room")
        return kept(self, ref, work, answer)

    monkeypatch.setattr(listings.CreateHandler, "store_answer", fails)
    dispatcher.dispatch(
        store.pk, OutboxMessage.objects.get(subject=rows[0].listing_id, topic=Topic.LISTING_CREATE).lane
    )
    states = {m.subject: m for m in OutboxMessage.objects.filter(topic=Topic.LISTING_CREATE)}
    assert states[rows[1].listing_id].parked_at is not None
    assert states[rows[1].listing_id].is_uncertain  # a retry looks first
    assert states[rows[0].listing_id].step.startswith("queue:")
    assert len(running.sandbox.market.queues) == 3


def test_what_is_edited_while_the_queue_works_is_sent_after_it(running, store):
    row = listed(store, "MUG-CRM", external_id="MUG-CRM", state="active")
    product = row.listing.product
    products.edit_product(product, {"title": "Tin mug"})
    message = OutboxMessage.objects.get(topic=Topic.LISTING_UPDATE)
    dispatcher.dispatch(store.pk, message.lane)
    message.refresh_from_db()
    assert "update:" in message.step
    products.edit_product(product, {"title": "Tin mug, blue"})
    running.sandbox.settle()
    OutboxMessage.objects.update(not_before=None)
    dispatcher.dispatch(store.pk, message.lane)
    assert running.sandbox.market.listing("MUG-CRM")["name"] == "Tin mug"
    row.listing.refresh_from_db()
    assert row.listing.changed_fields == ["title"]
    OutboxMessage.objects.update(not_before=None)
    dispatcher.dispatch(store.pk, message.lane)
    running.sandbox.settle()
    OutboxMessage.objects.update(not_before=None)
    dispatcher.dispatch(store.pk, message.lane)
    message.refresh_from_db()
    row.listing.refresh_from_db()
    assert running.sandbox.market.listing("MUG-CRM")["name"] == "Tin mug, blue"
    assert (row.listing.changed_fields, message.sent == message.wanted) == ([], True)


def test_a_failed_queue_parks_with_onbuys_words_and_a_retry_begins_anew(running, store):
    row = listed(store, "POT")
    Product.objects.update(brand=next(iter(brands_by_name(["Kiln Street"]).values())))
    outbox.touch(Topic.LISTING_CREATE, [(store.pk, row.listing_id)])
    lane = OutboxMessage.objects.get(topic=Topic.LISTING_CREATE).lane
    dispatcher.dispatch(store.pk, lane)
    [entry] = running.sandbox.market.queues.values()
    entry |= {"status": "failed", "error_message": "Image could not be fetched"}
    OutboxMessage.objects.update(not_before=None)
    dispatcher.dispatch(store.pk, lane)
    message = OutboxMessage.objects.get(topic=Topic.LISTING_CREATE)
    assert message.parked_at is not None
    assert "Image could not be fetched" in message.last_error
    assert message.step == ""
    assert Listing.objects.get().state == Listing.State.DRAFT
    assert "Image could not be fetched" in ListingVariant.objects.get().answer
    outbox.touch(Topic.LISTING_CREATE, [(store.pk, row.listing_id)])
    dispatcher.dispatch(store.pk, lane)
    assert len(running.sandbox.market.queues) == 2


@pytest.mark.req("R-ORD-01")
def test_where_onbuy_takes_no_more_changes_orders_are_still_read(running, store):
    """Another program of the seller's has used the account's hour up: OnBuy counts each method by itself."""
    running.sandbox.configure(limits={"PUT": 1}, retry_after=False)
    running.sandbox.counted["PUT"] = deque([running.sandbox.clock()])
    row = listed(store, "KNF-20", external_id="KNF-20", state="active")
    outbox.touch(Topic.PRICE, [(store.pk, row.pk)])
    message = OutboxMessage.objects.get(topic=Topic.PRICE)
    dispatcher.dispatch(store.pk, message.lane)
    message.refresh_from_db()
    store.refresh_from_db()
    assert running.sandbox.refused == 1
    assert (message.sent, message.attempts, message.parked_at, store.blocked_until) == (0, 0, None, None)
    assert message.not_before is not None
    assert timedelta(seconds=80) < message.not_before - timezone.now() <= timedelta(seconds=90)

    placed = running.sandbox.place_order()["order_id"]
    stream = SyncStream.objects.get(connection=store, name="orders.new")
    SyncStream.objects.filter(pk=stream.pk).update(due_at=timezone.now())
    runner.run_stream(stream.pk)
    assert Order.objects.filter(connection=store, external_id=placed).exists()
    running.sandbox.configure(limits={"GET": 1})
    running.sandbox.counted["GET"] = deque([running.sandbox.clock()])
    SyncStream.objects.filter(pk=stream.pk).update(due_at=timezone.now())
    runner.run_stream(stream.pk)
    store.refresh_from_db()
    assert store.blocked_until is not None


def test_a_full_window_keeps_the_message_and_does_not_block_the_store(running, store):
    store.options = {"puts_per_hour": 1}
    store.save()
    runner.adapter_of(store).client.put(  # type: ignore[attr-defined]
        "/listings/by-sku", {"listings": [{"sku": "KNF-20", "stock": 3}]}
    )
    row = listed(store, "KNF-20", external_id="KNF-20", state="active")
    outbox.touch(Topic.PRICE, [(store.pk, row.pk)])
    message = OutboxMessage.objects.get(topic=Topic.PRICE)
    dispatcher.dispatch(store.pk, message.lane)
    message.refresh_from_db()
    store.refresh_from_db()
    assert (message.sent, message.attempts, message.parked_at) == (0, 0, None)
    assert message.not_before is not None
    assert message.not_before > timezone.now() + timedelta(minutes=50)
    assert store.blocked_until is None

"""What is known by a channel's id may vanish, come back or get a new id: the results of docs/remote-ids.md (F-13)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from catalogue.models import Listing, ListingVariant
from channels.contract.registry import specs
from channels.models import Connection, OutboxMessage, SyncStream
from channels.pull.single_records import request_orders, request_products
from channels.stores import connect, pull_jobs, services
from inventory.models import StockItem
from inventory.services import adjust as stock
from oms.kit.authors.actors import SYSTEM
from oms.kit.models import Problem
from orders.choices import OrderStatus
from orders.inbound import vanished
from orders.models import Carrier, Order, OrderEvent
from orders.services import packing
from tests.support.workers import work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.fault("F-13")]
CHANNELS = ("opencart", "bigcommerce", "onbuy", "etsy")


class Shop:
    """A live store and its sandbox."""

    def __init__(self, channel: str, stack: ExitStack) -> None:
        running = stack.enter_context(specs()[channel].make_sandbox(seed="empty", products=3).serve())
        self.sandbox: Any = running.sandbox
        self.store = connect.connect(channel=channel, name="Shop", credentials=running.credentials)
        work()
        services.switch_on(connection=self.store)
        for row in StockItem.objects.all():
            stock.adjust(variant=row.variant, warehouse=row.warehouse, set_to=50, reason="Count", by=SYSTEM)
        work()

    def order(self) -> Order:
        """An imported order of one unit or more, with its stock allocated."""
        number = str(self.sandbox.place_order()["order_id"])
        request_orders(self.store, [number])
        work()
        order = Order.objects.get(connection=self.store, external_id=number)
        assert (order.status, order.allocation) == (OrderStatus.NEW, "full")
        return order

    def allocated(self) -> int:
        return sum(StockItem.objects.values_list("allocated", flat=True))


@pytest.fixture(params=CHANNELS)
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    with ExitStack() as stack:
        yield Shop(request.param, stack)


def by_webhook(shop: Shop, order: Order) -> None:
    """What a webhook of the channel does: the order is asked for by its id."""
    request_orders(shop.store, [order.external_id])
    work()


def by_sync_of_the_id(shop: Shop, order: Order) -> None:
    pull_jobs.ask_orders(connection=shop.store, numbers=[order.external_id])
    work()


def by_the_daily_check(shop: Shop, order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(read_at=timezone.now() - timedelta(days=2))
    vanished.check_open_orders()
    work()


WAYS: dict[str, Callable[[Shop, Order], None]] = {
    "webhook": by_webhook,
    "sync of the id": by_sync_of_the_id,
    "daily check": by_the_daily_check,
}


def problems(order: Order) -> list[str]:
    rows = Problem.objects.open().filter(subject_kind="order", subject_id=order.pk)
    return sorted(rows.values_list("code", flat=True))


def test_an_order_that_is_deleted_before_packing_is_cancelled(shop: Shop) -> None:
    for way, notice in WAYS.items():
        order = shop.order()
        shop.sandbox.delete_order(order.external_id)

        notice(shop, order)

        order.refresh_from_db()
        assert (order.status, shop.allocated(), problems(order)) == (OrderStatus.CANCELLED, 0, []), way
        assert (
            OrderEvent.objects.filter(order=order, text="Deleted on Shop, so it was cancelled").count() == 1
        )
        notice(shop, order)  # a second time changes nothing
        assert OrderEvent.objects.filter(order=order, kind="cancel").count() == 1, way


def packed(shop: Shop) -> Order:
    order = shop.order()
    carrier, _made = Carrier.objects.get_or_create(name="Royal Mail", defaults={"key": "royal mail"})
    packing.release([order.pk], by=SYSTEM)
    order.shipments.update(carrier=carrier)
    packing.pack([order.pk], by=SYSTEM)
    order.refresh_from_db()
    assert order.status == OrderStatus.PACKED
    return order


def test_an_order_that_is_deleted_after_packing_has_a_problem_that_blocks_shipping(shop: Shop) -> None:
    order = packed(shop)
    held = shop.allocated()
    shop.sandbox.delete_order(order.external_id)

    by_webhook(shop, order)

    order.refresh_from_db()
    assert (order.status, shop.allocated(), problems(order)) == (OrderStatus.PACKED, held, ["deleted_there"])
    [outcome] = packing.mark_ready_to_ship([order.pk], tracking={}, by=SYSTEM)
    assert not outcome.ok
    assert not OutboxMessage.objects.filter(topic="ready_to_ship", group=order.pk).exists()


def test_the_answer_to_a_push_shows_that_an_order_is_deleted(shop: Shop) -> None:
    order = packed(shop)
    shop.sandbox.delete_order(order.external_id)

    [outcome] = packing.mark_ready_to_ship(
        [order.pk], tracking={order.pk: (None, "AB123456789GB")}, by=SYSTEM
    )
    assert outcome.ok
    work()

    order.refresh_from_db()
    assert order.status == OrderStatus.READY_TO_SHIP
    message = OutboxMessage.objects.filter(topic="ready_to_ship", group=order.pk).first()
    if message is None or not message.attempts:  # this channel is told at the manifest
        by_webhook(shop, order)
        assert problems(order) == ["deleted_there"]
        return
    assert set(problems(order)) >= {"deleted_there", "refused_there"}


def test_a_product_that_is_deleted_has_no_listing_and_comes_back_with_it(shop: Shop) -> None:
    listing = Listing.objects.filter(connection=shop.store).order_by("pk")[0]
    before = listing.external_id
    shop.sandbox.delete_product(before)

    request_products(shop.store, [before])
    work()

    listing.refresh_from_db()
    assert (listing.state, listing.product.is_archived) == (Listing.State.REMOVED, False)
    answers = set(ListingVariant.objects.filter(listing=listing).values_list("answer", flat=True))
    assert answers == {"No longer on the store."}
    assert Listing.objects.filter(connection=shop.store, state=Listing.State.ACTIVE).count() == 2
    assert (
        not SyncStream.objects.filter(connection=shop.store, name="products").exclude(wanted_ids=[]).exists()
    )
    assert Connection.objects.get(pk=shop.store.pk).state == Connection.State.ACTIVE


@pytest.mark.parametrize("shop", [each for each in CHANNELS if each != "onbuy"], indirect=True)
def test_a_product_that_gets_a_new_id_keeps_its_listing(shop: Shop) -> None:
    """OnBuy's id of a listing is its SKU, so it cannot get another one."""
    listing = Listing.objects.filter(connection=shop.store).order_by("pk")[0]
    [sku] = ListingVariant.objects.filter(listing=listing).values_list("external_sku", flat=True)
    new_id = str(shop.sandbox.recreate_product(listing.external_id)["id"])
    assert new_id != listing.external_id

    pull_jobs.ask_products(connection=shop.store)
    work()

    found = ListingVariant.objects.get(connection=shop.store, external_sku=sku)
    assert (found.listing.external_id, found.listing.state) == (new_id, Listing.State.ACTIVE)
    assert found.listing.product_id == listing.product_id
    assert Listing.objects.filter(connection=shop.store).count() == 3
    assert not Problem.objects.open().exists()


def test_a_product_that_is_deleted_is_noticed_by_the_answer_to_its_stock(shop: Shop) -> None:
    listing = Listing.objects.filter(connection=shop.store).order_by("pk")[0]
    shop.sandbox.delete_product(listing.external_id)
    item = StockItem.objects.get(variant=ListingVariant.objects.get(listing=listing).variant)
    stock.adjust(variant=item.variant, warehouse=item.warehouse, set_to=7, reason="Count", by=SYSTEM)

    work()

    listing.refresh_from_db()
    assert listing.state == Listing.State.REMOVED

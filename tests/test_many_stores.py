"""One SKU on four channels, over real HTTP against the four sandboxes: what one sells, the others no longer offer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.db.models import Count
from django.utils import timezone

from catalogue.models import ListingVariant, Variant
from channels.contract.records.pages import PullQuery
from channels.contract.registry import specs
from channels.models import Connection, OutboxMessage, SyncStream
from channels.pull import runner
from channels.stores import connect, services
from channels.stores.health.health_text import health_of
from inventory.models import StockItem
from inventory.services import adjust as stock
from oms.kit.authors.actors import SYSTEM
from orders.models import Order
from tests.support.workers import work
from tests.test_main_flow import broken_invariants

pytestmark = pytest.mark.django_db(transaction=True)
CHANNELS = ("opencart", "bigcommerce", "onbuy", "etsy")


@pytest.fixture
def shops() -> Iterator[dict[str, Any]]:
    with ExitStack() as stack:
        running = {}
        for channel in CHANNELS:
            make = specs()[channel].make_sandbox
            running[channel] = stack.enter_context(make(seed="demo").serve())
        yield running


@pytest.fixture
def stores(shops: dict[str, Any]) -> dict[str, Connection]:
    made = {}
    for channel, running in shops.items():
        made[channel] = connect.connect(
            channel=channel, name=channel.title(), credentials=running.credentials
        )
        work()
    for connection in made.values():
        services.switch_on(connection=connection)
    work()
    return made


def shared_sku() -> Variant:
    """A single product that all four stores list, with more than three units free."""
    rows = Variant.objects.annotate(stores=Count("listing_variants__connection", distinct=True))
    rows = rows.filter(
        stores=len(CHANNELS), product__kind="single", stock_items__on_hand__gte=5, stock_items__allocated=0
    )
    return rows.order_by("pk")[0]


def shown(connection: Connection, variant: Variant) -> int | None:
    """What the channel says that it offers, asked through its own API."""
    listed = ListingVariant.objects.select_related("listing").get(connection=connection, variant=variant)
    page = runner.adapter_of(connection).pull_products(PullQuery(ids=(listed.listing.external_id,)))
    for record in page.records:
        for row in record.variants:
            if row.external_id == listed.external_id:
                return row.quantity
    return None


@pytest.mark.req("R-CAT-03", "R-CONN-09", "R-INV-01")
def test_a_sale_in_one_store_lowers_stock_in_all_others(
    shops: dict[str, Any], stores: dict[str, Connection]
) -> None:
    variant = shared_sku()
    shelf = StockItem.objects.get(variant=variant)
    assert {channel: shown(store, variant) for channel, store in stores.items()} == dict.fromkeys(
        CHANNELS, shelf.available
    )

    listed = ListingVariant.objects.get(connection=stores["opencart"], variant=variant)
    placed = shops["opencart"].sandbox.buy(listed.external_id, 2)
    services.refresh_now(connection=stores["opencart"], stream="orders.new")
    work()

    order = Order.objects.get(connection=stores["opencart"], external_id=str(placed["order_id"]))
    shelf.refresh_from_db()
    assert (order.status, shelf.allocated) == ("new", 2)
    assert {channel: shown(store, variant) for channel, store in stores.items()} == dict.fromkeys(
        CHANNELS, shelf.on_hand - 2
    )
    assert broken_invariants() == []


@pytest.mark.req("R-INV-01", "R-INV-07")
def test_the_last_unit_is_removed_and_returned_in_all_stores(stores: dict[str, Connection]) -> None:
    """Etsy takes a listing at zero off and on again by itself; the other three show 0."""
    variant = shared_sku()
    warehouse = StockItem.objects.get(variant=variant).warehouse
    stock.adjust(variant=variant, warehouse=warehouse, set_to=0, reason="Sold at the market", by=SYSTEM)
    work()
    gone = {channel: shown(store, variant) for channel, store in stores.items()}
    assert {gone["opencart"], gone["bigcommerce"], gone["onbuy"]} == {0}
    assert (
        not gone["etsy"] or stores["etsy"].listings.filter(product=variant.product, state="inactive").exists()
    )

    stock.adjust(variant=variant, warehouse=warehouse, set_to=6, reason="Found in the van", by=SYSTEM)
    work()
    assert {channel: shown(store, variant) for channel, store in stores.items()} == dict.fromkeys(CHANNELS, 6)
    assert broken_invariants() == []


@pytest.mark.req("R-CONN-07", "R-CONN-09")
def test_an_account_is_connected_once_and_an_invalid_key_stops_only_its_store(
    shops: dict[str, Any], stores: dict[str, Connection]
) -> None:
    for channel, running in shops.items():
        with pytest.raises(connect.StoreError, match="already connected as"):
            connect.connect(channel=channel, name="Once more", credentials=running.credentials)
    assert Connection.objects.count() == len(CHANNELS)

    shops["opencart"].sandbox.configure(disabled=True)
    for store in stores.values():
        services.refresh_now(connection=store, stream="orders.new")
    work()

    states = dict(Connection.objects.values_list("channel", "state"))
    assert states.pop("opencart") == "needs_seller"
    assert set(states.values()) == {"active"}
    assert "switched off in the shop" in Connection.objects.get(channel="opencart").state_reason


#: One store of each channel in trouble, each another way; what its page calls it.
TROUBLES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "opencart": (lambda sandbox: sandbox.inject("drop", times=None), "Retrying"),
    "bigcommerce": (lambda sandbox: sandbox.configure(maintenance=True), "Retrying"),
    "onbuy": (lambda sandbox: sandbox.change_keys("another"), "Needs reconnecting"),
    "etsy": (lambda sandbox: sandbox.inject("rate_limit", times=None, retry_after=3600), "Waiting"),
}


@pytest.mark.slow
@pytest.mark.req("R-CONN-09", "R-ORD-01", "R-INV-01", "R-PLUS-22")
def test_four_failing_stores_do_not_slow_sixteen_others() -> None:
    """Sixteen go on as if nothing were; a store in trouble is asked a few times in that minute, and then left alone."""
    with ExitStack() as stack:
        sides: list[tuple[Connection, Any]] = []
        for number in range(5):
            for channel in CHANNELS:
                make = specs()[channel].make_sandbox
                running = stack.enter_context(make(seed="empty", products=1, orders=1).serve())
                name = f"{channel} {number}"
                store = connect.connect(channel=channel, name=name, credentials=running.credentials)
                sides.append((store, running.sandbox))
        work()
        for store, _shop in sides:
            services.switch_on(connection=store)
        work()
        assert set(Connection.objects.values_list("state", flat=True)) == {"active"}
        before = dict(Order.objects.order_by().values_list("connection").annotate(n=Count("pk")))
        assert before == {store.pk: 1 for store, _shop in sides}

        broken = sides[: len(CHANNELS)]
        for store, shop in broken:
            TROUBLES[store.channel][0](shop)
        placed = {store.pk: str(shop.place_order()["order_id"]) for store, shop in sides}
        item = Variant.objects.filter(listing_variants__connection=sides[-1][0])[0]
        shelf = StockItem.objects.get(variant=item)
        stock.adjust(variant=item, warehouse=shelf.warehouse, set_to=9, reason="Counted", by=SYSTEM)
        asked = {store.pk: len(shop.requests) for store, shop in sides}
        SyncStream.objects.filter(name="orders.new").update(due_at=timezone.now(), not_before=None)
        work()

        for store, shop in sides:
            store.refresh_from_db()
            came = Order.objects.filter(connection=store, external_id=placed[store.pk]).exists()
            waits = OutboxMessage.objects.filter(connection=store).unsent().exists()
            if (store, shop) in broken:
                assert (health_of(store).word, came) == (TROUBLES[store.channel][1], False), store
                assert len(shop.requests) - asked[store.pk] <= 6, store
            else:
                assert (health_of(store).word, came, waits) == ("OK", True, False), store
        assert broken_invariants() == []

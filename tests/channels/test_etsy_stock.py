"""Stock of an Etsy shop as a seller sees it: the cap of 999, and whose word it is that a listing is off sale (§6)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from catalogue.models import Listing, ListingVariant
from catalogue.services.listing_state import set_listing_active
from channels.models import Connection, ConnectorState
from channels.sandbox.server import Running
from channels.stores.pull_jobs import ask_products
from inventory.models import StockItem
from inventory.services import adjust as stock
from oms.kit.authors.actors import SYSTEM
from oms.kit.background import jobs
from oms.kit.models import Job
from tests import factories
from tests.support.etsy import asked, connected_store, remote, send, shop

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-INV-01")]


@pytest.fixture
def etsy() -> Iterator[Running]:
    with shop(per_second=10_000) as running:
        yield running


@pytest.fixture
def store(etsy: Running) -> Connection:
    """A store with the SKU MUG, 8 of it here and there."""
    row = etsy.sandbox.shop.add_listing("Mug", [{"sku": "MUG", "price": "9.00", "quantity": 8}])
    store = connected_store(etsy, maps={"leeds": 1})
    item = factories.listed("MUG", store, external_id=str(row["listing_id"]))
    assert item.variant is not None
    factories.shelf(item.variant, on_hand=8)
    return store


def count(store: Connection, units: int) -> None:
    """Somebody counts the shelf; the stores are told."""
    item = StockItem.objects.get(variant__sku="MUG")
    stock.adjust(variant=item.variant, warehouse=item.warehouse, set_to=units, reason="Counted", by=SYSTEM)
    send(store)


def test_999_is_the_most_that_etsy_shows_and_the_page_says_so(store: Connection, etsy: Running) -> None:
    count(store, 4000)

    assert remote(etsy, "MUG") == ("active", 999)
    listed = ListingVariant.objects.get(connection=store)
    assert listed.sent_quantity == 999  # what is shown, so that a look at Etsy finds no difference
    get_user_model().objects.create_superuser("olga", password="secret")
    client = Client()
    client.login(username="olga", password="secret")
    page = client.get(reverse("admin:explain", args=[listed.pk])).content.decode()
    assert "he channel shows at most 999" in page
    assert "4,000" in page

    count(store, 998)
    assert remote(etsy, "MUG") == ("active", 998)
    assert "shows at most" not in client.get(reverse("admin:explain", args=[listed.pk])).content.decode()


def test_zero_is_off_sale_by_us_and_stock_brings_it_back(store: Connection, etsy: Running) -> None:
    count(store, 0)
    assert remote(etsy, "MUG")[0] == "inactive"
    assert [mark.name for mark in ConnectorState.objects.filter(connection=store)] == ["zero"]

    count(store, 3)

    assert remote(etsy, "MUG") == ("active", 3)
    assert not ConnectorState.objects.exists()


def test_a_listing_that_the_seller_switched_off_at_etsy_stays_off_when_stock_comes(
    store: Connection, etsy: Running
) -> None:
    listing, _product = etsy.sandbox.shop.find_product("MUG")
    listing["state"] = "inactive"

    count(store, 0)
    count(store, 12)

    assert remote(etsy, "MUG") == ("inactive", 12)
    assert asked(etsy, "PATCH", "/listings") == []


def test_one_that_was_switched_off_here_stays_off_too(store: Connection, etsy: Running) -> None:
    count(store, 0)
    set_listing_active(Listing.objects.get(connection=store), active=False)
    send(store)
    assert not ConnectorState.objects.exists()  # from now on it is the person's word

    count(store, 5)

    assert remote(etsy, "MUG") == ("inactive", 5)


@pytest.mark.req("R-CAT-10")
def test_switching_on_without_stock_sells_no_figure_of_before(store: Connection, etsy: Running) -> None:
    """Etsy refuses to be told zero, so a listing that is off sale still has what it showed last."""
    listing = Listing.objects.get(connection=store)
    count(store, 0)
    set_listing_active(listing, active=False)
    send(store)
    assert remote(etsy, "MUG") == ("inactive", 8)

    set_listing_active(listing, active=True)
    send(store)
    send(store)  # the figures, told again

    assert remote(etsy, "MUG")[0] == "inactive"
    assert ConnectorState.objects.filter(connection=store, name="zero").count() == 1
    count(store, 4)
    assert remote(etsy, "MUG") == ("active", 4)


@pytest.mark.req("R-CAT-10")
def test_what_is_off_for_want_of_stock_is_read_as_switched_on(store: Connection, etsy: Running) -> None:
    """It comes back by itself; off is what a person switches off."""
    count(store, 0)
    listing = Listing.objects.get(connection=store)

    ask_products(connection=store, ids=[listing.external_id])
    job = Job.objects.latest("pk")
    while jobs.work(job.pk):
        pass

    listing.refresh_from_db()
    assert listing.state == Listing.State.ACTIVE
    set_listing_active(listing, active=False)
    send(store)
    count(store, 4)
    assert remote(etsy, "MUG") == ("inactive", 4)


def test_what_the_seller_put_on_sale_again_meanwhile_is_not_ours_any_more(
    store: Connection, etsy: Running
) -> None:
    count(store, 0)
    listing, product = etsy.sandbox.shop.find_product("MUG")
    listing["state"], product["offerings"][0]["quantity"] = "active", 2

    count(store, 7)
    assert remote(etsy, "MUG") == ("active", 7)
    assert not ConnectorState.objects.exists()
    listing["state"] = "inactive"  # now it is theirs
    count(store, 9)

    assert remote(etsy, "MUG") == ("inactive", 9)


@pytest.mark.parametrize("state", ["sold_out", "expired"])
def test_what_costs_a_fee_is_never_done_unasked(store: Connection, etsy: Running, state: str) -> None:
    listing, _product = etsy.sandbox.shop.find_product("MUG")
    listing["state"] = state

    count(store, 20)

    assert (listing["state"], etsy.sandbox.shop.counters.get("fees", 0)) == (state, 0)
    [message] = store.messages.filter(topic="stock").parked()
    assert "costs Etsy's fee" in message.last_error
    store.options = {"renew_sold_out": True}
    store.save(update_fields=["options"])
    count(store, 21)
    assert (remote(etsy, "MUG"), etsy.sandbox.shop.counters["fees"]) == (("active", 21), 1)
    assert not store.messages.filter(topic="stock").parked().exists()

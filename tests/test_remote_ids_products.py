"""Products, variants, options and listings whose ids vanish, come back, change or are merged (docs/remote-ids.md, F-13)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from catalogue.models import Listing, ListingVariant, Product, Variant
from inventory.models import StockItem
from oms.kit.models import Problem
from tests.support.id_shops import CHANNELS, LARGE, SMALL, Shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.fault("F-13")]
REMOVED, ACTIVE = Listing.State.REMOVED, Listing.State.ACTIVE
Way = Callable[[Shop, str], object]
WAYS: dict[str, Way] = {
    "webhook": lambda shop, _id: shop.webhook(),
    "poll": lambda shop, _id: shop.poll(),
    "sync of the id": lambda shop, external_id: shop.sync_product(external_id),
    "whole import": lambda shop, _id: shop.sync_products(),
}
GONE = "No longer on the store."


@pytest.fixture(params=CHANNELS)
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    with ExitStack() as stack:
        yield Shop(request.param, stack)


def ways(shop: Shop) -> dict[str, Way]:
    """Return the ways of this channel. Only BigCommerce calls for products."""
    return {name: way for name, way in WAYS.items() if name != "webhook" or shop.channel == "bigcommerce"}


def counts() -> tuple[int, int, int]:
    return Product.objects.count(), Variant.objects.count(), ListingVariant.objects.count()


def test_a_deleted_product_is_noticed_in_each_way_and_comes_back_with_its_id(shop: Shop) -> None:
    sku, before = shop.singles[0], counts()
    for name, notice in ways(shop).items():
        shop.webhook()
        external_id = shop.listing(sku).external_id
        shop.sandbox.delete_product(external_id)

        notice(shop, external_id)

        assert (shop.listing(sku).state, shop.listed(sku).answer) == (REMOVED, GONE), name
        assert Listing.objects.filter(state=REMOVED).count() == 1, name
        shop.sandbox.restore_product(external_id)
        shop.sync_products()
        assert (shop.listing(sku).state, shop.listed(sku).answer) == (ACTIVE, ""), name
    assert (counts(), shop.problems()) == (before, [])


def test_the_answer_to_stock_shows_that_a_product_is_deleted(shop: Shop) -> None:
    sku = shop.singles[0]
    shop.sandbox.delete_product(shop.listing(sku).external_id)
    shop.set_stock(sku, 7)

    shop.poll()

    assert shop.listing(sku).state == REMOVED
    assert StockItem.objects.get(variant__sku=sku).on_hand == 7


def test_a_product_that_gets_a_new_id_keeps_its_listing_in_each_way(shop: Shop) -> None:
    """OnBuy's id of a listing is its SKU: there the numbers of listing and product are new, and nothing changes."""
    sku, before = shop.singles[0], counts()
    for name, notice in ways(shop).items():
        shop.webhook()
        listing = shop.listing(sku)
        new_id = str(shop.sandbox.recreate_product(listing.external_id)["id"])

        notice(shop, new_id)
        shop.sync_product(new_id)

        found = shop.listing(sku)
        assert (found.pk, found.external_id, found.state) == (listing.pk, new_id, ACTIVE), name
    shop.set_stock(sku, 9)
    shop.poll()
    assert (counts(), shop.problems(), shop.listed(sku).sent_quantity) == (before, [], 9)


@pytest.mark.parametrize("shop", ["onbuy"], indirect=True)
def test_a_listing_whose_sku_is_its_id_and_changes_is_another_listing(shop: Shop) -> None:
    sku = shop.singles[0]
    shop.sandbox.rename_sku(sku, "RENAMED")

    shop.sync_products()

    assert (shop.listing(sku).state, shop.listing("RENAMED").state) == (REMOVED, ACTIVE)
    assert shop.listing("RENAMED").product_id != shop.listing(sku).product_id


def test_products_that_are_merged_keep_their_skus(shop: Shop) -> None:
    """The SKU of the deleted one is a variant of the other one; OnBuy merges products of its catalogue, not listings."""
    sku, other = shop.singles[0], shop.singles[1]
    variants = {each: shop.listed(each).variant_id for each in (sku, other)}
    shop.sandbox.merge_products(shop.listing(sku).external_id, shop.listing(other).external_id)

    shop.sync_product(shop.listing(other).external_id)
    shop.sync_product(shop.listing(sku).external_id)
    shop.sync_products()

    assert {each: shop.listed(each).variant_id for each in (sku, other)} == variants
    assert {shop.listing(each).state for each in (sku, other)} == {ACTIVE}
    assert shop.listed(sku).answer == shop.listed(other).answer == ""
    assert (Variant.objects.count(), StockItem.objects.filter(on_hand=50).count()) == (5, 5)
    assert not Problem.objects.open().exists()
    shop.set_stock(sku, 6)
    shop.poll()
    assert shop.listed(sku).sent_quantity == 6


def test_a_variant_vanishes_and_comes_back(shop: Shop) -> None:
    before = counts()
    for name, notice in ways(shop).items():
        if shop.channel == "opencart" and name == "whole import":
            continue  # OpenCart's group products cannot be imported again by hand
        shop.webhook()
        external_id = SMALL if shop.channel == "onbuy" else shop.listing(SMALL).external_id
        shop.sandbox.delete_variant(SMALL)

        notice(shop, external_id)

        assert (shop.listed(SMALL).answer, shop.listed(LARGE).answer) == (GONE, ""), name
        assert shop.listing(LARGE).state == ACTIVE, name
        shop.sandbox.restore_variant(SMALL)
        shop.sync_product(external_id)
        assert shop.listed(SMALL).answer == "", name
    assert (counts(), shop.problems()) == (before, [])


@pytest.mark.parametrize("kind", ["variant", "option"])
def test_a_variant_or_an_option_that_gets_a_new_id_keeps_its_sku(shop: Shop, kind: str) -> None:
    """OnBuy has no options; the id of a variant is its SKU."""
    if shop.channel == "onbuy" and kind == "option":
        assert not hasattr(shop.sandbox, "recreate_option")
        return
    before, rows = counts(), {sku: shop.listed(sku).pk for sku in (SMALL, LARGE)}
    for name, notice in ways(shop).items():
        if shop.channel == "opencart" and name == "whole import":
            continue
        shop.webhook()
        old = shop.listed(SMALL).external_id
        external_id = shop.listing(SMALL).external_id
        if kind == "option":
            shop.sandbox.recreate_option(external_id)
        else:
            shop.sandbox.recreate_variant(SMALL)

        notice(shop, external_id)

        assert {sku: shop.listed(sku).pk for sku in (SMALL, LARGE)} == rows, name
        assert (shop.listed(SMALL).external_id == old) == (shop.channel == "onbuy"), name
        assert (shop.listed(SMALL).answer, shop.listed(LARGE).answer) == ("", ""), name
    shop.set_stock(SMALL, 3)
    shop.poll()
    assert (counts(), shop.problems(), shop.listed(SMALL).sent_quantity) == (before, [], 3)


@pytest.mark.parametrize("shop", ["opencart", "bigcommerce", "etsy"], indirect=True)
def test_variants_that_are_merged_leave_the_other_one(shop: Shop) -> None:
    shop.sandbox.merge_variants(SMALL, LARGE)

    shop.sync_product(shop.listing(LARGE).external_id)

    assert (shop.listed(SMALL).answer, shop.listed(LARGE).answer) == (GONE, "")
    on_hand = dict(
        StockItem.objects.filter(variant__sku__in=(SMALL, LARGE)).values_list("variant__sku", "on_hand")
    )
    assert on_hand == {SMALL: 50, LARGE: 50}  # Manifold's stock is counted, and is not changed by a store


def test_a_variant_that_vanishes_is_noticed_by_the_answer_to_its_stock(shop: Shop) -> None:
    shop.sandbox.delete_variant(SMALL)
    shop.set_stock(SMALL, 4)
    shop.set_stock(LARGE, 5)

    shop.poll()

    assert (shop.listed(SMALL).answer, shop.listed(LARGE).sent_quantity) == (GONE, 5)

"""Names and pictures that change on a channel are taken over, where the channel's products are followed (R-CAT-07)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from catalogue.models import ListingVariant, Product, ProductImage
from channels.contract.registry import specs
from channels.contract.spec import Capability, Support
from channels.models import Connection
from tests import factories
from tests.catalogue.records import pull, record, variant_record

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-CAT-07")]


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Connection:
    """A store of a channel whose products are followed."""
    spec = specs()["opencart"]
    can = {**spec.capabilities, Capability.AUTO_UPDATE_PRODUCTS: Support(True)}
    followed = replace(spec, capabilities=can)
    monkeypatch.setattr(Connection, "spec", property(lambda self: followed))
    return factories.store(maps={"leeds": 1})


def pictures() -> list[str]:
    return list(ProductImage.objects.filter(variant=None).order_by("position").values_list("url", flat=True))


def test_a_new_name_and_picture_are_taken_over_and_price_and_stock_are_not(shop):
    pull(shop, record("7", "MUG", 4, title="Mug", image_urls=("https://x/1.jpg",)))
    pull(shop, record("7", "MUG", 9, title="Big mug", price="99.00", image_urls=("https://x/2.jpg",)))
    variant = ListingVariant.objects.select_related("variant__product").get()
    assert variant.variant.product.title == "Big mug"
    assert pictures() == ["https://x/2.jpg"]
    assert str(variant.variant.price) == "10.0000"
    assert (variant.remote_quantity, str(variant.remote_price)) == (9, "99.0000")


def test_what_was_edited_here_stays(shop):
    pull(shop, record("7", "MUG", 4, title="Mug", image_urls=("https://x/1.jpg",)))
    Product.objects.update(title="Mine", edited_fields=["images", "title"])
    pull(shop, record("7", "MUG", 4, title="Theirs", image_urls=("https://x/2.jpg",)))
    assert Product.objects.get().title == "Mine"
    assert pictures() == ["https://x/1.jpg"]


def test_a_name_that_is_merely_another_is_not_taken_over(shop):
    """The same SKU was here first, from another store: only what changes on this one counts."""
    product = factories.product("MUG")
    Product.objects.update(title="House name")
    pull(shop, record("7", "MUG", 4, title="Mug"))
    pull(shop, record("7", "MUG", 5, title="Mug"))
    assert Product.objects.get(pk=product.pk).title == "House name"


def test_a_store_that_keeps_its_own_names_is_left_alone(shop):
    shop.options = {"keep_own_names": True}
    pull(shop, record("7", "MUG", 4, title="Mug"))
    pull(shop, record("7", "MUG", 4, title="Big mug"))
    assert Product.objects.get().title == "Mug"


def test_parts_of_a_group_come_page_by_page_and_none_is_gone(shop):
    whole = record("g", "A", 1, title="Mug")
    first = replace(whole, kind=whole.kind, variants=(variant_record("a", "A", 1),), is_part=True)
    second = replace(first, variants=(variant_record("b", "B", 2),), native={"page": 2})
    for part in (first, second, first):
        pull(shop, part)
    assert sorted(ListingVariant.objects.values_list("external_id", flat=True)) == ["a", "b"]
    assert Product.objects.count() == 1

"""Changed titles and pictures of a channel are imported where the channel or the store's setting allows it (R-CAT-07)."""

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
    """A store whose changed titles and pictures are imported."""
    spec = specs()["opencart"]
    can = {**spec.capabilities, Capability.AUTO_UPDATE_PRODUCTS: Support(True)}
    followed = replace(spec, capabilities=can)
    monkeypatch.setattr(Connection, "spec", property(lambda self: followed))
    return factories.store(maps={"leeds": 1})


def pictures() -> list[str]:
    return list(ProductImage.objects.filter(variant=None).order_by("position").values_list("url", flat=True))


def test_a_new_title_and_picture_are_imported_but_not_price_and_stock(shop):
    pull(shop, record("7", "MUG", 4, title="Mug", image_urls=("https://x/1.jpg",)))
    pull(shop, record("7", "MUG", 9, title="Big mug", price="99.00", image_urls=("https://x/2.jpg",)))
    variant = ListingVariant.objects.select_related("variant__product").get()
    assert variant.variant.product.title == "Big mug"
    assert pictures() == ["https://x/2.jpg"]
    assert str(variant.variant.price) == "10.0000"
    assert (variant.remote_quantity, str(variant.remote_price)) == (9, "99.0000")


def test_fields_edited_in_manifold_stay(shop):
    pull(shop, record("7", "MUG", 4, title="Mug", image_urls=("https://x/1.jpg",)))
    Product.objects.update(title="Mine", edited_fields=["images", "title"])
    pull(shop, record("7", "MUG", 4, title="Theirs", image_urls=("https://x/2.jpg",)))
    assert Product.objects.get().title == "Mine"
    assert pictures() == ["https://x/1.jpg"]


def test_only_a_changed_title_is_imported(shop):
    """The SKU came from another store first: its other title in this store is no change."""
    product = factories.product("MUG")
    Product.objects.update(title="House name")
    pull(shop, record("7", "MUG", 4, title="Mug"))
    pull(shop, record("7", "MUG", 5, title="Mug"))
    assert Product.objects.get(pk=product.pk).title == "House name"


def test_titles_are_not_imported_when_the_setting_is_off(shop):
    shop.options = {"keep_own_names": True}
    pull(shop, record("7", "MUG", 4, title="Mug"))
    pull(shop, record("7", "MUG", 4, title="Big mug"))
    assert Product.objects.get().title == "Mug"


def test_parts_of_a_group_on_several_pages_are_all_listed(shop):
    whole = record("g", "A", 1, title="Mug")
    first = replace(whole, kind=whole.kind, variants=(variant_record("a", "A", 1),), is_part=True)
    second = replace(first, variants=(variant_record("b", "B", 2),), native={"page": 2})
    for part in (first, second, first):
        pull(shop, part)
    assert sorted(ListingVariant.objects.values_list("external_id", flat=True)) == ["a", "b"]
    assert Product.objects.count() == 1

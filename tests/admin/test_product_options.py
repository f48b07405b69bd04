"""Options of a product on its page: SKUs made from them, single products joined to a group, SKUs released."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.test import Client

from catalogue.models import Listing
from catalogue.push.listing_drafts import draft_of
from catalogue.services import products
from inventory.models import StockItem
from tests import factories
from tests.admin.test_product_editor import LIST, do, group

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


@pytest.mark.req("R-CAT-05")
def test_skus_are_made_from_options_with_a_preview_of_their_names(owner):
    product = factories.product("TEE", title="Tee", price=Decimal(12))

    do(owner, product, "options", {"options": "Size: S, M\nColour: Red, Sky blue"})
    page = owner.get(f"{LIST}{product.pk}/", {"pattern": "TEE-{Size}-{Colour}"}).content.decode()
    assert "TEE-M-SKYBLUE" in page
    assert "TEE-S-RED" not in page.split('id="options"')[1].split("</ul>")[0]  # the first SKU has it

    said = do(owner, product, "generate", {"pattern": "TEE-{Size}-{Colour}"})
    assert said == ["3 SKUs were made."]
    product.refresh_from_db()
    assert product.kind == "group"
    assert [(one.sku, one.options, one.price) for one in product.variants.order_by("position")] == [
        ("TEE", {"Size": "S", "Colour": "Red"}, Decimal(12)),
        ("TEE-S-SKYBLUE", {"Size": "S", "Colour": "Sky blue"}, Decimal(12)),
        ("TEE-M-RED", {"Size": "M", "Colour": "Red"}, Decimal(12)),
        ("TEE-M-SKYBLUE", {"Size": "M", "Colour": "Sky blue"}, Decimal(12)),
    ]
    assert do(owner, product, "generate", {"pattern": "TEE-{Size}-{Colour}"}) == [
        "Every combination of the options has a SKU."
    ]


@pytest.mark.req("R-CAT-05")
def test_values_are_added_and_re_ordered_and_one_in_use_cannot_go(owner):
    product = group("S", "M")

    said = do(owner, product, "options", {"options": "Size: M, L"})
    assert said == ["TEE-S has the value “S” of Size. Remove that SKU first."]
    do(owner, product, "options", {"options": "Size: L, M, S"})
    assert list(product.variants.order_by("position").values_list("sku", flat=True)) == ["TEE-M", "TEE-S"]
    taken = factories.variant("TEE-L")
    said = do(owner, product, "generate", {"pattern": "TEE-{Size}"})
    assert said == ["TEE-L: This SKU is taken. Change the pattern."]
    assert (product.variants.count(), taken.product.variants.count()) == (2, 1)


@pytest.mark.req("R-CAT-05")
def test_a_sku_without_stock_is_removed_and_one_with_a_history_stays(owner):
    product = group("S", "M")
    small, medium = product.variants.order_by("position")
    factories.stocked("TEE-M", leeds=3)

    assert (
        "Remove the SKU TEE-M?"
        in owner.post(f"{LIST}{product.pk}/do/unsku/", {"variant": medium.pk}).content.decode()
    )
    assert do(owner, product, "unsku", {"variant": medium.pk, "confirmed": "1"}) == [
        "TEE-M has stock movements or orders, which stay in the history. Stop selling it instead."
    ]
    assert do(owner, product, "unsku", {"variant": small.pk, "confirmed": "1"}) == ["TEE-S was removed."]
    assert list(product.variants.values_list("sku", flat=True)) == ["TEE-M"]


@pytest.mark.req("R-CAT-05")
def test_a_single_product_joins_a_group_with_its_stock_and_listing_and_is_released_again(owner):
    tee, cap = group("S"), factories.product("TEE-X", title="Large tee")
    shop = factories.store()
    factories.stocked("TEE-X", leeds=7)
    listed = factories.listed("TEE-X", shop)
    products.edit_product(cap, {"warranty": "1 year", "images": ["https://x.example/large.png"]})
    large = cap.variants.get()

    asked = owner.post(f"{LIST}{tee.pk}/do/join/", {"sku": "tee-x", "value-0": "XL"}).content.decode()
    assert "Its title “Large tee” is not used any more" in asked
    assert "Not used any more: its warranty" in asked
    large.refresh_from_db()
    assert large.product == cap

    said = do(owner, tee, "join", {"sku": "tee-x", "value-0": "XL", "confirmed": "1"})
    assert said == ["TEE-X was joined to this group."]
    for row in (large, cap, tee):
        row.refresh_from_db()
    assert (large.product, large.options, tee.option_values) == (tee, {"Size": "XL"}, {"Size": ["S", "XL"]})
    assert (cap.is_archived, tee.images.get().variant) == (True, large)
    listing = Listing.objects.get(pk=listed.listing_id)
    assert listing.product == tee
    draft, _rows = draft_of(listing)
    assert (draft.kind, draft.title) == ("single", "Tee – XL")  # the store keeps its single listing
    assert StockItem.objects.get(variant=large).on_hand == 7

    said = do(owner, tee, "release", {"variant": large.pk, "confirmed": "1"})
    assert said == ["TEE-X is the product “Tee – XL” now."]
    large.refresh_from_db()
    assert large.product.kind == "single"
    assert (large.options, large.product.images.get().url) == ({}, "https://x.example/large.png")
    assert Listing.objects.get(pk=listed.listing_id).product == large.product
    assert StockItem.objects.get(variant=large).on_hand == 7
    assert list(tee.variants.values_list("sku", flat=True)) == ["TEE-S"]


@pytest.mark.req("R-CAT-05")
def test_what_cannot_be_joined_or_released_is_said_and_nothing_changes(owner):
    tee, other = group("S", "M"), factories.product("CAP-1", "CAP-2", title="Cap")
    factories.product("TEE-X")
    shop = factories.store("Shop")
    for variant in tee.variants.all():
        factories.listed(variant, shop)

    for data, sentence in (
        ({"sku": "NONE", "value-0": "L"}, "There is no SKU “NONE”. Enter the SKU of a single product."),
        ({"sku": "CAP-1", "value-0": "L"}, "CAP-1 belongs to the group “Cap”. Release it there first."),
        ({"sku": "TEE-X", "value-0": ""}, "Enter the Size of TEE-X."),
        ({"sku": "TEE-X", "value-0": "m"}, "TEE-M has these options already: M."),
    ):
        assert do(owner, tee, "join", {**data, "confirmed": "1"}) == [sentence]
    medium = tee.variants.get(sku="TEE-M")
    assert do(owner, tee, "release", {"variant": medium.pk, "confirmed": "1"}) == [
        "Shop lists TEE-M together with 1 other SKU. Delete that listing first."
    ]
    assert (tee.variants.count(), other.variants.count()) == (2, 2)

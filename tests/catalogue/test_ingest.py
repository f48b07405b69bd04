"""Import of products: the rows of a page, and the problems."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from catalogue import callbacks
from catalogue.models import Attribute, Brand, Listing, ListingVariant, Product, ProductImage, Variant
from channels.contract.records.products import ProductKind
from channels.models import OutboxMessage
from inventory.models import OpeningStock, StockDifference, StockItem, StockMovement
from oms.kit.models import Problem
from tests import factories
from tests.catalogue.records import pull, record, variant_record

pytestmark = pytest.mark.django_db


def problems() -> list[tuple[str, str]]:
    return list(Problem.objects.filter(resolved_at=None).order_by("code", "key").values_list("code", "key"))


@pytest.mark.req("R-CAT-01", "R-INV-06")
def test_a_new_product_is_imported_with_price_and_stock() -> None:
    shop = factories.store(maps={"leeds": 1})
    Attribute.objects.create(connection=shop, external_id="3", name="Material")
    pictures = ("https://shop.example/a.jpg", "https://shop.example/b.jpg")
    counts = pull(
        shop,
        record("7", " MUG ", 4, title="Mug", brand="Acme", image_urls=pictures, attributes={"3": "Clay"}),
    )
    assert (counts.new, counts.changed, counts.same, counts.refused) == (1, 0, 0, ())
    mug = Variant.objects.select_related("product__brand").get()
    assert (mug.sku_key, mug.price, mug.selling_price, mug.currency) == ("mug", Decimal("10.00"), None, "GBP")
    assert (mug.product.title, mug.product.kind, mug.product.edited_fields) == ("Mug", "single", [])
    assert mug.product.brand == Brand.objects.get(key="acme")
    assert mug.product.attributes == {"Material": "Clay"}  # by name, because each store has its own ids
    assert list(ProductImage.objects.filter(variant=None).values_list("url", "position")) == [
        (pictures[0], 0),
        (pictures[1], 1),
    ]
    listed = ListingVariant.objects.select_related("listing").get()
    assert (listed.listing.external_id, listed.listing.state, listed.external_id) == ("7", "active", "7")
    assert (listed.remote_quantity, listed.remote_price, listed.price) == (4, Decimal("10.00"), None)
    assert (StockItem.objects.get().on_hand, StockItem.objects.get().warehouse.code) == (4, "leeds")
    movement = StockMovement.objects.get()
    assert (movement.kind, movement.before, movement.after) == ("opening", 0, 4)
    assert (movement.reason, movement.actor) == ("Opening stock from Shop", "Shop")
    assert not OutboxMessage.objects.exists()  # the store shows this figure already


@pytest.mark.req("R-INV-06")
def test_opening_stock_of_zero_makes_no_movement() -> None:
    shop = factories.store(maps={"leeds": 1})
    pull(shop, record("7", "MUG", 0))
    assert StockItem.objects.get().on_hand == 0
    assert OpeningStock.objects.get().quantity == 0
    assert not StockMovement.objects.exists()


@pytest.mark.req("R-CAT-01", "R-ORD-06")
def test_the_same_page_again_writes_only_when_open_problems_were_imported() -> None:
    shop = factories.store(maps={"leeds": 1})
    page = [record("7", "MUG", 4), record("8", "MUG", 1), record("9", "")]
    pull(shop, *page)

    def rows() -> list[object]:
        listed = ListingVariant.objects.values()
        return [
            [{**row, "read_at": None} for row in listed],  # an unchanged figure is known to be fresh
            list(Problem.objects.values("pk", "code", "key", "message", "opened_at", "resolved_at")),
            list(Product.objects.values()),
        ]

    before = rows()
    counts = pull(shop, *page)
    assert (counts.new, counts.changed, counts.same, len(counts.refused)) == (0, 0, 1, 2)
    assert rows() == before
    assert (StockItem.objects.get().on_hand, StockMovement.objects.count()) == (4, 1)


@pytest.mark.req("R-CAT-07")
def test_a_later_import_changes_only_columns_of_the_channel() -> None:
    shop = factories.store(maps={"leeds": 1})
    pull(shop, record("7", "MUG", 4, title="Mug"))
    Product.objects.update(title="My mug", edited_fields=["title"])
    counts = pull(shop, record("7", "MUG", 9, title="Mug, new words", price="12.00", is_active=False))
    assert (counts.new, counts.changed) == (0, 1)
    listed = ListingVariant.objects.select_related("listing", "variant__product").get()
    assert (listed.listing.remote_title, listed.listing.state) == ("Mug, new words", "inactive")
    assert (listed.remote_quantity, listed.remote_price) == (9, Decimal("12.00"))
    assert (listed.variant.product.title, listed.variant.price) == ("My mug", Decimal("10.00"))
    assert StockItem.objects.get().on_hand == 4
    assert not StockDifference.objects.exists()


@pytest.mark.req("R-CAT-02")
@pytest.mark.parametrize("seed", range(6))
def test_of_duplicate_skus_the_first_by_channel_id_is_imported(seed: int) -> None:
    shop = factories.store(maps={"leeds": 1})
    page = [record("10", "mug", 1), record("9", "MUG", 2), record("101", "Mug ", 3)]
    random.Random(seed).shuffle(page)
    for one in page:
        pull(shop, one)
    listed = ListingVariant.objects.select_related("listing").get()
    assert (listed.external_id, listed.listing.external_id, listed.remote_quantity) == ("9", "9", 2)
    assert problems() == [("duplicate_sku", "10"), ("duplicate_sku", "101")]
    assert (Listing.objects.count(), Variant.objects.count()) == (1, 1)


@pytest.mark.req("R-CAT-02")
def test_duplicate_skus_in_one_page_are_rejected_with_the_reason() -> None:
    shop = factories.store(maps={"leeds": 1})
    counts = pull(shop, record("10", "MUG", 1, title="Second"), record("9", "MUG", 2))
    assert [row.external_id for row in counts.refused] == ["10"]
    problem = Problem.objects.get()
    assert problem.message == (
        "“Second” (10) has the same SKU “MUG” as “Product 9”. "
        "Change the SKU in the store, or enter a new SKU in Manifold."
    )
    assert (problem.connection_id, problem.subject_kind, problem.subject_id) == (
        shop.pk,
        "connection",
        shop.pk,
    )
    assert (problem.data["sku"], problem.data["price"], problem.data["quantity"]) == ("MUG", "10.00", 1)


@pytest.mark.req("R-CAT-02")
def test_a_fault_corrected_on_the_channel_is_resolved_by_the_next_import() -> None:
    shop = factories.store(maps={"leeds": 1})
    pull(shop, record("9", "MUG"), record("10", "MUG"), record("11", ""))
    counts = pull(shop, record("9", "MUG"), record("10", "MUG-2"), record("11", "CUP"))
    assert (counts.new, counts.same, counts.refused) == (2, 1, ())
    assert problems() == []
    assert sorted(Variant.objects.values_list("sku", flat=True)) == ["CUP", "MUG", "MUG-2"]


@pytest.mark.req("R-CAT-02")
def test_a_listing_whose_sku_becomes_a_duplicate_keeps_its_sku() -> None:
    shop = factories.store(maps={"leeds": 1})
    pull(shop, record("9", "MUG"), record("10", "CUP"))
    pull(shop, record("10", "MUG", 3))
    assert problems() == [("duplicate_sku", "10")]
    cup = ListingVariant.objects.get(external_id="10")
    assert (cup.sku_key, cup.external_sku, cup.remote_quantity) == ("cup", "CUP", 3)


@pytest.mark.req("R-CAT-03", "R-INV-06")
def test_one_sku_in_two_stores_is_one_product_with_two_listings() -> None:
    first, second = factories.store("First", maps={"leeds": 1}), factories.store("Second", maps={"leeds": 1})
    pull(first, record("7", "MUG", 4))
    pull(second, record("70", "mug", 9, price="12.00"))
    mug = Variant.objects.get()
    assert (mug.sku, mug.price) == ("MUG", Decimal("10.00"))
    assert [row.connection.name for row in mug.listing_variants.order_by("pk")] == ["First", "Second"]
    assert StockItem.objects.get().on_hand == 4  # Manifold's figure stays
    difference = StockDifference.objects.get()
    assert (difference.connection, difference.ours, difference.theirs) == (second, 4, 9)
    message = OutboxMessage.objects.get()
    assert (message.connection, message.topic, message.subject) == (
        second,
        "stock",
        difference.listing_variant_id,
    )


@pytest.mark.req("R-INV-06")
def test_a_known_sku_with_the_same_quantity_makes_no_difference() -> None:
    first, second = factories.store("First", maps={"leeds": 1}), factories.store("Second", maps={"leeds": 1})
    pull(first, record("7", "MUG", 4))
    pull(second, record("70", "MUG", 4))
    assert not StockDifference.objects.exists()
    assert not OutboxMessage.objects.exists()


@pytest.mark.req("R-CAT-04", "R-CAT-03")
def test_a_mapped_sku_is_a_listing_of_what_it_is_mapped_to() -> None:
    shop = factories.store(maps={"leeds": 1})
    mug = factories.stocked("MUG", leeds=5)
    factories.alias("TASSE", mug, shop)
    pull(shop, record("7", "tasse", 5))
    assert Variant.objects.get() == mug
    listed = mug.listing_variants.get()
    assert (listed.external_sku, listed.sku_key) == ("tasse", "tasse")


@pytest.mark.req("R-CAT-05")
def test_a_group_comes_with_options_and_variants() -> None:
    shop = factories.store(maps={"leeds": 1})
    red, blue = {"Colour": "Red"}, {"Colour": "Blue"}
    pull(
        shop,
        record(
            "7",
            title="Shirt",
            image_urls=("https://shop.example/shirt.jpg",),
            variants=(
                variant_record(
                    "7-2", "S-RED", 2, "10.00", options=red, image_url="https://shop.example/red.jpg"
                ),
                variant_record("7-1", "S-BLUE", 3, "11.00", options=blue),
            ),
        ),
    )
    product = Product.objects.get()
    assert (product.kind, product.option_names) == ("group", ["Colour"])
    assert [(v.sku, v.options, v.price, v.position) for v in product.variants.all()] == [
        ("S-RED", red, Decimal("10.00"), 0),
        ("S-BLUE", blue, Decimal("11.00"), 1),
    ]
    assert list(product.images.order_by("pk").values_list("url", "variant__sku")) == [
        ("https://shop.example/shirt.jpg", None),
        ("https://shop.example/red.jpg", "S-RED"),
    ]
    assert sorted(StockItem.objects.values_list("variant__sku", "on_hand")) == [("S-BLUE", 3), ("S-RED", 2)]
    assert Listing.objects.get().remote_kind == "group"


@pytest.mark.req("R-CAT-02", "R-CAT-05")
def test_one_bad_variant_of_a_group_does_not_stop_the_others() -> None:
    shop = factories.store(maps={"leeds": 1})
    counts = pull(
        shop,
        record(
            "7", variants=(variant_record("7-1", "A"), variant_record("7-2", ""), variant_record("7-3", "a"))
        ),
    )
    assert (counts.new, counts.refused) == (1, ())
    assert problems() == [("duplicate_sku", "7-3"), ("missing_sku", "7-2")]
    assert [row.external_id for row in ListingVariant.objects.all()] == ["7-1"]


@pytest.mark.req("R-CAT-05")
def test_a_variant_that_is_added_or_removed_later() -> None:
    shop = factories.store(maps={"leeds": 1})
    pull(shop, record("7", variants=(variant_record("7-1", "A"), variant_record("7-2", "B"))))
    pull(shop, record("7", variants=(variant_record("7-1", "A"), variant_record("7-3", "C", 8))))
    rows = dict(ListingVariant.objects.values_list("sku_key", "external_id"))
    assert rows == {"a": "7-1", "b": "", "c": "7-3"}
    assert ListingVariant.objects.get(sku_key="b").answer == "No longer on the store."
    assert StockItem.objects.get(variant__sku="C").on_hand == 8
    assert StockItem.objects.get(variant__sku="B").on_hand == 5  # the stock stays


def test_a_complex_product_says_why_its_stock_is_not_sent() -> None:
    shop = factories.store(maps={"leeds": 1})
    pull(shop, record("7", "MUG", kind=ProductKind.COMPLEX, stock_blocked="Two options share the stock."))
    listing = Listing.objects.get()
    assert (listing.remote_kind, listing.stock_blocked) == ("complex", "Two options share the stock.")
    assert Product.objects.get().kind == "single"


def test_stock_of_a_product_that_the_store_does_not_track_is_not_sent() -> None:
    shop = factories.store(maps={"leeds": 1})
    pull(shop, record("7", "MUG", None))
    assert Listing.objects.get().stock_blocked == "The store does not track its stock."
    assert Variant.objects.get().is_counted is False
    assert not StockItem.objects.exists()
    pull(shop, record("7", "MUG", 5))  # a person decides whether stock is tracked, no import
    assert Variant.objects.get().is_counted is False


@pytest.mark.req("R-CAT-14")
def test_a_store_with_another_currency_has_its_own_price() -> None:
    first, second = factories.store("First"), factories.store("Second", currency="EUR")
    pull(first, record("7", "MUG"))
    pull(second, record("8", "MUG", currency="EUR", price="13.00"))
    listed = ListingVariant.objects.get(connection=second)
    assert (listed.price, listed.remote_price) == (Decimal("13.00"), Decimal("13.00"))
    assert Variant.objects.get().currency == "GBP"


def test_a_draft_is_recognised_when_it_is_imported() -> None:
    shop = factories.store(maps={"leeds": 1})
    mug = factories.stocked("MUG", leeds=5)
    listed = factories.listed(mug, shop, external_id="1")
    Listing.objects.update(external_id="", state="draft")
    ListingVariant.objects.update(external_id="")
    pull(shop, record("7", "MUG", 5))
    listed.refresh_from_db()
    assert (listed.external_id, listed.listing.external_id, listed.listing.state) == ("7", "7", "active")
    assert Listing.objects.count() == 1


@pytest.mark.req("R-ORD-07")
def test_mapped_skus_are_reported_after_their_stock_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[object] = []

    def report(store: int | None, keys: object) -> None:
        reported.append((store, sorted(keys), StockItem.objects.count()))  # type: ignore[call-overload]

    monkeypatch.setattr(callbacks, "_mapped", [report])
    shop, other = factories.store(maps={"leeds": 1}), factories.store("Other", maps={"leeds": 1})
    pull(shop, record("7", "MUG", 5))
    pull(other, record("8", "mug", 5))
    assert reported == [(None, ["mug"], 1), (other.pk, ["mug"], 1)]


def test_a_record_without_variants_is_rejected_with_a_sentence() -> None:
    shop = factories.store(maps={"leeds": 1})
    empty = record("7", "X")
    object.__setattr__(empty, "variants", ())
    counts = pull(shop, empty)
    assert [row.reason for row in counts.refused] == ["The product has no variant that can be sold."]
    assert not Product.objects.exists()

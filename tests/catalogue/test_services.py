"""Create, edit, price, map and list products."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from catalogue.errors import CatalogueError
from catalogue.first_sync_report import section
from catalogue.models import Listing, ListingVariant, Product, SkuAlias, Variant
from catalogue.pricing import price_for
from catalogue.push import listings as push_listings
from catalogue.push import prices
from catalogue.services import listings, products, selling_prices, sku_mapping
from catalogue.services.products import NewVariant
from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import Rejected, Uncertain
from channels.contract.records.updates import ListingDraft, ListingResult, Outcome, PriceUpdate
from channels.models import Connection, OutboxMessage, RejectedRecord
from inventory.models import OpeningStock, StockItem
from inventory.services.opening_stock import OpenUnits, add_to_opening
from oms.kit.authors.actors import SYSTEM, person
from oms.kit.models import Problem
from tests import factories
from tests.catalogue.records import pull, record, variant_record

pytestmark = pytest.mark.django_db


class Catalogue(ChannelAdapter):
    """A channel that keeps listings in memory."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.drafts: list[ListingDraft] = []
        self.prices: list[PriceUpdate] = []
        self.deleted: list[str] = []
        self.existing: ListingResult | None = None
        self.error: Exception | None = None

    def create_listing(self, draft: ListingDraft) -> ListingResult:
        self.drafts.append(draft)
        if self.error:
            raise self.error
        return ListingResult(
            "50", {each.ref: f"50-{place}" for place, each in enumerate(draft.variants)}, "https://x"
        )

    def find_listing(self, draft: ListingDraft) -> ListingResult | None:
        return self.existing

    def update_listing(self, draft: ListingDraft) -> ListingResult:
        self.drafts.append(draft)
        return ListingResult(draft.external_id, {})

    def delete_listing(self, external_id: str) -> None:
        self.deleted.append(external_id)

    def push_prices(self, updates: Sequence[PriceUpdate]) -> Sequence[Outcome]:
        self.prices += updates
        return [Outcome(update.ref) for update in updates]


def waiting(topic: str) -> list[OutboxMessage]:
    return list(OutboxMessage.objects.filter(topic=topic).order_by("pk"))


@pytest.mark.req("R-CAT-05")
def test_a_group_is_created_with_its_variants() -> None:
    product = products.create_product(
        title=" Shirt ",
        brand="Acme",
        variants=[
            NewVariant("S-R", "10", "8.50", "gbp", {"Colour": "Red"}, image_url="https://x/r.jpg"),
            NewVariant("S-B", 11, None, "GBP", {"Colour": "Blue"}),
        ],
        image_urls=["https://x/1.jpg"],
    )
    assert (product.title, product.kind, product.option_names, product.brand.name if product.brand else "") == (
        "Shirt", "group", ["Colour"], "Acme",
    )  # fmt: skip
    assert [(v.sku, v.price, v.selling_price, v.currency) for v in product.variants.all()] == [
        ("S-R", Decimal(10), Decimal("8.50"), "GBP"),
        ("S-B", Decimal(11), None, "GBP"),
    ]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"title": " "}, "Enter a title."),
        ({"variants": []}, "Enter at least one SKU."),
        ({"variants": [NewVariant(" ")]}, "Enter a SKU."),
        ({"variants": [NewVariant("mug ")]}, "The SKU “mug” is taken. Enter another SKU."),
        ({"variants": [NewVariant("A"), NewVariant("a")]}, "Two variants have the same SKU."),
        (
            {"variants": [NewVariant("A"), NewVariant("B")]},
            "Each variant of a group needs a value for the same options, for example Size and Colour.",
        ),
        ({"variants": [NewVariant("A", price="-1")]}, "The price cannot be below 0: “-1”."),
        (
            {"variants": [NewVariant("A", price="ten")]},
            "“ten” is not an amount. Enter the price as a number such as 12.50.",
        ),
    ],
)
def test_a_wrong_product_is_refused_with_one_sentence(fields: dict[str, Any], sentence: str) -> None:
    factories.product("MUG")
    with pytest.raises(CatalogueError) as error:
        products.create_product(**{"title": "T", "variants": [NewVariant("A")], **fields})
    assert str(error.value) == sentence
    assert Product.objects.count() == 1


@pytest.mark.req("R-CAT-09", "R-CAT-07")
def test_an_edit_is_sent_to_every_store_that_lists_the_product() -> None:
    shop = factories.store()
    listed = factories.listed("MUG", shop)
    product = products.edit_product(
        listed.variant.product, {"title": "New", "warranty": "2 years", "description": ""}
    )
    assert product.edited_fields == ["title", "warranty"]
    listing = Listing.objects.get()
    assert listing.changed_fields == ["title"]  # this channel's listings have no warranty
    adapter = Catalogue(shop)
    assert push_listings.UpdateHandler().send(shop, waiting("listing.update"), adapter)[0].ok
    assert (adapter.drafts[0].title, adapter.drafts[0].changed) == ("New", frozenset({"title"}))
    listing.refresh_from_db()
    assert listing.changed_fields == []
    with pytest.raises(CatalogueError, match="“sku” cannot be edited here"):
        products.edit_product(product, {"sku": "X"})


@pytest.mark.req("R-PRICE-01", "R-PRICE-02")
def test_default_prices_and_prices_of_one_store() -> None:
    shop = factories.store()
    mug, cup = factories.listed("MUG", shop, external_id="7"), factories.listed("CUP", shop)
    selling_prices.set_price(mug.variant, price="12.50", selling_price="9.99")
    selling_prices.set_price(cup, price="20", selling_price="20", currency="gbp")
    adapter = Catalogue(shop)
    outcomes = prices.PriceHandler().send(shop, waiting("price"), adapter)
    assert [one.ok for one in outcomes] == [True, True]
    assert [(p.external_id, p.price, p.selling_price, p.currency) for p in adapter.prices] == [
        ("7", Decimal("12.50"), Decimal("9.99"), "GBP"),
        (cup.external_id, Decimal(20), None, "GBP"),  # no selling price: it is not below the price
    ]
    mug.refresh_from_db()
    assert (mug.sent_price, mug.sent_selling_price) == (Decimal("12.50"), Decimal("9.99"))
    line = prices.PriceHandler().plan(shop, waiting("price"))[0]
    assert (line.what, line.old, line.new) == ("Price of MUG", "12.50 / 9.99", "12.50 / 9.99")


@pytest.mark.req("R-PRICE-01")
def test_a_currency_that_the_store_does_not_have_is_refused() -> None:
    shop = factories.store()
    mug = factories.listed("MUG", shop)
    with pytest.raises(CatalogueError, match=r"Shop has no prices in USD\. Enter the price in GBP"):
        selling_prices.set_price(mug, price=1, currency="usd")
    selling_prices.set_price(mug.variant, price=1, currency="usd")
    with pytest.raises(
        CatalogueError, match=r"The price of MUG is in USD and Shop uses GBP\. Set a price for this store"
    ):
        price_for(ListingVariant.objects.get())
    adapter = Catalogue(shop)
    outcome = prices.PriceHandler().send(shop, waiting("price"), adapter)[0]
    assert isinstance(outcome.error, Rejected)
    assert adapter.prices == []


@pytest.mark.req("R-CAT-08")
def test_a_product_is_listed_on_a_store() -> None:
    shop = factories.store(maps={"leeds": 1})
    mug = factories.stocked("MUG", leeds=4)
    listing = listings.list_on_store(mug.product, shop, category_external_ids=["20"])
    adapter = Catalogue(shop)
    outcome = push_listings.CreateHandler().send(shop, waiting("listing.create"), adapter)[0]
    assert (outcome.ok, outcome.external_id) == (True, "50")
    draft = adapter.drafts[0]
    assert (draft.category_external_ids, draft.variants[0].quantity, draft.variants[0].price) == (
        ("20",),
        4,
        Decimal(10),
    )
    listing.refresh_from_db()
    listed = listing.variants.get()
    assert (listing.external_id, listing.state, listed.external_id) == ("50", "active", "50-0")
    assert (listed.sent_quantity, listed.sent_price) == (4, Decimal(10))
    with pytest.raises(CatalogueError, match="MUG is on Shop already"):
        listings.list_on_store(mug.product, shop)
    push_listings.CreateHandler().send(shop, waiting("listing.create"), adapter)
    assert len(adapter.drafts) == 1


@pytest.mark.req("R-CAT-08")
def test_after_a_lost_answer_the_listing_is_searched() -> None:
    shop = factories.store(maps={"leeds": 1})
    mug = factories.stocked("MUG", leeds=4)
    listing = listings.list_on_store(mug.product, shop)
    adapter = Catalogue(shop)
    adapter.error = Uncertain("No answer.")
    outcome = push_listings.CreateHandler().send(shop, waiting("listing.create"), adapter)[0]
    assert isinstance(outcome.error, Uncertain)
    adapter.error, adapter.existing = None, ListingResult("77", {str(listing.variants.get().pk): "77"})
    message = waiting("listing.create")[0]
    message.is_uncertain = True
    assert push_listings.CreateHandler().send(shop, [message], adapter)[0].external_id == "77"
    assert len(adapter.drafts) == 1  # not created twice


@pytest.mark.req("R-CAT-11")
def test_deleting_a_listing_keeps_the_product_which_can_be_listed_again() -> None:
    shop = factories.store(maps={"leeds": 1})
    mug = factories.stocked("MUG", connection=shop, leeds=4)
    listing = Listing.objects.get()
    listings.delete_listing(listing)
    adapter = Catalogue(shop)
    for _time in range(2):
        assert push_listings.DeleteHandler().send(shop, waiting("listing.delete"), adapter)[0].ok
    assert adapter.deleted == [listing.external_id]
    listing.refresh_from_db()
    assert (listing.state, Product.objects.count(), StockItem.objects.get().on_hand) == ("removed", 1, 4)
    again = listings.list_on_store(mug.product, shop)
    assert (again.state, again.variants.get().external_id) == ("draft", "")


def test_a_listing_deleted_while_it_is_created_is_deleted_on_the_store() -> None:
    shop = factories.store(maps={"leeds": 1})
    listing = listings.list_on_store(factories.stocked("MUG", leeds=4).product, shop)
    adapter = Catalogue(shop)
    create = adapter.create_listing

    def meanwhile(draft: ListingDraft) -> ListingResult:
        listings.delete_listing(listing)
        return create(draft)

    adapter.create_listing = meanwhile  # type: ignore[method-assign]
    push_listings.CreateHandler().send(shop, waiting("listing.create"), adapter)
    push_listings.DeleteHandler().send(shop, waiting("listing.delete"), adapter)
    assert adapter.deleted == ["50"]


@pytest.mark.req("R-CAT-04", "R-ORD-07")
def test_a_sku_is_mapped() -> None:
    shop = factories.store()
    mug, cup = factories.variant("MUG"), factories.variant("CUP")
    by = person(factories.user())
    sku_mapping.map_sku(shop, " Tasse ", mug, by)
    sku_mapping.map_sku(shop, "tasse", cup, by)
    assert list(SkuAlias.objects.values_list("sku_key", "variant__sku")) == [("tasse", "CUP")]
    with pytest.raises(CatalogueError, match="“MUG” is the SKU of another product"):
        sku_mapping.map_sku(None, "mug", cup, by)
    factories.listed(mug, shop)
    with pytest.raises(
        CatalogueError, match=r"“mug” is listed in Shop as MUG\. Merge the two products instead"
    ):
        sku_mapping.map_sku(shop, "mug", cup, by)


@pytest.mark.req("R-CAT-02")
def test_a_product_imported_with_an_entered_sku_keeps_it() -> None:
    shop = factories.store(maps={"leeds": 1})
    anna = factories.user("anna")
    bare = record("7", "", 6, title="Bare")
    pull(shop, bare)
    RejectedRecord.objects.create(connection=shop, stream="products", external_id="7", reason="x", native=b"")
    problem = Problem.objects.get()
    listed = sku_mapping.give_sku(problem=problem, sku=" BARE-1 ", by=person(anna))
    assert (listed.external_id, listed.external_sku, listed.remote_quantity) == ("7", "BARE-1", 6)
    assert StockItem.objects.get(variant__sku="BARE-1").on_hand == 6
    problem.refresh_from_db()
    assert (problem.resolved_by, problem.resolution) == (anna, "imported with the SKU BARE-1")
    assert RejectedRecord.objects.get().resolved_at is not None
    assert pull(shop, bare).same == 1
    assert pull(shop, record("7", "", 9, title="Bare")).changed == 1
    listed.refresh_from_db()
    assert (listed.external_sku, listed.remote_quantity) == ("BARE-1", 9)
    assert Problem.objects.filter(resolved_at=None).count() == 0
    with pytest.raises(CatalogueError, match="This problem is already resolved"):
        sku_mapping.give_sku(problem=problem, sku="X", by=person(anna))


@pytest.mark.req("R-CAT-02", "R-INV-06")
def test_a_product_imported_later_opens_by_the_latest_quantity() -> None:
    """An order that the later quantity had deducted already is added to it; at the first import it was not deducted yet."""
    shop = factories.store(maps={"leeds": 1})
    pull(shop, record("7", "", 6))
    Problem.objects.update(opened_at=timezone.now() - timedelta(hours=3))
    placed = timezone.now() - timedelta(hours=1)
    pull(shop, record("7", "", 4))  # two were sold meanwhile

    listed = sku_mapping.give_sku(problem=Problem.objects.get(), sku="B", by=SYSTEM)
    given = OpenUnits(line_id=1, variant_id=listed.variant_id, units=2, placed_at=placed, changed_at=placed)
    added = add_to_opening(shop, [given])

    assert added.units == {1: 2}
    assert StockItem.objects.get(variant=listed.variant_id).on_hand == 6


@pytest.mark.req("R-CAT-02", "R-INV-06")
def test_the_same_quantity_imported_again_has_a_new_time() -> None:
    shop = factories.store(maps={"leeds": 1})
    pull(shop, record("7", "", 6))
    first = Problem.objects.get().data["read_at"]
    pull(shop, record("7", "", 6))

    problem = Problem.objects.get()
    assert problem.data["read_at"] > first
    listed = sku_mapping.give_sku(problem=problem, sku="B", by=SYSTEM)
    opening = OpeningStock.objects.get(variant=listed.variant_id)
    assert opening.read_at.isoformat() == problem.data["read_at"]


@pytest.mark.req("R-CAT-02")
def test_a_duplicate_in_a_group_is_imported_with_its_own_sku() -> None:
    shop = factories.store(maps={"leeds": 1})
    pull(shop, record("7", variants=(variant_record("7-1", "A"), variant_record("7-2", "A", 3))))
    by = person(factories.user())
    with pytest.raises(CatalogueError, match="Shop already has the SKU “a”"):
        sku_mapping.give_sku(problem=Problem.objects.get(), sku="a", by=by)
    sku_mapping.give_sku(problem=Problem.objects.get(), sku="B", by=by)
    assert sorted(ListingVariant.objects.values_list("external_id", "external_sku")) == [
        ("7-1", "A"),
        ("7-2", "B"),
    ]
    assert (Listing.objects.count(), Variant.objects.filter(product__kind="group").count()) == (1, 2)


@pytest.mark.req("R-CAT-14")
def test_the_report_lists_missing_product_data() -> None:
    other = factories.store("Other", maps={"leeds": 1})
    pull(other, record("1", "CUP", price="10.00"))
    shop = factories.store(maps={"leeds": 1})
    pull(
        shop,
        record("7", "MUG", 0, price="0.00", title="Mug"),
        record("8", "CUP", 5, price="12.00", title="Cup"),
        record("9", "", title="Bare"),
        record("10", "MUG", title="Second mug"),
    )
    lines = {line["code"]: (line["count"], line["examples"]) for line in section(shop)["lines"]}
    assert lines["zero_price"] == (1, ["MUG"])
    assert lines["no_stock"] == (1, ["MUG"])
    assert lines["price_differs"] == (1, ["CUP"])
    assert lines["no_image"] == (2, ["Mug", "Product 1"])
    assert lines["no_description"][0] == lines["no_attributes"][0] == 2
    assert (lines["duplicate_sku"][0], lines["missing_sku"][0]) == (1, 1)
    assert "other_currency" not in lines

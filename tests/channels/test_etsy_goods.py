# long because: Etsy's one document of a listing is read, changed and written whole: figures, prices and drafts go through it.
"""Stock, prices and listings at Etsy: the document read, changed and written whole (`etsy.md` §5, §6)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from channels.connectors.etsy import listing_bodies, stock_prices
from channels.contract.errors import Rejected, TemporaryError, Uncertain
from channels.contract.records.pages import PullQuery
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import ListingDraft, PriceUpdate, StockUpdate, VariantDraft
from channels.models import ConnectorState
from channels.pull import runner
from channels.sandbox.server import Running
from tests import factories
from tests.support.etsy import asked, connected, shop

COLOURS = (("Cream", "MUG-CRM", 4), ("Moss", "MUG-MOS", 2), ("Ink", "MUG-INK", 5))


@pytest.fixture
def etsy() -> Iterator[Running]:
    with shop() as running:
        yield running


def group(running: Running, **options: Any) -> dict[str, Any]:
    variants = [{"sku": sku, "price": "12.50", "quantity": q, "options": [name]} for name, sku, q in COLOURS]
    row: dict[str, Any] = running.sandbox.shop.add_listing(
        "Mug", variants, options=[(200, "Primary color")], **options
    )
    return row


def single(running: Running, quantity: int = 8, **options: Any) -> dict[str, Any]:
    row: dict[str, Any] = running.sandbox.shop.add_listing(
        "Pot", [{"sku": "POT", "price": "9.00", "quantity": quantity}], **options
    )
    return row


def stock(row: dict[str, Any], quantity: int, which: int = 0) -> StockUpdate:
    product = row["inventory"]["products"][which]
    listing_id = str(row["listing_id"])
    external_id = f"{listing_id}-{product['product_id']}" if product["property_values"] else listing_id
    return StockUpdate(f"s{which}", listing_id, external_id, product["sku"], quantity)


def price(row: dict[str, Any], amount: str, selling: str | None = None, which: int = 0) -> PriceUpdate:
    update = stock(row, 0, which)
    offer = None if selling is None else Decimal(selling)
    return PriceUpdate(
        f"p{which}", update.listing_external_id, update.external_id, update.sku, Decimal(amount), offer, "EUR"
    )


def quantities(row: dict[str, Any]) -> list[int]:
    return [product["offerings"][0]["quantity"] for product in row["inventory"]["products"]]


def sent(running: Running) -> list[dict[str, Any]]:
    """Bodies of the inventory documents written."""
    return [
        json.loads(request.body)
        for request, _answer in running.sandbox.exchanges
        if request.method == "PUT" and request.path.endswith("/inventory")
    ]


# ---------------------------------------------------------------- the document


def test_one_figure_changes_and_everything_else_is_sent_back(etsy):
    row = group(etsy)
    before = json.loads(json.dumps(row["inventory"]))

    [outcome] = connected(etsy).push_stock([stock(row, 9, which=1)])

    assert outcome.ok
    assert quantities(row) == [4, 9, 5]
    [body] = sent(etsy)
    assert set(body) == {"products", *stock_prices.ON_PROPERTY}
    assert all(set(product) == {"sku", "offerings", "property_values"} for product in body["products"])
    assert all(isinstance(o["price"], float) for p in body["products"] for o in p["offerings"])
    assert all("scale_name" not in value for p in body["products"] for value in p["property_values"])
    after = row["inventory"]
    assert [p["product_id"] for p in after["products"]] == [p["product_id"] for p in before["products"]]
    assert after["sku_on_property"] == before["sku_on_property"] == [200]


@pytest.mark.req("R-INV-01")
def test_all_figures_of_a_listing_go_in_one_read_and_one_write(etsy):
    row, pot = group(etsy), single(etsy)

    outcomes = connected(etsy).push_stock([stock(row, 1), stock(pot, 3), stock(row, 2, 1), stock(row, 3, 2)])

    assert [outcome.ok for outcome in outcomes] == [True] * 4
    assert (quantities(row), quantities(pot)) == ([1, 2, 3], [3])
    assert len(asked(etsy, "PUT", "/inventory")) == len(asked(etsy, "GET", "/inventory")) == 2


def test_figures_that_part_name_their_options(etsy):
    row = group(etsy)
    for product in row["inventory"]["products"]:
        product["offerings"][0]["quantity"] = 4
    row["inventory"]["quantity_on_property"] = []

    connected(etsy).push_stock([stock(row, 4)])
    connected(etsy).push_stock([stock(row, 7)])

    [body] = sent(etsy)  # the first changed nothing and was not sent
    assert (body["quantity_on_property"], body["price_on_property"]) == ([200], [])


def test_three_options_are_said_in_the_query(etsy):
    row = etsy.sandbox.shop.add_listing(
        "Box",
        [{"sku": "B", "price": "5.00", "quantity": 2, "options": ["S", "Oak", "Matt"]}],
        options=[(513, "Size"), (514, "Wood"), (200, "Finish")],
    )

    assert connected(etsy).push_stock([stock(row, 3)])[0].ok
    assert [t for t in asked(etsy, "PUT", "/inventory") if "max_variations_supported=3" in t]


def test_a_product_with_a_new_id_is_found_by_its_sku_and_none_by_neither(etsy):
    row = group(etsy)
    update = stock(row, 6, which=2)
    row["inventory"]["products"][2]["product_id"] += 500

    renamed, unknown = connected(etsy).push_stock([update, replace(update, ref="x", sku="NOTHING")])

    assert renamed.ok
    assert isinstance(unknown.error, Rejected)
    assert quantities(row) == [4, 2, 6]


def test_more_than_999_is_shown_as_999_and_said(etsy):
    row = single(etsy)

    [outcome] = connected(etsy).push_stock([stock(row, 4000)])

    assert (outcome.ok, quantities(row)) == (True, [999])
    assert outcome.note == "Etsy shows at most 999 units; 4000 are available."


def test_a_conflict_is_read_anew_and_written_again(etsy):
    row = single(etsy)
    etsy.sandbox.inject("server_error", status=409, match="/inventory", method="PUT")

    assert connected(etsy).push_stock([stock(row, 5)])[0].ok is True
    assert quantities(row) == [5]


def test_a_fault_of_the_line_keeps_what_was_done_before_it(etsy):
    first, second = single(etsy), single(etsy)
    etsy.sandbox.inject("server_error", match=f"/listings/{second['listing_id']}/inventory", times=9)

    done, failed = connected(etsy).push_stock([stock(first, 1), replace(stock(second, 2), ref="s9")])

    assert done.ok
    assert isinstance(failed.error, TemporaryError)
    assert (quantities(first), quantities(second)) == ([1], [8])


# ---------------------------------------------------------------- zero


@pytest.mark.req("R-INV-01")
@pytest.mark.django_db
def test_without_any_stock_the_listing_goes_off_sale_and_comes_back_with_the_right_figures(etsy):
    row = group(etsy)
    store = factories.store(channel="etsy", credentials=etsy.credentials, currency="EUR")
    adapter = runner.adapter_of(store)

    adapter.push_stock([stock(row, 0), stock(row, 0, 1), stock(row, 0, 2)])

    assert row["state"] == "inactive"
    assert ConnectorState.objects.filter(connection=store, key=str(row["listing_id"])).count() == 1
    assert sent(etsy) == []
    [record] = adapter.pull_products(PullQuery(ids=(str(row["listing_id"]),))).records
    assert [variant.quantity for variant in record.variants] == [0, 0, 0]

    adapter.push_stock([stock(row, 6, 1)])  # another worker's adapter would read the same mark

    assert (row["state"], quantities(row)) == ("active", [0, 6, 0])  # not what Etsy still had of the others
    assert not ConnectorState.objects.exists()


def test_one_variation_may_be_at_zero(etsy):
    row = group(etsy)

    connected(etsy).push_stock([stock(row, 0)])

    assert (row["state"], quantities(row)) == ("active", [0, 2, 5])


def test_a_listing_that_the_seller_took_off_is_not_put_on_sale(etsy):
    row = single(etsy, state="inactive")
    adapter = connected(etsy)

    adapter.push_stock([stock(row, 0)])
    adapter.push_stock([stock(row, 5)])

    assert (row["state"], quantities(row)) == ("inactive", [5])
    assert asked(etsy, "PATCH", "/listings") == []


def test_a_price_for_a_listing_that_we_took_off_does_not_put_it_on_sale(etsy):
    row = single(etsy)
    adapter = connected(etsy)
    adapter.push_stock([stock(row, 0)])

    assert adapter.push_prices([price(row, "11.00")])[0].ok
    assert row["state"] == "inactive"
    adapter.push_stock([stock(row, 3)])
    assert (row["state"], quantities(row)) == ("active", [3])


def test_switching_on_what_we_took_off_waits_for_its_stock(etsy):
    row = single(etsy)
    adapter = connected(etsy)
    adapter.push_stock([stock(row, 0)])

    adapter.set_listing_active(str(row["listing_id"]), active=True)

    assert (row["state"], quantities(row)) == ("inactive", [8])  # Etsy's figure of before is not sold
    adapter.push_stock([stock(row, 3)])
    assert (row["state"], quantities(row)) == ("active", [3])


def test_a_draft_without_stock_is_not_put_on_sale(etsy):
    wanted = draft()
    adapter = connected(etsy)
    made = adapter.create_listing(replace(wanted, variants=(replace(wanted.variants[0], quantity=0),)))
    row = etsy.sandbox.shop.listings[made.external_id]
    etsy.sandbox.shop.add_image(row, "thing.jpg", 1)

    with pytest.raises(Rejected, match="Nothing of it is in stock in Manifold"):
        adapter.set_listing_active(made.external_id, active=True)

    assert (row["state"], quantities(row)) == ("draft", [1])  # Etsy takes no document without stock
    adapter.push_stock([replace(stock(row, 6), sku="NEW-1")])
    adapter.set_listing_active(made.external_id, active=True)
    assert (row["state"], quantities(row)) == ("active", [6])


def test_a_sold_out_listing_costs_a_fee_and_is_renewed_only_where_the_store_allows_it(etsy):
    row = single(etsy)
    row["state"] = "sold_out"

    [refused] = connected(etsy).push_stock([stock(row, 5)])
    assert isinstance(refused.error, Rejected)
    assert "fee" in str(refused.error)
    assert (row["state"], etsy.sandbox.shop.counters.get("fees", 0)) == ("sold_out", 0)

    [allowed] = connected(etsy, options={"renew_sold_out": True}).push_stock([stock(row, 5)])
    assert allowed.ok
    assert (row["state"], quantities(row), etsy.sandbox.shop.counters["fees"]) == ("active", [5], 1)


# ---------------------------------------------------------------- prices


@pytest.mark.req("R-PRICE-02")
def test_the_selling_price_is_the_price(etsy):
    row = group(etsy)

    outcomes = connected(etsy).push_prices([price(row, "15.00", "13.40", 1), price(row, "15.00", None, 2)])

    assert [outcome.ok for outcome in outcomes] == [True, True]
    shown = [product["offerings"][0]["price"]["amount"] for product in row["inventory"]["products"]]
    assert (shown, row["inventory"]["price_on_property"]) == ([1250, 1340, 1500], [200])
    assert quantities(row) == [4, 2, 5]


@pytest.mark.parametrize("amount", ["9.00", "11.00"])
def test_a_price_of_a_sold_out_listing_says_why_it_cannot_be_shown(etsy, amount):
    """Etsy takes the document whole, and none without stock."""
    row = single(etsy, quantity=0, state="sold_out")

    [outcome] = connected(etsy).push_prices([price(row, amount)])

    assert sent(etsy) == []
    if amount == "9.00":
        assert outcome.ok  # it is shown already
    else:
        assert str(outcome.error).startswith("Nothing of the listing is in stock at Etsy")


# ---------------------------------------------------------------- listings


def draft(*, group: bool = False, **more: Any) -> ListingDraft:
    variants: tuple[VariantDraft, ...] = (VariantDraft("v1", "NEW-1", Decimal("20.00"), Decimal("18.00"), 3),)
    if group:
        variants = tuple(
            VariantDraft(f"v{n}", f"NEW-{n}", Decimal(20 + n), None, n, options={"Size": size})
            for n, size in enumerate(("S", "M"))
        )
    kind = ProductKind.GROUP if group else ProductKind.SINGLE
    more.setdefault("category_external_ids", ("11",))
    return ListingDraft("l:1", kind, "New Thing", "<p>One</p><p>Two &amp; three</p>", "EUR", variants, **more)


@pytest.mark.req("R-CAT-08")
@pytest.mark.parametrize("is_group", [False, True])
def test_a_new_listing_is_a_whole_draft_and_costs_nothing(etsy, is_group):
    result = connected(etsy).create_listing(draft(group=is_group))

    row = etsy.sandbox.shop.listings[result.external_id]
    assert (row["state"], result.is_pending, result.is_active) == ("draft", False, False)
    assert row["description"] == "One\nTwo & three"
    assert quantities(row) == ([0, 1] if is_group else [3])
    assert [p["sku"] for p in row["inventory"]["products"]] == (["NEW-0", "NEW-1"] if is_group else ["NEW-1"])
    assert len(result.variant_external_ids) == len(row["inventory"]["products"])
    assert etsy.sandbox.shop.counters.get("fees", 0) == 0
    if not is_group:
        assert row["inventory"]["products"][0]["offerings"][0]["price"]["amount"] == 1800


def test_a_draft_that_broke_off_is_finished_and_not_made_twice(etsy):
    adapter = connected(etsy)
    etsy.sandbox.inject("server_error", match="/inventory", method="PUT")
    with pytest.raises(Uncertain, match="Etsy made the draft"):
        adapter.create_listing(draft())

    found = connected(etsy).find_listing(draft())

    assert found is not None
    assert len(etsy.sandbox.shop.listings) == 1
    assert etsy.sandbox.shop.listings[found.external_id]["inventory"]["products"][0]["sku"] == "NEW-1"


def test_a_draft_of_the_sellers_own_under_the_same_title_is_left_alone(etsy):
    own = etsy.sandbox.shop.add_listing(
        "New Thing", [{"sku": "", "price": "7.00", "quantity": 9}], state="draft", description="By hand."
    )

    assert connected(etsy).find_listing(draft()) is None
    assert (quantities(own), own["images"], own["inventory"]["products"][0]["sku"]) == ([9], [], "")


def test_what_was_put_on_sale_without_an_answer_is_not_made_twice(etsy):
    """Each listing on sale costs a fee."""
    wanted = replace(draft(), image_urls=(f"{etsy.url}/pictures/a.gif",))
    etsy.sandbox.inject("no_answer", match="/listings/", method="PATCH")
    with pytest.raises(Uncertain, match="Etsy made the draft"):
        connected(etsy, options={"publish_new": True}).create_listing(wanted)

    found = connected(etsy, options={"publish_new": True}).find_listing(wanted)

    assert found is not None
    [row] = etsy.sandbox.shop.listings.values()
    assert (str(row["listing_id"]), row["state"]) == (found.external_id, "active")
    assert etsy.sandbox.shop.counters["fees"] == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"title": "100% & 50% off"}, "only once"),
        ({"title": "x" * 141}, "140"),
        ({"title": "Mug ★ 250 ml"}, "not “★”"),
        ({"title": "Mug for 20 €"}, "not “€”"),
        ({"title": "Two\nlines"}, "not “\n”"),
        ({"attributes": {"tags": ",".join(f"t{n}" for n in range(14))}}, "13 tags"),
        ({"attributes": {"tags": "a" * 21}}, "20 characters"),
        ({"category_external_ids": ()}, "category"),
    ],
)
def test_what_etsy_would_refuse_is_refused_before_anything_is_made(etsy, changes, words):
    with pytest.raises(Rejected, match=words):
        connected(etsy).create_listing(replace(draft(), **changes))

    assert etsy.sandbox.shop.listings == {}


@pytest.mark.req("R-CAT-09")
def test_an_update_sends_the_changed_fields_and_never_stock_or_sku(etsy):
    row = single(etsy)
    changed = replace(
        draft(), external_id=str(row["listing_id"]), changed=frozenset({"title"}), title="Better Pot"
    )

    connected(etsy).update_listing(changed)

    assert (row["title"], row["description"]) == ("Better Pot", "Pot: made to last.")
    assert sent(etsy) == []
    assert len(asked(etsy, "PATCH", "/listings/")) == 1


@pytest.mark.req("R-CAT-10")
def test_on_and_off_sale_by_hand(etsy):
    row = single(etsy)
    adapter = connected(etsy)

    adapter.set_listing_active(str(row["listing_id"]), active=False)
    assert row["state"] == "inactive"
    adapter.set_listing_active(str(row["listing_id"]), active=True)
    assert row["state"] == "active"


def test_no_word_of_a_year_is_written_into_the_code():
    """The first ranges of `when_made` move every January; the default names none."""
    assert listing_bodies.MADE["when_made"] == "made_to_order"

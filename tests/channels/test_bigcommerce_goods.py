"""Stock, prices and listings to BigCommerce: batches, refusals, locations (`bigcommerce.md` §6, §7, §11)."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache

from channels.contract.errors import Rejected
from channels.contract.records.pages import PullQuery
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import ListingDraft, PriceUpdate, VariantDraft
from tests.channels.bigcommerce import connected, mug, price, product, sent, stock


@pytest.fixture
def running(serve_bigcommerce):
    return serve_bigcommerce()


@pytest.fixture(autouse=True)
def _nothing_believed():
    cache.clear()


# ---------------------------------------------------------------- stock


@pytest.mark.req("R-INV-01")
def test_product_and_variant_tracked_stock_in_one_request(running):
    tea, mugs = product(running), mug(running)
    adapter = connected(running)

    outcomes = adapter.push_stock([stock(tea, 7), stock(mugs, 3, 1, "s2")])

    assert [outcome.ok for outcome in outcomes] == [True, True]
    [call] = sent(running, "PUT", "/adjustments/absolute")
    items = json.loads(call["body"])["items"]
    assert items == [
        {"location_id": 1, "quantity": 7, "product_id": tea["id"]},
        {"location_id": 1, "quantity": 3, "variant_id": mugs["variants"][1]["id"]},
    ]
    assert running.sandbox.shop.stock[f"1/{mugs['variants'][1]['id']}"] == 3


def test_2500_lines_go_in_two_requests(serve_bigcommerce):
    running = serve_bigcommerce(products=2500)
    rows = list(running.sandbox.shop.products.values())

    outcomes = connected(running).push_stock([stock(row, 9, ref=str(row["id"])) for row in rows])

    assert all(outcome.ok for outcome in outcomes)
    sizes = [len(json.loads(c["body"])["items"]) for c in sent(running, "PUT", "/adjustments/absolute")]
    assert sizes == [2000, 500]


def test_a_line_that_is_named_in_a_422_does_not_cost_the_others(running):
    tea, cup = product(running), product(running, "Cup", "CUP")
    adapter = connected(running)
    adapter.push_stock([stock(tea, 1), stock(cup, 1, ref="s2")])
    del running.sandbox.shop.products[tea["id"]]  # behind our back

    first, second = adapter.push_stock([stock(tea, 5), stock(cup, 6, ref="s2")])

    assert "no longer has this product" in str(first.error)
    assert second.ok
    assert running.sandbox.shop.stock[f"1/{cup['variants'][0]['id']}"] == 6


@pytest.mark.req("R-INV-01")
def test_a_product_that_is_tracked_in_another_way_meanwhile_is_told_as_it_is_now(running):
    """Refused alone, it would go on selling an old figure until its stock changes here once more."""
    tea, cup = product(running), product(running, "Cup", "CUP")
    adapter = connected(running)
    adapter.push_stock([stock(tea, 1), stock(cup, 1, ref="s2")])
    running.sandbox.shop.products[tea["id"]]["inventory_tracking"] = "variant"  # behind our back

    assert [outcome.ok for outcome in adapter.push_stock([stock(tea, 5), stock(cup, 6, ref="s2")])] == [
        True,
        True,
    ]

    assert [running.sandbox.shop.stock[f"1/{row['variants'][0]['id']}"] for row in (tea, cup)] == [5, 6]


@pytest.mark.req("R-INV-01")
def test_a_refusal_costs_no_line_that_has_a_number_of_it_by_chance(running):
    """A product is not the variant of the same number, and 422 is a status."""
    counters = running.sandbox.shop.counters
    bad = product(running, "Bad", "BAD", tracking="variant")
    counters["product"] = 421
    tea = product(running)
    counters["product"] = bad["variants"][0]["id"] - 1
    cup = product(running, "Cup", "CUP")
    assert (tea["id"], cup["id"]) == (422, bad["variants"][0]["id"])
    adapter = connected(running)
    updates = [stock(row, 4, ref=row["sku"]) for row in (bad, tea, cup)]
    adapter.push_stock(updates)
    running.sandbox.shop.products[bad["id"]]["inventory_tracking"] = "product"

    outcomes = adapter.push_stock([replace(update, quantity=3) for update in updates])

    assert [outcome.error for outcome in outcomes] == [None, None, None]
    sizes = [len(json.loads(call["body"])["items"]) for call in sent(running, "PUT", "/adjustments/absolute")]
    assert sizes == [3, 3, 2, 1]  # once, refused, without the one that was named, and that one as it is now


@pytest.mark.req("R-INV-03")
def test_two_warehouses_at_one_location_are_one_figure(running):
    tea = product(running)

    outcomes = connected(running).push_stock(
        [stock(tea, 5, ref="7@"), stock(tea, 3, ref="7@1", remote_location="1")]
    )

    assert [(outcome.ref, outcome.ok) for outcome in outcomes] == [("7@", True), ("7@1", True)]
    [call] = sent(running, "PUT", "/adjustments/absolute")
    assert json.loads(call["body"])["items"] == [{"location_id": 1, "quantity": 8, "product_id": tea["id"]}]


def test_untracked_products_are_refused_with_a_sentence_or_switched_on(running):
    tea, mugs = product(running, tracking="none"), mug(running, tracking="product")
    updates = [stock(tea, 5), stock(mugs, 2, ref="s2")]

    refused = connected(running).push_stock(updates)
    allowed = connected(running, options={"track_stock": True}).push_stock(updates)

    assert ["does not track" in str(refused[0].error), "one stock figure" in str(refused[1].error)] == [
        True,
        True,
    ]
    assert [outcome.ok for outcome in allowed] == [True, True]
    tracked = [running.sandbox.shop.products[row["id"]]["inventory_tracking"] for row in (tea, mugs)]
    assert tracked == ["product", "variant"]


def test_a_disabled_location_refuses_and_nothing_moves(running):
    running.sandbox.shop.locations[1]["enabled"] = False
    tea = product(running)

    [outcome] = connected(running).push_stock([stock(tea, 3)])

    assert "is switched off in BigCommerce, or was deleted" in str(outcome.error)
    assert running.sandbox.shop.stock[f"1/{tea['variants'][0]['id']}"] == 10


@pytest.mark.req("R-INV-03")
def test_a_disabled_location_costs_one_refusal_however_many_lines_go_there(running):
    """Looked for in halves, each line of it would cost two requests of a quota that other apps need, too."""
    running.sandbox.shop.locations[2] = {"id": 2, "code": "B", "label": "Barn", "enabled": False}
    goods = [product(running, f"P{n}", f"P-{n}") for n in range(40)]
    updates = [stock(row, 3, ref=f"{n}", remote_location="2" if n else "") for n, row in enumerate(goods)]

    first, *others = connected(running).push_stock(updates)

    assert first.ok
    assert running.sandbox.shop.stock[f"1/{goods[0]['variants'][0]['id']}"] == 3
    assert {str(outcome.error)[:50] for outcome in others} == {
        "The location that this store's stock goes to is sw"
    }
    sizes = [len(json.loads(call["body"])["items"]) for call in sent(running, "PUT", "/adjustments/absolute")]
    assert sizes == [40, 1]


def test_lines_go_to_the_location_that_they_name(running):
    running.sandbox.shop.locations[2] = {"id": 2, "code": "B", "label": "Barn", "enabled": True}
    tea = product(running)

    assert connected(running).push_stock([stock(tea, 3, remote_location="2")])[0].ok

    assert running.sandbox.shop.stock[f"2/{tea['variants'][0]['id']}"] == 3
    assert running.sandbox.shop.stock[f"1/{tea['variants'][0]['id']}"] == 10


# ---------------------------------------------------------------- prices


@pytest.mark.req("R-PRICE-02")
def test_products_in_tens_and_variants_in_fifties(running):
    many = [product(running, f"P{n}", f"P-{n}") for n in range(23)]
    variants = [{"sku": f"V-{n}", "options": {"Size": str(n)}} for n in range(60)]
    group = product(running, "Big group", "", variants=variants)
    updates = [price(row, "9.99", "7.50", ref=f"p{n}") for n, row in enumerate(many)]
    updates += [price(group, "5.00", None, n, f"v{n}") for n in range(60)]

    assert all(outcome.ok for outcome in connected(running).push_prices(updates))

    assert [len(json.loads(c["body"])) for c in sent(running, "PUT", "/catalog/products")] == [10, 10, 3]
    bodies = [json.loads(c["body"]) for c in sent(running, "PUT", "/catalog/variants")]
    assert [len(body) for body in bodies] == [50, 10]
    assert bodies[0][0] == {"id": group["variants"][0]["id"], "price": 5.0, "sale_price": None}
    assert (many[0]["price"], many[0]["sale_price"]) == (9.99, 7.5)


@pytest.mark.req("R-PRICE-02")
def test_a_variant_without_an_offer_does_not_go_on_with_its_products(running):
    """Null there is the product's sale price, whatever the variant's own price is."""
    mugs = mug(running)
    mugs["sale_price"] = 5.0
    adapter = connected(running)

    assert all(o.ok for o in adapter.push_prices([price(mugs, "9"), price(mugs, "8", "6.50", 1, "p2")]))

    assert [(v["price"], v["sale_price"]) for v in mugs["variants"]] == [(9.0, 9.0), (8.0, 6.5)]
    [record] = adapter.pull_products(PullQuery()).records
    assert [(v.price, v.selling_price) for v in record.variants] == [
        (Decimal(9), None),
        (Decimal(8), Decimal("6.5")),
    ]
    mugs["variants"][0]["sale_price"] = None
    [record] = adapter.pull_products(PullQuery()).records
    assert record.variants[0].selling_price == 5


def test_207_saves_the_good_and_names_the_bad(running):
    tea, cup = product(running), product(running, "Cup", "CUP")
    adapter = connected(running)
    adapter.push_prices([price(tea, "1"), price(cup, "1", ref="p2")])
    del running.sandbox.shop.products[cup["id"]]

    first, second = adapter.push_prices([price(tea, "2"), price(cup, "2", ref="p2")])

    assert running.sandbox.exchanges[-1]["status"] == 207
    assert first.ok
    assert "was not found" in str(second.error)
    assert tea["price"] == 2.0


def test_a_batch_of_variants_that_is_refused_goes_again_one_by_one(running):
    mugs = mug(running)
    adapter = connected(running)
    adapter.push_prices([price(mugs, "1"), price(mugs, "1", None, 1, "p2")])
    ghost = PriceUpdate("p3", str(mugs["id"]), "1", "X", Decimal(3), None, "GBP")

    outcomes = adapter.push_prices([price(mugs, "4"), ghost, price(mugs, "4", None, 1, "p2")])

    assert [outcome.ok for outcome in outcomes] == [True, False, True]
    assert [variant["price"] for variant in mugs["variants"]] == [4.0, 4.0]


# ---------------------------------------------------------------- listings


def draft(title: str = "Draft", sku: str = "D-1", **more: Any) -> ListingDraft:
    variants = (VariantDraft("v", sku, Decimal("12.50"), None, 3),)
    return ListingDraft("d1", **{"kind": ProductKind.SINGLE, "title": title, "description": "", "currency": "GBP", "variants": variants, **more})  # fmt: skip


@pytest.mark.req("R-CAT-08")
def test_names_and_skus_are_unique_and_skus_have_no_case(running):
    product(running)
    adapter = connected(running)

    with pytest.raises(Rejected, match="name is a duplicate"):
        adapter.create_listing(draft("TEA"))
    with pytest.raises(Rejected, match="sku is a duplicate"):
        adapter.create_listing(draft(sku="tea"))
    assert adapter.find_listing(draft(sku="tea")) is None  # somebody else's product, not ours


@pytest.mark.req("R-CAT-08", "R-CAT-09")
def test_a_group_in_one_call_and_a_new_sku_later(running):
    adapter = connected(running)
    sizes = tuple(VariantDraft(n, f"G-{n}", Decimal(20), Decimal(15), 4, {"Size": n}) for n in ("S", "M"))
    made = adapter.create_listing(draft(kind=ProductKind.GROUP, variants=sizes))
    row = running.sandbox.shop.products[int(made.external_id)]
    assert set(made.variant_external_ids) == {"S", "M"}
    assert row["base_variant_id"] is None

    more = (*sizes, VariantDraft("L", "G-L", Decimal(22), None, 1, {"Size": "L"}))
    known = tuple(
        VariantDraft(v.ref, v.sku, v.price, v.selling_price, v.quantity, v.options, external_id=made.variant_external_ids.get(v.ref, ""))
        for v in more
    )  # fmt: skip
    result = adapter.update_listing(
        draft("Renamed", kind=ProductKind.GROUP, variants=known, external_id=made.external_id, changed=frozenset({"title", "variants"}))
    )  # fmt: skip

    assert set(result.variant_external_ids) == {"S", "M", "L"}
    assert row["name"] == "Renamed"
    assert [variant["sku"] for variant in row["variants"]] == ["G-S", "G-M", "G-L"]


@pytest.mark.req("R-CAT-09")
def test_what_a_group_has_in_common_goes_to_the_master_product(running):
    """Title, description, warranty and the group's pictures; the pictures of a SKU are not among them."""
    adapter = connected(running)
    sizes = tuple(VariantDraft(n, f"G-{n}", Decimal(20), None, 4, {"Size": n}, image_url=f"https://i.example.com/{n}.jpg") for n in ("S", "M"))  # fmt: skip
    group = draft(kind=ProductKind.GROUP, variants=sizes, warranty="2 years", image_urls=("https://i.example.com/all.jpg",))  # fmt: skip
    made = adapter.create_listing(group)
    row = running.sandbox.shop.products[int(made.external_id)]
    assert row["warranty"] == "2 years"
    assert [image["url_zoom"] for image in row["images"]] == ["https://i.example.com/all.jpg"]
    assert [variant["image_url"][-5:] for variant in row["variants"]] == [
        "S.jpg",
        "M.jpg",
    ]  # each SKU has its own

    adapter.update_listing(replace(group, external_id=made.external_id, warranty="<p>3 years</p>", changed=frozenset({"warranty"})))  # fmt: skip

    assert row["warranty"] == "<p>3 years</p>"
    [call] = sent(running, "PUT", f"/catalog/products/{made.external_id}")
    assert json.loads(call["body"]) == {"warranty": "<p>3 years</p>"}  # and nothing that was not edited
    assert len(row["images"]) == 1


@pytest.mark.req("R-CAT-09")
def test_a_brand_that_was_taken_away_here_is_taken_away_there(running):
    adapter = connected(running)
    made = adapter.create_listing(draft(brand="Fernwerk"))
    row = running.sandbox.shop.products[int(made.external_id)]
    assert running.sandbox.shop.brands[row["brand_id"]] == "Fernwerk"

    adapter.update_listing(draft("Renamed", external_id=made.external_id, changed=frozenset({"title"})))
    assert running.sandbox.shop.brands[row["brand_id"]] == "Fernwerk"  # nothing was said of it
    adapter.update_listing(draft("Renamed", external_id=made.external_id, changed=frozenset({"brand"})))

    assert (row["name"], row["brand_id"]) == ("Renamed", 0)


@pytest.mark.req("R-CAT-09", "R-CAT-10")
def test_pictures_are_replaced_and_a_listing_can_be_hidden(running):
    adapter = connected(running)
    made = adapter.create_listing(draft(image_urls=("https://i.example.com/1.jpg",)))
    row = running.sandbox.shop.products[int(made.external_id)]

    adapter.update_listing(
        draft(image_urls=("https://i.example.com/2.jpg", "https://i.example.com/3.jpg"), external_id=made.external_id, changed=frozenset({"image_urls"}))
    )  # fmt: skip
    adapter.set_listing_active(made.external_id, active=False)

    assert [image["url_zoom"][-5:] for image in row["images"]] == ["2.jpg", "3.jpg"]
    assert [image["is_thumbnail"] for image in row["images"]] == [True, False]
    assert row["is_visible"] is False

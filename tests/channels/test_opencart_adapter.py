# long because: one file for each verb would repeat the same shop; each test is short.
"""OpenCart's verbs against the sandbox over real HTTP: what arrives in the shop, what comes back, what must not happen."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from channels.connectors.opencart.adapter import OpenCartAdapter
from channels.connectors.opencart.auth import webhook_signature
from channels.connectors.opencart.sandbox.api import SECRET_KEY
from channels.contract.errors import AuthError, NotSupported, Rejected, TemporaryError, Uncertain
from channels.contract.records.orders import FulfilmentEvent, RemoteState
from channels.contract.records.pages import PullQuery, Window
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import (
    ListingDraft,
    Outcome,
    PriceUpdate,
    ShipmentUpdate,
    StockUpdate,
    VariantDraft,
)
from channels.contract.spec import Stream
from channels.models import StatusMapEntry
from channels.pull import runner
from channels.sandbox.server import Response, Running
from tests import factories
from tests.support.shops import unsaved_store


def connected(running: Running, **fields: Any) -> OpenCartAdapter:
    return OpenCartAdapter(unsaved_store(running, **fields))


def stock(external_id: str, quantity: Any, ref: str = "s1") -> StockUpdate:
    return StockUpdate(ref, external_id.partition("-")[0], external_id, "SKU", quantity)


def price(
    external_id: str, amount: str, selling: str | None = None, ref: str = "p1", **more: Any
) -> PriceUpdate:
    offer = None if selling is None else Decimal(selling)
    update = PriceUpdate(
        ref, external_id.partition("-")[0], external_id, "SKU", Decimal(amount), offer, "EUR"
    )
    return replace(update, **more)


def told(event: FulfilmentEvent, order: dict[str, Any], ref: str = "ev-1", **more: Any) -> ShipmentUpdate:
    return ShipmentUpdate(ref, event, str(order["order_id"]), **more)


def mug(running: Running) -> dict[str, Any]:
    """A product with three option values: 5 + 3 + 0 pieces, the third dearer."""
    shop = running.sandbox.shop
    product = shop.add_product("Mug", "10.0000", model="MUG", sku="MUG")
    shop.add_option(
        product,
        "Colour",
        [{"name": "Red", "quantity": 5}, {"name": "Blue", "quantity": 3}, {"name": "Gold", "quantity": 0, "difference": "2.0000"}],
    )  # fmt: skip
    running.sandbox.touch()
    return dict(product)


def tea(running: Running, quantity: int = 10, **more: Any) -> dict[str, Any]:
    row = running.sandbox.shop.add_product("Tea", "8.0000", sku="TEA", quantity=quantity, **more)
    running.sandbox.touch()
    return row


# ---------------------------------------------------------------- connecting


@pytest.mark.req("R-CONN-02", "R-CONN-06")
def test_verify_says_whose_shop_it_is(serve_opencart):
    running = serve_opencart(timezone="Asia/Tokyo", currency="USD", name="Tea &amp; Co")

    account = connected(running).verify()

    assert account.identity == running.url.removeprefix("http://")
    assert (account.name, account.currency, account.time_zone) == ("Tea & Co", "USD", "Asia/Tokyo")
    assert (account.version, account.language, account.url) == ("4.1.0.4", "en-gb", running.url)
    assert account.currencies == ("EUR", "USD", "GBP")
    assert account.warnings == ()
    assert account.extra["processing_statuses"] == [5, 1, 2, 12, 3]


@pytest.mark.req("R-CONN-06")
@pytest.mark.parametrize("key", ["wrong", "f" * 48])
def test_wrong_key_is_one_sentence(opencart, key):
    with pytest.raises(AuthError, match="did not accept the secret key") as caught:
        connected(opencart, credentials={"secret_key": key}).verify()

    assert key not in str(caught.value)


@pytest.mark.parametrize("key", ["", "  ", "schlüssel"])
def test_a_key_that_can_be_none_is_refused_without_a_call(opencart, key):
    with pytest.raises(Rejected, match="Enter the secret key"):
        connected(opencart, credentials={"secret_key": key}).verify()

    assert not opencart.sandbox.requests


def test_old_key_works_after_rotation(opencart):
    opencart.sandbox.rotate_key()

    assert connected(opencart).verify().currency == "EUR"
    assert opencart.sandbox.secret_key != SECRET_KEY


def test_extension_missing_disabled_or_address_not_allowed(opencart):
    sandbox = opencart.sandbox
    sandbox.install(False)
    with pytest.raises(Rejected, match="the Manifold extension is installed and enabled"):
        connected(opencart).verify()
    sandbox.install()
    sandbox.configure(disabled=True)
    with pytest.raises(AuthError, match="switched off"):
        connected(opencart).verify()
    sandbox.configure(disabled=False, ip_allow=["203.0.113.9"])
    with pytest.raises(AuthError, match="does not accept calls from this server"):
        connected(opencart).verify()


def test_extension_that_is_away_for_its_upgrade_parks_nothing(opencart):
    tea(opencart)
    adapter = connected(opencart)
    opencart.sandbox.install(False)

    with pytest.raises(TemporaryError, match="extension is installed and enabled"):
        adapter.push_stock([stock("1", 4)])
    opencart.sandbox.install()

    assert adapter.push_stock([stock("1", 4)]) == [Outcome("s1")]


def test_address_that_is_no_opencart(serve_opencart):
    running = serve_opencart()
    running.sandbox.handle = lambda request: Response.html("<h1>Nothing here</h1>", 404)

    with pytest.raises(Rejected, match="There is no OpenCart shop at this address") as caught:
        connected(running).verify()

    assert caught.value.field == "domain_url"


def test_unreachable_address(opencart):
    with pytest.raises(TemporaryError, match="No server answers at this address"):
        connected(opencart, credentials={"domain_url": "http://127.0.0.1:9"}).verify()


def test_clocks_that_differ_and_old_tables_are_named(serve_opencart):
    running = serve_opencart(clock_offset=-240.0, transactions=False)

    clock, tables = connected(running).verify().warnings

    assert clock.startswith("The shop's clock is 4 minutes behind Manifold's")
    assert tables.startswith("The shop's tables have no transactions")


def test_maintenance_is_temporary_and_marked(opencart):
    opencart.sandbox.configure(maintenance=True)

    with pytest.raises(TemporaryError, match="closed for maintenance") as caught:
        connected(opencart).pull_orders(PullQuery())

    assert caught.value.maintenance is True


# ---------------------------------------------------------------- pulling


@pytest.mark.req("R-CAT-01", "R-CAT-05")
def test_products_come_in_page_by_page_each_once(serve_opencart):
    running = serve_opencart(products=230)
    adapter, page, seen, pages = connected(running), None, [], 0
    while True:
        answer = adapter.pull_products(PullQuery(), page)
        seen += [record.external_id for record in answer.records]
        page, pages = answer.next_page, pages + 1
        if page is None:
            break

    assert (pages, len(seen), len(set(seen))) == (3, 230, 230)


def test_a_product_changed_during_the_scan_is_seen_again_and_none_is_lost(serve_opencart):
    running = serve_opencart(products=150)
    adapter = connected(running)
    first = adapter.pull_products(PullQuery())
    changed = first.records[0].external_id
    running.sandbox.set_stock(changed, 7)
    second = adapter.pull_products(PullQuery(), first.next_page)

    seen = [record.external_id for record in (*first.records, *second.records)]
    assert set(seen) == {str(number) for number in range(1, 151)}
    assert seen.count(changed) == 2
    assert second.records[-1].variants[0].quantity == 7


def test_a_repeated_page_is_noticed(serve_opencart):
    running = serve_opencart(products=350)
    adapter = connected(running)
    page = adapter.pull_products(PullQuery()).next_page
    running.sandbox.inject("repeat_page")

    with pytest.raises(TemporaryError, match="the same page twice"):
        adapter.pull_products(PullQuery(), page)


@pytest.mark.req("R-CAT-06")
def test_products_by_id(serve_opencart):
    adapter = connected(serve_opencart(seed="demo"))

    found = adapter.pull_products(PullQuery(ids=("3", "54-1", "999", "not an ID")))

    assert [record.external_id for record in found.records] == ["3", "54"]
    assert found.next_page is None


def test_more_ids_than_one_call_takes(serve_opencart):
    running = serve_opencart(products=120)
    adapter, ids = connected(running), tuple(str(number) for number in range(1, 121))
    first = adapter.pull_products(PullQuery(ids=ids))
    second = adapter.pull_products(PullQuery(ids=ids), first.next_page)

    assert (len(first.records), len(second.records), second.next_page) == (100, 20, None)


def test_demo_shop_has_every_kind(serve_opencart):
    records = {
        record.title: record
        for record in connected(serve_opencart(seed="demo")).pull_products(PullQuery()).records
    }

    assert records["Enamel Mug"].kind == ProductKind.GROUP
    assert [v.sku for v in records["Enamel Mug"].variants] == ["MUG-CRM", "MUG-MOS", "MUG-3"]
    assert [v.external_id for v in records["Wool Throw"].variants] == ["57", "58"]
    assert records["Work Tunic"].kind == records["Engraved Cheese Board"].kind == ProductKind.COMPLEX
    assert records["Recipe Book (PDF)"].variants[0].quantity is None
    assert records["Gift Wrapping Sheet"].variants[0].sku == "wrap-sheet"
    assert "Salt & Pepper Cellar <Duo>" in records
    assert [r.title for r in records.values() if r.variants[0].sku == "KNF-09"] == [
        "Paring Knife, 9 cm (old listing)",
        "Paring Knife, 9 cm",
    ]


def test_sku_rule_of_the_store(serve_opencart):
    running = serve_opencart(seed="demo")
    adapter = connected(running, options={"sku_rule": "sku_only"})

    empty = [r.title for r in adapter.pull_products(PullQuery()).records if not r.variants[0].sku]

    assert empty == ["Gift Wrapping Sheet", "Postcard, Botanical", "Linen Apron"]


def test_categories_attributes_and_statuses(serve_opencart):
    adapter = connected(serve_opencart(seed="demo"))

    assert adapter.pull_categories(PullQuery()).records[1].path == "Kitchen > Tea & Coffee"
    assert [record.name for record in adapter.pull_attributes(PullQuery()).records] == [
        "Material",
        "Care",
        "Capacity",
    ]
    statuses = {record.external_id: record for record in adapter.pull_statuses()}
    assert len(statuses) == 15
    assert {key for key, record in statuses.items() if record.holds_stock} == {"1", "2", "3", "5", "12", "17"}
    assert statuses["15"].holds_stock is False


@pytest.mark.req("R-ORD-01", "R-ORD-02")
def test_orders_by_status_and_by_change(opencart):
    tea(opencart)
    sandbox, adapter = opencart.sandbox, connected(opencart)
    now = sandbox.shop.now()
    old = sandbox.place_order(moment=now - 7200)
    new = sandbox.place_order(moment=now - 60)
    sandbox.place_order(status_id=0)  # left at the last step: never imported
    since = datetime.fromtimestamp(now - 3600, UTC)

    everything = adapter.pull_orders(PullQuery())
    recent = adapter.pull_orders(PullQuery(Window(since, None)))
    shipped = adapter.pull_orders(PullQuery(statuses=("3", "5")))

    assert [record.external_id for record in everything.records] == [
        str(old["order_id"]),
        str(new["order_id"]),
    ]
    assert [record.external_id for record in recent.records] == [str(new["order_id"])]
    assert shipped.records == []
    sandbox.set_status(old["order_id"], 3)
    again = adapter.pull_orders(PullQuery(Window(since, None)))
    assert [record.external_id for record in again.records] == [str(new["order_id"]), str(old["order_id"])]
    assert again.records[-1].remote_state == RemoteState.SHIPPED


@pytest.mark.req("R-ORD-04", "R-ORD-05")
def test_orders_of_a_period(opencart):
    tea(opencart)
    sandbox, now = opencart.sandbox, opencart.sandbox.shop.now()
    ids = [sandbox.place_order(moment=now - days * 86_400)["order_id"] for days in (100, 80, 40, 1)]
    window = Window(
        datetime.fromtimestamp(now - 90 * 86_400, UTC), datetime.fromtimestamp(now - 10 * 86_400, UTC)
    )

    found = connected(opencart).pull_orders(PullQuery(window, created=True))

    assert [record.external_id for record in found.records] == [str(ids[1]), str(ids[2])]


def test_a_scan_of_changes_ends_where_its_window_ends(serve_opencart):
    running = serve_opencart(products=5, orders=250)
    end = datetime.now(UTC) - timedelta(days=60)
    adapter = connected(running)

    first = adapter.pull_orders(PullQuery(Window(None, end)))

    assert len(first.records) == 100  # nothing is dropped: what lies behind the end is simply seen early
    assert first.records[-1].changed_at >= end
    assert first.next_page is None


@pytest.mark.req("R-ORD-04")
def test_one_order_by_its_number(serve_opencart):
    adapter = connected(serve_opencart(seed="demo"))

    assert [record.number for record in adapter.pull_orders(PullQuery(ids=("7",))).records] == ["7"]
    assert adapter.pull_orders(PullQuery(ids=("12345", "A-1"))).records == []


def test_store_settings_reach_the_mapping(opencart):
    tea(opencart)
    opencart.sandbox.place_order()

    assert connected(opencart).pull_orders(PullQuery()).records[0].remote_state == RemoteState.NEW
    unpaid = connected(opencart, options={"pending_as_unpaid": True})
    assert unpaid.pull_orders(PullQuery()).records[0].remote_state == RemoteState.UNPAID


@pytest.mark.req("R-INV-06")
def test_stock_counts_as_taken_by_the_lists_that_the_shop_has_now(opencart):
    tea(opencart)
    order = opencart.sandbox.place_order()
    assert connected(opencart).pull_orders(PullQuery()).records[0].stock_deducted is True

    opencart.sandbox.set_status(order["order_id"], 15)
    assert connected(opencart).pull_orders(PullQuery()).records[0].stock_deducted is False

    opencart.sandbox.configure(processing=[1, 2, 15])
    assert connected(opencart).pull_orders(PullQuery()).records[0].stock_deducted is True


def test_a_row_that_cannot_be_read_does_not_stop_its_neighbours(opencart):
    tea(opencart)
    good, bad = opencart.sandbox.place_order(), opencart.sandbox.place_order()
    opencart.sandbox.shop.orders[bad["order_id"]]["currency_value"] = "many"

    page = connected(opencart).pull_orders(PullQuery())

    assert [record.external_id for record in page.records] == [str(good["order_id"])]
    [refused] = page.refused
    assert refused.external_id == str(bad["order_id"])
    assert refused.reason == "The shop's data could not be read: “many” is not an amount."
    assert refused.native["order_id"] == bad["order_id"]


# ---------------------------------------------------------------- stock


@pytest.mark.req("R-INV-01")
def test_stock_of_simple_option_and_variant(serve_opencart):
    running = serve_opencart(seed="demo")
    sandbox, adapter = running.sandbox, connected(running)
    master = sandbox.read_product(56)["children"]

    outcomes = adapter.push_stock(
        [stock("1", 3, "a"), stock("54-2", 11, "b"), stock(master[0]["key"], 2, "c")]
    )

    assert outcomes == [Outcome("a"), Outcome("b"), Outcome("c")]
    assert sandbox.product(1)["quantity"] == 3
    children = sandbox.read_product(54)["children"]
    assert [child["quantity"] for child in children][1] == 11
    assert sandbox.product(54)["quantity"] == sum(child["quantity"] for child in children)
    throw = sandbox.shop.products[56]
    assert sandbox.product(57)["quantity"] == 2
    assert throw["options"][0]["values"][0]["quantity"] == 2  # the master's option value follows
    assert throw["quantity"] == 2 + 5  # and its sum


@pytest.mark.req("R-INV-01")
def test_one_refusal_leaves_its_neighbours_alone(serve_opencart):
    running = serve_opencart(seed="demo")
    outcomes = connected(running).push_stock(
        [stock("1", 3, "a"), stock("9999", 3, "b"), stock("1", -1, "c"), stock("60", 4, "d"), stock("x", 4, "e"),
         stock("2", 1.5, "f"), stock("2", True, "g"), stock("54-99", 1, "h"), stock("2", 9, "i")]
    )  # fmt: skip

    assert [outcome.ref for outcome in outcomes] == list("abcdefghi")
    assert [outcome.ok for outcome in outcomes] == [
        True,
        False,
        False,
        False,
        False,
        False,
        False,
        False,
        True,
    ]
    assert all(isinstance(outcome.error, Rejected) for outcome in outcomes if not outcome.ok)
    assert str(outcomes[1].error) == "The shop refused: No product has id 9999."
    assert str(outcomes[2].error) == "The quantity of SKU must be a whole number, 0 or more, not -1."
    assert running.sandbox.product(1)["quantity"] == 3
    assert running.sandbox.product(2)["quantity"] == 9
    assert running.sandbox.product(60)["quantity"] == 30  # complex: untouched


def test_a_hundred_items_are_one_call_and_more_are_two(serve_opencart):
    running = serve_opencart(products=150)
    adapter = connected(running)

    assert all(
        outcome.ok for outcome in adapter.push_stock([stock(str(n), n, f"r{n}") for n in range(1, 101)])
    )
    assert len(running.sandbox.requests) == 1
    outcomes = adapter.push_stock([stock(str(n), 2 * n, f"r{n}") for n in range(1, 151)])
    assert len(running.sandbox.requests) == 3
    assert [outcome.ref for outcome in outcomes] == [f"r{n}" for n in range(1, 151)]
    assert running.sandbox.product(150)["quantity"] == 300


def test_nothing_to_send_is_no_call(opencart):
    assert connected(opencart).push_stock([]) == []
    assert connected(opencart).push_prices([]) == []
    assert connected(opencart).push_stock([stock("x", 1)])[0].ok is False
    assert not opencart.sandbox.requests


def test_stock_after_a_lost_answer_may_be_sent_again(opencart):
    tea(opencart)
    adapter = connected(opencart)
    opencart.sandbox.inject("no_answer")

    with pytest.raises(TemporaryError) as caught:
        adapter.push_stock([stock("1", 4)])

    assert not isinstance(caught.value, Uncertain)
    assert opencart.sandbox.product(1)["quantity"] == 4
    assert adapter.push_stock([stock("1", 4)]) == [Outcome("s1")]
    assert opencart.sandbox.product(1)["quantity"] == 4


def test_an_item_that_the_shop_forgot_is_tried_again(opencart):
    tea(opencart)
    work = opencart.sandbox.writes.stock_price
    opencart.sandbox.writes.stock_price = lambda body: work(body)[:1]

    first, second = connected(opencart).push_stock([stock("1", 4, "a"), stock("1", 5, "b")])

    assert first.ok
    assert isinstance(second.error, TemporaryError)


# ---------------------------------------------------------------- prices


@pytest.mark.req("R-PRICE-01", "R-PRICE-02")
@pytest.mark.parametrize(
    ("case", "amount", "selling", "special"),
    [
        ("offer", "9.5", "7.25", "7.2500"),
        ("no offer", "9.5", None, None),
        ("offer not below the price", "9.5", "9.50", None),
        ("offer above the price", "9.5", "11", None),
    ],
)
def test_price_and_special(opencart, case, amount, selling, special):
    tea(opencart, special="6.0000")

    assert connected(opencart).push_prices([price("1", amount, selling)]) == [Outcome("p1")]

    row = opencart.sandbox.read_product(1)
    assert (row["price"], row["special"]) == ("9.5000", special)


@pytest.mark.req("R-PRICE-02")
def test_days_of_an_offer_are_the_shops(opencart):
    tea(opencart)
    begins = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)  # already 1 December in Berlin
    connected(opencart).push_prices(
        [price("1", "9", "7", sale_from=begins, sale_until=datetime(2026, 12, 24, 12, tzinfo=UTC))]
    )
    assert opencart.sandbox.product(1)["special_from"] == "2026-12-01"
    assert (
        opencart.sandbox.product(1)["special_to"] == "2026-12-25"
    )  # it ends as that day begins, so noon is kept

    connected(opencart).push_prices([price("1", "9", "7", sale_until=datetime(2026, 12, 23, 23, tzinfo=UTC))])
    assert opencart.sandbox.product(1)["special_from"] is None
    assert opencart.sandbox.product(1)["special_to"] == "2026-12-24"  # midnight in Berlin, exactly


def test_price_in_a_foreign_currency_or_below_zero_is_refused(opencart):
    tea(opencart)
    outcomes = connected(opencart).push_prices(
        [price("1", "9", ref="a", currency="SEK"), price("1", "-1", ref="b"), price("1", "7", ref="c")]
    )

    assert str(outcomes[0].error) == "Prices of this shop are in EUR, not in SEK."
    assert str(outcomes[1].error) == "A price cannot be below zero."
    assert outcomes[2].ok
    assert opencart.sandbox.product(1)["price"] == "7.0000"


def test_price_of_an_option_is_kept_as_a_difference(opencart):
    mug(opencart)

    assert connected(opencart).push_prices([price("1-3", "13.5")]) == [Outcome("p1")]

    assert [child["price"] for child in opencart.sandbox.read_product(1)["children"]] == [
        "10.0000",
        "10.0000",
        "13.5000",
    ]
    assert opencart.sandbox.product(1)["options"][0]["values"][2]["difference"] == "3.5000"
    assert opencart.sandbox.product(1)["special"] is None


def test_all_options_together_get_one_special(opencart):
    mug(opencart)
    updates = [price("1-1", "10", "8", "a"), price("1-2", "10", "8", "b"), price("1-3", "12", "10", "c")]
    adapter = connected(opencart)

    assert all(outcome.ok for outcome in adapter.push_prices(updates))
    assert opencart.sandbox.product(1)["special"] == "8.0000"
    [record] = adapter.pull_products(PullQuery()).records
    assert [variant.selling_price for variant in record.variants] == [Decimal(8), Decimal(8), Decimal(10)]

    assert adapter.push_prices([price("1-3", "12", "10")])[0].ok  # the offer that it has already
    assert all(
        outcome.ok
        for outcome in adapter.push_prices([replace(update, selling_price=None) for update in updates])
    )
    assert opencart.sandbox.product(1)["special"] is None


def test_one_option_cannot_change_its_neighbours_special(opencart):
    mug(opencart)
    adapter = connected(opencart)

    [alone] = adapter.push_prices([price("1-1", "10", "8")])
    apart = adapter.push_prices(
        [price("1-1", "10", "8", "a"), price("1-2", "10", "7", "b"), price("1-3", "12", ref="c")]
    )

    assert "one special price for all options" in str(alone.error)
    assert [outcome.ok for outcome in apart] == [False, False, True]
    assert opencart.sandbox.product(1)["special"] is None
    assert [child["price"] for child in opencart.sandbox.read_product(1)["children"]] == [
        "10.0000",
        "10.0000",
        "12.0000",
    ]


# ---------------------------------------------------------------- listings


def single(**more: Any) -> ListingDraft:
    variant = VariantDraft("v1", "NEW-1", Decimal("12.50"), Decimal(10), 7, barcode="4006381333931")
    draft = ListingDraft(
        "l:1", ProductKind.SINGLE, "Tea & <Cake>", "<p>Nice &amp; hot</p>", "EUR", (variant,)
    )
    return replace(draft, **more)


def group(**more: Any) -> ListingDraft:
    variants = (
        VariantDraft("v1", "SHIRT-RED-M", Decimal(20), None, 3, options={"Colour": "Red", "Size": "M"}),
        VariantDraft("v2", "SHIRT-RED-L", Decimal(22), None, 4, options={"Colour": "Red", "Size": "L"}),
    )
    return replace(ListingDraft("l:2", ProductKind.GROUP, "Shirt", "", "EUR", variants), **more)


@pytest.mark.req("R-CAT-08")
def test_create_single_listing(serve_opencart):
    running = serve_opencart(seed="demo")
    draft = single(brand="Almhaus", category_external_ids=("2",), attributes={"care": "Dry & cool"},
                   image_urls=(f"{running.url}/image/catalog/a.jpg", f"{running.url}/image/catalog/b.jpg"))  # fmt: skip

    result = connected(running).create_listing(draft)

    row = running.sandbox.read_product(int(result.external_id))
    assert result.variant_external_ids == {"v1": result.external_id}
    assert result.url == f"{running.url}/index.php?route=product/product&product_id={result.external_id}"
    assert (row["name"], row["description"]) == ("Tea & <Cake>", "<p>Nice &amp; hot</p>")
    assert (row["sku"], row["model"], row["ean"], row["kind"]) == (
        "NEW-1",
        "NEW-1",
        "4006381333931",
        "simple",
    )
    assert (row["price"], row["special"], row["quantity"]) == ("12.5000", "10.0000", 7)
    assert (row["category_ids"], row["manufacturer"]["name"]) == ([2], "Almhaus")
    assert [item["text"] for item in row["attributes"]] == ["Dry & cool"]
    assert row["images"] == [f"{running.url}/image/catalog/b.jpg"]
    stored = running.sandbox.product(result.external_id)
    assert (stored["name"], stored["image"]) == ("Tea &amp; &lt;Cake&gt;", "catalog/a.jpg")


@pytest.mark.req("R-CAT-08")
def test_create_group_listing_joins_its_options(opencart):
    result = connected(opencart).create_listing(group())

    row = opencart.sandbox.read_product(int(result.external_id))
    assert (row["kind"], row["model"], row["sku"], row["quantity"]) == ("options", "SHIRT-RED", "", 7)
    assert [child["label"] for child in row["children"]] == [
        {"Colour / Size": "Red / M"},
        {"Colour / Size": "Red / L"},
    ]
    assert [child["price"] for child in row["children"]] == ["20.0000", "22.0000"]
    assert result.variant_external_ids == {"v1": row["children"][0]["key"], "v2": row["children"][1]["key"]}
    assert opencart.sandbox.shop.products[1]["options"][0]["values"][1]["difference"] == "2.0000"


def test_group_listing_that_opencart_cannot_hold(opencart):
    adapter, draft = connected(opencart), group()
    first, second = draft.variants

    with pytest.raises(Rejected, match="needs its options"):
        adapter.create_listing(replace(draft, variants=(first, replace(second, options={}))))
    with pytest.raises(Rejected, match="need the same options"):
        adapter.create_listing(replace(draft, variants=(first, replace(second, options={"Colour": "Red"}))))
    with pytest.raises(Rejected, match="one special price for all options"):
        adapter.create_listing(replace(draft, variants=(replace(first, selling_price=Decimal(15)), second)))
    assert opencart.sandbox.shop.products == {}


def test_group_listing_with_one_reduction_for_all(opencart):
    draft = group()
    reduced = tuple(replace(variant, selling_price=variant.price - 5) for variant in draft.variants)

    connected(opencart).create_listing(replace(draft, variants=reduced))

    assert opencart.sandbox.product(1)["special"] == "15.0000"


def test_unknown_attribute_and_taken_sku_are_sentences(serve_opencart):
    running = serve_opencart(seed="demo")
    adapter, before = connected(running), len(running.sandbox.shop.products)

    with pytest.raises(Rejected, match="The shop has no attribute called Colour temperature"):
        adapter.create_listing(single(attributes={"Colour temperature": "warm"}))
    taken = replace(single().variants[0], sku="KET-EN-15")
    with pytest.raises(Rejected, match="The SKU KET-EN-15 is taken") as caught:
        adapter.create_listing(single(variants=(taken,)))

    assert caught.value.code == "duplicate_sku"
    assert len(running.sandbox.shop.products) == before


@pytest.mark.parametrize("fault", ["no_answer", "cut", "html_after"])
def test_a_listing_whose_answer_was_lost_is_found_and_not_made_twice(opencart, fault):
    adapter = connected(opencart)
    opencart.sandbox.inject(fault)

    with pytest.raises(Uncertain):
        adapter.create_listing(group())
    found = adapter.find_listing(group())

    assert found is not None
    assert found.variant_external_ids == {"v1": "1-1", "v2": "1-2"}
    assert adapter.create_listing(group()) == found  # the shop knows the ref
    assert len(opencart.sandbox.shop.products) == 1


def test_a_listing_that_was_never_made_is_not_found(opencart):
    assert connected(opencart).find_listing(single()) is None


def test_update_sends_the_changed_fields_alone(opencart):
    adapter = connected(opencart)
    result = adapter.create_listing(single())
    opencart.sandbox.set_stock(result.external_id, 3)
    changed = single(
        external_id=result.external_id, title="Coffee", description="new", changed=frozenset({"title"})
    )

    adapter.update_listing(changed)

    row = opencart.sandbox.read_product(1)
    assert (row["name"], row["description"], row["quantity"]) == ("Coffee", "<p>Nice &amp; hot</p>", 3)


@pytest.mark.req("R-CAT-10")
def test_update_never_sends_stock_or_status(opencart):
    adapter = connected(opencart)
    adapter.create_listing(single())
    opencart.sandbox.set_stock(1, 3)
    opencart.sandbox.product(1)["status"] = False

    adapter.update_listing(single(external_id="1"))

    row = opencart.sandbox.read_product(1)
    assert (row["quantity"], row["status"]) == (3, False)
    with pytest.raises(NotSupported, match="only be enabled or disabled in OpenCart's own admin"):
        adapter.set_listing_active("1", active=True)


def test_update_of_a_group_adds_a_value_and_leaves_stock_alone(opencart):
    adapter, draft = connected(opencart), group()
    made = adapter.create_listing(draft)
    ids = made.variant_external_ids
    opencart.sandbox.set_stock(1, 99, int(ids["v1"].partition("-")[2]))
    kept = tuple(replace(variant, external_id=ids[variant.ref]) for variant in draft.variants)
    added = VariantDraft("v3", "SHIRT-RED-S", Decimal(19), None, 6, options={"Colour": "Red", "Size": "S"})

    result = adapter.update_listing(replace(draft, external_id="1", variants=(*kept, added)))

    children = opencart.sandbox.read_product(1)["children"]
    assert [child["quantity"] for child in children] == [99, 4, 6]
    assert [child["price"] for child in children] == ["20.0000", "22.0000", "19.0000"]
    assert result.variant_external_ids == {**ids, "v3": children[2]["key"]}


def test_update_rewrites_nothing_that_the_shop_knows_a_product_by(opencart):
    """The SKU here may be the shop's model, by the store's rule: an update does not turn one into the other."""
    opencart.sandbox.shop.add_product("Old", "5.0000", model="Product 15", quantity=2)
    adapter = connected(opencart)
    variant = VariantDraft("v1", "Product 15", Decimal(6), None, 9, barcode="123", external_id="1")

    adapter.update_listing(single(external_id="1", variants=(variant,)))

    row = opencart.sandbox.read_product(1)
    assert (row["sku"], row["model"], row["ean"], row["quantity"]) == ("", "Product 15", "", 2)
    assert (row["name"], row["price"]) == ("Tea & <Cake>", "6.0000")


def test_update_of_variants_that_are_products_leaves_them_alone(serve_opencart):
    running = serve_opencart(seed="demo")
    variants = tuple(
        VariantDraft(key, sku, Decimal(1), None, 1, options={"Colour": sku}, external_id=key)
        for key, sku in (("57", "THROW-OAT"), ("58", "THROW-RST"))
    )

    result = connected(running).update_listing(
        group(external_id="56", title="Throw of wool", variants=variants)
    )

    assert running.sandbox.read_product(56)["name"] == "Throw of wool"
    assert [child["price"] for child in running.sandbox.read_product(56)["children"]] == [
        "95.0000",
        "95.0000",
    ]
    assert result.variant_external_ids == {"57": "57", "58": "58"}


@pytest.mark.parametrize(
    ("barcode", "ean", "mpn"),
    [
        ("4006381333931", "4006381333931", ""),
        ("X0012ABC", "", "X0012ABC"),
        ("1" * 20, "", "1" * 20),
        ("", "", ""),
    ],
)
def test_barcode_goes_where_it_fits(opencart, barcode, ean, mpn):
    connected(opencart).create_listing(single(variants=(replace(single().variants[0], barcode=barcode),)))

    row = opencart.sandbox.read_product(1)
    assert (row["ean"], row["mpn"]) == (ean, mpn)


@pytest.mark.req("R-CAT-11")
def test_delete_takes_variants_along_and_may_be_repeated(serve_opencart):
    running = serve_opencart(seed="demo")
    adapter = connected(running)

    adapter.delete_listing("56")
    adapter.delete_listing("56")

    assert not {56, 57, 58} & set(running.sandbox.shop.products)
    assert 55 in running.sandbox.shop.products


# ---------------------------------------------------------------- fulfilment


@pytest.mark.req("R-SHIP-03")
def test_ready_to_ship_is_processing_with_tracking_in_a_comment(opencart):
    tea(opencart)
    order = opencart.sandbox.place_order([{"sku": "TEA", "quantity": 2}])
    update = told(FulfilmentEvent.READY_TO_SHIP, order, carrier_name="DHL", tracking_number="JD01",
                  tracking_url="https://dhl.example/JD01")  # fmt: skip

    outcome = connected(opencart).push_fulfilment(update)

    last = opencart.sandbox.read_order(order["order_id"])["history"][-1]
    assert outcome == Outcome("ev-1", external_id=str(last["order_history_id"]))
    assert (last["status_id"], last["notify"], last["ref"]) == (2, False, "ev-1")
    assert last["comment"] == "Ready to ship\nCarrier: DHL\nTracking number: JD01\nhttps://dhl.example/JD01"
    assert opencart.sandbox.product(1)["quantity"] == 8  # taken once, when it was placed


@pytest.mark.req("R-SHIP-04", "R-ORD-08")
def test_shipped_and_completed(opencart):
    tea(opencart)
    order, adapter = opencart.sandbox.place_order(), connected(opencart, options={"notify_customer": True})

    assert adapter.push_fulfilment(told(FulfilmentEvent.SHIPPED, order, "ev-1")).ok
    assert adapter.push_fulfilment(told(FulfilmentEvent.COMPLETED, order, "ev-2")).ok

    history = opencart.sandbox.read_order(order["order_id"])["history"]
    assert [entry["status_id"] for entry in history] == [1, 3, 5]
    assert history[-1]["notify"] is True
    assert opencart.sandbox.product(1)["quantity"] == 9


@pytest.mark.req("R-ORD-06")
def test_an_event_whose_answer_was_lost_is_looked_up_and_not_written_twice(opencart):
    tea(opencart)
    order, adapter = opencart.sandbox.place_order(), connected(opencart)
    update = told(
        FulfilmentEvent.SHIPPED, order, "shipment 7/1"
    )  # a ref in letters that the shop does not take
    assert adapter.look_up(update) is None
    opencart.sandbox.inject("no_answer", match="order_history")

    with pytest.raises(Uncertain):
        adapter.push_fulfilment(update)
    found = adapter.look_up(update)
    again = adapter.push_fulfilment(update)

    assert found is not None
    assert found.ok
    assert found.ref == again.ref == "shipment 7/1"
    assert found.external_id == again.external_id
    assert [entry["status_id"] for entry in opencart.sandbox.read_order(order["order_id"])["history"]] == [
        1,
        3,
    ]
    [record] = adapter.pull_orders(PullQuery()).records
    assert len(record.own_refs) == 1  # the echo can be told from news


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        ({"mail_failed": True}, "The status is set. The shop could not send its e-mail."),
        ({"status_id": 10}, "Another extension of the shop gave the order the status “Failed” instead."),
        ({}, ""),
    ],
)
def test_what_else_the_shop_says_of_a_written_status(opencart, answer, note):
    tea(opencart)
    order, writes = opencart.sandbox.place_order(), opencart.sandbox.writes
    work = writes.order_history
    writes.order_history = lambda body: [{**row, **answer} for row in work(body)]

    outcome = connected(opencart).push_fulfilment(told(FulfilmentEvent.SHIPPED, order))

    assert (outcome.ok, outcome.note) == (True, note)


def test_an_order_that_the_shop_is_writing_is_tried_again(opencart):
    tea(opencart)
    order = opencart.sandbox.place_order()
    busy = {"code": "status_conflict", "message": "Busy.", "field": "order_id"}
    opencart.sandbox.writes.order_history = lambda body: [{"ref": "ev-1", "ok": False, "error": busy}]

    outcome = connected(opencart).push_fulfilment(told(FulfilmentEvent.SHIPPED, order))

    assert type(outcome.error) is TemporaryError


def test_look_up_of_an_order_that_is_gone(opencart):
    update = told(FulfilmentEvent.SHIPPED, {"order_id": 999})

    assert connected(opencart).look_up(update) is None
    outcome = connected(opencart).push_fulfilment(update)
    assert isinstance(outcome.error, Rejected)
    assert str(outcome.error) == "The shop refused: No order has id 999."


@pytest.mark.parametrize(
    ("event", "stands", "ok"),
    [
        (FulfilmentEvent.READY_TO_SHIP, 15, True),  # Processed was read; our write takes the stock again
        (FulfilmentEvent.READY_TO_SHIP, 7, False),
        (FulfilmentEvent.SHIPPED, 7, False),
        (FulfilmentEvent.SHIPPED, 11, False),
        (FulfilmentEvent.COMPLETED, 16, False),
        (FulfilmentEvent.COMPLETED, 3, True),
    ],
)
def test_an_order_that_went_elsewhere_in_the_shop_is_left_alone(opencart, event, stands, ok):
    tea(opencart)
    order = opencart.sandbox.place_order()
    opencart.sandbox.set_status(order["order_id"], stands)
    before = opencart.sandbox.product(1)["quantity"]

    outcome = connected(opencart).push_fulfilment(told(event, order))

    history = opencart.sandbox.read_order(order["order_id"])["history"]
    assert outcome.ok is ok
    assert len(history) == (3 if ok else 2)
    if not ok:
        assert isinstance(outcome.error, Rejected)
        assert outcome.error.code == "status_conflict"
        assert "so it was not changed" in str(outcome.error)
        assert opencart.sandbox.product(1)["quantity"] == before


@pytest.mark.parametrize(
    ("event", "stands", "name"),
    [
        (FulfilmentEvent.READY_TO_SHIP, 3, "Shipped"),
        (FulfilmentEvent.SHIPPED, 3, "Shipped"),
        (FulfilmentEvent.SHIPPED, 5, "Complete"),
        (FulfilmentEvent.COMPLETED, 5, "Complete"),
    ],
)
def test_what_is_true_in_the_shop_already_is_not_written_again(opencart, event, stands, name):
    tea(opencart)
    order = opencart.sandbox.place_order()
    opencart.sandbox.set_status(order["order_id"], stands)

    outcome = connected(opencart).push_fulfilment(told(event, order))

    assert outcome == Outcome(
        "ev-1",
        note=f"The order already has the status “{name}” in the shop; nothing was written.",
        is_written=False,
    )
    assert len(opencart.sandbox.read_order(order["order_id"])["history"]) == 2


@pytest.mark.req("R-ORD-08")
def test_a_status_outside_the_stock_lists_is_never_written(opencart):
    tea(opencart)
    order, adapter = opencart.sandbox.place_order(), connected(opencart)

    with pytest.raises(Rejected, match="return the order's units to its stock"):
        adapter.push_fulfilment(told(FulfilmentEvent.READY_TO_SHIP, order, native_status="15"))
    with pytest.raises(Rejected, match="no order status with the ID 44"):
        adapter.push_fulfilment(told(FulfilmentEvent.SHIPPED, order, native_status="44"))
    opencart.sandbox.configure(processing=[1, 2], complete=[5])
    with pytest.raises(Rejected, match="“Shipped” is not among"):
        connected(opencart).push_fulfilment(told(FulfilmentEvent.SHIPPED, order))

    assert len(opencart.sandbox.read_order(order["order_id"])["history"]) == 1
    assert opencart.sandbox.product(1)["quantity"] == 9


@pytest.mark.req("R-SHIP-07")
def test_tracking_is_noted_under_the_status_the_order_has(opencart):
    tea(opencart)
    order, adapter = opencart.sandbox.place_order(status_id=3), connected(opencart)

    assert adapter.push_fulfilment(told(FulfilmentEvent.TRACKING, order, tracking_number="JD02")).ok

    last = opencart.sandbox.read_order(order["order_id"])["history"][-1]
    assert (last["status_id"], last["comment"]) == (3, "Tracking\nTracking number: JD02")
    opencart.sandbox.set_status(order["order_id"], 15)
    with pytest.raises(Rejected, match="“Processed” is not among"):
        adapter.push_fulfilment(told(FulfilmentEvent.TRACKING, order, "ev-2", tracking_number="JD03"))


@pytest.mark.req("R-ORD-11")
def test_seller_cancel_only_where_the_store_allows_it(opencart):
    tea(opencart)
    order = opencart.sandbox.place_order([{"sku": "TEA", "quantity": 4}])
    update = told(FulfilmentEvent.CANCELLED, order, reason="Out of stock")

    with pytest.raises(NotSupported, match="off in this store's settings"):
        connected(opencart).push_fulfilment(update)
    assert opencart.sandbox.product(1)["quantity"] == 6

    allowed = connected(opencart, options={"push_seller_cancel": True})
    assert allowed.push_fulfilment(update).ok
    last = opencart.sandbox.read_order(order["order_id"])["history"][-1]
    assert (last["status_id"], last["comment"]) == (7, "Out of stock")
    assert opencart.sandbox.product(1)["quantity"] == 10  # back on sale in the shop
    assert "already has the status “Canceled”" in allowed.push_fulfilment(replace(update, ref="ev-2")).note


def test_delivered_cannot_be_sent(opencart):
    with pytest.raises(NotSupported, match="no status for delivered"):
        connected(opencart).push_fulfilment(told(FulfilmentEvent.DELIVERED, {"order_id": 1}))
    assert not opencart.sandbox.requests


@pytest.mark.django_db
def test_the_stores_own_status_map_says_where_an_order_stands(opencart):
    """Sellers invent statuses: what the seller mapped as new may be written over, what nobody mapped may not."""
    tea(opencart)
    opencart.sandbox.shop.statuses[17] = "Picking"
    opencart.sandbox.configure(processing=[1, 2, 3, 5, 17])
    orders = [opencart.sandbox.place_order(status_id=17) for _ in range(2)]
    store = factories.store(credentials=opencart.credentials, currency="EUR", url=opencart.url)

    unmapped = runner.adapter_of(store).push_fulfilment(told(FulfilmentEvent.SHIPPED, orders[0]))
    StatusMapEntry.objects.create(
        connection=store, external_id="17", name="Picking", remote_state=RemoteState.NEW
    )
    mapped = runner.adapter_of(store).push_fulfilment(told(FulfilmentEvent.SHIPPED, orders[1]))

    assert isinstance(unmapped.error, Rejected)
    assert "“Picking”" in str(unmapped.error)
    assert mapped.ok
    assert opencart.sandbox.read_order(orders[1]["order_id"])["status"]["id"] == 3


# ---------------------------------------------------------------- webhooks


def signed(event: dict[str, Any], secret: str) -> tuple[dict[str, str], bytes]:
    body = json.dumps(event).encode()
    return {"X-OMS-Signature": webhook_signature(secret, body), "X-OMS-Event": event.get("event", "")}, body


@pytest.mark.parametrize(
    ("topic", "stream"),
    [
        ("order.created", Stream.ORDERS_NEW),
        ("order.updated", Stream.ORDERS_CHANGED),
        ("order.deleted", Stream.ORDERS_CHANGED),
    ],
)
def test_a_genuine_webhook_wakes_its_stream(opencart_adapter, topic, stream):
    event = {"id": "a" * 32, "event": topic, "order_id": 7, "from": 0, "to": 1, "at": "2026-11-21T10:00:00Z"}
    headers, body = signed(event, "s" * 32)

    [record] = opencart_adapter.read_webhook(
        {name.lower(): value for name, value in headers.items()}, body, "s" * 32
    )

    assert (record.event_id, record.topic, record.stream, record.external_id) == (
        "a" * 32,
        topic,
        stream,
        "7",
    )
    assert opencart_adapter.read_webhook(headers, body, "s" * 32) == [record]


@pytest.mark.parametrize(
    ("case", "change"),
    [
        ("other secret", lambda headers, body: (headers, body, "t" * 32)),
        ("no secret of ours", lambda headers, body: (headers, body, "")),
        ("no signature", lambda headers, body: ({}, body, "s" * 32)),
        ("changed body", lambda headers, body: (headers, body.replace(b"7", b"8"), "s" * 32)),
    ],
)
def test_a_webhook_that_is_not_genuine_is_refused(opencart_adapter, case, change):
    headers, body = signed({"id": "1", "event": "order.created", "order_id": 7}, "s" * 32)

    with pytest.raises(Rejected, match="not signed with this store's webhook secret"):
        opencart_adapter.read_webhook(*change(headers, body))


@pytest.mark.parametrize(
    "event", [{}, {"id": "1", "event": "order.created"}, {"id": "1", "event": "x", "order_id": "?"}]
)
def test_a_signed_webhook_that_cannot_be_read_is_refused(opencart_adapter, event):
    headers, body = signed(event, "s" * 32)

    with pytest.raises(Rejected, match="cannot be read"):
        opencart_adapter.read_webhook(headers, body, "s" * 32)


def test_registering_twice_keeps_one_webhook(opencart):
    adapter = connected(opencart)
    adapter.register_webhooks("http://127.0.0.1:9/hook", "s" * 32)
    adapter.register_webhooks("http://127.0.0.1:9/hook", "t" * 32)

    [hook] = opencart.sandbox.shop.webhooks.values()
    assert hook["secret"] == "t" * 32
    assert hook["events"] == ["order.created", "order.updated", "order.deleted"]


def test_a_ref_whose_product_was_deleted_makes_it_anew(opencart: Running) -> None:
    """Seen on a real shop: a second installation used the reference of a product that had been deleted meanwhile."""
    adapter = OpenCartAdapter(unsaved_store(opencart))
    draft = ListingDraft(
        ref="listing-1", kind=ProductKind.SINGLE, title="Mug", description="", currency="EUR",
        variants=(VariantDraft("1", "MUG", Decimal("4.00"), None, 3),),
    )  # fmt: skip
    first = adapter.create_listing(draft)
    assert adapter.create_listing(draft).external_id == first.external_id
    adapter.delete_listing(first.external_id)

    again = adapter.create_listing(draft)

    assert opencart.sandbox.read_product(int(again.external_id))["quantity"] in (3, "3")

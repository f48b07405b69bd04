"""BigCommerce's verbs against the sandbox over real HTTP: the traps of the sheet (`bigcommerce.md` §11), one by one."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache

from channels.base import Stream
from channels.bigcommerce.adapter import BigCommerceAdapter
from channels.bigcommerce.auth import webhook_signature
from channels.bigcommerce.client import store_url
from channels.bigcommerce.sandbox import CLIENT_SECRET
from channels.errors import AuthError, NotSupported, RateLimited, Rejected, TemporaryError, Uncertain
from channels.records import (
    FulfilmentEvent,
    ListingDraft,
    Outcome,
    PriceUpdate,
    ProductKind,
    PullQuery,
    RemoteState,
    ShipmentUpdate,
    StockUpdate,
    VariantDraft,
    Window,
)
from channels.sandbox import Response
from tests.support.shops import unsaved_store

E = FulfilmentEvent


@pytest.fixture
def running(serve_bigcommerce):
    return serve_bigcommerce()


def connected(running: Any, **fields: Any) -> BigCommerceAdapter:
    return BigCommerceAdapter(unsaved_store(running, channel="bigcommerce", **{"currency": "GBP", **fields}))


def product(running: Any, name: str = "Tea", sku: str = "TEA", quantity: int = 10, **more: Any) -> Any:
    row = running.sandbox.shop.add_product(name, 8.0, sku=sku, quantity=quantity, **more)
    running.sandbox.touch()
    return row


def mug(running: Any, **more: Any) -> Any:
    variants = [{"sku": f"MUG-{n}", "options": {"Colour": n}, "quantity": 5} for n in ("Red", "Blue")]
    return product(running, "Mug", "", variants=variants, **more)


def stock(row: Any, quantity: int, place: int = 0, ref: str = "s1", **more: Any) -> StockUpdate:
    variant = row["variants"][place]
    return StockUpdate(ref, str(row["id"]), str(variant["id"]), variant["sku"], quantity, **more)


def price(row: Any, amount: str, selling: str | None = None, place: int = 0, ref: str = "p1") -> PriceUpdate:
    variant = row["variants"][place]
    offer = None if selling is None else Decimal(selling)
    return PriceUpdate(ref, str(row["id"]), str(variant["id"]), variant["sku"], Decimal(amount), offer, "GBP")


def told(event: E, order: Any, ref: str = "ev-1", **more: Any) -> ShipmentUpdate:
    more = {"carrier_name": "Royal Mail", "tracking_number": "RM1GB", **more}
    return ShipmentUpdate(ref, event, str(order["order_id"]), **more)


def orders(adapter: BigCommerceAdapter, query: PullQuery | None = None) -> list[Any]:
    page, found = None, []
    while True:
        answer = adapter.pull_orders(query or PullQuery(), page)
        found += answer.records
        page = answer.next_page
        if page is None:
            return found


def native(running: Any, order: Any) -> Any:
    return running.sandbox.shop.orders[order["order_id"]]


def sent(running: Any, method: str, part: str) -> list[Any]:
    return [row for row in running.sandbox.exchanges if row["method"] == method and part in row["path"]]


# ---------------------------------------------------------------- connecting


@pytest.mark.req("R-CONN-01", "R-CONN-06")
def test_verify_tells_whose_store_it_is(running):
    account = connected(running).verify()

    assert account.identity == running.sandbox.store_hash
    assert (account.name, account.currency, account.country) == ("Fern & Kettle UK", "GBP", "GB")
    assert account.time_zone == "Europe/London"
    assert account.extra["update_stock_behavior"] == "order_placed"
    assert account.extra["default_location"] == 1
    assert account.warnings == ()


def test_another_country_is_a_warning_and_no_refusal(serve_bigcommerce):
    [warning] = connected(serve_bigcommerce(country="DE")).verify().warnings

    assert "DE" in warning


def test_stock_that_falls_at_shipping_makes_us_propose_the_other_mode(serve_bigcommerce):
    running = serve_bigcommerce(update_stock_behavior="order_completed_or_shipped")
    [warning] = connected(running).verify().warnings

    assert "at the manifest" in warning
    assert connected(running, options={"shipping_mode": "b"}).verify().warnings == ()


def test_a_location_that_the_storefront_does_not_sell_from_is_warned_of(running):
    running.sandbox.shop.locations[2] = {"id": 2, "code": "B", "label": "Barn", "enabled": True}

    [warning] = connected(running, options={"location": "2"}).verify().warnings

    assert "another location than the default" in warning


def test_clocks_that_differ_are_told(serve_bigcommerce):
    [warning] = connected(serve_bigcommerce(clock_offset=-300)).verify().warnings

    assert "30" in warning
    assert "set this machine's clock right" in warning


@pytest.mark.req("R-CONN-06")
def test_a_missing_permission_is_named(serve_bigcommerce):
    running = serve_bigcommerce(scopes_missing=["/v2/orders"])

    with pytest.raises(AuthError, match=r"Orders \(modify\)"):
        connected(running).pull_orders(PullQuery())


def test_without_locations_stock_is_not_offered(serve_bigcommerce):
    account = connected(serve_bigcommerce(scopes_missing=["/v3/inventory/locations"])).verify()

    assert set(account.offered) == {"push_stock", "stock_locations"}


@pytest.mark.parametrize("path", ["abc123", "https://api.bigcommerce.com/stores/abc123/v3/", "api.bigcommerce.com/stores/abc123"])  # fmt: skip
def test_an_api_path_or_a_hash(path):
    assert store_url(path) == "https://api.bigcommerce.com/stores/abc123"


@pytest.mark.parametrize(
    "path",
    ["", "a b", "https://evil.example/stores/abc123/v3/", "http://api.bigcommerce.com/stores/abc123", "https://api.bigcommerce.com/",
     "https://x@api.bigcommerce.com/stores/abc123", "https://api.bigcommerce.com:8443/stores/abc123", "https://[bad/stores/abc"],
)  # fmt: skip
def test_the_token_goes_nowhere_else(path):
    with pytest.raises(Rejected):
        store_url(path)


# ---------------------------------------------------------------- orders


def test_nothing_is_204_and_an_empty_page(running):
    page = connected(running).pull_orders(PullQuery())

    assert (list(page.records), page.next_page) == ([], None)
    assert running.sandbox.exchanges[-1]["status"] == 204


def test_an_order_that_changes_during_the_scan_hides_no_other(serve_bigcommerce):
    """Offset paging by modification time would lose a row; ids stay where they are."""
    running = serve_bigcommerce(products=3, orders=600)
    adapter = connected(running)
    first = adapter.pull_orders(PullQuery())
    for record in first.records[:20]:
        running.sandbox.set_status(record.external_id, 9)
    rest = []
    page = first.next_page
    while page:
        answer = adapter.pull_orders(PullQuery(), page)
        rest += answer.records
        page = answer.next_page

    ids = [record.external_id for record in [*first.records, *rest]]
    assert len(ids) == len(set(ids)) == 600


@pytest.mark.req("R-ORD-01")
def test_the_scan_goes_by_bigcommerces_clock_and_leaves_the_end_open(serve_bigcommerce):
    running = serve_bigcommerce(clock_offset=-1800)  # ours is half an hour ahead
    product(running)
    order = running.sandbox.place_order()
    now = datetime.now(UTC)

    found = orders(connected(running), PullQuery(Window(now - timedelta(minutes=10), now)))

    assert [record.external_id for record in found] == [str(order["order_id"])]
    query = dict(sent(running, "GET", "/v2/orders")[-1]["query"])
    assert "max_date_modified" not in query
    assert query["min_date_modified"].endswith("+00:00")
    assert (query["sort"], query["limit"]) == ("id:asc", "250")


def test_lines_beyond_50_come_by_the_other_call(running):
    row = product(running, quantity=500)
    order = running.sandbox.place_order([{"product_id": row["id"], "quantity": 1}] * 260)

    [record] = orders(connected(running))

    assert len(record.lines) == 260
    assert record.external_id == str(order["order_id"])
    assert len(sent(running, "GET", "/products")) == 2  # 250 and 10


def test_up_to_49_lines_come_with_the_list(running):
    row = product(running, quantity=500)
    running.sandbox.place_order([{"product_id": row["id"], "quantity": 1}] * 49)

    [record] = orders(connected(running))

    assert len(record.lines) == 49
    assert not sent(running, "GET", "/products")


@pytest.mark.req("R-ORD-01")
def test_new_orders_are_11_and_8_and_the_poll_for_them_brings_the_others_too(running):
    product(running)
    placed = {status: running.sandbox.place_order(status_id=status) for status in (0, 11, 8, 2, 5)}
    query = PullQuery(statuses=("8", "11"), stream=Stream.ORDERS_NEW)

    states = {record.status_id: record.remote_state for record in orders(connected(running), query)}

    assert states == {
        "11": RemoteState.NEW,
        "8": RemoteState.NEW,
        "2": RemoteState.SHIPPED,
        "5": RemoteState.CANCELLED,
    }
    assert native(running, placed[0])["status_id"] == 0  # an unfinished checkout stays there


def test_statuses_are_asked_for_one_by_one_or_filtered_here(running):
    product(running)
    for status in (11, 9, 5):
        running.sandbox.place_order(status_id=status)
    adapter = connected(running)

    assert {r.status_id for r in orders(adapter, PullQuery(statuses=("9",)))} == {"9"}
    assert {r.status_id for r in orders(adapter, PullQuery(statuses=("9", "5")))} == {"9", "5"}


def test_refunds_come_from_v3_because_the_orders_own_figure_is_always_0(running):
    product(running)
    order = running.sandbox.place_order()
    running.sandbox.refund(order["order_id"], 3.25)

    [record] = orders(connected(running))

    assert record.native["refunded_amount"] == "0.0000"
    assert [row["total_amount"] for row in record.native["refunds"]] == ["3.25"]


def test_downloads_and_pickups(running):
    row = product(running)
    running.sandbox.place_order([{"product_id": row["id"], "quantity": 1, "type": "digital"}])
    running.sandbox.place_order(
        [{"product_id": row["id"], "quantity": 1, "pickup": 3}, {"product_id": row["id"], "quantity": 1}]
    )

    digital, mixed = orders(connected(running))

    assert (digital.ship_to.line1, [line.needs_stock for line in digital.lines]) == ("", [False])
    assert digital.remote_state == RemoteState.COMPLETED
    assert len(mixed.lines) == 2


def test_an_order_that_is_gone_is_not_found_and_does_no_harm(running):
    product(running)
    order = running.sandbox.place_order()

    found = orders(connected(running), PullQuery(ids=("999999", "x1", str(order["order_id"]))))

    assert [record.external_id for record in found] == [str(order["order_id"])]


def test_seller_names_of_statuses_are_shown_and_never_matched(serve_bigcommerce):
    running = serve_bigcommerce(labels={"11": "À préparer"})
    product(running)
    running.sandbox.place_order()

    [record] = orders(connected(running))

    assert (record.status_name, record.remote_state) == ("À préparer", RemoteState.NEW)
    assert {s.external_id: s.name for s in connected(running).pull_statuses()}["11"] == "À préparer"


# ---------------------------------------------------------------- products


@pytest.mark.req("R-CAT-01")
def test_products_by_id_keyset_each_once(serve_bigcommerce):
    running = serve_bigcommerce(products=520)
    adapter, page, seen = connected(running), None, []
    while True:
        answer = adapter.pull_products(PullQuery(), page)
        seen += [record.external_id for record in answer.records]
        page = answer.next_page
        if page is None:
            break

    assert len(seen) == len(set(seen)) == 520
    assert len(sent(running, "GET", "/catalog/products")) == 3


@pytest.mark.req("R-INV-03")
def test_stock_is_read_at_the_stores_location(running):
    row = product(running, quantity=10)
    running.sandbox.shop.locations[2] = {"id": 2, "code": "B", "label": "Barn", "enabled": True}
    running.sandbox.set_stock(row["variants"][0]["id"], 4, location_id=2)

    default = connected(running).pull_products(PullQuery()).records[0]
    barn = connected(running, options={"location": "2"}).pull_products(PullQuery()).records[0]

    assert (default.variants[0].quantity, barn.variants[0].quantity) == (10, 4)


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
    running.sandbox.shop.products[tea["id"]]["inventory_tracking"] = "variant"  # changed behind our back

    first, second = adapter.push_stock([stock(tea, 5), stock(cup, 6, ref="s2")])

    assert isinstance(first.error, Rejected)
    assert second.ok
    assert adapter.push_stock([stock(tea, 5)])[0].ok  # what was believed is asked for anew
    assert running.sandbox.shop.stock[f"1/{tea['variants'][0]['id']}"] == 5


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

    assert "does not take changes" in str(outcome.error)
    assert running.sandbox.shop.stock[f"1/{tea['variants'][0]['id']}"] == 10


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


# ---------------------------------------------------------------- fulfilment


@pytest.mark.req("R-SHIP-03", "R-SHIP-04")
def test_mode_a_ships_at_ready_to_ship_and_puts_the_status_back(running):
    product(running)
    order = running.sandbox.place_order()
    adapter = connected(running)

    outcome = adapter.push_fulfilment(told(E.READY_TO_SHIP, order))
    row = native(running, order)

    assert (outcome.external_id, row["status_id"]) == ("1", 9)
    assert (row["shipments"][0]["tracking_number"], row["shipments"][0]["shipping_provider"]) == (
        "RM1GB",
        "royalmail",
    )
    assert adapter.push_fulfilment(told(E.SHIPPED, order, "ev-2")).ok
    assert (row["status_id"], len(row["shipments"])) == (2, 1)


@pytest.mark.req("R-SHIP-03", "R-SHIP-04")
def test_mode_b_ships_at_the_manifest(running):
    product(running)
    order = running.sandbox.place_order()
    adapter = connected(running, options={"shipping_mode": "b"})
    row = native(running, order)

    assert adapter.push_fulfilment(told(E.READY_TO_SHIP, order)).ok
    assert (row["status_id"], row["shipments"]) == (9, [])
    assert adapter.push_fulfilment(told(E.SHIPPED, order, "ev-2")).ok
    assert (row["status_id"], row["shipments"][0]["tracking_number"]) == (2, "RM1GB")
    writes = [c for c in sent(running, "PUT", "/v2/orders/") if b'"status_id":2' in c["body"]]
    assert writes == []  # the shipment itself has done it


def test_a_store_whose_shipments_move_nothing_gets_the_status_too(serve_bigcommerce):
    running = serve_bigcommerce(ship_moves_status=False)
    product(running)
    order = running.sandbox.place_order()

    assert connected(running, options={"shipping_mode": "b"}).push_fulfilment(told(E.SHIPPED, order)).ok

    assert native(running, order)["status_id"] == 2


def test_a_shipment_whose_answer_was_lost_is_not_made_twice(running):
    product(running)
    order = running.sandbox.place_order()
    adapter = connected(running)
    running.sandbox.inject("no_answer", match="/shipments", method="POST")
    with pytest.raises(Uncertain):
        adapter.push_fulfilment(told(E.READY_TO_SHIP, order))
    row = native(running, order)
    assert (row["status_id"], len(row["shipments"])) == (2, 1)

    assert adapter.look_up(told(E.READY_TO_SHIP, order)) == Outcome("ev-1", external_id="1")

    assert (row["status_id"], len(row["shipments"])) == (9, 1)


@pytest.mark.req("R-SHIP-03")
def test_parts_of_an_order_go_one_after_the_other(running):
    row = product(running)
    order = running.sandbox.place_order([{"product_id": row["id"], "quantity": 3}])
    line = str(native(running, order)["lines"][0]["id"])
    adapter = connected(running, options={"shipping_mode": "b"})

    assert adapter.push_fulfilment(told(E.SHIPPED, order, "e1", lines={line: 1}, is_whole_order=False)).ok
    assert native(running, order)["status_id"] == 3
    assert adapter.push_fulfilment(told(E.SHIPPED, order, "e2", lines={line: 2}, is_whole_order=False)).ok
    assert native(running, order)["status_id"] == 2
    assert [s["items"][0]["quantity"] for s in native(running, order)["shipments"]] == [1, 2]


def test_several_addresses_get_a_shipment_each_and_pickups_none(running):
    row = product(running)
    order = running.sandbox.place_order(
        [{"product_id": row["id"], "address": 0}, {"product_id": row["id"], "address": 1}, {"product_id": row["id"], "pickup": 2}],
        addresses=2,
    )  # fmt: skip

    assert connected(running).push_fulfilment(told(E.READY_TO_SHIP, order)).ok

    shipments = native(running, order)["shipments"]
    assert len({s["order_address_id"] for s in shipments}) == len(shipments) == 2


@pytest.mark.req("R-SHIP-07")
def test_a_number_that_comes_later_goes_into_the_shipment(running):
    product(running)
    order = running.sandbox.place_order()
    adapter = connected(running)
    before = adapter.push_fulfilment(told(E.TRACKING, order, "t0"))
    adapter.push_fulfilment(told(E.READY_TO_SHIP, order, tracking_number=""))

    after = adapter.push_fulfilment(told(E.TRACKING, order, "t1", tracking_number="RM2GB"))

    assert "no shipment yet" in before.note
    assert after.ok
    assert native(running, order)["shipments"][0]["tracking_number"] == "RM2GB"
    assert native(running, order)["status_id"] == 9


@pytest.mark.req("R-ORD-11")
def test_cancel_before_it_left_and_not_after(running):
    product(running)
    order, gone = running.sandbox.place_order(), running.sandbox.place_order()
    running.sandbox.set_status(gone["order_id"], 2)
    adapter = connected(running)

    assert adapter.push_fulfilment(told(E.CANCELLED, order)).ok
    assert native(running, order)["status_id"] == 5
    assert "already stands" in adapter.push_fulfilment(told(E.CANCELLED, order)).note
    with pytest.raises(Rejected, match="left as it is there"):
        adapter.push_fulfilment(told(E.CANCELLED, gone))
    with pytest.raises(Rejected, match="left as it is there"):
        adapter.push_fulfilment(told(E.READY_TO_SHIP, order))
    assert native(running, gone)["status_id"] == 2


def test_completed_is_off_until_the_store_allows_it(running):
    product(running)
    order = running.sandbox.place_order()
    with pytest.raises(NotSupported):
        connected(running).push_fulfilment(told(E.COMPLETED, order))

    assert connected(running, options={"push_completed": True}).push_fulfilment(told(E.COMPLETED, order)).ok
    assert native(running, order)["status_id"] == 10


def test_no_write_of_an_order_ever_carries_products(running):
    product(running)
    order = running.sandbox.place_order()
    adapter = connected(running)
    adapter.push_fulfilment(told(E.READY_TO_SHIP, order))
    adapter.push_fulfilment(told(E.SHIPPED, order, "e2"))

    assert {tuple(json.loads(c["body"])) for c in sent(running, "PUT", "/v2/orders/")} == {("status_id",)}


# ---------------------------------------------------------------- limits and errors


def test_429_with_headers_waits_for_the_window_and_without_them_backs_off(serve_bigcommerce):
    running = serve_bigcommerce(quota=3)
    adapter = connected(running)
    adapter.pull_statuses()  # two calls
    with pytest.raises(RateLimited) as caught:
        connected(running).verify()
    assert 0 < caught.value.retry_after <= 31

    running.sandbox.configure(quota=0)
    running.sandbox.handle = lambda request: Response.json({"status": 429, "title": "slow"}, 429)
    with pytest.raises(TemporaryError, match="under load"):
        adapter.pull_statuses()


def test_the_quota_is_read_from_every_answer(serve_bigcommerce, monkeypatch):
    running = serve_bigcommerce(quota=450)
    adapter = connected(running)
    told: list[Any] = []
    monkeypatch.setattr(
        type(adapter.client.session), "correct_budget", lambda self, **given: told.append(given)
    )

    adapter.pull_statuses()

    assert told[-1] == {"remaining": 448.0, "capacity": 450.0, "per_second": 15.0}


def test_maintenance_is_marked_and_a_dead_token_asks_for_the_seller(running):
    running.sandbox.configure(maintenance=True)
    with pytest.raises(TemporaryError) as caught:
        connected(running).pull_orders(PullQuery())
    assert caught.value.maintenance is True
    running.sandbox.configure(maintenance=False, revoked=True)
    with pytest.raises(AuthError, match="reconnect the store"):
        connected(running).pull_orders(PullQuery())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'[{"status":400,"message":"The field is bad."}]', "The field is bad."),
        (b'{"status":422,"title":"Wrong.","errors":{"name":"too long"}}', "Wrong; too long."),
        (b"<html>", "it gave no reason."),
        (b"", "it gave no reason."),
        (b'{"batch_errors":[{"title":"Variant 5 was not found","errors":{}}]}', "Variant 5 was not found."),
        (b'"odd"', "it gave no reason."),
    ],
)
def test_errors_of_both_versions_are_read(running, body, words):
    running.sandbox.handle = lambda request: Response(400, body, {"Content-Type": "application/json"})

    with pytest.raises(Rejected) as caught:
        connected(running).pull_statuses()

    assert str(caught.value) == f"BigCommerce refused: {words}"


# ---------------------------------------------------------------- webhooks

HOOK = "https://oms.example.com/hooks/bigcommerce/1/"
SECRET = "s" * 32


@pytest.mark.req("R-CONN-01")
def test_hooks_are_made_once_woken_when_idle_and_made_anew(serve_bigcommerce):
    running = serve_bigcommerce(strict_hooks=True)
    adapter, hooks = connected(running), running.sandbox.shop.hooks
    adapter.register_webhooks(HOOK, SECRET)
    count = len(hooks)
    adapter.register_webhooks(HOOK, SECRET)
    assert len(hooks) == count == 9
    running.sandbox.idle()

    adapter.register_webhooks(HOOK, SECRET)
    assert all(hook["is_active"] for hook in hooks.values())
    hooks.clear()
    adapter.register_webhooks(HOOK, SECRET)

    assert len(hooks) == 9
    with pytest.raises(Rejected, match="443"):
        connected(running).register_webhooks("http://oms.example.com:8000/", SECRET)


def event(running: Any, scope: str = "store/order/created", **more: Any) -> bytes:
    content = {
        "producer": f"stores/{running.sandbox.store_hash}",
        "scope": scope,
        "hash": "h1",
        "data": {"type": "order", "id": 118},
    }
    return json.dumps({**content, **more}).encode()


def signed(body: bytes, *, secret: str = CLIENT_SECRET, age: int = 0) -> dict[str, str]:
    at = str(int(time.time()) - age)
    return {
        "X-OMS-Secret": SECRET, "webhook-id": "h1", "webhook-timestamp": at,
        "webhook-signature": f"v1,bad {webhook_signature(secret, 'h1', at, body)}",
    }  # fmt: skip


def test_a_genuine_call_is_news_of_one_order(running):
    adapter, body = connected(running), event(running)

    for headers in (signed(body), {"x-oms-secret": SECRET}):  # the older kind has no signature
        [record] = adapter.read_webhook(headers, body, SECRET)
        assert (record.event_id, record.stream, record.external_id) == ("h1", Stream.ORDERS_NEW, "118")
    [record] = adapter.read_webhook(signed(b := event(running, "store/order/statusUpdated")), b, SECRET)
    assert record.stream == Stream.ORDERS_CHANGED


def test_forged_stale_and_foreign_calls_are_refused(running):
    adapter, body = connected(running), event(running)
    foreign = event(running, producer="stores/other1")
    cases = [
        (signed(body, secret="wrong"), body), (signed(body, age=400), body), (signed(body), body + b" "),
        ({**signed(body), "X-OMS-Secret": "x"}, body), ({}, body), (signed(foreign), foreign),
    ]  # fmt: skip
    for headers, content in cases:
        with pytest.raises(Rejected):
            adapter.read_webhook(headers, content, SECRET)


@pytest.mark.req("R-CAT-07")
def test_products_wake_nobody_unless_the_store_takes_their_changes(running):
    body = event(running, "store/product/updated")

    assert connected(running).read_webhook(signed(body), body, SECRET) == []
    taking = connected(running, options={"auto_update_products": True})
    [record] = taking.read_webhook(signed(body), body, SECRET)
    assert (record.stream, record.external_id) == (Stream.PRODUCTS, "118")


@pytest.fixture(autouse=True)
def _nothing_believed():
    cache.clear()

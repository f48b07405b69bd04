# long because: the sheet's traps stand in the sheet's order.
"""What the sheet `bigcommerce.md` warns of, by its sections, as far as no other test of this folder shows it already.

The ten traps of its §11 and the list below them, and where each is shown (`test_bigcommerce_*.py`):

1. 204 and no body: adapter `nothing_is_204`, here `a_list_of_v2_ends`. 2. `order_product_id`, `order_address_id`: mapping
`one_shipment_for_each_address`, fulfilment `several_addresses`. 3. 50 lines: adapter `lines_beyond_50`, `up_to_49_lines`.
4. Offset paging: adapter `an_order_that_changes_during_the_scan`. 5. `+` in dates: adapter `the_scan_goes_by_bigcommerces_clock`,
here `dates_carry_their_time`. 6. 11, not 8: adapter `new_orders_are_11_and_8`, mapping `statuses_go_by_id`, `what_is_written`.
7. A shipment moves the status: fulfilment `mode_a_ships`, `mode_b_ships`, here `shipment_first_status_second`.
8. `refunded_amount` is 0: adapter `refunds_come_from_v3`, `what_was_paid_back`. 9. Tracked by product or variant, locations: goods
`product_and_variant_tracked_stock`, `a_line_that_is_named_in_a_422`, verify `a_location_that_the_storefront_does_not_sell_from`.
10. Batches and the shared quota: goods `2500_lines`, `products_in_tens`, wire `the_quota_is_read`, here `a_429`.

Dead token: app `install_again_replaces`. Hooks gone: wire `hooks_are_made_once`. 207: goods `207_saves`. SKU without case and name 409:
goods `names_and_skus_are_unique`. `category_id`: here `categories_go_by_category_id`. Empty dates: mapping `an_empty_date`. Echo:
mapping `our_own_shipment_at_ready_to_ship`, adapter `our_own_shipments_are_no_news`. Custom lines, gift certificates: mapping
`lines_custom_items`. Bundles: here `a_part_of_a_bundle`. Stock after shipping: `restock`. Pictures: `pictures`. App: `app`, e2e `frame`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from channels.connectors.bigcommerce import auth, carriers, listing_bodies, payloads
from channels.connectors.bigcommerce.client import JITTER
from channels.connectors.bigcommerce.orders import order as order_record
from channels.contract.errors import AuthError, ChannelError, RateLimited, Rejected, TemporaryError, Uncertain
from channels.contract.records.pages import PullQuery, Window
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import ListingDraft, VariantDraft
from channels.sandbox.server import Response
from tests.channels.bigcommerce import E, connected, mug, orders, price, product, sent, stock, told

PAYLOADS = Path(__file__).parent.parent / "payloads" / "bigcommerce"
HOOK = "https://oms.example.com/hooks/bigcommerce/1/"


@pytest.fixture
def running(serve_bigcommerce):
    return serve_bigcommerce()


@pytest.fixture(autouse=True)
def _nothing_believed():
    cache.clear()


def answering(running: Any, status: int, body: bytes = b"", **headers: str) -> Any:
    """An adapter of a store that gives this answer to everything."""
    given = {"Content-Type": "application/json", **{name.replace("_", "-"): v for name, v in headers.items()}}
    running.sandbox.handle = lambda request: Response(status, body, given)
    return connected(running)


# ---------------------------------------------------------------- §1


@pytest.mark.req("R-CONN-01")
def test_the_scopes_that_are_asked_for():
    assert auth.SCOPES == (
        "store_v2_orders", "store_v2_products", "store_inventory", "store_locations_read_only",
        "store_v2_information_read_only", "store_v2_transactions_read_only", "store_channel_settings_read_only",
    )  # fmt: skip


# ---------------------------------------------------------------- §2


def test_every_call_has_its_headers_and_no_slash_at_the_end(running):
    product(running)
    running.sandbox.place_order()
    adapter = connected(running)
    orders(adapter)
    adapter.pull_products(PullQuery())

    for call in running.sandbox.exchanges:
        assert call["headers"]["x-auth-token"] == running.sandbox.token
        assert call["headers"]["user-agent"].startswith("ManifoldOMS/")
        assert "x-auth-client" not in call["headers"]
        assert not call["path"].endswith("/")


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (401, AuthError, "reconnect"), (403, AuthError, "give the API account the permission"), (404, Rejected, "refused"),
        (409, Rejected, "a duplicate"), (413, Rejected, "refused"), (422, Rejected, "a duplicate"),
        (423, TemporaryError, "tries again"), (500, TemporaryError, "tries again"), (502, TemporaryError, "tries again"),
        (503, TemporaryError, "closed for maintenance"), (507, Rejected, "plan allows no more"),
    ],
)  # fmt: skip
def test_what_each_status_means(running, status, error, words):
    adapter = answering(running, status, b'{"status":0,"title":"a duplicate"}')

    with pytest.raises(ChannelError, match=words) as caught:
        adapter.pull_statuses()

    assert type(caught.value) is error


@pytest.mark.parametrize("status", [500, 502, 504])
@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b'{"title":"x"}'])
def test_a_write_that_may_have_been_carried_out_is_looked_for_first(running, status, body):
    adapter = answering(running, status, body)

    with pytest.raises(Uncertain):
        adapter.client.post("/v2/orders/118/shipments", {})


def test_a_429_waits_as_its_headers_say_however_they_are_spelt(running):
    for headers, wait in (
        ({"X_Rate_Limit_Time_Reset_Ms": "15000"}, 15 + JITTER),
        ({"x_rate_limit_time_reset_ms": "2500", "x_retry_after": "99"}, 2.5 + JITTER),
        ({"X_Retry_After": "12"}, 12.0),
    ):
        with pytest.raises(RateLimited) as caught:
            answering(running, 429, b"{}", **headers).pull_statuses()
        assert caught.value.retry_after == wait
    with pytest.raises(TemporaryError, match="under load"):
        answering(running, 429, b"{}").pull_statuses()


def test_a_list_of_v3_is_read_to_its_last_page_however_few_rows_a_page_has(running):
    for number in range(23):
        product(running, f"P{number}", f"P-{number}")

    rows = connected(running).client.v3_all("/v3/catalog/products", {"include": "options"})

    assert len({row["id"] for row in rows}) == 23
    assert len(sent(running, "GET", "/catalog/products")) == 3  # ten a page, whatever was asked for


@pytest.mark.parametrize(("lines", "calls"), [(249, 1), (250, 2), (251, 2)])
def test_a_list_of_v2_ends_with_204_or_a_page_that_is_not_full(running, lines, calls):
    row = product(running, quantity=500)
    order = running.sandbox.place_order([{"product_id": row["id"], "quantity": 1}] * lines)

    assert len(connected(running).client.v2_all(f"/v2/orders/{order['order_id']}/products")) == lines
    assert len(sent(running, "GET", "/products")) == calls


def test_an_empty_page_of_v2_may_be_a_list_as_well(running):
    assert answering(running, 200, b"[]").client.v2_all("/v2/orders/118/products") == []


# ---------------------------------------------------------------- §3


@pytest.mark.req("R-CAT-12")
def test_categories_go_by_category_id_with_their_path(serve_bigcommerce):
    running = serve_bigcommerce(seed="demo")

    found = {row.external_id: row for row in connected(running).pull_categories(PullQuery()).records}

    assert (found["22"].path, found["22"].parent_external_id) == ("Kitchen > Tea & Coffee", "21")
    assert (found["24"].path, found["24"].parent_external_id) == ("Garden", "")


@pytest.mark.req("R-CAT-12")
def test_brands_by_pages(running):
    running.sandbox.shop.brands.update({number: f"Brand {number}" for number in range(1, 301)})
    adapter = connected(running)

    first = adapter.pull_brands(PullQuery())
    second = adapter.pull_brands(PullQuery(), first.next_page)

    assert (len(first.records), len(second.records), second.next_page) == (250, 50, None)


@pytest.mark.req("R-CAT-12")
def test_attributes_are_the_options_and_custom_fields_that_products_have_each_once(serve_bigcommerce):
    running = serve_bigcommerce(seed="demo")

    found = [(row.external_id, row.group) for row in connected(running).pull_attributes(PullQuery()).records]

    assert sorted(found) == [("field:Care", "Custom fields"), ("option:Colour", "Options")]


def test_dates_carry_their_time_and_offset(running):
    """Without a time V3 takes the present hour; without an offset V2 takes another zone; a plus sign would be a blank."""
    moment = payloads.instant("2026-03-01T10:00:00+02:00")
    adapter = connected(running)

    adapter.pull_products(PullQuery(Window(moment, None)))
    adapter.pull_orders(PullQuery(Window(moment, None)))

    [products] = sent(running, "GET", "/catalog/products")
    assert dict(products["query"])["date_modified:min"] == "2026-03-01T08:00:00+00:00"
    query = dict(sent(running, "GET", "/v2/orders")[-1]["query"])  # decoded as a server does
    # To the second: what the two clocks differ by is taken off, and BigCommerce's tells whole seconds.
    assert query["min_date_modified"] in ("2026-03-01T08:00:00+00:00", "2026-03-01T07:59:59+00:00")


# ---------------------------------------------------------------- §4


def payload(**changes: Any) -> Any:
    return {**json.loads((PAYLOADS / "order.json").read_text(encoding="utf-8")), **changes}


@pytest.mark.parametrize("total", ["219.8000", 219.8, "219.8"])
def test_money_is_text_or_a_number_and_exact(total):
    assert order_record(payload(total_inc_tax=total)).total == Decimal("219.8")


def test_numbers_with_a_fraction_never_pass_through_binary(running):
    row = product(running)
    row["price"] = 1234567.89  # 1234567.889999999897… in binary

    [record] = connected(running).pull_products(PullQuery()).records

    assert record.variants[0].price == Decimal("1234567.89")


@pytest.mark.req("R-ORD-07")
def test_a_part_of_a_bundle_is_a_line_with_a_stock_of_its_own():
    whole, *_rest = payload()["lines"]
    part = {**whole, "id": 2099, "parent_order_product_id": whole["id"], "variant_id": 1044, "sku": "LID", "total_ex_tax": "0.0000"}  # fmt: skip

    first, second = order_record(payload(lines=[whole, part])).lines

    assert (first.external_id, second.external_id) == (str(whole["id"]), "2099")
    assert (second.variant_external_id, second.sku, second.needs_stock) == ("1044", "LID", True)


def test_a_filter_of_the_list_that_lets_too_much_through_is_noticed(running):
    """Should the store forget the keyset, the scan would turn in a circle: it stops and goes on later."""
    row = product(running, quantity=500)
    for _ in range(3):
        running.sandbox.place_order([{"product_id": row["id"], "quantity": 1}])
    first = orders(connected(running))[0]

    running.sandbox.inject("repeat_page", match="min_id")

    with pytest.raises(TemporaryError, match="wrong order"):
        connected(running).pull_orders(PullQuery(), f"0:{int(first.external_id) + 1}")


# ---------------------------------------------------------------- §5


@pytest.mark.req("R-SHIP-03")
def test_shipment_first_status_second_and_read_again_between(running):
    """The other way round the buyer's mail would have no number."""
    product(running)
    order = running.sandbox.place_order()
    running.sandbox.exchanges.clear()

    connected(running).push_fulfilment(told(E.READY_TO_SHIP, order))

    path = f"/v2/orders/{order['order_id']}"
    calls = [(call["method"], call["path"].removeprefix(path)) for call in running.sandbox.exchanges]
    made = calls.index(("POST", "/shipments"))
    assert calls[made:] == [("POST", "/shipments"), ("GET", ""), ("PUT", "")]
    body = json.loads(sent(running, "POST", "/shipments")[0]["body"])
    assert body["shipping_provider"] == "royalmail"  # always said: left out it would be “custom”


@pytest.mark.parametrize("name", ["Royal Mail", "Evri", "Our van", "Colissimo"])
def test_provider_slug_and_link_never_contradict(name):
    fields = carriers.fields(name=name, code="", tracking_url="https://t.example/1")

    named = [fields["shipping_provider"], fields.get("tracking_carrier"), fields.get("tracking_link")]
    assert len([value for value in named if value]) == 1
    assert len(fields.get("tracking_link", "")) <= 500
    assert fields.get("tracking_carrier") != "royal-mail"  # there is no such slug


# ---------------------------------------------------------------- §6


def draft(**more: Any) -> ListingDraft:
    variants = (VariantDraft("v", "D-1", Decimal("12.50"), None, 3),)
    return ListingDraft("d1", **{"kind": ProductKind.SINGLE, "title": "Draft", "description": "", "currency": "GBP", "variants": variants, **more})  # fmt: skip


@pytest.mark.req("R-CAT-08")
def test_a_product_whose_answer_was_lost_is_not_made_twice(running):
    adapter = connected(running)
    running.sandbox.inject("no_answer", match="/catalog/products", method="POST")
    with pytest.raises(Uncertain):
        adapter.create_listing(draft())

    found = adapter.find_listing(draft())

    [row] = running.sandbox.shop.products.values()
    assert found is not None
    assert (found.external_id, found.variant_external_ids) == (
        str(row["id"]),
        {"v": str(row["variants"][0]["id"])},
    )


@pytest.mark.req("R-CAT-08")
@pytest.mark.parametrize(("several", "channels"), [(True, [1]), (False, None)])
def test_a_new_product_is_assigned_to_the_storefront_where_there_are_several(
    serve_bigcommerce, several, channels
):
    running = serve_bigcommerce(multi_storefront=several)
    extra = connected(running).verify().extra
    adapter = connected(running, account={"extra": dict(extra)})

    adapter.create_listing(draft())

    [row] = running.sandbox.shop.products.values()
    assert row.get("channels") == channels
    assert len(sent(running, "PUT", "/channel-assignments")) == (1 if several else 0)
    assert adapter.find_listing(draft()) is not None
    assert row.get("channels") == channels


@pytest.mark.req("R-PRICE-02")
def test_no_offer_is_0_on_a_product_and_null_on_a_variant_by_the_currencys_decimals(running):
    tea, mugs = product(running), mug(running)

    connected(running).push_prices([price(tea, "9.995"), price(mugs, "5", None, 0, "p2")])

    [products] = sent(running, "PUT", "/catalog/products")
    [variants] = sent(running, "PUT", "/catalog/variants")
    assert json.loads(products["body"]) == [{"id": tea["id"], "price": 10.0, "sale_price": 0}]
    assert json.loads(variants["body"])[0]["sale_price"] is None
    assert listing_bodies.amount(Decimal("12.5"), 0) == 13.0


@pytest.mark.req("R-CAT-09")
def test_a_group_grows_by_values_then_variants_then_pictures_and_its_stock_goes_its_own_way(running):
    adapter = connected(running)
    small = VariantDraft("S", "G-S", Decimal(20), None, 4, {"Size": "S"})
    group = draft(kind=ProductKind.GROUP, variants=(small,))
    made = adapter.create_listing(group)
    running.sandbox.exchanges.clear()
    known = replace(small, external_id=made.variant_external_ids["S"])
    large = VariantDraft("L", "G-L", Decimal(22), None, 9, {"Size": "L"})

    adapter.update_listing(
        replace(group, external_id=made.external_id, variants=(known, large), image_urls=("https://i.example.com/1.jpg",))
    )  # fmt: skip

    posts = [
        call["path"].rpartition("/")[2] for call in running.sandbox.exchanges if call["method"] == "POST"
    ]
    assert posts == ["values", "variants", "images"]
    writes = b" ".join(call["body"] for call in running.sandbox.exchanges if call["method"] != "GET")
    assert b"inventory_level" not in writes


# ---------------------------------------------------------------- §7


@pytest.mark.req("R-INV-03")
def test_lines_of_stock_go_by_location(running):
    running.sandbox.shop.locations[2] = {"id": 2, "code": "B", "label": "Barn", "enabled": True}
    rows = [product(running, f"P{n}", f"P-{n}") for n in range(4)]
    updates = [stock(row, n, ref=str(n), remote_location=str(1 + n % 2)) for n, row in enumerate(rows)]

    connected(running).push_stock(updates)

    [call] = sent(running, "PUT", "/adjustments/absolute")
    assert [line["location_id"] for line in json.loads(call["body"])["items"]] == [1, 1, 2, 2]


@pytest.mark.req("R-INV-06")
def test_safety_stock_is_taken_off_once_by_bigcommerce_and_not_by_us_too(running):
    """What is read is what is written: the units on hand. Else each round would lose the safety stock once more."""
    row = product(running, quantity=10)
    running.sandbox.shop.safety[row["variants"][0]["id"]] = 3
    adapter = connected(running)

    [record] = adapter.pull_products(PullQuery()).records
    assert record.variants[0].quantity == 10
    assert adapter.push_stock([stock(row, 10)])[0].ok

    [record] = adapter.pull_products(PullQuery()).records
    assert record.variants[0].quantity == 10


def test_only_absolute_figures_are_ever_sent_one_request_after_the_other(serve_bigcommerce):
    running = serve_bigcommerce(products=2100)
    rows = list(running.sandbox.shop.products.values())

    connected(running).push_stock([stock(row, 9, ref=str(row["id"])) for row in rows])

    writes = [call["path"] for call in running.sandbox.exchanges if call["method"] != "GET"]
    assert writes == ["/v3/inventory/adjustments/absolute"] * 2


# ---------------------------------------------------------------- §8


def test_a_hook_carries_our_secret_and_one_destination_for_each_scope(serve_bigcommerce):
    running = serve_bigcommerce(strict_hooks=True)

    connected(running).register_webhooks(HOOK, "s" * 32)

    hooks = list(running.sandbox.shop.hooks.values())
    assert {hook["destination"] for hook in hooks} == {HOOK}
    assert len({hook["scope"] for hook in hooks}) == len(hooks) == 10
    assert all(hook["headers"] == {"X-OMS-Secret": "s" * 32} for hook in hooks)


def test_hooks_of_others_are_left_alone(running):
    adapter = connected(running)
    other = {"scope": "store/order/created", "destination": "https://other.example.com/", "is_active": True}
    adapter.client.post("/v3/hooks", other)

    adapter.register_webhooks(HOOK, "s" * 32)

    assert [h["destination"] for h in running.sandbox.shop.hooks.values()].count(
        "https://other.example.com/"
    ) == 1

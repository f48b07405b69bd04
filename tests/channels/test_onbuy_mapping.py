"""OnBuy's documents and our records, field by field (`onbuy.md` §1, §7 to §9)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from channels.connectors.onbuy import fulfilment, listing_bodies, orders, payloads, products, stock_prices
from channels.connectors.onbuy.statuses import NAMES, STATUSES, filter_of, reason_id, slug_of
from channels.contract.errors import Rejected
from channels.contract.records.orders import FulfilmentEvent, OrderRecord, RemoteState
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import (
    ListingDraft,
    PriceUpdate,
    ShipmentUpdate,
    StockUpdate,
    VariantDraft,
)

PAYLOADS = Path(__file__).parent.parent / "payloads" / "onbuy"
NOW = datetime(2026, 5, 8, 12, tzinfo=UTC)


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.req("R-ORD-02", "R-ORD-08")
@pytest.mark.parametrize(
    ("label", "was_sent", "status_id", "state"),
    [
        ("Awaiting Dispatch", False, "awaiting_dispatch", RemoteState.NEW),
        ("awaiting_dispatch", False, "awaiting_dispatch", RemoteState.NEW),
        ("Partially Dispatched", False, "partially_dispatched", RemoteState.READY),
        ("Dispatched", True, "dispatched", RemoteState.SHIPPED),
        ("Complete", True, "complete", RemoteState.COMPLETED),
        ("Cancelled", False, "cancelled", RemoteState.CANCELLED),
        ("Cancelled By Seller", False, "cancelled_by_seller", RemoteState.CANCELLED),
        ("Cancelled By Buyer", False, "cancelled_by_buyer", RemoteState.CANCELLED),
        ("Refunded", False, "refunded", RemoteState.CANCELLED),
        ("Refunded", True, "refunded_after_dispatch", RemoteState.RETURNED),
        ("Partially Refunded", False, "partially_refunded", RemoteState.NEW),
        ("Partially Refunded", True, "partially_refunded_after_dispatch", RemoteState.SHIPPED),
        ("Held For Review", False, "held_for_review", RemoteState.UNKNOWN),
    ],
)
def test_labels_and_slugs_are_read_alike(label, was_sent, status_id, state):
    row: Any = {**payload("order"), "status": label, "dispatched": was_sent}
    for line in row["products"]:
        line["quantity_dispatched"] = 0
    record = orders.order(row)
    assert (record.status_id, record.remote_state) == (status_id, state)
    assert filter_of(status_id) == (slug_of(label) if status_id in STATUSES else "all")


def read(**fields: Any) -> OrderRecord:
    """The order of the example, with these fields."""
    row: Any = {**payload("order"), **fields}
    return orders.order(row)


@pytest.mark.req("R-ORD-08")
def test_a_part_of_the_money_back_says_nothing_of_what_is_still_here():
    for shipped_at in (None, "2026-05-08 11:00:00"):  # one unit of three has left
        record = read(status="Partially Refunded", shipped_at=shipped_at)
        assert (record.status_id, record.remote_state) == ("partially_refunded", RemoteState.NEW)
        assert [part.lines for part in record.shipments] == [{"7001": 1}]
    assert read(status="Refunded").status_id == "refunded_after_dispatch"
    gone = [{**line, "quantity_dispatched": line["quantity"]} for line in payload("order")["products"]]
    assert read(status="Partially Refunded", products=gone).remote_state == RemoteState.SHIPPED


def test_what_is_empty_or_of_another_shape_refuses_no_order():
    """`refunds` is documented nowhere; sums that are left out are a problem of the order, not a reason to lose it."""
    shapes: list[Any] = [
        [{"amount": {"value": "5"}}],
        [{"amount": None}],
        [{}],
        {"total": "5.00"},
        "5.00",
        [],
    ]
    for refunds in shapes:
        assert read(refunds=refunds).refunded_total is None
    empty = read(price_total=None, price_delivery=None, price_subtotal="")
    assert (empty.total, empty.shipping_total, empty.items_total) == (Decimal(0), Decimal(0), Decimal(0))
    assert read(refunds={"1": {"amount": "5.00"}, "2": {"amount": 1}}).refunded_total == Decimal("6.00")


def test_every_status_has_a_name():
    assert set(NAMES) == set(STATUSES)


def test_an_order_with_numbers_as_text():
    record = orders.order(payload("order"))
    assert (record.external_id, record.number, record.currency, record.is_paid) == (
        "T9R7W",
        "T9R7W",
        "GBP",
        True,
    )
    assert record.placed_at == datetime(2026, 5, 8, 8, 18, 4, tzinfo=UTC)
    assert record.changed_at == datetime(2026, 5, 8, 12, tzinfo=UTC)
    assert (record.items_total, record.shipping_total, record.discount_total, record.total) == (
        Decimal("29.99"), Decimal("3.99"), Decimal("2.00"), Decimal("31.98"),
    )  # fmt: skip
    assert (record.tax_total, record.prices_include_tax) == (Decimal("5.33"), True)
    first, second = record.lines
    assert (first.external_id, first.sku, first.quantity, first.tax) == ("7001", "0001", 1, Decimal("3.33"))
    assert (second.variant_external_id, second.total) == ("TEE-RED-M", Decimal("10.00"))
    assert (record.ship_to.line2, record.ship_to.region, record.ship_to.country) == (
        "Flat 2, Rear",
        "Dorset",
        "GB",
    )
    assert record.ship_to.phone == "07700900000"
    assert record.payment_method == "Stripe"
    assert record.ship_by_at == datetime(2026, 5, 9, 22, 59, 59, tzinfo=UTC)  # the end of the day in Britain


def test_units_dispatched_on_onbuy_are_a_shipment():
    [shipment] = orders.order(payload("order")).shipments
    assert (shipment.external_id, shipment.carrier, shipment.tracking_number, shipment.lines) == (
        "T9R7W-AB123456789GB", "Royal Mail", "AB123456789GB", {"7001": 1},
    )  # fmt: skip


def test_times_of_the_united_kingdom_are_an_hour_earlier_in_summer():
    record = orders.order(payload("order"), payloads.UK)
    assert record.placed_at == datetime(2026, 5, 8, 7, 18, 4, tzinfo=UTC)
    assert payloads.moment(datetime(2026, 5, 8, 7, tzinfo=UTC)) == "2026-05-08 07:00:00"


@pytest.mark.req("R-CAT-01", "R-CAT-02", "R-CAT-05")
def test_a_page_of_listings():
    records, refused = products.products(payload("listings"), NOW)
    single, group, nameless = records
    assert (single.external_id, single.kind, single.title) == (
        "0010",
        ProductKind.SINGLE,
        "Garden trampoline 8 ft",
    )
    variant = single.variants[0]
    assert (variant.sku, variant.quantity, variant.price, variant.selling_price, variant.barcode) == (
        "0010", 4, Decimal("119.99"), Decimal("99.99"), "5000000000005",
    )  # fmt: skip
    assert single.image_urls == ("https://onbuy.com/files/x.jpg",)
    assert (group.external_id, group.kind, group.title, group.is_part) == (
        "group:TEE",
        "group",
        "Hoodie",
        True,
    )
    assert [(v.external_id, v.options) for v in group.variants] == [
        ("TEE-RED-M", {"Option 1": "Red", "Option 2": "M"}),
        ("TEE-BLUE-M", {"Option 1": "Blue", "Option 2": "M"}),
    ]
    assert (nameless.external_id, nameless.variants[0].sku) == ("listing:4", "")
    assert [(row.external_id, row.reason) for row in refused] == [
        ("BAD", "OnBuy's data could not be read: “a lot” is not an amount.")
    ]


def test_a_row_that_cannot_be_read_is_refused_without_the_others_of_its_group():
    _single, red, blue, *_rest = payload("listings")
    for rows in ([{**red, "price": "a lot"}, blue], [blue, {**red, "price": "a lot"}]):
        [record], refused = products.products(rows, NOW)
        assert [(variant.sku, variant.quantity) for variant in record.variants] == [("TEE-BLUE-M", 0)]
        assert [row.external_id for row in refused] == ["TEE-RED-M"]


def test_options_without_a_name_come_from_the_sku():
    assert products.options_of({"sku": "TEE-RED", "product_listing_id": 1, "name": "Tee"}, "TEE") == {
        "Option": "RED"
    }
    assert products.options_of({"sku": "TEE", "product_listing_id": 1, "name": "Tee - Red"}, "TEE") == {
        "Option": "Red"
    }


@pytest.mark.parametrize(
    ("begin", "end", "price"),
    [
        ("2026-05-01 00:00:00", "2026-06-01 00:00:00", Decimal("99.99")),
        ("2026-05-09 00:00:00", "2026-06-01 00:00:00", None),
        ("2000-01-01 00:00:00", "2000-01-02 00:00:00", None),
        (None, None, Decimal("99.99")),
    ],
)
def test_a_sale_counts_between_its_dates(begin, end, price):
    row: Any = {**payload("listings")[0], "sale_start_date": begin, "sale_end_date": end}
    assert products.variant(row, NOW).selling_price == price


# ---------------------------------------------------------------- what we send


def price_update(selling: str | None, **fields: Any) -> PriceUpdate:
    selling_price = None if selling is None else Decimal(selling)
    return PriceUpdate("r", "A", "A", "A", Decimal("31.50"), selling_price, "GBP", **fields)


@pytest.mark.req("R-PRICE-02")
def test_a_sale_has_two_dates_and_ends_by_a_window_in_the_past():
    assert stock_prices.price_item(price_update("29.90"), NOW) == {
        "sku": "A", "price": 31.5, "sale_price": 29.9,
        "sale_start_date": "2026-05-08 12:00:00", "sale_end_date": "2027-05-08 12:00:00",
    }  # fmt: skip
    until = datetime(2026, 5, 20, tzinfo=UTC)
    assert (
        stock_prices.price_item(price_update("29.90", sale_until=until), NOW)["sale_end_date"]
        == "2026-05-20 00:00:00"
    )
    over = {"sale_until": datetime(2026, 5, 8, 11, tzinfo=UTC)}
    for ended, sale_price in (
        (price_update(None), 31.49),
        (price_update("31.50"), 31.49),
        (price_update("31.4999"), 31.49),
        (price_update("40.00"), 31.49),
        (price_update("29.90", **over), 29.9),
    ):
        item = stock_prices.price_item(ended, NOW)
        assert (item["price"], item["sale_price"], item["sale_start_date"], item["sale_end_date"]) == (
            31.5, sale_price, "2000-01-01 00:00:00", "2000-01-02 00:00:00",
        )  # fmt: skip
    free = replace(price_update(None), price=Decimal("0.01"))
    assert stock_prices.price_item(free, NOW)["sale_price"] == 0.0


@pytest.mark.parametrize("quantity", [-1, 1.5, True])
def test_a_quantity_is_a_whole_number(quantity):
    with pytest.raises(Rejected):
        stock_prices.stock_item(StockUpdate("r", "A", "A", "A", quantity), NOW)


def test_a_sku_is_never_made_a_number():
    assert stock_prices.stock_item(StockUpdate("r", "0010", "0010", "0010", 3), NOW) == {
        "sku": "0010",
        "stock": 3,
    }
    with pytest.raises(Rejected):
        stock_prices.stock_item(StockUpdate("r", "listing:4", "listing:4", "", 3), NOW)


def draft(*variants: VariantDraft, **fields: Any) -> ListingDraft:
    base: dict[str, Any] = {
        "ref": "listing-7", "kind": ProductKind.SINGLE, "title": "Mug", "description": "<p>x</p>", "currency": "GBP",
        "brand": "Acme", "category_external_ids": ("2101",), "image_urls": ("https://x/1", "https://x/2"),
    }  # fmt: skip
    return ListingDraft(**{**base, "variants": variants, **fields})


def one(sku: str = "A", **fields: Any) -> VariantDraft:
    return VariantDraft("1", sku, Decimal("9.999"), None, 4, **fields)


def test_a_new_single_product():
    body = listing_bodies.new_product(
        draft(one(barcode="5000000000005")), terms={"handling_time": 2}, features=[]
    )
    assert body == {
        "uid": "listing-7", "category_id": 2101, "published": 1, "product_name": "Mug", "description": "<p>x</p>",
        "brand_name": "Acme", "default_image": "https://x/1", "additional_images": ["https://x/2"],
        "product_codes": ["5000000000005"],
        "listings": {"new": {"sku": "A", "price": 10.0, "stock": 4, "handling_time": 2}},
    }  # fmt: skip


def test_a_new_group_has_at_most_two_options():
    rows = [one(f"TEE-{c}", options={"Colour": c, "Size": "M"}) for c in ("Red", "Blue")]
    group = draft(*rows, kind=ProductKind.GROUP)
    body = listing_bodies.new_product(group, terms={}, features=[])
    assert (body["variant_1"], body["variant_2"]) == ({"name": "Colour"}, {"name": "Size"})
    assert [row["variant_1"] for row in body["variants"]] == [{"name": "Red"}, {"name": "Blue"}]
    group_sku = body["variants"][0]["listings"]["new"]["group_sku"]
    assert group_sku.startswith("TEE-")
    assert "listings" not in body
    assert listing_bodies.listed(group)[0] == f"group:{group_sku}"
    three = [one("X", options={"a": "1", "b": "1", "c": "1"})]
    with pytest.raises(Rejected, match="one or two options"):
        listing_bodies.new_product(draft(*three, kind=ProductKind.GROUP), terms={}, features=[])


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"category_external_ids": ()}, "category_external_ids"),
        ({"brand": ""}, "brand"),
        ({"description": " "}, "description"),
        ({"title": "x" * 151}, "title"),
    ],
)
def test_what_onbuy_would_refuse_is_said_before_it_is_sent(fields, field):
    with pytest.raises(Rejected) as caught:
        listing_bodies.new_product(draft(one(), **fields), terms={}, features=[])
    assert caught.value.field == field
    with pytest.raises(Rejected, match="EAN"):
        listing_bodies.codes(one(barcode="ABC"))


def parcel(**fields: Any) -> ShipmentUpdate:
    return ShipmentUpdate("r", FulfilmentEvent.READY_TO_SHIP, "T1", **fields)


@pytest.mark.req("R-SHIP-03")
@pytest.mark.parametrize(
    ("fields", "tracking"),
    [
        ({}, {}),
        ({"carrier_name": "Royal Mail"}, {}),
        ({"carrier_name": "royal mail", "tracking_number": "N"}, {"supplier_name": "Royal Mail", "number": "N"}),
        ({"carrier_name": "Evri", "tracking_number": "N"}, {"supplier_name": "myHermes", "number": "N"}),
        ({"carrier_name": "Ours", "carrier_code": "8", "tracking_number": "N"}, {"supplier_name": "Yodel", "number": "N"}),
        ({"carrier_name": "DPD", "carrier_code": "25", "tracking_number": "N"}, {"tracking_id": 25, "number": "N"}),
        ({"carrier_name": "DPD", "carrier_code": "16", "tracking_number": "N"}, {"supplier_name": "DPD", "number": "N"}),
        ({"carrier_name": "Bob", "carrier_code": "OCC-1", "tracking_number": "N"}, {"supplier_name": "Bob", "number": "N"}),
        ({"carrier_name": "Bob", "tracking_number": "N"}, {"supplier_name": "Bob", "number": "N"}),
        (
            {"carrier_name": "Bob", "tracking_number": "N", "tracking_url": "https://bob"},
            {"tracking_id": 16, "url": "https://bob", "number": "N"},
        ),
    ],
)  # fmt: skip
def test_tracking_names_the_carrier_as_onbuy_does(fields, tracking):
    [order] = fulfilment.dispatch(parcel(**fields))["orders"]
    assert order.get("tracking", {}) == tracking
    assert "products" not in order


@pytest.mark.req("R-ORD-11")
@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("Out of stock", 1),
        ("The buyer cancelled", 2),
        ("Wrong address", 3),
        ("Price was wrong", 4),
        ("Lost", 5),
        ("", 5),
    ],
)
def test_cancel_reasons(words, number):
    assert reason_id(words) == number
    [order] = fulfilment.cancel(ShipmentUpdate("r", FulfilmentEvent.CANCELLED, "T1", reason=words))["orders"]
    assert order["order_cancellation_reason_id"] == number
    assert number != 5 or order["cancel_order_additional_info"]

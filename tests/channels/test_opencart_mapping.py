# long because: every kind of row that the extension sends is mapped here.
"""OpenCart documents become records exactly, whatever oddity of the sheet they carry (`opencart.md` §4, §5.4, §5.5)."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.connectors.opencart import orders, payloads, products, reference_data
from channels.contract.reading import unreadable
from channels.contract.records.orders import AddressRecord, RemoteState, StatusRecord
from channels.contract.records.products import AttributeRecord, CategoryRecord, ProductKind

PAYLOADS = Path(__file__).parent.parent / "payloads" / "opencart"
HOLDING = {"1", "2", "3", "5", "12"}


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))


def product(
    name: str, *, rule: str = "sku_or_model", today: date | None = date(2026, 11, 21), **changes: Any
) -> Any:
    row: Any = {**payload(name), **changes}
    return products.product(row, rule=rule, currency="EUR", base_url="https://shop.example", today=today)


def order(name: str, *, rule: str = "sku_or_model", pending_as_unpaid: bool = False, **changes: Any) -> Any:
    row: Any = {**payload(name), **changes}
    return orders.order(row, rule=rule, pending_as_unpaid=pending_as_unpaid, holding=HOLDING)


# ---------------------------------------------------------------- products


@pytest.mark.req("R-CAT-01")
def test_simple_product():
    record = product("product_without_sku")

    assert (record.external_id, record.kind, record.title) == ("42", ProductKind.SINGLE, "Tea & Tee")
    assert record.description == "<p>Soft &amp; warm, 5 &lt; 6.</p>"  # HTML source stays HTML source
    assert record.currency == "EUR"
    assert record.brand == "Apple"
    assert record.category_external_ids == ("20", "28")
    assert record.attributes == {"Clockspeed": "100mhz"}
    assert record.image_urls == (
        "https://shop.example/image/catalog/demo/tee.jpg",
        "https://shop.example/image/catalog/demo/tee_2.jpg",
    )
    assert record.is_active is True
    assert record.url == "https://shop.example/index.php?route=product/product&product_id=42"
    assert record.stock_blocked == ""
    assert record.changed_at == datetime(2026, 9, 30, 1, 5, 39, tzinfo=UTC)
    assert record.native == payload("product_without_sku")
    [variant] = record.variants
    assert (variant.external_id, variant.sku, variant.quantity) == ("42", "Product 15", 990)
    assert (variant.price, variant.selling_price) == (Decimal("100.0000"), None)
    assert (variant.barcode, variant.weight_grams) == ("4006381333931", 12_420)
    assert variant.image_url == "https://shop.example/image/catalog/demo/tee.jpg"


@pytest.mark.req("R-CAT-02")
@pytest.mark.parametrize(
    ("rule", "sku", "model", "expected"),
    [
        ("sku_or_model", "S1", "M1", "S1"),
        ("sku_or_model", "", "M1", "M1"),
        ("sku_or_model", " ", "", ""),
        ("sku_only", "S1", "M1", "S1"),
        ("sku_only", "", "M1", ""),
        ("model", "S1", "M1", "M1"),
        ("model", "S1", "", ""),
    ],
)
def test_sku_rule(rule, sku, model, expected):
    [variant] = product("product_without_sku", rule=rule, sku=sku, model=model).variants

    assert variant.sku == expected


@pytest.mark.req("R-CAT-05")
def test_options_are_the_skus_of_a_group_and_share_its_special():
    record = product("product_options")

    assert record.kind == ProductKind.GROUP
    small, medium = record.variants
    assert (small.external_id, small.sku, small.quantity, small.options) == (
        "42-31",
        "TS-31",
        5,
        {"Size": "Small"},
    )
    assert (small.price, small.selling_price) == (Decimal("100.0000"), Decimal("90.0000"))
    assert (medium.external_id, medium.sku, medium.quantity) == ("42-32", "TEE-M", 3)
    assert (medium.price, medium.selling_price) == (
        Decimal("110.0000"),
        Decimal("100.0000"),
    )  # difference on top
    assert record.stock_blocked == ""


@pytest.mark.parametrize(
    ("rule", "sku", "given", "expected"),
    [
        ("sku_or_model", "TS", "TS-31", "TS-31"),
        ("sku_or_model", "", "Tee-31", "Tee-31"),
        ("sku_only", "", "Tee-31", ""),  # the extension's own default, made from the model
        ("sku_only", "TS", "TS-31", "TS-31"),
        ("model", "TS", "TS-31", "Tee-31"),
        ("model", "TS", "MY-OWN", "MY-OWN"),
        ("sku_only", "", "MY-OWN", "MY-OWN"),
    ],
)
def test_sku_of_an_option_value(rule, sku, given, expected):
    assert payloads.child_sku(rule, sku=sku, model="Tee", key="42-31", given=given) == expected


def test_variants_are_products_of_their_own():
    record = product("product_variants")

    assert record.kind == ProductKind.GROUP
    oat, rust = record.variants
    assert (oat.external_id, oat.sku, oat.quantity, oat.price) == ("51", "THROW-OAT", 7, Decimal("95.0000"))
    assert oat.image_url == "https://shop.example/image/catalog/demo/throw_51.jpg"
    assert (rust.external_id, rust.sku) == ("52", "")  # no SKU of its own: a problem for the seller to solve
    assert rust.quantity == -2  # OpenCart lets stock fall below zero, and the sign counts (R-INV-06)


def test_complex_product_comes_in_and_says_why_its_stock_stays():
    record = product("product_complex")

    assert record.kind == ProductKind.COMPLEX
    assert record.stock_blocked.startswith("This product has several options with stock")
    [variant] = record.variants
    assert (variant.external_id, variant.sku, variant.quantity) == ("60", "TUN", 30)
    assert (variant.image_url, variant.weight_grams) == ("", None)


def test_product_that_does_not_count_stock():
    [variant] = product("product_without_sku", subtract=False).variants

    assert variant.quantity is None


@pytest.mark.req("R-PRICE-02")
@pytest.mark.parametrize(
    ("case", "special", "begins", "ends", "expected"),
    [
        ("open", "90.0000", None, None, Decimal("90.0000")),
        ("begins today", "90.0000", "2026-11-21", None, Decimal("90.0000")),
        ("begins tomorrow", "90.0000", "2026-11-22", None, None),
        ("ends tomorrow", "90.0000", None, "2026-11-22", Decimal("90.0000")),
        ("ended as today began", "90.0000", None, "2026-11-21", None),
        ("not lower", "100.0000", None, None, None),
        ("none", None, None, None, None),
    ],
)
def test_special_is_the_selling_price_while_it_holds(case, special, begins, ends, expected):
    [variant] = product("product_without_sku", special=special, special_from=begins, special_to=ends).variants

    assert variant.selling_price == expected


@pytest.mark.parametrize(
    ("weight", "unit", "grams"),
    [("1.50000000", "kg", 1500), ("250.00000000", "g", 250), ("1.00000000", "lb", 454), ("2.00000000", "oz", 57),
     ("0.00000000", "kg", None), ("3.00000000", "st", None)],
)  # fmt: skip
def test_weight_in_grams(weight, unit, grams):
    [variant] = product("product_without_sku", weight=weight, weight_unit=unit).variants

    assert variant.weight_grams == grams


def test_small_lists():
    assert reference_data.category(
        {
            "id": 27,
            "parent_id": 20,
            "name": "Mac &amp; more",
            "path": ["Desktops", "Mac &amp; more"],
            "status": True,
        }
    ) == CategoryRecord("27", "Mac & more", "Desktops > Mac & more", "20", True)
    assert reference_data.category(
        {"id": 20, "parent_id": 0, "name": "A", "path": ["A"], "status": False}
    ) == CategoryRecord("20", "A", "A", "", False)
    assert reference_data.attribute(
        {"group_id": 6, "group_name": "Processor", "attribute_id": 3, "attribute_name": "Clockspeed"}
    ) == AttributeRecord("3", "Clockspeed", "Processor")


@pytest.mark.parametrize(
    ("in_processing", "in_complete", "holds"),
    [(True, False, True), (False, True, True), (False, False, False), (True, True, True)],
)
def test_status_holds_stock_in_either_list(in_processing, in_complete, holds):
    row: Any = {"id": 15, "name": "Processed", "in_processing": in_processing, "in_complete": in_complete}

    assert reference_data.status(row) == StatusRecord("15", "Processed", holds)


# ---------------------------------------------------------------- orders


@pytest.mark.req("R-ORD-08")
def test_order_with_every_kind_of_line():
    record = order("order_of_every_kind_of_line")

    assert (record.external_id, record.number) == ("7", "7")
    assert (record.status_id, record.status_name, record.remote_state) == ("1", "Pending", RemoteState.NEW)
    assert record.placed_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert record.changed_at == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    # One hour, although the shop's clock in Berlin went back in between and shows the same time twice.
    assert record.changed_at - record.placed_at == timedelta(hours=1)
    assert (record.customer_name, record.customer_email) == ("Ann O'Lee", "ann@example.com")
    assert (record.customer_phone, record.customer_external_id) == ("+49 221 1", "3")
    assert record.buyer_note == "Ring twice & wait"
    assert (record.payment_method, record.shipping_method) == ("Cash On Delivery", "Flat Shipping Rate")
    assert record.carrier == "Flat Shipping Rate"
    assert record.stock_deducted is True
    assert record.is_paid is None
    assert record.prices_include_tax is False
    assert record.ship_to == AddressRecord(
        "Ann O'Lee",
        "Lee & Co",
        "Karl-Marx-Str. 1",
        "2. OG",
        "Köln",
        "Nordrhein-Westfalen",
        "50667",
        "DE",
        "+49 221 1",
    )
    assert record.bill_to == record.ship_to

    plain, option, variant = record.lines
    assert (plain.external_id, plain.sku, plain.variant_external_id) == ("9", "Product 15", "42")
    assert (plain.product_external_id, plain.title, plain.quantity) == ("42", "Tea & Tee", 2)
    assert (plain.unit_price, plain.total, plain.tax) == (
        Decimal("100.0000"),
        Decimal("200.0000"),
        Decimal("38.0000"),
    )
    assert plain.needs_stock is True
    assert (option.sku, option.variant_external_id, option.product_external_id) == ("TEE-M", "42-32", "42")
    assert option.options == {"Size": "Medium", "Engraving": "For Jo & Al", "Extras": "Box, Ribbon"}
    assert option.personalisation == "Engraving: For Jo & Al"
    assert (variant.sku, variant.variant_external_id, variant.product_external_id) == (
        "THROW-OAT",
        "51",
        "50",
    )


def test_order_totals_add_up_with_fees_vouchers_and_two_taxes():
    record = order("order_of_every_kind_of_line")

    assert record.items_total == Decimal("380.0000")
    assert record.discount_total == Decimal("10.0000")
    assert record.shipping_total == Decimal("13.5000")  # postage and handling
    assert record.tax_total == Decimal("72.2000")
    assert record.total == Decimal("455.7000")
    assert (
        record.items_total + record.shipping_total + record.tax_total - record.discount_total == record.total
    )


def test_order_in_another_currency_shows_what_the_buyer_saw():
    record = order("order_in_another_currency")

    assert (record.currency, record.total) == ("GBP", Decimal("82.3830"))
    assert (record.items_total, record.shipping_total) == (Decimal("78.4600"), Decimal("3.9230"))
    [line] = record.lines
    assert (line.unit_price, line.total, line.tax) == (
        Decimal("78.4600"),
        Decimal("78.4600"),
        Decimal("0.0000"),
    )


@pytest.mark.fault("F-02")
@pytest.mark.parametrize(
    ("shipping", "subtract", "facts"),
    [
        (True, True, (True, True)),
        (False, True, (True, False)),  # a ticket
        (True, False, (True, True)),  # goods that nobody counts
        (False, False, (False, False)),
        (None, None, (True, True)),  # a deleted product, in an order with an address
    ],
)
def test_the_extension_says_of_each_line_whether_it_is_counted_and_shipped(shipping, subtract, facts):
    lines = payload("order_with_history")["lines"]
    lines[0] |= {"shipping": shipping, "subtract": subtract}
    line = order("order_with_history", lines=lines).lines[0]
    assert (line.needs_stock, line.needs_parcel) == facts


@pytest.mark.fault("F-02")
def test_order_of_downloads_needs_no_parcel_and_no_address():
    record = order("order_of_downloads")

    assert [(line.needs_stock, line.needs_parcel) for line in record.lines] == [(True, False)]
    assert (record.ship_to, record.bill_to) == (AddressRecord(), AddressRecord())
    assert (record.shipping_method, record.carrier) == ("", "")
    assert record.total == Decimal("9.0000")


def test_line_of_a_deleted_product_keeps_its_model_as_sku():
    [line] = order("order_of_a_deleted_product").lines

    assert (line.sku, line.variant_external_id, line.title) == ("GONE-1", "999", "No longer sold")
    assert line.needs_stock is True


def test_order_without_lines_and_with_an_invented_status():
    record = order("order_without_lines")

    assert record.lines == ()
    assert (record.remote_state, record.status_name) == (RemoteState.UNKNOWN, "Waiting for pick-up")
    assert record.stock_deducted is False
    assert (record.items_total, record.total, record.customer_external_id) == (
        Decimal(0),
        Decimal("0.0000"),
        "",
    )


def test_order_names_our_own_history_entries():
    assert order("order_with_history").own_refs == ("ev-1", "ev-2")
    assert order("order_of_every_kind_of_line").own_refs == ()
    assert order("order_of_every_kind_of_line", last_ref="ev-9").own_refs == ("ev-9",)


@pytest.mark.req("R-ORD-08")
@pytest.mark.parametrize(
    ("status_id", "state"),
    [
        (1, RemoteState.NEW), (2, RemoteState.NEW), (3, RemoteState.SHIPPED), (5, RemoteState.COMPLETED),
        (7, RemoteState.CANCELLED), (8, RemoteState.CANCELLED), (9, RemoteState.NEW),
        (10, RemoteState.CANCELLED), (11, RemoteState.RETURNED), (12, RemoteState.RETURNED),
        (13, RemoteState.RETURNED), (14, RemoteState.CANCELLED), (15, RemoteState.READY),
        (16, RemoteState.CANCELLED), (4, RemoteState.UNKNOWN), (99, RemoteState.UNKNOWN),
    ],
)  # fmt: skip
def test_status_map_goes_by_id_never_by_name(status_id, state):
    record = order("order_of_every_kind_of_line", status={"id": status_id, "name": "Shipped"})

    assert record.remote_state == state
    assert record.stock_deducted is (str(status_id) in HOLDING)


@pytest.mark.req("R-ORD-08", "R-ORD-10")
def test_pending_is_unpaid_where_the_store_says_so():
    assert order("order_of_every_kind_of_line", pending_as_unpaid=True).remote_state == RemoteState.UNPAID
    processing = {"id": 2, "name": "Processing"}
    assert (
        order("order_of_every_kind_of_line", pending_as_unpaid=True, status=processing).remote_state
        == RemoteState.NEW
    )


@pytest.mark.parametrize(
    "value", ["2026-10-25 01:30:00", "2026-10-25T01:30:00+01:00", "0000-00-00", "", None]
)
def test_a_time_that_is_not_utc_is_refused(value):
    with pytest.raises(ValueError, match="does not match"):
        payloads.instant(value)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["tax", "coupon", "shipping", "handling", "credit", "voucher", "low_order_fee"]),
            st.decimals(min_value=-500, max_value=500, places=4),
        ),
        max_size=8,
    ),
    st.decimals(min_value=0, max_value=9000, places=4),
)
def test_totals_always_close_at_the_rate_of_the_shop(entries, goods):
    # A tax row is never negative in OpenCart; whatever else is, lowers the total.
    rows = [
        ("sub_total", goods),
        *((code, abs(value) if code == "tax" else value) for code, value in entries),
    ]
    total = sum((value for _, value in rows), Decimal(0))
    totals = [{"code": code, "title": code, "value": str(value)} for code, value in rows]

    record = order("order_without_lines", totals=totals, total=str(total))

    parts = record.items_total + record.shipping_total + record.tax_total - record.discount_total
    assert parts == record.total == total


def test_a_row_that_cannot_be_read_names_what_is_wrong():
    refused = unreadable({"order_id": 7}, "order_id", KeyError("lines"), "The shop")

    assert (refused.external_id, refused.native) == ("7", {"order_id": 7})
    assert refused.reason == "The shop's data could not be read: the field 'lines' is missing."

"""Texts, numbers and times of a channel get a form that every database can store (F-11, F-12, F-24)."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogue.models import sku_key
from channels.connectors.bigcommerce import orders as bigcommerce_orders
from channels.connectors.bigcommerce import payloads as bigcommerce
from channels.connectors.bigcommerce import products as bigcommerce_products
from channels.connectors.bigcommerce import reference_data as bigcommerce_lists
from channels.connectors.etsy import orders as etsy_orders
from channels.connectors.etsy import payloads as etsy
from channels.connectors.etsy import products as etsy_products
from channels.connectors.etsy import reference_data as etsy_lists
from channels.connectors.onbuy import orders as onbuy_orders
from channels.connectors.onbuy import payloads as onbuy
from channels.connectors.onbuy import products as onbuy_products
from channels.connectors.onbuy import reference_data as onbuy_lists
from channels.connectors.opencart import orders as opencart_orders
from channels.connectors.opencart import payloads as opencart
from channels.connectors.opencart import products as opencart_products
from channels.connectors.opencart import reference_data as opencart_lists
from channels.contract.cleaning import DEEPEST, clean_text, fit, load_json
from channels.contract.reading import read_rows
from channels.contract.records.orders import OrderLineRecord, OrderRecord, RemoteState
from channels.contract.records.products import AttributeRecord, ProductKind, ProductRecord, VariantRecord
from channels.contract.validation.record_limits import MOST_AMOUNT, Unreadable, clean_record
from channels.contract.validation.schema import Notes, conform
from channels.pull.page_writer import clean_page, packed, unpacked
from tests.channels.test_odd_documents import NOT_FOR_SELLERS
from tests.support import odd

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)

#: How each kind of row becomes a record, its schema, and the field of its id.
READERS: dict[str, tuple[Any, Any, str]] = {
    "bigcommerce order": (bigcommerce_orders.order, bigcommerce.Order, "id"),
    "bigcommerce product": (
        lambda row: bigcommerce_products.product(row, currency="GBP"),
        bigcommerce.Product,
        "id",
    ),
    "bigcommerce category": (
        lambda row: bigcommerce_lists.category(row, {}),
        bigcommerce.Category,
        "category_id",
    ),
    "bigcommerce brand": (bigcommerce_lists.brand, bigcommerce.Brand, "id"),
    "bigcommerce status": (
        lambda row: bigcommerce_lists.status(row, deducts_at_shipping=False),
        bigcommerce.OrderStatus,
        "id",
    ),
    "opencart order": (
        lambda row: opencart_orders.order(row, rule="sku_or_model", pending_as_unpaid=False, holding=()),
        opencart.Order,
        "order_id",
    ),
    "opencart product": (
        lambda row: opencart_products.product(row, rule="sku_or_model", currency="EUR", today=NOW.date()),
        opencart.Product,
        "product_id",
    ),
    "opencart category": (opencart_lists.category, opencart.Category, "id"),
    "opencart attribute": (opencart_lists.attribute, opencart.Attribute, "attribute_id"),
    "opencart status": (opencart_lists.status, opencart.OrderStatus, "id"),
    "onbuy order": (onbuy_orders.order, onbuy.Order, "order_id"),
    "onbuy listing": (lambda row: onbuy_products.single(row, NOW), onbuy.Listing, "sku"),
    "onbuy category": (onbuy_lists.category, onbuy.Category, "category_id"),
    "onbuy feature": (lambda row: onbuy_lists.feature(row, "7"), onbuy.Feature, "feature_id"),
    "onbuy brand": (onbuy_lists.brand, onbuy.Brand, "brand_id"),
    "onbuy carrier": (onbuy_lists.provider, onbuy.Provider, "tracking_id"),
    "etsy order": (etsy_orders.order, etsy.Receipt, "receipt_id"),
    "etsy product": (etsy_products.product, etsy.Listing, "listing_id"),
    "etsy category": (lambda row: etsy_lists.category({**row, "path": ()}), etsy.TaxonomyNode, "id"),
    "etsy property": (lambda row: etsy_lists.attribute(row, 7), etsy.TaxonomyProperty, "property_id"),
}


def is_read_or_refused(kind: str, row: Any) -> None:
    """Map one row as a page does: it becomes a record that can be stored, or is refused with a sentence for a seller."""
    read, _schema, key = READERS[kind]
    [sent] = load_json(odd.body([row]))

    page = clean_page(read_rows([sent], read, key, "The shop"), "The shop")

    assert len(page.records) + len(page.refused) == 1
    for refused in page.refused:
        assert refused.external_id
        assert refused.reason.startswith("The shop's data could not be read: "), refused.reason
        assert refused.reason.endswith(".")
        assert not NOT_FOR_SELLERS.search(refused.reason), refused.reason
        assert unpacked(packed(refused.native)) is not None
    for record in page.records:
        text = repr(record)
        assert "\\ud8" not in text
        assert "\\x00" not in text


@pytest.mark.fault("F-11", "F-12", "F-23", "F-24")
@pytest.mark.parametrize("kind", READERS)
def test_documents_of_a_channels_own_schema_are_read_or_refused(kind: str) -> None:
    @settings(max_examples=40)
    @given(odd.documents(READERS[kind][1]))
    def check(row: dict[str, Any]) -> None:
        is_read_or_refused(kind, row)

    check()


@pytest.mark.slow
@pytest.mark.fault("F-11", "F-12", "F-23", "F-24")
@pytest.mark.parametrize("kind", READERS)
def test_many_documents_of_a_channels_own_schema_are_read_or_refused(kind: str) -> None:
    """`ODD_DOCUMENTS=20000 make test-slow ARGS="-k many_documents"` tries more."""

    @settings(max_examples=int(os.environ.get("ODD_DOCUMENTS", "400")))
    @given(odd.documents(READERS[kind][1]))
    def check(row: dict[str, Any]) -> None:
        is_read_or_refused(kind, row)

    check()


@pytest.mark.fault("F-12")
@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("bigcommerce order", "customer_message"),
        ("etsy product", "title"),
    ],
)  # fmt: skip
def test_a_text_of_megabytes_and_a_deep_document_are_read_or_refused(kind: str, field: str) -> None:
    for value in odd.LARGE:
        is_read_or_refused(kind, {READERS[kind][2]: 7, field: value})


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_a_clean_text_can_be_stored(text: str) -> None:
    clean = clean_text(text)
    assert "\0" not in clean
    clean.encode()


@pytest.mark.fault("F-12")
def test_a_document_is_read_whatever_its_code_points() -> None:
    body = b'{"note":"a\\ud83d","pair":"\\ud83d\\ude00","nul\\u0000":"\\u0000","bytes":"\xff","raw":"\x00"}'
    assert load_json(body) == {"note": "a�", "pair": "😀", "nul": "", "bytes": "�", "raw": ""}


@pytest.mark.fault("F-12", "F-24")
def test_numbers_that_python_cannot_read_become_texts() -> None:
    long = "9" * 5000
    assert load_json(f'[NaN, -Infinity, {long}, 7, 12345678901234567890]'.encode()) == [
        "NaN", "-Infinity", long, 7, 12345678901234567890,
    ]  # fmt: skip


@pytest.mark.fault("F-12")
def test_what_is_nested_too_deeply_is_left_out_and_the_rest_is_read() -> None:
    deep = b"[" * 30_000 + b"]" * 30_000
    found = load_json(b'[{"id":1,"deep":' + deep + b'},{"id":2,"text":"] } \\" ["}]')
    assert (found[0]["id"], found[1]) == (1, {"id": 2, "text": '] } " ['})
    levels, at = 0, found[0]["deep"]
    while isinstance(at, list) and at:
        levels, at = levels + 1, at[0]
    assert levels <= DEEPEST


@pytest.mark.fault("F-12")
@pytest.mark.parametrize(
    "native",
    [
        "\ud83d",
        {"a\ud83d": "b\0"},
        {1: {2, 3}},
        [float("nan")],
        odd.nested(5000),
        {"at": NOW, (1, 2): b"\xff"},
    ],
)
def test_a_rejected_record_can_always_be_stored_and_shown(native: Any) -> None:
    text = json.dumps(unpacked(packed(native)), ensure_ascii=False)
    text.encode()
    assert "\0" not in text


@pytest.mark.fault("F-11")
def test_keys_that_are_too_long_stay_different_and_the_same_each_time() -> None:
    one, two = "x" * 300 + "1", "x" * 300 + "2"
    assert fit(one, 255) == fit(one, 255) != fit(two, 255)
    assert (len(fit(one, 255)), fit("short", 255)) == (255, "short")
    assert sku_key("ﷺ" * 255) != sku_key("ﷺ" * 254)
    assert len(sku_key("ﷺ" * 255)) == 255  # 18 characters each, in the form that is compared


def order(**fields: Any) -> OrderRecord:
    line = OrderLineRecord("1", "Mug", fields.pop("quantity", 1), Decimal(1), Decimal(1))
    return OrderRecord(
        **{
            "external_id": "7", "number": "7", "status_id": "1", "status_name": "New",
            "remote_state": RemoteState.NEW, "placed_at": NOW, "changed_at": NOW, "currency": "GBP",
            "total": Decimal(1), "lines": (line,), **fields,
        }
    )  # fmt: skip


def test_a_record_that_can_be_stored_is_not_changed() -> None:
    record = order()
    assert clean_record(record) is record


@pytest.mark.fault("F-24")
@pytest.mark.parametrize(
    ("quantity", "reason"),
    [
        (-3, "a line has the quantity -3, which is less than zero"),
        (2.5, "a line has the quantity 2.5, which is not a whole number"),
        (10**18, "a line has the quantity 1000000000000000000, which is too large"),
    ],
)
def test_an_order_needs_its_quantities(quantity: Any, reason: str) -> None:
    with pytest.raises(Unreadable) as found:
        clean_record(order(quantity=quantity))
    assert str(found.value) == reason


@pytest.mark.fault("F-23", "F-24")
def test_what_an_order_can_live_without_becomes_empty_with_a_note() -> None:
    late = datetime(9999, 12, 31, tzinfo=UTC)
    record = clean_record(order(total=Decimal(10) ** 18, ship_by_at=late, currency="POUNDS", placed_at=late))
    assert (record.total, record.ship_by_at, record.currency) == (Decimal(0), None, "")
    assert record.placed_at == NOW
    assert record.notes == (
        "order date “9999-12-31 00:00:00+00:00” cannot be used",
        "currency “POUNDS” cannot be used",
        "total “1000000000000000000” cannot be used",
        "ship-by date “9999-12-31 00:00:00+00:00” cannot be used",
    )


@pytest.mark.fault("F-24")
def test_eighteen_digits_of_money_are_stored() -> None:
    most = MOST_AMOUNT - Decimal("0.0001")
    assert clean_record(order(total=most)).total == most


@pytest.mark.fault("F-23")
def test_an_order_without_a_status_has_one_that_can_be_mapped() -> None:
    record = clean_record(order(status_id="", status_name=""))
    assert (record.status_id, record.status_name) == ("none", "no status")


@pytest.mark.fault("F-11")
def test_names_and_ids_of_products_and_attributes_fit_their_columns() -> None:
    name = "o" * 560
    attribute = clean_record(AttributeRecord(f"option:{name}", name, name, (name,)))
    assert (len(attribute.external_id), len(attribute.name), len(attribute.group)) == (255, 255, 255)
    variant = VariantRecord("1", name, 10**18, Decimal(1), image_url="https://x/" + name * 2, weight_grams=-1)
    product = clean_record(ProductRecord("1", ProductKind.SINGLE, name, (variant,), "GBP"))
    [found] = product.variants
    assert (len(found.sku), found.quantity, found.image_url, found.weight_grams) == (255, 10**9, "", None)
    assert (len(product.title), product.notes) == (300, ("weight “-1” cannot be used",))


@pytest.mark.fault("F-23")
def test_units_may_be_written_with_decimals_and_zero_dates_are_no_dates() -> None:
    row: Any = {"order_id": "A1", "date": "2026-05-04 12:00:00", "status": "Awaiting Dispatch"}
    row["products"] = [
        {"sku": "MUG", "quantity": "2.00", "unit_price": "4.50", "expected_dispatch_date": "0000-00-00"}
    ]
    row["updated_at"] = "0000-00-00 00:00:00"
    record = onbuy_orders.order(row)
    assert (record.lines[0].quantity, record.lines[0].total, record.ship_by_at) == (2, Decimal("9.00"), None)
    assert record.notes == ("“0000-00-00 00:00:00” in the field updated_at",)


@pytest.mark.fault("F-23")
def test_absent_optional_keys_of_an_etsy_receipt_reject_nothing() -> None:
    row: Any = {"receipt_id": 1, "status": "paid", "is_paid": True, "created_timestamp": 1_770_000_000}
    row["transactions"] = [{"transaction_id": 2, "quantity": 1}]
    record = etsy_orders.order(row)
    assert (record.external_id, record.lines[0].quantity, record.total) == ("1", 1, Decimal(0))
    assert record.notes == ()


def test_a_row_keeps_only_the_fields_of_its_schema() -> None:
    notes = Notes()
    found = conform(onbuy.Brand, {"brand_id": 7, "name": None, "other": 1}, notes)
    assert (found, list(notes)) == ({"brand_id": 7, "name": ""}, [])

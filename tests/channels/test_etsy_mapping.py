"""Etsy's documents read: money, states, products, receipts (`etsy.md`)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from channels.connectors.etsy import carriers, orders, payloads, products
from channels.connectors.etsy.channel import SPEC
from channels.connectors.etsy.sandbox.seed import PEOPLE
from channels.connectors.etsy.sandbox.shop import Shop
from channels.connectors.etsy.statuses import STATUSES
from channels.contract.records.orders import FulfilmentEvent, RemoteState
from channels.contract.records.products import ProductKind

S = RemoteState


@pytest.fixture
def shop() -> Shop:
    return Shop(clock=lambda: 1_790_000_000.0)


@pytest.fixture
def mug(shop: Shop) -> dict[str, Any]:
    return shop.add_listing(
        "Enamel Mug &amp; Saucer",
        [
            {"sku": "MUG-CRM", "price": "12.50", "quantity": 4, "options": ["Cream"]},
            {"sku": "", "price": "14.00", "quantity": 2, "options": ["Moss"]},
        ],
        options=[(200, "Primary color")],
    )


def receipt(shop: Shop, mug: dict[str, Any], **options: Any) -> Any:
    return shop.add_receipt([(mug, mug["inventory"]["products"][0], 2)], PEOPLE[2], **options)


@pytest.mark.parametrize(
    ("amount", "divisor", "value"),
    [(1250, 100, "12.50"), (1250, 1, "1250"), (12345, 1000, "12.345"), (7, 4, "1.75")],
)
def test_the_divisor_is_not_always_a_hundred(amount, divisor, value):
    assert payloads.money({"amount": amount, "divisor": divisor, "currency_code": "EUR"}) == Decimal(value)


def test_a_divisor_of_nothing_is_no_amount():
    with pytest.raises(ValueError, match="1 / 0 is not an amount"):
        payloads.money({"amount": 1, "divisor": 0, "currency_code": "EUR"})


@pytest.mark.req("R-CAT-01")
def test_one_listing_with_variations_is_one_group_product(mug, shop):
    mug["images"] = [
        {"listing_image_id": 1, "rank": 2, "url_570xN": "", "url_fullxfull": "second"},
        {"listing_image_id": 2, "rank": 1, "url_570xN": "", "url_fullxfull": "first"},
    ]

    record = products.product(mug)

    first, second = record.variants
    listing_id = str(mug["listing_id"])
    assert (record.external_id, record.kind, record.title) == (
        listing_id,
        ProductKind.GROUP,
        "Enamel Mug & Saucer",
    )
    assert record.image_urls == ("first", "second")
    assert first.external_id == f"{listing_id}-{mug['inventory']['products'][0]['product_id']}"
    assert (first.sku, first.quantity, first.price, first.selling_price) == (
        "MUG-CRM",
        4,
        Decimal("12.50"),
        None,
    )
    assert (second.sku, second.options) == ("", {"Primary color": "Moss"})


def test_deleted_products_and_offerings_are_not_there(mug):
    mug["inventory"]["products"][1]["is_deleted"] = True

    assert [variant.sku for variant in products.product(mug).variants] == ["MUG-CRM"]


def test_a_listing_that_we_took_off_sale_shows_nothing_whatever_etsy_still_has(mug):
    record = products.product(mug, ours_at_zero=True)

    assert [variant.quantity for variant in record.variants] == [0, 0]


def test_a_listing_without_inventory_is_refused_with_a_sentence(mug):
    mug["inventory"] = None
    with pytest.raises(ValueError, match="no inventory"):
        products.product(mug)


# ---------------------------------------------------------------- receipts


@pytest.mark.req("R-ORD-08")
@pytest.mark.parametrize(
    ("status", "is_paid", "is_shipped", "is_delivered", "state"),
    [
        ("Open", False, False, False, S.UNPAID),
        ("Payment Processing", False, False, False, S.UNPAID),
        ("Paid", False, False, False, S.UNPAID),
        ("Paid", True, False, False, S.NEW),
        ("paid", True, False, False, S.NEW),
        ("Partially Refunded", True, False, False, S.NEW),
        ("Completed", True, True, False, S.SHIPPED),
        ("Partially Refunded", True, True, False, S.SHIPPED),
        ("Completed", True, True, True, S.DELIVERED),
        ("Canceled", True, False, False, S.CANCELLED),
        ("Canceled", True, True, False, S.CANCELLED),
        ("Fully Refunded", True, False, False, S.CANCELLED),
        ("Fully Refunded", True, True, False, S.SHIPPED),
        ("Fully Refunded", True, True, True, S.DELIVERED),
        ("On the moon", True, False, False, S.UNKNOWN),
    ],
)
def test_what_a_receipt_says(shop, mug, status, is_paid, is_shipped, is_delivered, state):
    row: Any = {**receipt(shop, mug), "status": status, "is_paid": is_paid, "is_shipped": is_shipped}

    record = orders.order(row, is_delivered=is_delivered)

    assert record.remote_state == state
    if state == S.UNKNOWN:
        assert (record.status_id, record.status_name) == ("on the moon", "On the moon")


@pytest.mark.req("R-ORD-08")
def test_what_is_written_and_what_is_not():
    assert SPEC.events == {FulfilmentEvent.READY_TO_SHIP: "completed", FulfilmentEvent.TRACKING: "completed"}
    assert set(STATUSES.values()) == {S.UNPAID, S.NEW, S.SHIPPED, S.DELIVERED, S.CANCELLED}


@pytest.mark.req("R-ORD-06", "R-SHIP-08")
def test_a_receipt_is_read_whole(shop, mug):
    row = receipt(shop, mug, personalisation="For Ida", discount="2.00", shipping="4.50")
    row |= {"gift_message": "Happy birthday", "message_from_buyer": "Ring twice"}

    record = orders.order(row)

    [line] = record.lines
    listing_id, product_id = mug["listing_id"], mug["inventory"]["products"][0]["product_id"]
    assert (record.number, record.currency, record.total) == (str(row["receipt_id"]), "EUR", Decimal("27.50"))
    assert (record.items_total, record.shipping_total, record.discount_total) == (
        Decimal(25),
        Decimal("4.5"),
        Decimal(2),
    )
    assert (line.sku, line.quantity, line.total) == ("MUG-CRM", 2, Decimal("25.00"))
    assert line.variant_external_id == f"{listing_id}-{product_id}"
    assert (line.options, line.personalisation) == ({"Primary color": "Cream"}, "For Ida")
    assert (record.gift_message, record.buyer_note) == ("Happy birthday", "Ring twice")
    assert (record.ship_to.line1, record.ship_to.country) == ("3 Harbour Row", "GB")
    assert (record.customer_email, record.customer_phone, record.ship_to.phone) == ("", "", "")


@pytest.mark.req("R-SHIP-08")
@pytest.mark.parametrize(
    ("message", "cents", "note"),
    [
        (None, 0, ""),
        ("Ring twice", 0, "Ring twice"),
        (None, 350, "Gift wrap was paid for."),
        ("For Ida &amp; Jo", 350, "For Ida & Jo\nGift wrap was paid for."),
    ],
)
def test_whoever_packs_reads_what_the_buyer_wrote_and_paid_for(shop, mug, message, cents, note):
    row = receipt(shop, mug)
    row["message_from_buyer"] = message
    row["gift_wrap_price"] = {**row["gift_wrap_price"], "amount": cents}
    row["grandtotal"] = {**row["grandtotal"], "amount": row["grandtotal"]["amount"] + cents}

    record = orders.order(row)

    assert (record.buyer_note, record.shipping_total) == (note, Decimal("4.50") + Decimal(cents) / 100)


def test_ids_that_etsy_leaves_out_do_not_lose_the_line(shop, mug):
    row = receipt(shop, mug)
    row["transactions"][0] |= {"listing_id": None, "product_id": None}

    [line] = orders.order(row).lines

    assert (line.sku, line.variant_external_id, line.product_external_id) == ("MUG-CRM", "", "")


def test_a_personalised_single_product_is_still_the_single_one(shop):
    pot = shop.add_listing("Pot", [{"sku": "POT", "price": "9.00", "quantity": 3}])
    row = shop.add_receipt([(pot, pot["inventory"]["products"][0], 1)], PEOPLE[0], personalisation="Ida")

    [line] = orders.order(row).lines

    assert line.variant_external_id == str(pot["listing_id"])


@pytest.mark.parametrize(
    ("tax", "vat", "grand", "is_included", "expected"),
    [
        (300, 0, 3250, False, {"tax": "3"}),  # sales tax on top
        (300, 0, 2950, False, {"tax": "0"}),  # collected and kept by Etsy: not in the total
        (0, 500, 2950, True, {"tax": "5"}),  # VAT inside the prices
        (0, 500, 3450, False, {"tax": "5"}),  # VAT on top
        (0, 0, 3000, False, {"shipping": "5"}),
        (0, 0, 2900, False, {"discount": "0.5"}),
    ],
)
def test_the_parts_always_add_up_to_the_grand_total(shop, mug, tax, vat, grand, is_included, expected):
    row = receipt(shop, mug)  # 25.00 of goods, 4.50 of postage
    row["total_tax_cost"]["amount"], row["total_vat_cost"]["amount"] = tax, vat
    row["grandtotal"]["amount"] = grand

    record = orders.order(row)

    on_top = Decimal(0) if is_included else record.tax_total
    parts = record.items_total + record.shipping_total + on_top - record.discount_total
    assert parts == record.total == Decimal(grand) / 100
    assert record.prices_include_tax is is_included
    for name, value in expected.items():
        assert getattr(record, f"{name}_total") == Decimal(value), name


def test_an_address_that_etsy_keeps_is_empty_and_a_download_needs_none(shop, mug):
    kept = receipt(shop, mug) | {"first_line": None, "city": None, "zip": None}
    download = receipt(shop, mug, is_digital=True) | {"first_line": None}

    assert orders.order(kept).ship_to.line1 == ""
    assert (orders.is_withheld(kept), orders.is_withheld(download)) == (True, False)
    assert [line.needs_stock for line in orders.order(download).lines] == [False]


@pytest.mark.parametrize(("is_kept", "line"), [(True, ""), (False, "3 Harbour Row")])
def test_an_order_says_that_etsy_keeps_its_address(shop, mug, is_kept, line):
    row = receipt(shop, mug) | ({"first_line": None, "city": None, "zip": None} if is_kept else {})

    record = orders.order(row)

    assert (record.is_address_withheld, record.ship_to.line1) == (is_kept, line)


@pytest.mark.req("R-ORD-08")
@pytest.mark.parametrize(
    ("amounts", "told", "status", "back"),
    [
        ((), True, "Paid", "0"),
        (("4.50",), True, "Partially Refunded", "4.50"),
        (("4.50", "5.00"), False, "Partially Refunded", "9.50"),  # Etsy may not move `updated_timestamp`
        (("29.50",), True, "Fully Refunded", "29.50"),
    ],
)
def test_what_was_refunded_is_the_sum_of_the_refunds(shop, mug, amounts, told, status, back):
    row = receipt(shop, mug)
    before = row["updated_timestamp"] = row["updated_timestamp"] - 500
    for amount in amounts:
        shop.refund(row, amount, "Damaged", is_told=told)

    record = orders.order(row)

    assert (row["status"], record.refunded_total) == (status, Decimal(back))
    assert (row["updated_timestamp"] > before) == (bool(amounts) and told)


def test_a_refund_that_failed_is_none_and_a_whole_one_without_rows_is_the_total(shop, mug):
    row = receipt(shop, mug)
    shop.refund(row, "4.50")
    row["refunds"][0]["status"] = "Failed"
    assert orders.order(row).refunded_total == Decimal(0)

    row |= {"refunds": [], "status": "Fully Refunded"}
    assert orders.order(row).refunded_total == Decimal("29.50")

    del row["refunds"]
    assert orders.order(row).refunded_total is None


def test_delivered_is_another_document_than_shipped(shop, mug):
    row = receipt(shop, mug)
    shop.ship(row, "RM1", "royal-mail")

    shipped, delivered = orders.order(row), orders.order(row, is_delivered=True)

    assert shipped.content_hash() != delivered.content_hash()
    assert [(s.carrier, s.tracking_number) for s in shipped.shipments] == [("royal-mail", "RM1")]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Royal Mail", "royal-mail"),
        ("DHL", "dhl"),
        ("Deutsche Post", "deutsch-post"),
        ("La Poste!", "la-poste-colissimo"),
        ("Parcelforce Worldwide", "parcel-force"),
        ("Česká pošta", "ceska-posta"),
        ("Österreichische Post", "austrian-post"),
        ("Our own van", "other"),
        ("", "other"),
        ("順豐", "other"),
    ],
)
def test_a_carrier_is_sent_by_etsys_code_and_one_that_has_none_as_other(name, code):
    assert carriers.code_of(name) == code


def test_every_name_leads_to_a_code_that_etsy_has():
    assert set(carriers.NAMES.values()) <= carriers.CODES
    assert not [name for name in carriers.NAMES if name in carriers.CODES]


@pytest.mark.parametrize(
    ("code", "name", "told"),
    [
        ("evri", "Evri", "evri"),  # what the store's map says goes as it is: Etsy's list grows
        ("Royal Mail", "RM", "royal-mail"),  # as an order named it
        ("By hand", "DHL", "other"),
        ("", "Yodel", "yodel"),
    ],
)
def test_the_stores_own_code_wins_where_it_has_the_form_of_one(code, name, told):
    assert carriers.sent(code, name) == told


def test_a_parcel_by_other_names_no_carrier(shop, mug):
    row = receipt(shop, mug)
    shop.ship(row, "RM1", "other")

    record = orders.order(row)

    assert (record.carrier, [(s.carrier, s.tracking_number) for s in record.shipments]) == ("", [("", "RM1")])


def test_carriers_without_a_code_are_one_line_of_the_map():
    records = [carriers.record(name) for name in ("Royal Mail", "Pigeon Post", "Van & Son")]

    assert [(record.external_id, record.name) for record in records] == [
        ("royal-mail", "Royal Mail"), ("other", "Other"), ("other", "Other"),
    ]  # fmt: skip

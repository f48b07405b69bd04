# long because: one table of what every field of a document becomes.
"""BigCommerce's documents become records exactly, whatever oddity of the sheet they carry (`bigcommerce.md` §4, §6, §9)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from channels.connectors.bigcommerce import carriers, listing_bodies, orders, payloads, products
from channels.connectors.bigcommerce.channel import SPEC
from channels.connectors.bigcommerce.fulfilment import left_to_ship, shipment_bodies
from channels.contract.errors import Rejected
from channels.contract.record_limits import Unreadable
from channels.contract.records.orders import FulfilmentEvent, RemoteState
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import ListingDraft, ShipmentUpdate, VariantDraft
from channels.contract.schema import Notes

PAYLOADS = Path(__file__).parent.parent / "payloads" / "bigcommerce"


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))


def order(**changes: Any) -> Any:
    row: Any = {**payload("order"), **changes}
    return orders.order(row)


# ---------------------------------------------------------------- orders


@pytest.mark.req("R-ORD-08")
def test_an_order_with_its_figures():
    record = order()

    assert (record.external_id, record.status_id, record.status_name) == ("118", "11", "To be packed")
    assert record.currency == "GBP"  # what the shopper pays in; the other is for display
    assert record.placed_at == datetime(2025, 6, 25, 5, 22, 10, tzinfo=UTC)
    assert record.changed_at == datetime(2025, 6, 25, 6, 0, tzinfo=UTC)
    assert (record.items_total, record.shipping_total, record.tax_total) == (
        Decimal("187.5000"),
        Decimal("4.0000"),
        Decimal("38.3000"),
    )
    assert (record.discount_total, record.total) == (Decimal("10.0000"), Decimal("219.8000"))
    assert record.buyer_note == "Leave it & ring"
    assert record.shipping_method == record.carrier == "Royal Mail 48"
    assert record.ship_to.country == "GB"
    assert record.ship_to.region == ""


def test_a_guest_has_an_email_and_no_customer_number():
    record = order()

    assert record.customer_external_id == ""
    assert record.customer_email == "grace@example.com"
    assert order(customer_id=7).customer_external_id == "7"


def test_lines_custom_items_and_gift_certificates():
    mug, wish, gift = order().lines

    assert (mug.variant_external_id, mug.product_external_id, mug.sku) == ("1011", "111", "MUG-CRM")
    assert (mug.unit_price, mug.total, mug.tax, mug.discount) == tuple(map(Decimal, (75, 150, 30, 10)))
    assert mug.options == {"Colour": "Cream", "Engraving": "A. B."}
    assert mug.personalisation == "Engraving: A. B."
    assert (wish.variant_external_id, wish.product_external_id, wish.sku) == ("", "", "")
    assert [line.needs_stock for line in (mug, wish, gift)] == [True, True, False]


def test_fees_without_a_field_of_their_own_count_with_the_postage():
    record = order(total_inc_tax="234.8000")

    assert record.discount_total == 0
    assert record.items_total + record.shipping_total + record.tax_total == record.total


def test_several_addresses_are_said():
    place = payload("order")["addresses"][0]
    record = order(addresses=[place, {**place, "id": 302, "city": "Lyon", "country_iso2": "FR"}])

    assert record.ship_to.city == "Bristol"
    assert "This order goes to 2 addresses" in record.buyer_note
    assert "Lyon" in record.buyer_note


def test_what_the_buyer_collects_names_the_counter_and_is_said():
    line = {**payload("order")["lines"][0], "order_pickup_method_id": 3}
    place = {"name": "Harbour shop", "address_line_1": "1 Quay Street", "city": "Bristol", "postal_code": "BS1 4DB", "country_alpha2": "gb"}  # fmt: skip
    record = order(addresses=[], pickups=[{"location": place}], lines=[line])

    assert (record.ship_to.name, record.ship_to.line1, record.ship_to.country) == (
        "Harbour shop",
        "1 Quay Street",
        "GB",
    )
    assert "The buyer collects at Harbour shop, nothing is sent: Mug" in record.buyer_note
    assert order(lines=[line]).ship_to.line1 == "3 Harbour Row"  # the rest goes there
    assert "The buyer collects, nothing is sent: Mug" in order(lines=[line]).buyer_note
    assert "collects" not in order().buyer_note


def test_what_is_null_or_none_is_no_word():
    billing = {**payload("order")["billing_address"], "first_name": None, "company": None}
    record = order(billing_address=billing, addresses=[{**billing, "shipping_method": "None"}])

    assert (record.customer_name, record.ship_to.name, record.ship_to.company) == ("O'Neill", "O'Neill", "")
    assert (record.shipping_method, record.carrier) == ("", "")  # else “None” would be learnt as a carrier
    assert orders.shipment({"id": 1, "shipping_method": "None"}, Notes()).carrier == ""


def test_an_order_links_to_its_page_in_the_control_panel():
    row: Any = payload("order")
    assert orders.order(row, panel="https://store-abc.mybigcommerce.com").url == (
        "https://store-abc.mybigcommerce.com/manage/orders/118"
    )
    assert orders.order(row).url == ""


def test_an_order_of_downloads_has_no_address():
    assert order(addresses=[]).ship_to.line1 == ""


@pytest.mark.parametrize(
    ("status", "shipped", "state"),
    [
        (0, 0, "ignored"), (1, 0, "draft"), (2, 3, "shipped"), (3, 1, "ready"), (4, 0, "cancelled"), (4, 1, "returned"),
        (5, 0, "cancelled"), (6, 0, "cancelled"), (7, 0, "unpaid"), (8, 0, "new"), (9, 0, "ready"), (10, 3, "completed"),
        (11, 0, "new"), (12, 0, "draft"), (13, 0, "draft"), (14, 0, "new"), (14, 3, "shipped"), (14, 1, "new"), (99, 0, "unknown"),
    ],
)  # fmt: skip
@pytest.mark.req("R-ORD-02", "R-ORD-10")
def test_statuses_go_by_id(status, shipped, state):
    assert order(status_id=status, items_shipped=shipped, status="Renamed").remote_state == state
    assert order(status_id=status, items_shipped=f"{shipped}.0").remote_state == state


@pytest.mark.req("R-ORD-08")
def test_what_is_written_for_each_event():
    assert SPEC.events == {
        FulfilmentEvent.ACCEPTED: "11",
        FulfilmentEvent.READY_TO_SHIP: "9",
        FulfilmentEvent.TRACKING: "",
        FulfilmentEvent.SHIPPED: "2",
        FulfilmentEvent.COMPLETED: "10",
        FulfilmentEvent.CANCELLED: "5",
    }
    assert "8" not in SPEC.events.values()  # would tell the buyer to come and collect


@pytest.mark.parametrize(
    ("late", "deducted"),
    [(False, {11: True, 2: True, 5: False}), (True, {11: False, 2: True, 10: True, 9: False})],
)
def test_when_bigcommerce_has_taken_the_units(late, deducted):
    for status, expected in deducted.items():
        row: Any = {**payload("order"), "status_id": status}
        assert orders.order(row, deducts_at_shipping=late).stock_deducted is expected, status


def shipped(comment: str, age: timedelta) -> dict[str, Any]:
    moment = datetime(2026, 1, 1, tzinfo=UTC) - age
    return {
        "id": 5, "comments": comment, "date_created": moment.strftime("%a, %d %b %Y %H:%M:%S +0000"), "tracking_number": "RM1",
        "shipping_provider": "royalmail", "items": [{"order_product_id": 2001, "quantity": 2}],
    }  # fmt: skip


def test_our_own_shipment_at_ready_to_ship_is_not_read_as_shipped():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for comment, age, state in (
        ("Manifold ref. abc", timedelta(minutes=1), RemoteState.READY),
        ("Manifold ref. abc", timedelta(hours=1), RemoteState.SHIPPED),
        ("by hand", timedelta(minutes=1), RemoteState.SHIPPED),
    ):
        row: Any = {**payload("order"), "status_id": 2, "shipments": [shipped(comment, age)]}
        assert orders.order(row, echo_until=now).remote_state == state
    assert orders.order(row).remote_state == RemoteState.SHIPPED


@pytest.mark.req("R-ORD-16")
def test_our_own_shipment_stays_an_echo_until_somebody_changes_the_order():
    """Its status could not be put back for an hour: what is packed here has not left."""
    now, made = datetime(2026, 1, 1, tzinfo=UTC), timedelta(hours=1)
    for comment, changed, state in (
        ("Manifold ref. mine-1", made, RemoteState.READY),
        ("Manifold ref. mine-1", timedelta(minutes=20), RemoteState.SHIPPED),  # by hand, or at our manifest
        ("Manifold ref. other-1", made, RemoteState.SHIPPED),  # an installation before this one
    ):
        row: Any = {
            **payload("order"), "status_id": 2, "shipments": [shipped(comment, made)],
            "date_modified": (now - changed).strftime("%a, %d %b %Y %H:%M:%S +0000"),
        }  # fmt: skip
        assert orders.order(row, echo_until=now, birthmark="mine").remote_state == state, (comment, changed)


def test_shipments_and_our_references():
    row: Any = {
        **payload("order"),
        "status_id": 2,
        "shipments": [shipped("Manifold ref. abc", timedelta(days=1))],
    }
    record = orders.order(row)

    assert record.own_refs == ("abc",)
    [shipment] = record.shipments
    assert (shipment.external_id, shipment.carrier, shipment.tracking_number) == ("5", "royalmail", "RM1")
    assert shipment.lines == {"2001": 2}
    assert shipment.shipped_at == datetime(2025, 12, 31, tzinfo=UTC)


@pytest.mark.parametrize("value", ["", None, "  "])
def test_an_empty_date_is_no_date(value):
    assert payloads.instant(value) is None


@pytest.mark.parametrize(("value", "hour"), [("Wed, 25 Jun 2025 05:22:10 +0000", 5), ("2025-06-25T07:22:10+02:00", 5), ("2025-06-25T05:22:10Z", 5)])  # fmt: skip
def test_both_forms_of_a_time(value, hour):
    assert payloads.instant(value) == datetime(2025, 6, 25, hour, 22, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"date_modified": "", "date_created": "0000-00-00"}, "the order has no date that can be read"),
        ({"id": None}, "the field id is missing"),
        ({"lines": [{"id": 1, "name": "Mug", "quantity": -3}]}, "the line “Mug” has the quantity -3, which is less than zero"),
    ],
)  # fmt: skip
@pytest.mark.fault("F-23", "F-24")
def test_an_order_that_cannot_be_read_says_why(changes, reason):
    with pytest.raises(Unreadable) as found:
        order(**changes)
    assert str(found.value) == reason


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"date_modified": ""}, ()),
        ({"total_inc_tax": "much"}, ("“much” in the field total_inc_tax",)),
        ({"date_created": "soon"}, ("“soon” in the field date_created",)),
    ],
)
@pytest.mark.fault("F-23")
def test_what_an_order_can_live_without_becomes_empty_with_a_note(changes, note):
    assert order(**changes).notes == note


# ---------------------------------------------------------------- products


@pytest.mark.req("R-CAT-05")
def test_a_group_with_inherited_and_own_prices():
    record = products.product(
        payload("group"), currency="GBP", brand_name="Fernwerk", stock={1011: 38}, weight_unit="KGS", base_url="https://s.example"
    )  # fmt: skip

    assert (record.kind, record.title, record.brand) == (ProductKind.GROUP, "Enamel Mug & Co", "Fernwerk")
    assert record.image_urls == ("https://img.example.com/a.jpg", "https://img.example.com/b.jpg")
    assert record.url == "https://s.example/enamel-mug/"
    cream, moss = record.variants
    assert (cream.external_id, cream.sku, cream.price, cream.selling_price) == (
        "1011",
        "MUG-CRM",
        Decimal(12),
        None,
    )
    assert (cream.quantity, cream.weight_grams, cream.options) == (38, 250, {"Colour": "Cream"})
    assert (moss.sku, moss.price, moss.selling_price) == ("", Decimal("13.5"), Decimal("11.25"))
    assert (moss.quantity, moss.weight_grams) == (-2, 300)


def test_a_product_that_is_not_tracked_shows_no_figure():
    row: Any = {**payload("group"), "inventory_tracking": "none"}
    record = products.product(row, currency="GBP")

    assert [variant.quantity for variant in record.variants] == [None, None]


@pytest.mark.req("R-INV-06")
def test_one_figure_for_all_options_is_no_figure_of_any():
    row: Any = {**payload("group"), "inventory_tracking": "product"}

    assert [v.quantity for v in products.product(row, currency="GBP", stock={1011: 0}).variants] == [
        None,
        None,
    ]
    assert products.product(row, currency="GBP").takes_stock is False
    assert products.product(row, currency="GBP", may_switch_on=True).takes_stock is True


def test_hidden_and_disabled_are_not_active():
    for changes in ({"is_visible": False}, {"availability": "disabled"}):
        row: Any = {**payload("group"), **changes}
        assert products.product(row, currency="GBP").is_active is False


# ---------------------------------------------------------------- what is sent


def line(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": number, "type": "physical", "quantity": 3, "quantity_shipped": 0, "quantity_refunded": 0,
        "order_address_id": 1, "order_pickup_method_id": 0, **more,
    }  # fmt: skip


def told(**more: Any) -> ShipmentUpdate:
    return ShipmentUpdate(
        "r1", FulfilmentEvent.READY_TO_SHIP, "118", carrier_name="Royal Mail", tracking_number="RM1", **more
    )


def test_what_is_left_to_ship():
    assert left_to_ship(line(1, quantity_shipped=1, quantity_refunded=1)) == 1
    assert left_to_ship(line(1, type="digital")) == 0
    assert left_to_ship(line(1, type="giftcertificate")) == 0
    assert left_to_ship(line(1, order_pickup_method_id=4)) == 0


@pytest.mark.req("R-SHIP-03")
def test_one_shipment_for_each_address():
    lines = [line(1), line(2, order_address_id=9), line(3, type="digital", order_address_id=0), line(4)]

    first, second = shipment_bodies(told(), lines)

    assert (first["order_address_id"], [i["order_product_id"] for i in first["items"]]) == (1, [1, 4])
    assert (second["order_address_id"], [i["order_product_id"] for i in second["items"]]) == (9, [2])
    assert first["comments"] == "Manifold ref. r1"
    assert first["shipping_provider"] == "royalmail"
    assert "tracking_carrier" not in first


def test_a_part_of_an_order_and_never_more_than_is_left():
    [shipment] = shipment_bodies(
        told(lines={"1": 5, "2": 1}), [line(1, quantity_shipped=2), line(2), line(3)]
    )

    assert shipment["items"] == [
        {"order_product_id": 1, "quantity": 1},
        {"order_product_id": 2, "quantity": 1},
    ]


@pytest.mark.parametrize(
    ("name", "code", "url", "expected"),
    [
        ("Royal Mail", "", "", {"shipping_provider": "royalmail", "shipping_method": "Royal Mail"}),
        ("DPD Local", "", "", {"shipping_provider": "", "tracking_carrier": "interlink-express", "shipping_method": "DPD Local"}),
        ("Our van", "", "https://t.example/1", {"shipping_provider": "", "tracking_link": "https://t.example/1", "shipping_method": "Our van"}),
        ("Our van", "", "", {"shipping_provider": "", "shipping_method": "Our van"}),
        ("X", "slug:yodel", "https://t.example/1", {"shipping_provider": "", "tracking_carrier": "yodel", "shipping_method": "X"}),
        ("X", "Hand-typed", "", {"shipping_provider": "", "shipping_method": "X"}),
    ],
)  # fmt: skip
def test_carriers_by_provider_slug_or_link(name, code, url, expected):
    """Left out, the provider would be “custom” and the number unlinked; provider and slug never contradict."""
    assert carriers.fields(name=name, code=code, tracking_url=url) == expected


def test_a_french_store_means_its_own_country_by_a_name_that_both_have():
    slugs = {"DPD": "dpd-fr-reference", "TNT": "tnt-fr", "DHL": "dhl", "Colissimo": "colissimo"}
    for name, slug in slugs.items():
        body = carriers.fields(name=name, code="", tracking_url="", country="FR")
        assert (body["tracking_carrier"], body["shipping_provider"]) == (slug, "")


def test_a_link_that_is_too_long_is_left_out_and_not_cut():
    for length, is_sent in ((500, True), (501, False)):
        url = "https://t.example/".ljust(length, "x")
        assert carriers.fields(name="Our van", code="", tracking_url=url).get("tracking_link") == (url if is_sent else None)  # fmt: skip


def test_a_number_that_is_too_long_is_refused_here():
    with pytest.raises(Rejected, match="up to 50 characters"):
        shipment_bodies(
            ShipmentUpdate("r", FulfilmentEvent.SHIPPED, "1", tracking_number="9" * 51), [line(1)]
        )


def draft(**more: Any) -> ListingDraft:
    variant = VariantDraft("v", "SKU-1", Decimal("12.505"), None, 3)
    return ListingDraft("d", **{"kind": ProductKind.SINGLE, "title": "Mug", "description": "", "currency": "GBP", "variants": (variant,), **more})  # fmt: skip


def test_a_new_product_has_what_bigcommerce_demands():
    body = listing_bodies.new_product(draft(), places=2, with_stock=True)

    assert {name: body[name] for name in ("name", "type", "weight", "price", "categories")} == {
        "name": "Mug",
        "type": "physical",
        "weight": 0,
        "price": 12.51,
        "categories": [],
    }
    assert (body["inventory_tracking"], body["inventory_level"]) == ("product", 3)
    assert "inventory_level" not in listing_bodies.new_product(draft(), places=2, with_stock=False)


@pytest.mark.parametrize("changes", [{"title": "x" * 251}, {"title": ""}, {"warranty": "x" * 65_536}])
def test_what_bigcommerce_would_not_take_is_refused_here(changes):
    with pytest.raises(Rejected):
        listing_bodies.new_product(draft(**changes), places=2, with_stock=True)


def test_results_compare_skus_without_case():
    row = {"id": 7, "base_variant_id": None, "variants": [{"id": 70, "sku": "sku-1"}, {"id": 71, "sku": "B"}]}

    assert listing_bodies.result(draft(), row).variant_external_ids == {"v": "70"}

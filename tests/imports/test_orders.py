"""Orders come in by a sheet: the same pipeline as the page “New order”, whole or not at all, once (R-OFF-01)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from inventory.models import StockItem
from oms.kit.imports import kinds, services, source
from oms.kit.management.cli import REFUSALS
from orders.models import Order
from orders.services import carriers, packing
from tests.imports.flow import ANNA, applied, checked, confirm, reasons, run, undone
from tests.orders import desk

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("var_dir"),
    pytest.mark.req("R-OFF-01", "R-USE-02", "R-PLUS-16"),
]
D = Decimal
SAMPLES = Path(__file__).parent / "samples"
HEADINGS = ["Order number", "Name", "Address", "Postcode", "Town", "Country", "SKU", "Quantity", "Unit price"]
HOME = ["Jo Doe", "1 High Street", "LS1 1AA", "Leeds", "GB"]


@pytest.fixture(autouse=True)
def stall():
    """An offline store that sells from Leeds: 5 mugs at 12.00 and 2 tees at 24.00."""
    store = desk.store("Stall", channel="offline", options={"tax_rate": "20"})
    for sku, units, price in (("MUG", 5, "12.00"), ("TEE", 2, "24.00")):
        variant = desk.stocked(sku, leeds=units)
        variant.price, variant.currency = D(price), "GBP"
        variant.save(update_fields=["price", "currency"])
    return store


def allocated() -> dict[str, int]:
    return dict(StockItem.objects.values_list("variant__sku", "allocated"))


def numbers() -> dict[str, str]:
    return dict(Order.objects.order_by("pk").values_list("number", "status"))


def test_rows_of_an_order_become_one_order_that_holds_stock():
    found = applied(
        "orders", HEADINGS, ["M-1", *HOME, "MUG", "2", ""], ["", "", "", "", "", "", "TEE", "1", "20.00"]
    )

    assert found.counts == {"created": 1, "updated": 0, "unchanged": 0, "rejected": 0}
    (order,) = Order.objects.all()
    assert (order.number, order.external_id, order.status) == ("M-1", "M-1", "new")
    assert [(line.sku, line.quantity, line.total) for line in order.lines.all()] == [
        ("MUG", 2, D("24.00")),  # the price of the store
        ("TEE", 1, D("20.00")),
    ]
    assert order.total == D("44.00")
    assert order.ship_to["postcode"] == "LS1 1AA"
    assert allocated() == {"MUG": 2, "TEE": 1}
    assert "manage.py import_excel (test)" in order.events.get(kind="placed").text


def test_the_same_file_again_enters_nothing():
    applied("orders", HEADINGS, ["M-1", *HOME, "MUG", "2", ""])

    again = checked("orders", HEADINGS, ["M-1", *HOME, "MUG", "2", ""], ["M-2", *HOME, "MUG", "1", ""])

    assert again.counts == {"created": 1, "updated": 0, "unchanged": 1, "rejected": 0}
    confirm(again)
    assert numbers() == {"M-1": "new", "M-2": "new"}


def test_an_order_with_a_wrong_line_comes_back_whole_and_the_others_go_in():
    found = applied(
        "orders",
        HEADINGS,
        ["M-1", *HOME, "MUG", "1", ""],
        ["M-1", *HOME, "NONE", "1", "3.00"],
        ["M-2", *HOME, "MUG", "1", ""],
        ["M-3", "", *HOME[1:], "MUG", "1", ""],
        ["M-4", *HOME[:4], "Atlantis", "MUG", "1", ""],
    )

    assert numbers() == {"M-2": "new"}
    assert reasons(found) == {2: ["order-impossible"], 5: ["order-impossible"], 6: ["country-unknown"]}
    (row,) = found.staged.filter(row=2)
    assert row.remarks == [
        ["SKU", "order-impossible", "NONE: No product has the SKU “NONE”. Search for another one."]
    ]


def test_an_order_without_an_address_is_collected():
    applied("orders", ["Order number", "Name", "SKU", "Quantity"], ["M-1", "Market stall", "MUG", "1"])

    (order,) = Order.objects.all()
    assert (order.shipping_method, order.ship_to["line1"]) == ("Collection", "Collected by the customer")


def test_what_was_shipped_or_cancelled_before_is_history_and_moves_no_stock():
    applied(
        "orders",
        [*HEADINGS, "Shipped on", "Cancelled"],
        ["M-1", *HOME, "MUG", "1", "", "2026-11-02", ""],
        ["M-2", *HOME, "MUG", "1", "", "", "yes"],
    )

    assert numbers() == {"M-1": "completed", "M-2": "cancelled"}
    assert set(Order.objects.values_list("is_history", flat=True)) == {True}
    assert allocated() == {"MUG": 0, "TEE": 0}


@pytest.mark.parametrize(
    ("tax", "total", "is_included"),
    [("2.00", "14.00", False), ("2.00", "12.00", True), ("0", "12.00", True)],
)
def test_the_tax_of_the_file_is_kept_to_the_penny(tax, total, is_included):
    found = applied("orders", [*HEADINGS, "Tax", "Total"], ["M-1", *HOME, "MUG", "1", "12.00", tax, total])

    (order,) = Order.objects.all()
    assert (order.tax_total, order.total, order.prices_include_tax) == (D(tax), D(total), is_included)
    assert found.staged.get().remarks == []


def test_a_total_that_differs_is_said_and_a_method_that_is_no_carrier_is_kept():
    carriers.save_carrier(name="Royal Mail", tracking_url="", by=desk.DESK)
    found = checked(
        "orders",
        [*HEADINGS, "Total", "Carrier"],
        ["M-1", *HOME, "MUG", "1", "12.00", "15.00", "Courier pigeon"],
        ["M-2", *HOME, "MUG", "1", "12.00", "12.00", "royal mail"],
    )

    remarks = dict(found.staged.values_list("row", "remarks"))
    assert [code for _column, code, _text in remarks[2]] == ["total-differs", "carrier-unknown"]
    assert remarks[3] == []
    confirm(found)
    first, second = Order.objects.order_by("number")
    assert (first.carrier, first.shipping_method) == (None, "Courier pigeon")
    assert second.carrier is not None
    assert second.carrier.name == "Royal Mail"


def test_with_two_stores_the_row_or_the_person_names_the_store():
    fair = desk.store("Fair", channel="offline")

    found = checked(
        "orders",
        [*HEADINGS, "Store"],
        ["M-1", *HOME, "MUG", "1", "9.00", ""],
        ["M-2", *HOME, "MUG", "1", "9.00", "fair"],
    )
    assert reasons(found) == {2: ["store-unknown"]}
    chosen = applied("orders", HEADINGS, ["M-1", *HOME, "MUG", "1", "9.00"], options={"store": "Fair"})

    assert chosen.counts["created"] == 1
    assert Order.objects.get().connection_id == fair.pk


def test_undo_cancels_what_may_still_be_cancelled_and_names_the_rest():
    found = applied("orders", HEADINGS, ["M-1", *HOME, "MUG", "1", ""], ["M-2", *HOME, "MUG", "1", ""])
    packing.release([Order.objects.get(number="M-2").pk], by=desk.DESK)
    packing.pack([Order.objects.get(number="M-2").pk], by=desk.DESK)

    undone(found)

    assert numbers() == {"M-1": "cancelled_by_seller", "M-2": "packed"}
    assert [row.state for row in found.staged.order_by("row")] == ["undone", "kept"]


@pytest.mark.parametrize(
    ("name", "currency", "orders", "rejected"),
    [
        (
            "etsy-sold-order-items.csv",
            "GBP",
            {"3300000001": ("new", "71.20", "0.00"), "3300000002": ("completed", "12.00", "2.00")},
            [5, 6],
        ),
        (
            "shopify-orders.csv",
            "GBP",
            {"1001": ("new", "106.00", "17.67"), "1002": ("unpaid", "36.00", "0.00")},
            [5],
        ),
        (
            "orders-manual-fr.csv",
            "EUR",
            {"M-1": ("new", "38.80", "6.47"), "M-2": ("new", "15.00", "2.50")},
            [5, 6],
        ),
    ],
)
def test_the_exports_of_other_systems_come_in(name, currency, orders, rejected, stall):
    stall.currency = currency
    stall.save(update_fields=["currency"])
    found = services.receive(kind="orders", parts=[(SAMPLES / name).read_bytes()], file_name=name, by=ANNA)
    for record in source.read(found, kinds.get("orders")).records:
        lines: Any = record.values["lines"]
        for line in lines:
            if line["sku"]:
                desk.stocked(line["sku"], leeds=50)

    confirm(run(found, services.check(found, by=ANNA)))

    rows = Order.objects.values_list("number", "status", "total", "tax_total")
    assert {row[0]: (row[1], f"{row[2]:.2f}", f"{row[3]:.2f}") for row in rows} == orders
    assert sorted(reasons(found)) == rejected


def test_by_command(tmp_path, capsys):
    file = tmp_path / "orders.csv"
    file.write_text("Order number,Name,SKU,Quantity\nM-1,Jo Doe,MUG,1\nM-2,Jo Doe,NONE,1\n")

    with pytest.raises(SystemExit) as ended:
        call_command("import_excel", "orders", str(file), "--for-store", "Stall", "--json")

    assert ended.value.code == REFUSALS
    assert '"created": 1' in capsys.readouterr().out
    assert numbers() == {"M-1": "new"}

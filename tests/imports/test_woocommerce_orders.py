"""Orders of WooCommerce as “Advanced Order Export” writes them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from oms.kit.sheets.records import Reading
from orders.sheets.orders import ORDERS
from tests.imports.files import read_csv

pytestmark = pytest.mark.req("R-USE-02")
HEAD = (
    "Order Number,Order Status,Order Date,Customer Note,First Name (Billing),Last Name (Billing),Address 1&2 (Billing),City (Billing),"
    "Postcode (Billing),Country Code (Billing),Email (Billing),First Name (Shipping),Last Name (Shipping),Address 1&2 (Shipping),"
    "City (Shipping),Postcode (Shipping),Country Code (Shipping),Shipping Method Title,Order Shipping Amount,Order Total Amount,SKU,"
    "Item Name,Quantity (- Refund),Item Cost\n"
)
BILLING = "Ada,Test,1 Bill Street,Billham,BB1 1BB,GB,ada@example.com"
SHIPPING = "Bob,Test,2 Ship Street,Shipham,SS1 1SS,GB"


def reading(tmp_path: Path, *rows: str) -> Reading:
    return read_csv(tmp_path, HEAD + "\n".join(rows), ORDERS)


def test_lines_of_one_order_are_joined_and_its_shipping_counts_once(tmp_path: Path) -> None:
    found = reading(
        tmp_path,
        f"501,Processing,2026-11-03 10:15,Ring,{BILLING},{SHIPPING},Flat rate,4.90,34.90,MUG,Mug,2,10.00",
        f"501,Processing,2026-11-03 10:15,Ring,{BILLING},{SHIPPING},Flat rate,4.90,34.90,BOWL,Bowl,1,10.00",
    )
    assert found.recognised_as == "woocommerce orders"
    (order,) = found.records
    values = order.values
    assert (values["order"], values["date"], values["paid"]) == ("501", date(2026, 11, 3), True)
    assert (values["name"], values["city"], values["email"]) == ("Bob Test", "Shipham", "ada@example.com")
    assert (values["shipping"], values["total"]) == (Decimal("4.90"), Decimal("34.90"))
    assert [(one["sku"], one["quantity"]) for one in values["lines"]] == [("MUG", 2), ("BOWL", 1)]  # type: ignore[union-attr, index, call-overload]
    assert not values["cancelled"]
    assert "shipped" not in values


def test_without_a_shipping_address_the_billing_address_is_used_whole(tmp_path: Path) -> None:
    found = reading(tmp_path, f"502,On hold,2026-11-03,,{BILLING},Bob,,,,,,Flat rate,0,10,MUG,Mug,1,10.00")
    values = found.records[0].values
    assert (values["name"], values["address"], values["city"]) == ("Ada Test", "1 Bill Street", "Billham")
    assert values["paid"] is False


def test_a_completed_order_is_history_and_a_cancelled_one_is_cancelled(tmp_path: Path) -> None:
    found = reading(
        tmp_path,
        f"503,Completed,2026-11-03,,{BILLING},{SHIPPING},,0,10,MUG,Mug,1,10.00",
        f"504,wc-cancelled,2026-11-04,,{BILLING},{SHIPPING},,0,10,MUG,Mug,1,10.00",
    )
    done, cancelled = (one.values for one in found.records)
    assert (done["shipped"], done["cancelled"]) == (date(2026, 11, 3), False)
    assert (cancelled["cancelled"], cancelled["paid"]) == (True, False)


def test_a_refunded_line_is_left_out_and_a_wrong_date_comes_back(tmp_path: Path) -> None:
    found = reading(
        tmp_path,
        f"505,Processing,2026-11-03,,{BILLING},{SHIPPING},,0,10,MUG,Mug,0,10.00",
        f"506,Processing,soon,,{BILLING},{SHIPPING},,0,10,MUG,Mug,1,10.00",
    )
    assert found.records == []
    assert [(one.row, one.code) for one in found.refused] == [(3, "date-unreadable")]
    assert [one.row for one in found.ignored] == [2]

"""Sheets with Manifold's own headings: products, prices and stock, from CSV and xlsx."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl.workbook.workbook import Workbook

from catalogue.sheets.prices import PRICES
from catalogue.sheets.products import PRODUCTS
from inventory.sheets import STOCK
from oms.kit.sheets.reading import read
from oms.kit.sheets.records import CLEAR

pytestmark = pytest.mark.req("R-USE-02", "R-CAT-08")


def test_products_of_a_csv_file(tmp_path: Path) -> None:
    path = tmp_path / "products.csv"
    path.write_text(
        "SKU,Group,Title,Option 1 name,Option 1 value,Price,Selling price,Quantity,Barcode,Weight,Weight unit,Brand,Categories,Images\n"
        "0017-S,TEE,Tee,Size,S,20,15.5,5,5012345678900,0.20,kg,Nord,Home > Mugs; Gifts,https://a.example/1.jpg https://a.example/2.jpg\n"
        "0018,,Cup,,,,(empty),,,,,,,\n",
        encoding="utf-8",
    )
    tee, cup = read(path, PRODUCTS).records
    assert tee.values == {
        "sku": "0017-S",
        "group": "TEE",
        "title": "Tee",
        "options": {"Size": "S"},
        "price": Decimal("20.00"),
        "selling_price": Decimal("15.50"),
        "quantity": 5,
        "barcode": "5012345678900",
        "weight": Decimal("0.2"),
        "weight_unit": "kg",
        "brand": "Nord",
        "categories": (("Home", "Mugs"), ("Gifts",)),
        "images": ("https://a.example/1.jpg", "https://a.example/2.jpg"),
    }
    assert cup.values["selling_price"] is CLEAR
    assert cup.values["price"] is None
    assert cup.values["quantity"] is None
    assert cup.values["options"] == {}


def test_prices_of_a_workbook(tmp_path: Path) -> None:
    book = Workbook()
    book.active.append(["SKU", "Price", "Selling price", "Sale from", "Sale until"])
    book.active.append(["A", 10, 9.5, date(2026, 12, 1), "2026-12-24"])
    book.active.append(["B", None, None, None, None])
    book.save(tmp_path / "prices.xlsx")
    reading = read(tmp_path / "prices.xlsx", PRICES)
    [record] = reading.records
    assert record.row == 2
    assert record.values == {
        "sku": "A",
        "price": Decimal("10.00"),
        "selling_price": Decimal("9.50"),
        "selling_from": date(2026, 12, 1),
        "selling_until": date(2026, 12, 24),
    }
    assert [remark.row for remark in reading.ignored] == [3]


def test_stock_of_a_file_without_a_kind(tmp_path: Path) -> None:
    """The headings show which kind it is; the key is SKU and warehouse together."""
    path = tmp_path / "stock.tsv"
    path.write_text(
        "SKU\tWarehouse\tQuantity\nA\tMain\t5\nA\tShop\t0\na\tmain\t6\nB\tMain\t\n", encoding="utf-8"
    )
    reading = read(path, STOCK)
    assert [
        (record.values["sku"], record.values["warehouse"], record.values["quantity"])
        for record in reading.records
    ] == [
        ("A", "Main", 5),
        ("A", "Shop", 0),
    ]
    assert [(remark.row, remark.code) for remark in reading.refused] == [(4, "duplicate-in-file")]
    assert [remark.row for remark in reading.ignored] == [5]

"""Known files that have no sample: what their rows become."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from catalogue.sheets.kits import KITS
from catalogue.sheets.prices import PRICES
from catalogue.sheets.products import PRODUCTS
from inventory.sheets import STOCK
from oms.kit.sheets.reading import read
from orders.sheets.orders import ORDERS
from orders.sheets.tracking import TRACKING, s10_fits
from tests.imports.files import csv_file, read_csv, refused, values

pytestmark = pytest.mark.req("R-PLUS-16")


def test_price_pro_of_opencart(tmp_path: Path) -> None:
    text = "_ID_;_NAME_;_MODEL_;_SKU_;_PRICE_;_QUANTITY_;_CATEGORY_;_IMAGE_;_IMAGES_\n"
    text += '1;Lamp;L-1;;49,90;3;"Home|Lamps\nSale";catalog/l.jpg;catalog/l2.jpg|catalog/l3.jpg\n2;Rug;L-2;RUG;20;0;Home > Rugs;;\n'
    reading = read_csv(tmp_path, text)
    assert reading.recognised_as == "opencart csv price pro"
    assert values(reading, "sku", "title", "quantity", "categories") == [
        ("L-1", "Lamp", 3, (("Home", "Lamps"), ("Sale",))),
        ("RUG", "Rug", 0, (("Home", "Rugs"),)),
    ]
    assert reading.records[0].values["images"] == ("catalog/l.jpg", "catalog/l2.jpg", "catalog/l3.jpg")


def test_the_upload_template_of_ebay(tmp_path: Path) -> None:
    text = "#INFO,Version=0.0.2\n#INFO,Do not edit\n"
    text += "*Action(SiteID=UK|Country=GB|Currency=GBP|Version=1193|CC=UTF-8),CustomLabel,*Title,*StartPrice,*Quantity,Relationship,RelationshipDetails,PicURL,C:Brand\n"
    text += "Add,TEE,Tee,,,,Size=S;M,https://a.example/1.jpg|https://a.example/2.jpg,Nord\n"
    text += (
        "Add,TEE-S,,9.50,4,Variation,Size=S,,\nAdd,TEE-M,,9.50,0,Variation,Size=M,,\nAdd,CUP,Cup,5,7,,,,\n"
    )
    reading = read_csv(tmp_path, text)
    assert (reading.recognised_as, reading.header_row) == ("ebay upload template", 3)
    assert values(reading, "sku", "group", "title", "options", "quantity") == [
        ("TEE-S", "TEE", "Tee", {"Size": "S"}, 4),
        ("TEE-M", "TEE", "Tee", {"Size": "M"}, 0),
        ("CUP", None, "Cup", {}, 7),
    ]
    assert reading.records[0].values["images"] == ("https://a.example/1.jpg", "https://a.example/2.jpg")
    assert [remark.row for remark in reading.ignored] == [4]


def test_the_inventory_of_shopify(tmp_path: Path) -> None:
    text = "Handle,Title,SKU,HS Code,COO,Location,Bin name,On hand (current),On hand (new)\n"
    text += "mug,Mug,MUG,,,Leeds,A1,5,7\nmug,Mug,MUG,,,Lyon,,not stocked,\nhat,Hat,HAT,,,Leeds,,0,\n"
    reading = read_csv(tmp_path, text, STOCK)
    assert reading.recognised_as == "shopify inventory"
    assert values(reading, "sku", "warehouse", "quantity") == [("MUG", "Leeds", 7), ("HAT", "Leeds", 0)]
    assert [remark.row for remark in reading.ignored] == [3]


def test_rules_of_bigcommerce_add_and_remove(tmp_path: Path) -> None:
    text = "Item Type,Product Name,Product Code/SKU,Price,Sale Price,Track Inventory,Current Stock Level\n"
    text += (
        'Product,Tee,TEE,20.00,,by option,\n  SKU,"[S]Size= S",TEE-S,,,,1\n  SKU,"[S]Size= L",TEE-L,,,,2\n'
    )
    text += "  Rule,,TEE-S,[REMOVE]2.5,,,\n  Rule,,TEE-L,[ADD]2,,,\n"
    reading = read_csv(tmp_path, text)
    assert [
        (sku, str(price), options) for sku, price, options in values(reading, "sku", "price", "options")
    ] == [
        ("TEE-S", "17.50", {"Size": "S"}),
        ("TEE-L", "22.00", {"Size": "L"}),
    ]
    assert reading.records[0].rows == (3, 5)


def test_stock_and_prices_of_a_product_file(tmp_path: Path) -> None:
    """A product export serves for stock and prices too: only these fields are read, and faults of others do not count."""
    text = "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Price,Variant Compare At Price,Variant Barcode\n"
    text += "mug,Mug,Title,Default Title,MUG,shopify,7,12.00,15.00,5E12\nhat,Hat,Title,Default Title,HAT,,0,20,,\n"
    stock = read_csv(tmp_path, text, STOCK)
    assert stock.recognised_as == "shopify products (older headers)"
    assert [record.values for record in stock.records] == [{"sku": "MUG", "quantity": 7}]
    assert [remark.row for remark in stock.ignored] == [3]
    prices = read_csv(tmp_path, text, PRICES)
    assert [
        (sku, str(price), str(sale)) for sku, price, sale in values(prices, "sku", "price", "selling_price")
    ] == [
        ("MUG", "15.00", "12.00"),
        ("HAT", "20.00", "None"),
    ]
    assert set(prices.records[0].values) == {"sku", "price", "selling_price"}
    assert refused(read_csv(tmp_path, text, PRODUCTS)) == [(2, "Variant Barcode", "barcode-digits-lost")]


def test_a_kit_with_a_refused_row_comes_back_whole(tmp_path: Path) -> None:
    reading = read_csv(tmp_path, "kit_sku,sku,quantity\nG,A,2\nG,B,x\nH,A,1\n", KITS)
    assert values(reading, "kit", "components") == [("H", {"A": 1})]
    assert refused(reading) == [(2, "", "kit-incomplete"), (3, "quantity", "quantity-not-a-number")]


def test_a_long_circle_of_kits_is_found(tmp_path: Path) -> None:
    reading = read_csv(tmp_path, "Kit SKU,Component SKU,Quantity\nA,B,1\nB,C,1\nC,a,1\nD,A,1\n", KITS)
    assert [(row, code) for row, _column, code in refused(reading)] == [
        (2, "kit-cycle"),
        (3, "kit-cycle"),
        (4, "kit-cycle"),
    ]
    assert values(reading, "kit") == [("D",)]


def test_an_order_with_a_refused_line_comes_back_whole(tmp_path: Path) -> None:
    text = "Order number,Date,SKU,Quantity,Unit price,Country,Town\n1,2026-12-01,A,1,5,GB,Leeds\n,,B,many,5,,\n2,2026-12-01,A,1,5,GB,Leeds\n"
    reading = read_csv(tmp_path, text, ORDERS)
    assert values(reading, "order") == [("2",)]
    assert refused(reading) == [(2, "", "order-incomplete"), (3, "Quantity", "quantity-not-a-number")]


def test_rows_of_an_order_are_joined_and_count_its_facts_once(tmp_path: Path) -> None:
    text = "Order number,Date,SKU,Quantity,Unit price,Shipping,Country,Town\n1,2026-12-01,A,1,5,4.90,France,Lyon\n1,2026-12-01,B,2,6,4.90,France,Lyon\n"
    [record] = read_csv(tmp_path, text, ORDERS).records
    assert (record.rows, str(record.values["shipping"]), record.values["country"]) == ((2, 3), "4.90", "FR")
    assert [line["sku"] for line in record.values["lines"]] == ["A", "B"]  # type: ignore[union-attr,index,call-overload]
    assert record.values["date"] == date(2026, 12, 1)


def test_a_first_row_without_an_order_number_comes_back(tmp_path: Path) -> None:
    reading = read_csv(tmp_path, "Order number,SKU,Quantity\n,A,1\n2,B,1\n", ORDERS)
    assert refused(reading) == [(2, "Order number", "order-missing")]
    assert values(reading, "order") == [("2",)]


def test_the_british_headings_of_etsy(tmp_path: Path) -> None:
    text = "Sale Date,Item Name,Quantity,Price,Order Delivery,Currency,Transaction ID,Date Paid,Date Posted,Delivery Name,Delivery City,Delivery Country,Order ID,SKU\n"
    text += "12/01/26,Mug,1,$18.00,4.20,USD,1,12/01/26,12/03/26,A Buyer,Leeds,United Kingdom,#33,MUG\n"
    [record] = read_csv(tmp_path, text, ORDERS).records
    assert record.values["order"] == "33"
    assert (record.values["date"], record.values["shipped"]) == (date(2026, 12, 1), date(2026, 12, 3))
    assert (str(record.values["shipping"]), record.values["country"]) == ("4.20", "GB")


def test_the_check_digit_of_a_post() -> None:
    good = ("RB123456785GB", "XY746876977FR", "TT123456785GB", "15501234567890", "1Z999AA10123456784")
    assert all(map(s10_fits, good))
    assert not s10_fits("RB123456786GB")


def test_the_same_file_twice_yields_the_same(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "Order,Tracking number\n1,rb 123 456 785 gb\n2,15501234567890\n")
    first, second = read(path, TRACKING), read(path, TRACKING)
    assert first.records == second.records
    assert values(first, "tracking") == [("RB123456785GB",), ("15501234567890",)]


def test_a_known_file_is_read_by_a_mapping_when_a_person_made_one(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "Number,Status,Main Brand,SKU,Description\n5012345678900,Active,X,A,Jar\n")
    assert values(read(path, PRODUCTS), "sku", "barcode", "title") == [("A", "5012345678900", None)]
    mapped = read(path, PRODUCTS, mapping={"Number": "barcode", "Main Brand": "brand", "Status": ""})
    assert values(mapped, "sku", "barcode", "brand", "title") == [("A", "5012345678900", "X", "Jar")]
    assert mapped.recognised_as == ""

"""OnBuy: the template for creating products."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from catalogue.sheets.formats.helpers import links
from oms.kit.sheets.cells.lists import paths
from oms.kit.sheets.formats import KnownFormat, Line, Source, SourceRow

_NUMBERS = ("One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")
_IMAGES = ("Default_Image", *(f"Additional_images_{number}" for number in _NUMBERS))
_WEIGHT = "Shipping_Weight_(Kg)"


def _lines(source: Source) -> Iterator[Line]:
    for row in source.rows():
        line = Line(row.number)
        line.put("sku", row, "SKU")
        line.put("group", row, "Parent_Group")
        line.put("title", row, "Product_Name")
        line.set("options", _options(row), "Variant_One_Name")
        line.put("price", row, "Price")
        line.set("selling_price", None)
        line.put("quantity", row, "Stock")
        line.put("barcode", row, row.first("EAN / UPC", "EAN"))
        line.put("weight", row, _WEIGHT)
        line.set("weight_unit", "kg" if row.get(_WEIGHT) is not None else None, _WEIGHT)
        line.put("brand", row, "Brand")
        line.set("categories", paths([row.text("Category")], ">"), "Category")
        line.put("description", row, "Description")
        line.set("images", tuple(links(row, *_IMAGES)), "Default_Image")
        yield line


def _options(row: SourceRow) -> dict[str, str]:
    pairs = ((row.text(f"Variant_{each}_Name"), row.text(f"Variant_{each}_Value")) for each in _NUMBERS[:2])
    return {name: value for name, value in pairs if name and value}


CREATE = KnownFormat(
    "onbuy product create template",
    gettext_lazy("OnBuy product template"),
    "products",
    ("SKU", "Product_Name", "Default_Image", "Parent_Group"),
    translate=_lines,
    also=("prices", "stock"),
)
FORMATS = (CREATE,)

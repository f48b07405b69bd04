"""WooCommerce: the product export with English headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.utils.translation import gettext_lazy

from catalogue.sheets.formats.helpers import is_zero, put_sale
from oms.kit.sheets.cells.lists import paths
from oms.kit.sheets.cells.text import one_line
from oms.kit.sheets.columns.folding import split_unit
from oms.kit.sheets.formats import KnownFormat, Line, Passed, Source, SourceRow

_COMMA = re.compile(r"(?<!\\),\s*")
_BARCODE = "GTIN, UPC, EAN, or ISBN"
_PASSED = {
    "variable": gettext_lazy("The parent of a group: it has no stock of its own."),
    "grouped": gettext_lazy("A grouped product is a list of products, not a kit. It is not imported."),
    "external": gettext_lazy("An external product is sold by somebody else. It is not imported."),
}


@dataclass(slots=True)
class _Parents:
    """The parents of variations, by their SKU and by `id:` and their number."""

    rows: dict[str, SourceRow] = field(default_factory=dict)

    def add(self, row: SourceRow) -> None:
        self.rows[f"id:{row.text('ID')}"] = row
        if row.text("SKU"):
            self.rows[row.text("SKU")] = row

    def find(self, name: str) -> SourceRow | None:
        return self.rows.get(name)


def _lines(source: Source) -> Iterator[Line | Passed]:
    parents = _Parents()
    for row in source.rows():
        if "variable" in _types(row):
            parents.add(row)
    weight = next((each for each in source.headers if each.lower().startswith("weight (")), "Weight (kg)")
    for row in source.rows():
        types = _types(row)
        passed = next((reason for word, reason in _PASSED.items() if word in types), None)
        if passed is not None:
            yield Passed(row.number, str(passed))
        else:
            yield _line(row, parents.find(row.text("Parent")) if "variation" in types else None, weight)


def _types(row: SourceRow) -> set[str]:
    return {word.strip().lower() for word in row.text("Type").split(",")}


def _line(row: SourceRow, parent: SourceRow | None, weight: str) -> Line:
    line = Line(row.number)
    line.put("sku", row, "SKU")
    is_variation = "variation" in _types(row)
    group = (parent.text("SKU") or parent.text("Name")) if parent else row.text("Parent")
    line.set("group", (group or None) if is_variation else None, "Parent")
    line.put("title", parent or row, "Name")
    line.set("options", _options(row) if is_variation else {}, "Attribute 1 value(s)")
    line.put("price", row, "Regular price")
    put_sale(line, row, "Sale price")
    line.put("selling_from", row, "Date sale price starts")
    line.put("selling_until", row, "Date sale price ends")
    line.put("quantity", row, "Stock")
    line.put("barcode", row, _BARCODE)
    heavy = row if not is_zero(row.get(weight)) or parent is None else parent
    line.put("weight", heavy, weight)
    line.set("weight_unit", split_unit(weight)[1] if heavy.get(weight) is not None else None, weight)
    common = parent or row
    line.put("brand", common, "Brands")
    line.set("categories", paths(_parts(common.text("Categories")), ">"), "Categories")
    line.set("tags", tuple(one_line(each) for each in _parts(common.text("Tags"))), "Tags")
    line.set("images", tuple(_parts(row.text("Images") or common.text("Images"))), "Images")
    line.put("description", common, "Description")
    return line


def _parts(text: str) -> list[str]:
    return [part.replace("\\,", ",").strip() for part in _COMMA.split(text) if part.strip()]


def _options(row: SourceRow) -> dict[str, str]:
    found: dict[str, str] = {}
    number = 1
    while row.has(f"Attribute {number} name") and number < 50:
        name, value = row.text(f"Attribute {number} name"), row.text(f"Attribute {number} value(s)")
        if name and value:
            found[one_line(name)] = one_line(value.removeprefix("'"))
        number += 1
    return found


EXPORT = KnownFormat(
    "woocommerce products",
    gettext_lazy("WooCommerce product export"),
    "products",
    ("Type", "SKU", "Regular price", "Visibility in catalog", "In stock?"),
    translate=_lines,
    also=("prices", "stock"),
)
FORMATS = (EXPORT,)

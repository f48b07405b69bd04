"""Shopify: the product export with its headings before and since 2024."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalogue.sheets.formats.helpers import amount, is_zero, place_of
from oms.kit.sheets.cells.text import one_line
from oms.kit.sheets.formats import KnownFormat, Line, Passed, Source, SourceRow


@dataclass(frozen=True, slots=True)
class _Headings:
    """How one edition of the export names its columns."""

    handle: str
    description: str
    sku: str
    price: str
    compare: str
    quantity: str
    tracker: str
    barcode: str
    grams: str
    image: str
    option_name: str
    option_value: str


_OLD = _Headings(
    "Handle", "Body (HTML)", "Variant SKU", "Variant Price", "Variant Compare At Price", "Variant Inventory Qty",
    "Variant Inventory Tracker", "Variant Barcode", "Variant Grams", "Image Src", "Option%d Name", "Option%d Value",
)  # fmt: skip
_NEW = _Headings(
    "URL handle", "Description", "SKU", "Price", "Compare-at price", "Inventory quantity",
    "Inventory tracker", "Barcode", "Weight value (grams)", "Product image URL", "Option%d name", "Option%d value",
)  # fmt: skip


def _old(source: Source) -> Iterator[Line | Passed]:
    yield from _products(source, _OLD)


def _new(source: Source) -> Iterator[Line | Passed]:
    yield from _products(source, _NEW)


def _products(source: Source, named: _Headings) -> Iterator[Line | Passed]:
    """Rows with the same handle are one product; its names and common data are in its first row only."""
    waiting: list[SourceRow] = []
    handle = ""
    for row in source.rows():
        own = row.text(named.handle)
        if own and own != handle and waiting:
            yield from _product(waiting, named)
            waiting = []
        handle = own or handle
        waiting.append(row)
    if waiting:
        yield from _product(waiting, named)


def _product(rows: list[SourceRow], named: _Headings) -> Iterator[Line | Passed]:
    base = rows[0]
    images = sorted(
        (
            (place_of(row.text("Image position")), row.text(named.image))
            for row in rows
            if row.text(named.image)
        ),
        key=lambda each: each[0],
    )
    pictures = tuple(dict.fromkeys(link for _place, link in images))
    for row in rows:
        if row is not base and row.get(named.price) is None and row.get(named.sku) is None:
            yield Passed(row.number, _("An image row: its picture went to the product."))
        else:
            yield _variant(row, base, named, pictures)


def _variant(row: SourceRow, base: SourceRow, named: _Headings, pictures: tuple[str, ...]) -> Line:
    options = _options(row, base, named)
    line = Line(row.number)
    line.put("sku", row, named.sku)
    line.set("group", base.text(named.handle) if options else None, named.handle)
    line.put("title", base, "Title")
    line.set("options", options, named.option_value % 1)
    _put_prices(line, row, named)
    if row.get(named.tracker) is None:
        line.set("quantity", None, named.quantity)  # a blank tracker: Shopify does not keep this stock
    else:
        line.put("quantity", row, named.quantity)
    line.put("barcode", row, named.barcode)
    if is_zero(row.get(named.grams)):
        line.set("weight", None, named.grams)
        line.set("weight_unit", None, named.grams)
    else:
        line.put("weight", row, named.grams)
        line.set("weight_unit", "g", named.grams)
    line.put("cost", row, "Cost per item")
    line.put("brand", base, "Vendor")
    line.put("tags", base, "Tags")
    line.put("description", base, named.description)
    line.set("images", pictures, named.image)
    return line


def _put_prices(line: Line, row: SourceRow, named: _Headings) -> None:
    """Compare-at above the price is the full price, and the price is what is asked now; else there is no sale."""
    price, compare = amount(row.get(named.price)), amount(row.get(named.compare))
    if price is not None and compare is not None and compare > price:
        line.put("price", row, named.compare)
        line.put("selling_price", row, named.price)
    else:
        line.put("price", row, named.price)
        line.set("selling_price", None, named.compare)


def _options(row: SourceRow, base: SourceRow, named: _Headings) -> dict[str, str]:
    found: dict[str, str] = {}
    for number in (1, 2, 3):
        name = one_line(row.text(named.option_name % number) or base.text(named.option_name % number))
        value = one_line(row.text(named.option_value % number).removeprefix("'"))
        if value and not (name == "Title" and value == "Default Title"):
            found[name or f"Option {number}"] = value
    return found


OLD = KnownFormat(
    "shopify products (older headers)",
    gettext_lazy("Shopify product export (before 2024)"),
    "products",
    ("Handle", "Title", "Variant SKU", "Variant Price"),
    translate=_old,
    also=("prices", "stock"),
)
NEW = KnownFormat(
    "shopify products (headers since 2024)",
    gettext_lazy("Shopify product export"),
    "products",
    ("URL handle", "Title", "SKU", "Compare-at price", "Inventory tracker"),
    translate=_new,
    also=("prices", "stock"),
)
FORMATS = (OLD, NEW)

"""Amazon's listings report, eBay's report of active listings and its upload template, and the GS1 number bank."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from oms.kit.numbers import is_digits
from oms.kit.sheets.cells.text import one_line
from oms.kit.sheets.formats import KnownFormat, Line, Passed, Source, SourceRow


def _amazon(source: Source) -> Iterator[Line]:
    """Amazon's `product-id` is a barcode only for the types 3 and 4; another channel than DEFAULT keeps its stock at Amazon."""
    for row in source.rows():
        line = Line(row.number)
        line.put("sku", row, "seller-sku")
        line.set("group", None)
        line.put("title", row, "item-name")
        line.set("options", {})
        line.put("price", row, "price")
        line.set("selling_price", None)
        channel = row.text("fulfillment-channel").upper()
        if channel in ("", "DEFAULT"):
            line.put("quantity", row, "quantity")
        else:
            line.set("quantity", None, "quantity")
        if row.text("product-id-type") in ("3", "4"):
            line.put("barcode", row, "product-id")
        else:
            line.set("barcode", None, "product-id")
        line.put("description", row, "item-description")
        yield line


def _ebay(source: Source) -> Iterator[Line | Passed]:
    """A listing with variations has a summary row above the rows of its variants."""
    waiting: list[SourceRow] = []
    for row in source.rows():
        if waiting and row.text("Item number") != waiting[0].text("Item number"):
            yield from _ebay_listing(waiting)
            waiting = []
        waiting.append(row)
    if waiting:
        yield from _ebay_listing(waiting)


def _ebay_listing(rows: list[SourceRow]) -> Iterator[Line | Passed]:
    several = len(rows) > 1
    for place, row in enumerate(rows):
        details = row.text("Variation details")
        if several and place == 0 and (";" in details or not details):
            yield Passed(
                row.number,
                _("The summary row of a listing with variations: its quantity is the sum of the rows below."),
            )
            continue
        line = Line(row.number)
        line.put("sku", row, "Custom label (SKU)")
        line.set("group", row.text("Item number") if several else None, "Item number")
        line.put("title", row, "Title")
        line.set("options", _pairs(details), "Variation details")
        line.put("price", row, row.first("Current price", "Start price"))
        line.set("selling_price", None)
        line.put("currency", row, "Currency")
        line.put("quantity", row, "Available quantity")
        barcode = next(
            (each for each in ("P:EAN", "P:UPC", "P:ISBN") if is_digits(row.text(each)[:1])), "P:EAN"
        )
        line.put("barcode", row, barcode)
        yield line


def _pairs(text: str) -> dict[str, str]:
    """`Colour=Red|Size=S` → the options."""
    pairs = (part.partition("=") for part in text.replace(";", "|").split("|"))
    return {one_line(name): one_line(value) for name, _mark, value in pairs if name.strip() and value.strip()}


def _ebay_template(source: Source) -> Iterator[Line | Passed]:
    """Rows with the relationship “Variation” belong to the row above them that has none."""
    rows = list(source.rows())
    base: SourceRow | None = None
    for place, row in enumerate(rows):
        is_variation = row.text("Relationship").lower() == "variation"
        following = rows[place + 1] if place + 1 < len(rows) else None
        if not is_variation:
            base = row
            if following is not None and following.text("Relationship").lower() == "variation":
                yield Passed(row.number, _("The parent of a group: it has no stock of its own."))
                continue
        common = base if is_variation and base is not None else row
        line = Line(row.number)
        line.put("sku", row, "CustomLabel")
        group = common.text("CustomLabel") or one_line(common.text("Title"))
        line.set("group", group if is_variation else None, "CustomLabel")
        line.put("title", common, "Title")
        line.set(
            "options", _pairs(row.text("RelationshipDetails")) if is_variation else {}, "RelationshipDetails"
        )
        line.put("price", row, "StartPrice")
        line.put("quantity", row, "Quantity")
        line.put("brand", common, "C:Brand")
        line.put("description", common, "Description")
        line.set(
            "images",
            tuple(part.strip() for part in common.text("PicURL").split("|") if part.strip()),
            "PicURL",
        )
        yield line


AMAZON = KnownFormat(
    "amazon listings report",
    gettext_lazy("Amazon listings report"),
    "products",
    ("item-name", "seller-sku", "product-id-type", "fulfillment-channel"),
    translate=_amazon,
    also=("prices", "stock"),
)
EBAY = KnownFormat(
    "ebay active listings report",
    gettext_lazy("eBay active listings report"),
    "products",
    ("Item number", "Custom label (SKU)", "Available quantity", "Variation details"),
    translate=_ebay,
    also=("prices", "stock"),
)
EBAY_TEMPLATE = KnownFormat(
    "ebay upload template",
    gettext_lazy("eBay upload template"),
    "products",
    ("CustomLabel", "StartPrice", "Quantity", "RelationshipDetails"),
    translate=_ebay_template,
    also=("prices", "stock"),
)
GS1 = KnownFormat(
    "gs1 number bank",
    gettext_lazy("GS1 number bank"),
    "products",
    ("Number", "Status", "Main Brand", "SKU"),
    columns={"SKU": "sku", "Number": "barcode"},
)
FORMATS = (AMAZON, EBAY, EBAY_TEMPLATE, GS1)

"""OpenCart: the workbook of the Export/Import tool, and the CSV files of Price Pro and its like."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalogue.sheets.formats.helpers import is_zero, place_of
from oms.kit.sheets.cells.lists import paths
from oms.kit.sheets.cells.results import say
from oms.kit.sheets.formats import KnownFormat, Line, Source, SourceRow

#: The customer group whose special price is everybody's. Other groups are wholesale.
_GROUP = "default"
_UNITS = {
    "kg": "kg",
    "kilogram": "kg",
    "g": "g",
    "gram": "g",
    "lb": "lb",
    "pound": "lb",
    "oz": "oz",
    "ounce": "oz",
}
_BARCODES = ("ean", "upc", "jan", "isbn")


def _lines(source: Source) -> Iterator[Line]:
    images = _images(source)
    specials = _specials(source)
    options = _option_values(source)
    names = [heading for heading in source.headers if heading.lower().startswith("name(")]
    descriptions = [heading for heading in source.headers if heading.lower().startswith("description(")]
    for row in source.rows():
        number = row.text("product_id")
        line = Line(row.number)
        line.put("sku", row, row.first("sku", "model"))
        line.set("group", None)
        line.put("title", row, row.first(*names) if names else "name")
        line.set("options", {})
        line.put("price", row, "price")
        _put_special(line, specials.get(number))
        line.put("quantity", row, "quantity")
        line.put("barcode", row, row.first(*_BARCODES))
        _put_weight(line, row)
        line.put("brand", row, "manufacturer")
        if descriptions:
            line.put("description", row, row.first(*descriptions))
        main = row.text("image_name")
        line.set(
            "images", tuple(dict.fromkeys([*([main] if main else []), *images.get(number, ())])), "image_name"
        )
        if options.get(number):
            reason = say(
                _(
                    "The option values %(values)s have no SKU of their own: the product is imported as a single one."
                ),
                values=", ".join(options[number]),
            )
            line.warnings.append(("sku", "options-without-sku", reason))
        yield line


def _put_weight(line: Line, row: SourceRow) -> None:
    unit = _UNITS.get(row.text("weight_unit").lower())
    if is_zero(row.get("weight")):
        line.set("weight", None, "weight")
        unit = None
    else:
        line.put("weight", row, "weight")
    line.set("weight_unit", unit, "weight_unit")


def _put_special(line: Line, special: SourceRow | None) -> None:
    heading = "price (Specials)"
    if special is None:
        for key in ("selling_price", "selling_from", "selling_until"):
            line.set(key, None, heading)
        return
    line.cells["selling_price"] = (special.get("price"), heading)
    line.cells["selling_from"] = (special.get("date_start"), "date_start (Specials)")
    line.cells["selling_until"] = (special.get("date_end"), "date_end (Specials)")


def _images(source: Source) -> dict[str, list[str]]:
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for row in source.sheet("AdditionalImages"):
        if row.text("image"):
            found[row.text("product_id")].append((place_of(row.text("sort_order")), row.text("image")))
    return {
        number: [image for _place, image in sorted(images, key=lambda each: each[0])]
        for number, images in found.items()
    }


def _specials(source: Source) -> dict[str, SourceRow]:
    """Return the special price of the shop's own group for each product: the lowest priority number wins."""
    found: dict[str, tuple[int, SourceRow]] = {}
    for row in source.sheet("Specials"):
        if row.text("customer_group").lower() != _GROUP:
            continue
        number, priority = row.text("product_id"), place_of(row.text("priority"))
        if number not in found or priority < found[number][0]:
            found[number] = (priority, row)
    return {number: row for number, (_priority, row) in found.items()}


def _option_values(source: Source) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for row in source.sheet("ProductOptionValues"):
        name = row.text("option") or row.text("option_id")
        value = row.text("option_value") or row.text("option_value_id")
        found[row.text("product_id")].append(f"{name} {value}".strip())
    return dict(found)


def _price_pro(source: Source) -> Iterator[Line]:
    for row in source.rows():
        line = Line(row.number)
        line.put("sku", row, row.first("_SKU_", "_MODEL_"))
        for key, heading in (
            ("title", "_NAME_"),
            ("price", "_PRICE_"),
            ("quantity", "_QUANTITY_"),
            ("brand", "_MANUFACTURER_"),
            ("description", "_DESCRIPTION_"),
            ("barcode", "_EAN_"),
        ):
            line.put(key, row, heading)
        if row.has("_CATEGORY_"):
            lines = row.text("_CATEGORY_").replace(" > ", "|").splitlines()
            line.set("categories", paths(lines, "|"), "_CATEGORY_")
        pictures = [
            row.text("_IMAGE_"),
            *row.text("_IMAGES_").replace(",", "|").replace("\n", "|").split("|"),
        ]
        if row.has("_IMAGE_") or row.has("_IMAGES_"):
            line.set(
                "images", tuple(dict.fromkeys(each.strip() for each in pictures if each.strip())), "_IMAGE_"
            )
        yield line


EXPORT_TOOL = KnownFormat(
    "opencart export/import tool",
    gettext_lazy("OpenCart Export/Import tool"),
    "products",
    ("product_id", "model", "image_name", "weight_unit", "stock_status_id"),
    translate=_lines,
    also=("prices", "stock"),
    sheet="Products",
)
PRICE_PRO = KnownFormat(
    "opencart csv price pro",
    gettext_lazy("OpenCart CSV Price Pro"),
    "products",
    ("_NAME_", "_MODEL_", "_PRICE_"),
    translate=_price_pro,
    also=("prices", "stock"),
)
FORMATS = (EXPORT_TOOL, PRICE_PRO)

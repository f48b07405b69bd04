"""BigCommerce: the product export of today (“v3”) and the older bulk edit export."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalogue.sheets.formats.helpers import amount, links, place_of, put_sale
from oms.kit.sheets.cells.lists import paths
from oms.kit.sheets.cells.results import say
from oms.kit.sheets.formats import KnownFormat, Line, Passed, Source, SourceRow

_OPTION = re.compile(r"Name=(.*?)\|Value=(.*?)(?=\|?Type=|$)", re.DOTALL)
_SWATCH = re.compile(r"\s*\[[^\]]*\]\s*$")
_OLD_OPTION = re.compile(r"\[\w+\]\s*([^=,\[]+)=\s*(.*?)\s*(?=,\s*\[|$)")
_RULE = re.compile(r"^\[(FIXED|ADD|REMOVE)\]\s*([\d.,]+)$", re.IGNORECASE)


@dataclass(slots=True)
class _Product:
    """A product row with the rows that belong to it."""

    row: SourceRow
    variants: list[SourceRow] = field(default_factory=list)
    images: list[tuple[int, str]] = field(default_factory=list)
    rules: list[SourceRow] = field(default_factory=list)

    @property
    def links(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(link for _place, link in sorted(self.images, key=lambda each: each[0])))


def _v3(source: Source) -> Iterator[Line | Passed]:
    yield from _products(source, "Item", _v3_lines)


def _v3_lines(product: _Product) -> Iterator[Line]:
    base = product.row
    tracking = base.text("Inventory Tracking").lower()
    for row in product.variants or [base]:
        own = row is not base
        line = Line(row.number)
        line.put("sku", row, "SKU")
        line.set("group", (base.text("SKU") or base.text("Name")) if own else None, "SKU")
        line.put("title", base, "Name")
        line.set("options", _options(row.text("Options"), _OPTION) if own else {}, "Options")
        line.put("price", row if row.get("Price") is not None else base, "Price")
        put_sale(
            line,
            row if row.get("Sale Price") is not None or row.get("Price") is not None else base,
            "Sale Price",
        )
        if tracking == ("variant" if own else "product"):
            line.put("quantity", row, "Current Stock")
        else:
            line.set("quantity", None, "Current Stock")
        line.put("barcode", row, row.first("UPC/EAN", "Global Trade Number"))
        line.put("weight", row if row.get("Weight") is not None else base, "Weight")
        line.set("weight_unit", None)
        line.put("description", base, "Description")
        line.put("warranty", base, "Warranty")
        line.set("images", product.links, "Image URL (Import)")
        yield line


def _options(text: str, pattern: re.Pattern[str]) -> dict[str, str]:
    return {
        name.strip(): _SWATCH.sub("", value).strip() for name, value in pattern.findall(text) if value.strip()
    }


def _products(
    source: Source, heading: str, lines: Callable[[_Product], Iterator[Line]]
) -> Iterator[Line | Passed]:
    """Gather the rows of each product and yield its lines."""
    product: _Product | None = None
    for row in source.rows():
        word = row.text(heading).strip().lower()
        if word == "product":
            if product is not None:
                yield from lines(product)
            product = _Product(row)
            old = links(row, *(f"Product Image File - {number}" for number in range(1, 11)))
            product.images.extend((place, link) for place, link in enumerate(old) if "://" in link)
        elif word in ("variant", "sku") and product is not None:
            product.variants.append(row)
        elif word == "image" and product is not None:
            link = row.text("Image URL (Import)") or row.text("Internal Image URL (Export)")
            if link:
                product.images.append((place_of(row.text("Image Sort Order")), link))
        elif word == "rule" and product is not None:
            product.rules.append(row)
            yield Passed(
                row.number,
                say(
                    _("A rule row: its price and weight went into %(sku)s."), sku=row.text("Product Code/SKU")
                ),
            )
        elif word == "video":
            yield Passed(row.number, _("A video row: videos are not imported."))
        else:
            yield Passed(
                row.number, say(_("A row of the type “%(type)s” is not imported."), type=row.text(heading))
            )
    if product is not None:
        yield from lines(product)


def _bulk_edit(source: Source) -> Iterator[Line | Passed]:
    yield from _products(source, "Item Type", _bulk_lines)


def _bulk_lines(product: _Product) -> Iterator[Line]:
    base = product.row
    tracking = base.text("Track Inventory").lower()
    categories = _categories(base.text("Category"))
    rules = {row.text("Product Code/SKU"): row for row in product.rules}
    stock = "Current Stock Level" if base.has("Current Stock Level") else "Stock Level"
    for row in product.variants or [base]:
        own = row is not base
        line = Line(row.number)
        line.put("sku", row, "Product Code/SKU")
        line.set(
            "group",
            (base.text("Product Code/SKU") or base.text("Product Name")) if own else None,
            "Product Code/SKU",
        )
        line.put("title", base, "Product Name")
        line.set("options", _options(row.text("Product Name"), _OLD_OPTION) if own else {}, "Product Name")
        line.put("price", base, "Price")
        line.put("weight", base, "Product Weight")
        line.set("weight_unit", None)
        put_sale(line, base, "Sale Price")
        rule = rules.get(row.text("Product Code/SKU")) if own else None
        if rule is not None:
            line.rows = [row.number, rule.number]
            _apply_rule(line, base, rule, "price", "Price")
            _apply_rule(line, base, rule, "weight", "Product Weight")
        if tracking == ("by option" if own else "by product"):
            line.put("quantity", row, stock)
        else:
            line.set("quantity", None, stock)
        line.put("barcode", row, row.first("Product UPC/EAN", "Global Trade Item Number"))
        line.put("brand", base, "Brand Name")
        line.set("categories", categories, "Category")
        line.put("description", base, "Product Description")
        line.put("warranty", base, "Product Warranty")
        line.set("images", product.links)
        yield line


def _apply_rule(line: Line, base: SourceRow, rule: SourceRow, key: str, heading: str) -> None:
    """A rule sets a figure, or adds to the product's or takes from it: `[FIXED]31.00`, `[ADD]2`, `[REMOVE]2`."""
    text = rule.text(heading)
    match = _RULE.match(text)
    number = amount(match[2]) if match else amount(text)
    if number is None:
        return
    word = match[1].upper() if match else "FIXED"
    before = amount(base.get(heading)) or Decimal(0)
    changed = {"FIXED": number, "ADD": before + number, "REMOVE": before - number}[word]
    line.cells[key] = (format(changed, "f"), heading)


def _categories(text: str) -> tuple[tuple[str, ...], ...]:
    r"""`Level 1/Level 2;Other`; a real slash is `\/`."""
    return paths(
        [each.replace(r"\/", "\x01").replace("/", "\x02").replace("\x01", "/") for each in text.split(";")],
        "\x02",
    )


V3 = KnownFormat(
    "bigcommerce v3",
    gettext_lazy("BigCommerce product export"),
    "products",
    ("Item", "Inventory Tracking", "Current Stock", "Options", "UPC/EAN"),
    translate=_v3,
    also=("prices", "stock"),
)
BULK_EDIT = KnownFormat(
    "bigcommerce bulk edit",
    gettext_lazy("BigCommerce bulk edit export"),
    "products",
    ("Item Type", "Product Name", "Product Code/SKU", "Track Inventory"),
    translate=_bulk_edit,
    also=("prices", "stock"),
)
FORMATS = (V3, BULK_EDIT)

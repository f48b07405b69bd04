"""Etsy: the download of listings. It has no price and no stock for each variant."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalogue.sheets.formats.helpers import links
from oms.kit.sheets.cells.results import say
from oms.kit.sheets.cells.text import one_line
from oms.kit.sheets.formats import KnownFormat, Line, Passed, Source, SourceRow

_IMAGES = tuple(f"IMAGE{number}" for number in range(1, 11))


def _lines(source: Source) -> Iterator[Line | Passed]:
    currency = source.currency
    for row in source.rows():
        own = row.text("CURRENCY_CODE").upper()
        currency = currency or own
        if own and own != currency:
            reason = say(_("The price is in %(own)s, the store sells in %(store)s."), own=own, store=currency)
            yield Passed(row.number, reason, "currency-mixed", "CURRENCY_CODE")
            continue
        yield from _listing(row, own)


def _listing(row: SourceRow, currency: str) -> Iterator[Line | Passed]:
    skus = [part.strip() for part in row.text("SKU").split(",") if part.strip()]
    names, combinations = _variations(row)
    if not names and len(skus) <= 1:
        line = _line(row, currency)
        line.put("sku", row, "SKU")
        line.set("group", None)
        line.set("options", {})
        line.put("quantity", row, "QUANTITY")
        yield line
    elif not skus:
        yield Passed(row.number, _("SKU is missing."), "sku-missing", "SKU")
    elif len(skus) != len(combinations):
        reason = say(
            _(
                "Combinations of options: %(combinations)d. SKUs: %(skus)d. Which belongs to which is not in the file."
            ),
            combinations=len(combinations) or 1,
            skus=len(skus),
        )
        yield Passed(row.number, reason, "variants-undecidable", "SKU")
    else:
        for sku, values in zip(skus, combinations, strict=True):
            yield _variant(row, currency, sku, dict(zip(names, values, strict=True)))


def _variant(row: SourceRow, currency: str, sku: str, options: dict[str, str]) -> Line:
    """A variant by the order of SKUs and values in their cells: a guess. Its stock is not in the file."""
    line = _line(row, currency)
    line.cells["sku"] = (sku, "SKU")
    line.set("group", one_line(row.text("TITLE")), "TITLE")
    line.set("options", options)
    line.set("quantity", None, "QUANTITY")
    line.needs_confirmation = True
    line.warnings.append(
        (
            "SKU",
            "variant-guessed",
            _("Which SKU belongs to which option is a guess, by their order. Check it."),
        )
    )
    return line


def _variations(row: SourceRow) -> tuple[list[str], list[tuple[str, ...]]]:
    names, values = [], []
    for number in (1, 2, 3):
        name = row.text(f"VARIATION {number} NAME") or row.text(f"VARIATION {number} TYPE")
        listed = [
            one_line(part) for part in row.text(f"VARIATION {number} VALUES").split(",") if part.strip()
        ]
        if name and listed:
            names.append(one_line(name))
            values.append(listed)
    return names, list(product(*values)) if names else []


def _line(row: SourceRow, currency: str) -> Line:
    line = Line(row.number)
    line.put("title", row, "TITLE")
    line.put("description", row, "DESCRIPTION")
    line.put("price", row, "PRICE")
    line.set("selling_price", None)
    line.set("currency", currency or None, "CURRENCY_CODE")
    line.put("tags", row, "TAGS")
    line.set("images", tuple(links(row, *_IMAGES)), "IMAGE1")
    return line


LISTINGS = KnownFormat(
    "etsy listings download",
    gettext_lazy("Etsy listings download"),
    "products",
    ("TITLE", "CURRENCY_CODE", "VARIATION 1 VALUES", "MATERIALS", "SKU"),
    translate=_lines,
)
FORMATS = (LISTINGS,)

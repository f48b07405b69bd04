"""What people type, paste or scan for a document: SKUs with units, and costs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.utils.translation import gettext as _

from catalogue.models import Variant, sku_key
from catalogue.sku_resolution import variants_with_skus
from inventory.errors import QuantityError, StockError
from inventory.parsing import whole

#: The most lines of one document, and of one count.
MOST_LINES: Final = 1_000
MOST_COUNTED: Final = 20_000
_MOST_COST: Final = Decimal(10) ** 10


@dataclass(frozen=True, slots=True)
class Entered:
    """Units of one SKU. `cost` is that of one unit; None where none was given."""

    variant: Variant
    units: int
    cost: Decimal | None = None


def read_lines(text: str) -> list[Entered]:
    """Return what each line of `text` names: SKU, units, and optionally the cost of one unit.

    The parts are separated by tabs (cells copied from a spreadsheet) or semicolons, else by blanks. The same SKU twice
    is added up. Raises `StockError` with the number of the line for an unknown SKU, for units that are not at least 1,
    and for a cost that is not an amount.
    """
    rows = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not rows:
        raise StockError(_("Enter at least one SKU with its units."))
    if len(rows) > MOST_LINES:
        raise StockError(_("Enter at most %d lines. Make a second document for the rest.") % MOST_LINES)
    parts = [(number, _parts(line)) for number, line in rows]
    known = variants_with_skus({sku_key(one[0]) for _number, one in parts})
    found: dict[int, Entered] = {}
    for number, (sku, units, cost) in parts:
        variant = known.get(sku_key(sku))
        if variant is None:
            raise StockError(_("Line %(n)d: no product has the SKU “%(sku)s”.") % {"n": number, "sku": sku})
        check_tracked(variant)
        try:
            one = Entered(variant, whole(units, least=1), cost_of(cost))
        except QuantityError as error:
            raise QuantityError(_("Line %(n)d: %(error)s") % {"n": number, "error": error}) from None
        before = found.get(variant.pk)
        if before is not None:
            one = Entered(
                variant, before.units + one.units, one.cost if one.cost is not None else before.cost
            )
        found[variant.pk] = one
    return list(found.values())


def _parts(line: str) -> tuple[str, str, str]:
    for separator in ("\t", ";"):
        if separator in line:
            parts = [part.strip() for part in line.split(separator)]
            break
    else:
        parts = line.split()
    return parts[0], parts[1] if len(parts) > 1 else "", parts[2] if len(parts) > 2 else ""


def cost_of(text: str) -> Decimal | None:
    """Return the cost of one unit; None for "". Raises `QuantityError` for what is not an amount of at least 0."""
    if not text.strip():
        return None
    try:
        amount = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        amount = Decimal(-1)
    if not text.isascii() or not amount.is_finite() or not 0 <= amount < _MOST_COST:
        raise QuantityError(_("“%s” is not a cost.") % text.strip()[:20])
    return amount.quantize(Decimal("0.0001"))


def check_tracked(variant: Variant) -> None:
    """Raise `StockError` for a SKU whose stock nobody counts, and for a kit, which has no stock of its own."""
    if variant.is_kit:
        raise StockError(_("%s is a kit. Enter the SKUs that it is made of.") % variant.sku)
    if not variant.is_counted:
        raise StockError(_("The stock of %s is not tracked.") % variant.sku)


def scanned(code: str) -> Variant:
    """Return the variant whose SKU or barcode was scanned. Raises `StockError` when there is none, or more than one."""
    code = code.strip()
    found = variants_with_skus([sku_key(code)]).get(sku_key(code)) if code else None
    if found is None and code:
        rows = list(Variant.objects.filter(barcode=code, merged_into=None)[:2])
        if len(rows) > 1:
            raise StockError(_("Several SKUs have the barcode %s. Enter the SKU.") % code[:60])
        found = rows[0] if rows else None
    if found is None:
        raise StockError(_("No SKU or barcode is “%s”.") % code[:60])
    check_tracked(found)
    return found


def staying(lines: Iterable[Any]) -> dict[int, Variant]:
    """Return the SKU that each line (with its `variant`) changes, by line id: of a merged SKU the one that stays."""
    rows: Sequence[Any] = list(lines)
    return {line.pk: line.variant.merged_into or line.variant for line in rows}

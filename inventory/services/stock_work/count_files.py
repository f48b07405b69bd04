"""A count as a spreadsheet: the sheet to fill in, and reading it back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalogue.models import sku_key
from catalogue.sheets.products import SKU
from inventory.errors import StockError
from inventory.models import StockCount
from inventory.services.stock_work import counts
from oms.kit.authors.actors import Author
from oms.kit.sheets import reading
from oms.kit.sheets.fields import FieldType, SheetField, SheetKind
from oms.kit.sheets.records import SheetError

#: The columns that are read; others of the sheet are passed over.
COLUMNS = SheetKind(
    "stock_count",
    gettext_lazy("Stock count"),
    (
        SKU,
        SheetField(
            "counted",
            gettext_lazy("Counted"),
            FieldType.QUANTITY,
            synonyms=("count", "counted units", "compté", "compte"),
            help=gettext_lazy("Units that were counted. Blank: not counted."),
        ),
    ),
    identity=("sku",),
)


def headings(count: StockCount) -> list[str]:
    """Return the headings of the sheet; a blind one has no units on hand."""
    known = [] if count.is_blind else [_("On hand")]
    return [_("SKU"), _("Title"), _("Barcode"), *known, _("Counted")]


def rows(count: StockCount) -> Iterator[list[Any]]:
    """Yield the rows of the sheet in the order of the SKUs."""
    fields = ("variant", "variant__sku", "variant__product__title", "variant__barcode", "counted")
    found = list(count.lines.order_by("variant__sku_key").values_list(*fields))
    on_hand = {} if count.is_blind else counts.figures_at(count.warehouse_id, [row[0] for row in found], None)
    for pk, sku, title, barcode, counted in found:
        known = [] if count.is_blind else [on_hand.get(pk, 0)]
        yield [sku, title, barcode, *known, counted]


def enter_file(*, count_id: int, path: Path, by: Author, at: datetime | None = None) -> int:
    """Enter the counted units of a file, all or none; return how many lines changed. Blank cells change nothing.

    Raises `StockError` with one sentence for a file that cannot be read, for the first cell that is not a number of units,
    for a SKU that the count does not have, and like `counts.enter`.
    """
    try:
        found = reading.read(path, COLUMNS)
    except SheetError as error:
        raise StockError(str(error)) from None
    if found.refused:
        first = found.refused[0]
        raise StockError(_("Row %(row)d: %(reason)s") % {"row": first.row, "reason": first.reason})
    count = StockCount.objects.get(pk=count_id)
    lines = dict(count.lines.values_list("variant__sku_key", "pk"))
    counted: dict[int, int | None] = {}
    for record in found.records:
        units = record.values.get("counted")
        if not isinstance(units, int):
            continue
        sku = str(record.values["sku"])
        if sku_key(sku) not in lines:
            raise StockError(
                _("Row %(row)d: %(sku)s is not in this count.") % {"row": record.row, "sku": sku[:60]}
            )
        counted[lines[sku_key(sku)]] = units
    if not counted:
        raise StockError(_("The file has no counted units."))
    return counts.enter(count_id=count_id, counted=counted, by=by, at=at)

"""The fields of a sheet of stock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalogue.sheets.products import QUANTITY, SKU
from oms.kit.sheets.fields import FieldType, Report, SheetField, SheetKind
from oms.kit.sheets.records import SheetRecord

FIELDS = (
    SKU,
    SheetField(
        "warehouse", gettext_lazy("Warehouse"), FieldType.TEXT, max_length=200, example="Main",
        synonyms=("location", "location name", "warehouse name", "facility", "depot", "entrepôt", "emplacement", "dépôt", "lieu"),
        help=gettext_lazy("The name of the warehouse. Blank: the only one, or the one chosen for the file."),
    ),
    QUANTITY,
    SheetField(
        "bin", gettext_lazy("Bin"), FieldType.CODE, max_length=100, example="01",
        synonyms=("bin rack", "bin name", "bin location", "shelf", "bin picking number", "casier"),
        help=gettext_lazy("The place inside the warehouse. It is read and shown, and not stored."),
    ),
)  # fmt: skip


def assemble(records: Iterable[SheetRecord], report: Report) -> Iterator[SheetRecord]:
    """Pass over rows without a quantity: the stock stays as it is, never 0."""
    for record in records:
        if record.values.get("quantity") is None:
            report.ignore(record.row, _("The row holds no quantity: the stock stays as it is."))
        else:
            yield record


STOCK = SheetKind("stock", gettext_lazy("Stock"), FIELDS, identity=("sku", "warehouse"), assemble=assemble)

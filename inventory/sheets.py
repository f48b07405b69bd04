"""The fields of a sheet of stock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalogue.sheets.products import QUANTITY, SKU
from oms.kit.sheets.fields import FieldType, Report, SheetField, SheetKind
from oms.kit.sheets.formats import KnownFormat, Line, Passed, Source
from oms.kit.sheets.records import SheetRecord
from oms.kit.sheets.rows import same

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
    """Pass over rows without a quantity: the stock stays as it is, never 0. A warehouse has one spelling in the records."""
    names: dict[str, str] = {}
    for record in records:
        if record.values.get("quantity") is None:
            report.ignore(record.row, _("The row holds no quantity: the stock stays as it is."))
        elif isinstance(name := record.values.get("warehouse"), str):
            yield replace(record, values={**record.values, "warehouse": names.setdefault(same(name), name)})
        else:
            yield record


STOCK = SheetKind("stock", gettext_lazy("Stock"), FIELDS, identity=("sku", "warehouse"), assemble=assemble)


def _shopify(source: Source) -> Iterator[Line | Passed]:
    """Shopify's inventory export: a row for each SKU and location; “not stocked” means that the location has none."""
    for row in source.rows():
        heading = row.first("On hand (new)", "On hand (current)", "On hand", "Available")
        if row.text(heading).casefold() == "not stocked":
            yield Passed(row.number, _("The SKU is not stocked at this location."))
            continue
        line = Line(row.number)
        line.put("sku", row, "SKU")
        line.put("warehouse", row, "Location")
        line.put("quantity", row, heading)
        line.put("bin", row, "Bin name")
        yield line


LINNWORKS = KnownFormat(
    "linnworks stock level",
    gettext_lazy("Linnworks stock levels"),
    "stock",
    ("SKU", "Stock Level", "Location"),
    columns={"SKU": "sku", "Location": "warehouse", "Stock Level": "quantity", "Bin Rack": "bin"},
)
SHOPIFY = KnownFormat(
    "shopify inventory",
    gettext_lazy("Shopify inventory export"),
    "stock",
    ("Handle", "SKU", "Location", "HS Code"),
    translate=_shopify,
)
FORMATS = (LINNWORKS, SHOPIFY)

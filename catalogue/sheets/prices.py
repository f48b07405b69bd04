"""The fields of a sheet of prices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalogue.sheets import products
from catalogue.sheets.price_rules import price_problem, price_warnings
from oms.kit.sheets.fields import Report, SheetKind
from oms.kit.sheets.records import SheetRecord

FIELDS = (
    products.SKU,
    products.PRICE,
    products.SELLING_PRICE,
    products.SELLING_FROM,
    products.SELLING_UNTIL,
    products.CURRENCY,
)


def assemble(records: Iterable[SheetRecord], report: Report) -> Iterator[SheetRecord]:
    """Pass over rows without any price, and refuse prices and days that contradict each other."""
    for record in records:
        if all(value is None for key, value in record.values.items() if key not in ("sku", "currency")):
            report.ignore(record.row, _("The row holds no price: the price stays as it is."))
            continue
        problem = price_problem(record.values)
        if problem is not None:
            report.refuse(record.row, *problem)
            continue
        yield replace(record, warnings=(*record.warnings, *price_warnings(record, report)))


PRICES = SheetKind("prices", gettext_lazy("Prices"), FIELDS, assemble=assemble)

"""Rules for the price and the selling price of one row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal

from django.utils.translation import gettext as _

from oms.kit.sheets.fields import Report
from oms.kit.sheets.records import Remark, SheetRecord, Value

#: A selling price below this part of the price is probably a discount in another notation.
_SUSPICIOUS = Decimal("0.05")


def price_problem(values: Mapping[str, Value]) -> tuple[str, str, str] | None:
    """Return the field, the code and the sentence for prices or days that contradict each other; None when all is well."""
    price, selling = values.get("price"), values.get("selling_price")
    if isinstance(price, Decimal) and isinstance(selling, Decimal) and selling > price:
        reason = _("The selling price %(selling)s is above the price %(price)s.") % {
            "selling": selling,
            "price": price,
        }
        return "selling_price", "selling-above-price", reason
    start, end = values.get("selling_from"), values.get("selling_until")
    if isinstance(start, date) and isinstance(end, date) and end < start:
        return "selling_until", "dates-reversed", _("The sale ends before it starts.")
    return None


def price_warnings(record: SheetRecord, report: Report) -> Iterator[Remark]:
    """Yield what a person should look at: a price of zero, a selling price far below the price."""
    price, selling = record.values.get("price"), record.values.get("selling_price")
    if isinstance(price, Decimal) and price == 0:
        yield Remark(record.row, report.column("price"), "price-zero", _("The price is 0."))
    if (
        isinstance(price, Decimal)
        and isinstance(selling, Decimal)
        and price
        and selling < price * _SUSPICIOUS
    ):
        yield Remark(
            record.row,
            report.column("selling_price"),
            "selling-price-very-low",
            _("The selling price is less than a twentieth of the price."),
        )

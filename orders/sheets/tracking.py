"""The fields of a sheet of tracking numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from oms.kit.sheets.cells.results import say
from oms.kit.sheets.fields import FieldType, Report, SheetField, SheetKind
from oms.kit.sheets.records import Remark, SheetRecord
from oms.kit.sheets.rows import same

ORDER_SYNONYMS = (
    "order", "order id", "order no", "order number", "order reference", "order ref", "reference", "channel reference", "order name", "name",
    "commande", "n° de commande", "no de commande", "numéro de commande", "référence commande",
)  # fmt: skip
CARRIER = SheetField(
    "carrier", gettext_lazy("Carrier"), max_length=100, example="Royal Mail",
    synonyms=("courier", "shipping company", "carrier name", "transporteur", "shipping carrier"),
)  # fmt: skip

FIELDS = (
    SheetField("order", gettext_lazy("Order number"), FieldType.CODE, required=True, synonyms=ORDER_SYNONYMS, example="1001", max_length=100),
    CARRIER,
    SheetField("service", gettext_lazy("Service"), max_length=100, synonyms=("service code", "shipping service", "shipping method"), example="TRN24"),
    SheetField(
        "tracking", gettext_lazy("Tracking number"), FieldType.CODE, required=True, max_length=100, example="TT123456785GB",
        synonyms=("tracking", "tracking no", "tracking #", "tracking id", "awb", "awb number", "consignment", "consignment number", "parcel number", "barcode", "n° de suivi", "no de suivi", "numéro de suivi", "suivi"),
        help=gettext_lazy("Blanks and letter case do not count."),
    ),
    SheetField(
        "date", gettext_lazy("Despatch date"), FieldType.DATE, date_order="dmy", example="2026-12-03",
        synonyms=("date", "dispatch date", "ship date", "shipped date", "shipping date", "date shipped", "despatched on", "date d'expédition", "date d'envoi"),
        help=gettext_lazy("Without another sign in the column, 03/12/26 is 3 December."),
    ),
)  # fmt: skip

_S10 = re.compile(r"^[A-Z]{2}(\d{8})(\d)[A-Z]{2}$", re.ASCII)
_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)


def s10_fits(number: str) -> bool:
    """Whether a number in the international form of posts (S10, `RB123456785GB`) has the right check digit; True for other forms."""
    match = _S10.match(number)
    if not match:
        return True
    rest = sum(int(digit) * weight for digit, weight in zip(match[1], _WEIGHTS, strict=True)) % 11
    wanted = {0: 5, 1: 0}.get(rest, 11 - rest)
    return int(match[2]) == wanted


def assemble(records: Iterable[SheetRecord], report: Report) -> Iterator[SheetRecord]:
    """Write numbers in capitals without blanks, refuse wrong check digits, pass over lines that are there twice.

    A second number for one order is a second parcel.
    """
    seen: dict[tuple[str, str], int] = {}
    parcels: dict[str, int] = {}
    carriers: dict[str, str] = {}
    for record in records:
        number = "".join(str(record.values["tracking"]).split()).upper()
        if not s10_fits(number):
            reason = say(
                _("The check digit of %(number)s does not fit: a character is wrong."), number=number
            )
            report.refuse(record.row, "tracking", "tracking-check-digit", reason)
            continue
        order = same(record.values["order"])
        first = seen.setdefault((order, number), record.row)
        if first != record.row:
            report.ignore(record.row, _("The same line is in row %d already.") % first)
            continue
        values = {**record.values, "tracking": number}
        carrier = record.values.get("carrier")
        if isinstance(carrier, str):
            values["carrier"] = carriers.setdefault(same(carrier), carrier)
        warnings = record.warnings
        if order in parcels:
            reason = _("The order has another number in row %d: this is a second parcel.") % parcels[order]
            warnings = (*warnings, Remark(record.row, report.column("tracking"), "second-parcel", reason))
        parcels.setdefault(order, record.row)
        yield replace(record, values=values, warnings=warnings)


TRACKING = SheetKind("tracking", gettext_lazy("Tracking numbers"), FIELDS, identity=(), assemble=assemble)

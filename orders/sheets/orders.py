"""The fields of a sheet of orders: one row for each line, the rows of one order below each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from oms.kit.sheets.cells.countries import country_code
from oms.kit.sheets.cells.results import say
from oms.kit.sheets.fields import FieldType, Report, SheetField, SheetKind
from oms.kit.sheets.records import CLEAR, Remark, SheetRecord, Value
from oms.kit.sheets.rows import same
from orders.sheets.tracking import CARRIER, ORDER_SYNONYMS

#: The fields of a line; all others are facts of the order and may be blank below its first row.
LINE_FIELDS = ("sku", "title", "options", "quantity", "price")

FIELDS = (
    SheetField(
        "order", gettext_lazy("Order number"), FieldType.CODE, synonyms=tuple(word for word in ORDER_SYNONYMS if word != "name"), max_length=100, example="M-1",
        help=gettext_lazy("A row with a blank order number belongs to the order above."),
    ),
    SheetField("date", gettext_lazy("Date"), FieldType.DATE, synonyms=("order date", "sale date", "ordered on", "date de commande", "date commande"), example="2026-12-03"),
    SheetField("name", gettext_lazy("Name"), max_length=200, synonyms=("customer", "customer name", "ship name", "recipient", "full name", "nom", "client", "nom du client", "destinataire"), example="Test Buyer"),
    SheetField("company", gettext_lazy("Company"), max_length=200, synonyms=("company name", "société", "entreprise")),
    SheetField("address", gettext_lazy("Address"), FieldType.LONG_TEXT, max_length=1000, synonyms=("street", "address line 1", "address 1", "ship address1", "adresse", "rue"), example="1 Example Street"),
    SheetField("address2", gettext_lazy("Address line 2"), FieldType.LONG_TEXT, max_length=500, synonyms=("address 2", "ship address2", "adresse 2", "complément d'adresse")),
    SheetField("postcode", gettext_lazy("Postcode"), FieldType.CODE, max_length=20, synonyms=("postal code", "zip", "zip code", "zipcode", "ship zipcode", "code postal", "cp"), example="ZZ1 1ZZ"),
    SheetField("city", gettext_lazy("Town"), max_length=200, synonyms=("city", "ship city", "ville", "localité"), example="Testham"),
    SheetField("state", gettext_lazy("County or state"), max_length=200, synonyms=("county", "state", "province", "région", "département")),
    SheetField("country", gettext_lazy("Country"), max_length=100, synonyms=("country code", "ship country", "pays"), example="GB", help=gettext_lazy("A name in English or French, or the ISO code.")),
    SheetField("phone", gettext_lazy("Phone"), FieldType.CODE, max_length=50, synonyms=("telephone", "phone number", "mobile", "téléphone", "tél")),
    SheetField("email", gettext_lazy("E-mail"), max_length=254, synonyms=("email", "mail address", "courriel", "mail")),
    SheetField("sku", gettext_lazy("SKU"), FieldType.CODE, max_length=255, synonyms=("item sku", "product code", "référence article", "code article", "article"), example="MUG-BLU"),
    SheetField("title", gettext_lazy("Title"), max_length=300, synonyms=("item name", "item", "product", "product name", "désignation", "produit", "libellé")),
    SheetField("options", gettext_lazy("Options"), max_length=500, synonyms=("variation", "variations", "variante")),
    SheetField("quantity", gettext_lazy("Quantity"), FieldType.QUANTITY, required=True, synonyms=("qty", "quantité", "qté", "units"), example="2"),
    SheetField("price", gettext_lazy("Unit price"), FieldType.MONEY, synonyms=("price", "item price", "prix unitaire", "prix", "pu"), example="18.00", help=gettext_lazy("For one unit.")),
    SheetField("shipping", gettext_lazy("Shipping"), FieldType.MONEY, synonyms=("shipping cost", "order shipping", "postage", "delivery", "delivery cost", "frais de port", "frais d'expédition", "port"), example="4.90", help=gettext_lazy("Once for the order.")),
    SheetField("tax", gettext_lazy("Tax"), FieldType.MONEY, synonyms=("vat", "sales tax", "taxes", "tva")),
    SheetField("discount", gettext_lazy("Discount"), FieldType.MONEY, synonyms=("discount amount", "remise", "réduction")),
    SheetField("total", gettext_lazy("Total"), FieldType.MONEY, synonyms=("order total", "grand total", "total ttc", "montant total")),
    SheetField("currency", gettext_lazy("Currency"), FieldType.CODE, max_length=3, synonyms=("currency code", "devise"), example="GBP"),
    CARRIER,
    SheetField("paid", gettext_lazy("Paid"), FieldType.YES_NO, synonyms=("is paid", "payé", "payée")),
    SheetField("cancelled", gettext_lazy("Cancelled"), FieldType.YES_NO, synonyms=("is cancelled", "annulé", "annulée")),
    SheetField("shipped", gettext_lazy("Shipped on"), FieldType.DATE, synonyms=("date shipped", "date posted", "ship date", "expédié le", "date d'expédition"), help=gettext_lazy("An order that is shipped already is history: it moves no stock.")),
    SheetField("note", gettext_lazy("Note"), FieldType.LONG_TEXT, max_length=2000, synonyms=("notes", "message", "comment", "customer note", "special instructions", "remarque", "commentaire")),
)  # fmt: skip


def assemble(records: Iterable[SheetRecord], report: Report) -> Iterator[SheetRecord]:
    """Join the rows of each order: its facts once, and `lines`.

    An order with a refused row comes back whole, for it would be created short. A line without SKU is a warning.
    """
    rows = list(records)
    numbers = _numbers(rows, report)
    orders: dict[str, list[SheetRecord]] = {}
    for row in rows:
        key = numbers[row.row]
        if key:
            orders.setdefault(key, []).append(row)
        else:
            reason = _("The row has no order number, and no row above has one.")
            report.refuse(row.row, "order", "order-missing", reason)
    broken = {numbers[refused.row] for refused in report.refused_rows() if refused.row in numbers}
    for key, parts in orders.items():
        if key in broken:
            for part in parts:
                reason = _("Another row of the order is refused: the order would be created short.")
                report.refuse(part.row, "", "order-incomplete", reason)
            continue
        record = _joined(parts, report)
        if record is not None:
            yield record


def _numbers(rows: list[SheetRecord], report: Report) -> dict[int, str]:
    """Return the order of each row, also of refused ones: a blank number means the order of the row above."""
    named = {row.row: row.values.get("order") for row in rows}
    for refused in report.refused_rows():
        if not any(code.startswith("order-") for code in refused.codes):
            named[refused.row] = refused.values.get("order")
    numbers: dict[int, str] = {}
    above = ""
    for row in sorted(named):
        above = same(named[row]) or above
        numbers[row] = above
    return numbers


def _joined(parts: list[SheetRecord], report: Report) -> SheetRecord | None:
    values: dict[str, Value] = {}
    for part in parts:
        for key, value in part.values.items():
            if key not in LINE_FIELDS and values.get(key) in (None, CLEAR):
                values[key] = value
    warnings = [warning for part in parts for warning in part.warnings]
    if isinstance(values.get("country"), str):
        name = str(values["country"])
        values["country"] = country_code(name)
        if not values["country"]:
            reason = say(_("The country “%(name)s” is not known. Enter its ISO code."), name=name)
            report.refuse(parts[0].row, "country", "country-unknown", reason)
            return None
    missing = _missing_address(values)
    if missing and not values.get("cancelled"):
        reason = _("The address is not complete: a country, and a town or a postcode are needed.")
        report.refuse(parts[0].row, missing, "address-incomplete", reason)
        return None
    lines = []
    for part in parts:
        lines.append(_line(part.values))
        if part.values.get("sku") is None:
            reason = _("The line has no SKU.")
            warnings.append(Remark(part.row, report.column("sku"), "line-without-sku", reason))
    values["lines"] = tuple(lines)
    return replace(parts[0], values=values, warnings=tuple(warnings), rows=tuple(part.row for part in parts))


def _missing_address(values: dict[str, Value]) -> str:
    """Return the field that an address lacks; "" for a complete one, and for a file without addresses."""
    if not any(key in values for key in ("country", "city", "postcode", "address")):
        return ""
    if not values.get("city") and not values.get("postcode"):
        return "city"
    return "" if values.get("country") else "country"


def _line(values: Any) -> dict[str, str | int | Decimal | None]:
    line: dict[str, str | int | Decimal | None] = dict.fromkeys(LINE_FIELDS)
    for key in LINE_FIELDS:
        value = values.get(key)
        line[key] = value if isinstance(value, str | int | Decimal) else None
    return line


ORDERS = SheetKind("orders", gettext_lazy("Orders"), FIELDS, identity=(), assemble=assemble)

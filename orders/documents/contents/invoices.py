"""Invoices and credit notes. Their numbers are written in when they are issued (`orders.documents.issuing`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from oms.kit.numbers import quantise
from orders.choices import VatScheme
from orders.documents.contents.bills import Bill, Charge
from orders.documents.contents.mentions import mentions
from orders.documents.contents.parts import Frame, address, goods, page
from orders.documents.wording.formats import day, money, rate, unit_price
from orders.errors import OrderError
from orders.models import Document, Order


def invoice(frame: Frame, order: Order, bill: Bill) -> dict[str, Any]:
    """Return an invoice without its number: parties, lines, VAT by rate, mentions.

    Raises `OrderError` where the VAT total must be in pounds and the rate of exchange is not known.
    """
    words = frame.words
    facts: list[Any] = [
        [words["issued"], frame.day(frame.now)],
        [words["supplied"], frame.day(_supplied(order))],
    ]
    facts += [[words["order"], frame.printer.text(f"#{order.number}", 60)]]
    notes: list[Any] = []
    if order.payment_method:
        notes.append(frame.printer.text(f"{words['payment']}: {order.payment_method}"))
    return _page(frame, order, bill, "invoice", facts, notes, words["total_due"])


def credit_note(frame: Frame, order: Order, bill: Bill, of: Document, reason: str) -> dict[str, Any]:
    """Return a credit note for the amounts of `bill`, with number and date of its invoice. Raises `OrderError`."""
    words = frame.words
    facts: list[Any] = [
        [words["issued"], frame.day(frame.now)],
        [words["corrects"], f"{of.number} ({day(of.issued_at, frame.language)})"],
        [words["order"], frame.printer.text(f"#{order.number}", 60)],
    ]
    notes = [frame.printer.text(f"{words['reason']}: {reason}")] if reason else []
    return _page(frame, order, bill, "credit_note", facts, notes, words["credited"])


def numbered(data: dict[str, Any], number: str) -> dict[str, Any]:
    """Return the contents with the number in title and facts."""
    return data | {
        "title": f"{data['heading']} {number}",
        "facts": [[data["words"]["number"], number], *data["facts"]],
    }


def _supplied(order: Order) -> datetime:
    return order.shipped_at or order.placed_at


def _page(
    frame: Frame,
    order: Order,
    bill: Bill,
    kind: str,
    facts: list[Any],
    notes: Sequence[Any],
    due: str,
) -> dict[str, Any]:
    words, language = frame.words, frame.language
    with_vat = frame.settings.vat_scheme == VatScheme.STANDARD
    columns = [words["sku"], words["description"], words["quantity"]]
    columns += [words["unit_net"] if with_vat else words["unit"]]
    columns += [words["vat"]] if with_vat else []
    columns += [words["net"] if with_vat else words["total"]]
    made = page(frame, words[kind], words[kind])
    totals = []
    if with_vat:
        totals.append(
            [
                words["total_net"],
                money(sum((one.net for one in bill.rates), Decimal(0)), bill.currency, language),
            ]
        )
        totals.append([words["total_vat"], money(bill.tax, bill.currency, language)])
        totals += _sterling(frame, bill)
    return made | {
        "author": made["seller"]["name"],
        "facts": facts,
        "parties": _parties(frame, order),
        "columns": columns,
        "lines": [_row(frame, charge, bill.currency, with_vat) for charge in bill.charges],
        "tax_columns": [words["vat_rate"], words["net"], words["vat"], words["gross"]],
        "tax": [
            [
                rate(one.rate, language),
                *(money(sum_, bill.currency, language) for sum_ in (one.net, one.tax, one.net + one.tax)),
            ]
            for one in bill.rates
        ],
        "totals": totals,
        "due": [due, money(bill.total, bill.currency, language)],
        "notes": [
            *notes,
            *map(frame.printer.text, mentions(frame.settings, order, bill, language)),
        ],
    }


def _parties(frame: Frame, order: Order) -> list[dict[str, Any]]:
    words = frame.words
    bill_to = order.bill_to or order.ship_to
    found = [{"head": words["bill_to"], "more": [], **address(frame, bill_to, order.customer_name)}]
    if order.ship_to and order.ship_to != bill_to:
        found.append(
            {"head": words["deliver_to"], "more": [], **address(frame, order.ship_to, order.customer_name)}
        )
    return found


def _row(frame: Frame, charge: Charge, currency: str, with_vat: bool) -> list[Any]:
    language, line = frame.language, charge.line
    if line is None:
        sku, title, quantity = "", frame.words.get(charge.what, charge.what), 1
    else:
        shown = goods(frame, line)
        sku, title, quantity = shown["sku"], shown["title"], line.quantity
        if line.options and isinstance(title, str):
            title = f"{title} ({', '.join(map(str, line.options.values()))})"
            title = frame.printer.clean(title)
    row = [sku, title, str(quantity), unit_price(charge.net, quantity, currency, language)]
    if with_vat:
        row.append(rate(charge.rate or Decimal(0), language))
    return [*row, money(charge.net, currency, language)]


def _sterling(frame: Frame, bill: Bill) -> list[list[str]]:
    """Return the VAT total in pounds, which a seller in the United Kingdom states beside any other currency."""
    settings = frame.settings
    if settings.country != "GB" or bill.currency == "GBP" or not bill.tax:
        return []
    if not settings.sterling_rate:
        raise OrderError(
            _(
                "Enter how many pounds one %s is (Documents in the settings of the store): the VAT total must be in pounds."
            )
            % bill.currency
        )
    pounds = quantise(bill.tax * settings.sterling_rate, "GBP")
    return [[frame.words["total_vat_sterling"], money(pounds, "GBP", frame.language)]]

"""The contents of a credit note: from the stored contents of its invoice, never from the present order."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from oms.kit.numbers import share
from orders.documents.contents.bills import Bill, Charge
from orders.documents.contents.invoices import credit_note
from orders.documents.contents.parts import Frame
from orders.models import Document, DocumentSettings, Order

#: What a credit note over the whole invoice has from it as it is.
SAME = ("columns", "lines", "tax_columns", "tax", "totals", "parties")


def partial(rates: list[list[str | None]], amount: Decimal, currency: str) -> Bill:
    """Return the bill of a part of an invoice: `amount` is shared over its VAT rates, by their gross sums."""
    nets = [Decimal(net or 0) for _rate, net, _tax in rates]
    taxes = [Decimal(tax or 0) for _rate, _net, tax in rates]
    grosses = [net + tax for net, tax in zip(nets, taxes, strict=True)]
    charges = []
    for (rate, _net, _tax), net, gross, part in zip(
        rates, nets, grosses, share(amount, grosses, currency), strict=True
    ):
        if not part:
            continue
        if rate is None:
            charges.append(Charge("partial_credit", part))
            continue
        share_net = share(part, [net, gross - net], currency)[0] if gross else part
        charges.append(Charge("partial_credit", share_net, part - share_net, Decimal(rate)))
    return Bill(tuple(charges), currency)


def credited(
    of: Document, order: Order, settings: DocumentSettings, amount: Decimal, reason: str, now: datetime
) -> dict[str, Any]:
    """Return the contents of a credit note over `amount` (gross) of the invoice `of`. Raises `OrderError`."""
    frame = Frame(settings, of.language, now)
    bill = partial(of.data["rates"], amount, of.currency)
    made = credit_note(frame, order, bill, of, reason) | {"parties": of.data["parties"]}
    if amount == of.total:
        made |= {key: of.data[key] for key in SAME}
    return made | {"rates": of.data["rates"]}

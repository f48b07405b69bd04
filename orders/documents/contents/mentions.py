"""Sentences that the law wants on invoices of sellers in the United Kingdom and France. No legal advice.

French mentions are in French in every document, as the law writes them. Sources: docs/documents.md.
"""

from __future__ import annotations

from django.utils.translation import pgettext

from orders.choices import VatScheme
from orders.documents.contents.bills import Bill
from orders.documents.wording.words import in_language
from orders.models import DocumentSettings, Order

#: Member states of the European Union.
UNION = frozenset("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split())

FRENCH_GOODS = "Livraison de biens."
FRENCH_FRANCHISE = "TVA non applicable, art. 293 B du CGI."
FRENCH_MARGIN = "Régime particulier – Biens d’occasion."
FRENCH_EXPORT = "Exonération de TVA, art. 262 I du CGI."
FRENCH_UNION = "Autoliquidation. Exonération de TVA, art. 262 ter I du CGI."
FRENCH_TRADE = (
    "Pénalités de retard : trois fois le taux d’intérêt légal.",
    "Indemnité forfaitaire pour frais de recouvrement : 40 €.",
    "Pas d’escompte pour paiement anticipé.",
)


def buyer_company(order: Order) -> str:
    """Return the company that buys; "" for a private person."""
    return str(order.bill_to.get("company") or order.ship_to.get("company") or "").strip()


def mentions(settings: DocumentSettings, order: Order, bill: Bill, language: str) -> list[str]:
    """Return the sentences for an invoice or credit note: VAT scheme, why there is no VAT, payment."""
    to = str(order.ship_to.get("country") or order.country or "")
    leaves = bool(to) and to != settings.country
    is_french = settings.country == "FR"
    found = [FRENCH_GOODS] if is_french else []
    if settings.vat_scheme == VatScheme.NOT_REGISTERED:
        found += [FRENCH_FRANCHISE] if is_french else []
    elif settings.vat_scheme == VatScheme.MARGIN:
        with in_language(language):
            found.append(
                FRENCH_MARGIN if is_french else pgettext("document", "Margin scheme: second-hand goods.")
            )
    elif not bill.tax and leaves:
        if is_french:
            is_union = to in UNION
            found += [FRENCH_UNION] if is_union and buyer_company(order) else []
            found += [] if is_union else [FRENCH_EXPORT]
        elif settings.country == "GB":
            with in_language(language):
                found.append(pgettext("document", "Zero-rated: export from the United Kingdom."))
    found += [line.strip() for line in settings.terms.splitlines() if line.strip()]
    if is_french and buyer_company(order):
        found += [line for line in FRENCH_TRADE if line not in found]
    return found

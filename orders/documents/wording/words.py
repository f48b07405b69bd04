"""The words that stand on documents, in the language of the document (English or French).

They are translated by gettext in the context “document”, so that they never change the words of the screens.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from django.utils.translation import override, pgettext_lazy

#: Key -> words. Templates and builders ask for a key.
WORDS = {
    "page": pgettext_lazy("document", "Page"),
    "copy": pgettext_lazy("document", "Reprint"),
    "pick_list": pgettext_lazy("document", "Pick list"),
    "packing_slip": pgettext_lazy("document", "Packing slip"),
    "return_slip": pgettext_lazy("document", "Return slip"),
    "invoice": pgettext_lazy("document", "Invoice"),
    "credit_note": pgettext_lazy("document", "Credit note"),
    "manifest": pgettext_lazy("document", "Manifest"),
    "label": pgettext_lazy("document", "Shipping label"),
    "sku": pgettext_lazy("document", "SKU"),
    "item": pgettext_lazy("document", "Item"),
    "quantity": pgettext_lazy("document", "Qty"),
    "price": pgettext_lazy("document", "Price"),
    "total": pgettext_lazy("document", "Total"),
    "units": pgettext_lazy("document", "Units"),
    "order": pgettext_lazy("document", "Order"),
    "orders": pgettext_lazy("document", "Orders"),
    "shipments": pgettext_lazy("document", "Shipments"),
    "number": pgettext_lazy("document", "No."),
    "date": pgettext_lazy("document", "Date"),
    "ordered": pgettext_lazy("document", "Ordered"),
    "printed": pgettext_lazy("document", "Printed"),
    "warehouse": pgettext_lazy("document", "Warehouse"),
    "carrier": pgettext_lazy("document", "Carrier"),
    "shipping": pgettext_lazy("document", "Shipping"),
    "discount": pgettext_lazy("document", "Discount"),
    "other": pgettext_lazy("document", "Other charges"),
    "tax_collected": pgettext_lazy("document", "Tax collected by the sales channel"),
    "deliver_to": pgettext_lazy("document", "Deliver to"),
    "bill_to": pgettext_lazy("document", "Bill to"),
    "return_to": pgettext_lazy("document", "Return to"),
    "gift_message": pgettext_lazy("document", "Gift message"),
    "buyer_note": pgettext_lazy("document", "Note of the buyer"),
    "personalisation": pgettext_lazy("document", "Personalisation"),
    "part_of_kit": pgettext_lazy("document", "Part of the kit"),
    "gift": pgettext_lazy("document", "GIFT: no prices in the parcel"),
    "parcel": pgettext_lazy("document", "Parcel"),
    "weight": pgettext_lazy("document", "Weight"),
    "tracking": pgettext_lazy("document", "Tracking number"),
    "issued": pgettext_lazy("document", "Date of issue"),
    "supplied": pgettext_lazy("document", "Date of supply"),
    "corrects": pgettext_lazy("document", "Corrects invoice"),
    "description": pgettext_lazy("document", "Description"),
    "unit_net": pgettext_lazy("document", "Unit price excl. VAT"),
    "unit": pgettext_lazy("document", "Unit price"),
    "vat": pgettext_lazy("document", "VAT"),
    "vat_rate": pgettext_lazy("document", "VAT rate"),
    "net": pgettext_lazy("document", "Net"),
    "gross": pgettext_lazy("document", "Gross"),
    "total_net": pgettext_lazy("document", "Total excl. VAT"),
    "total_vat": pgettext_lazy("document", "Total VAT"),
    "total_vat_sterling": pgettext_lazy("document", "Total VAT in pounds sterling"),
    "total_due": pgettext_lazy("document", "Total"),
    "credited": pgettext_lazy("document", "Credited"),
    "vat_number": pgettext_lazy("document", "VAT no."),
    "company_number": pgettext_lazy("document", "Company no."),
    "payment": pgettext_lazy("document", "Paid by"),
    "partial_credit": pgettext_lazy("document", "Partial refund of invoice"),
    "driver": pgettext_lazy("document", "Name of the driver"),
    "signature": pgettext_lazy("document", "Signature"),
    "handed_over": pgettext_lazy("document", "Date and time"),
    "sent": pgettext_lazy("document", "Sent"),
    "returned": pgettext_lazy("document", "Returned"),
    "reason": pgettext_lazy("document", "Reason"),
    "return_how": pgettext_lazy(
        "document",
        "Write how many of each item you return and the number of the reason. Put this page into the parcel.",
    ),
    "reasons_title": pgettext_lazy("document", "Reasons"),
    "reason_size": pgettext_lazy("document", "Does not fit"),
    "reason_damaged": pgettext_lazy("document", "Damaged or faulty"),
    "reason_wrong": pgettext_lazy("document", "Not what was ordered"),
    "reason_late": pgettext_lazy("document", "Came too late"),
    "reason_mind": pgettext_lazy("document", "Changed my mind"),
    "remarks": pgettext_lazy("document", "Remarks"),
}

_LOCALES = {"en": "en-gb", "fr": "fr"}
#: Countries whose buyers read French: France with its overseas departments, Monaco.
FRENCH = frozenset("FR MC GP MQ GF RE YT PM BL MF".split())


@contextmanager
def in_language(language: str) -> Iterator[None]:
    """Translate into the language of a document."""
    with override(_LOCALES.get(language, "en-gb")):
        yield


@lru_cache(maxsize=4)
def words(language: str) -> dict[str, str]:
    """Return all words of documents in a language ("en", "fr"). Do not change the answer: it is shared."""
    with in_language(language):
        return {key: str(text) for key, text in WORDS.items()}


def language_of(wanted: str, country: str) -> str:
    """Return the language for a buyer in `country`; `wanted` is that of the store's settings."""
    if wanted in _LOCALES:
        return wanted
    return "fr" if country.upper() in FRENCH else "en"

"""An order of a file as the service for orders entered by hand takes it; it is kept as JSON between the check and the import."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from django.utils import timezone

from channels.contract.records.orders import AddressRecord, PaymentState
from orders.domain.carriers import carrier_key
from orders.domain.manual.checks import ManualLine, ManualOrder
from orders.domain.manual.totals import Discount

ZERO = Decimal(0)
ADDRESS = {
    "company": "company",
    "line1": "address",
    "line2": "address2",
    "city": "city",
    "region": "state",
    "postcode": "postcode",
    "country": "country",
}


def document_of(values: Mapping[str, Any], carriers: Collection[str]) -> dict[str, Any]:
    """Return the order of a record (its values by field key) as JSON. `carriers` are the keys of the active carriers.

    An order without any part of an address is collected. A carrier that Manifold does not have is the shipping method.
    """
    text = {key: str(value) for key, value in values.items() if isinstance(value, str)}
    carrier = text.get("carrier", "").strip()
    is_known = carrier_key(carrier) in carriers
    lines = [
        {
            "sku": str(line.get("sku") or ""),
            "quantity": line.get("quantity") or 0,
            "price": _plain(line.get("price")),
            "title": str(line.get("title") or "")[:300],
        }
        for line in values.get("lines") or ()
    ]
    return {
        "number": text.get("order", "").strip().lstrip("#"),
        "placed_at": _instant(values.get("date_utc") or values.get("date")),
        "name": text.get("name", "").strip(),
        "email": text.get("email", "").strip(),
        "phone": text.get("phone", "").strip(),
        "address": {name: text.get(key, "").strip() for name, key in ADDRESS.items()},
        "lines": lines,
        "discount": _plain(values.get("discount")),
        "shipping": _plain(values.get("shipping")),
        "tax": _tax(values, lines),
        "is_paid": values.get("paid") is not False,
        "carrier": carrier if is_known else "",
        "shipping_method": "" if is_known else carrier[:100],
        "note": text.get("note", ""),
        "is_cancelled": values.get("cancelled") is True,
        "is_shipped": isinstance(values.get("shipped"), date),
    }


def order_of(document: Mapping[str, Any]) -> ManualOrder:
    """Return the order that a document of `document_of` describes. Its number is its reference in the store."""
    address = document["address"]
    placed = document["placed_at"]
    rate, is_included = document["tax"]
    is_collected = not any(address.values())
    ship_to = AddressRecord(name=document["name"], phone=document["phone"], **address)
    return ManualOrder(
        reference=document["number"],
        number=document["number"],
        lines=tuple(
            ManualLine(
                sku=line["sku"],
                quantity=line["quantity"],
                unit_price=_amount(line["price"]),
                title=line["title"],
            )
            for line in document["lines"]
        ),
        placed_at=datetime.fromisoformat(placed) if placed else None,
        customer_name=document["name"],
        customer_email=document["email"],
        customer_phone=document["phone"],
        ship_to=AddressRecord() if is_collected else ship_to,
        is_collected=is_collected,
        discount=Discount(amount=_amount(document["discount"]) or ZERO),
        shipping=_amount(document["shipping"]) or ZERO,
        tax_rate=_amount(rate),
        prices_include_tax=is_included,
        payment=PaymentState.PAID if document["is_paid"] else PaymentState.UNPAID,
        carrier=document["carrier"],
        shipping_method=document["shipping_method"],
        buyer_note=document["note"],
        is_shipped=document["is_shipped"],
        is_cancelled=document["is_cancelled"],
    )


def _tax(values: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> tuple[str | None, bool | None]:
    """Return the tax rate in per cent, and whether the prices include it, from the amounts of the file.

    (None, None) where the file has no tax or not all prices: then the settings of the store say.
    """
    tax = values.get("tax")
    if not isinstance(tax, Decimal) or any(line["price"] is None for line in lines):
        return None, None
    items = sum((Decimal(line["price"]) * line["quantity"] for line in lines), ZERO)
    base = items - (values.get("discount") or ZERO) + (values.get("shipping") or ZERO)
    total = values.get("total")
    is_included = None if total is None else total == base
    if tax == 0:
        return "0", is_included
    net = base - tax if is_included else base
    if net <= 0:
        return None, None
    return str(round(tax * 100 / net, 12)), bool(is_included)


def _instant(value: Any) -> str:
    """Return a day or a moment as text: a day is its noon in the time zone of the installation; "" for none."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        return datetime.combine(value, time(12), tzinfo=timezone.get_default_timezone()).isoformat()
    return ""


def _plain(value: Any) -> str | None:
    return str(value) if isinstance(value, Decimal) else None


def _amount(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)

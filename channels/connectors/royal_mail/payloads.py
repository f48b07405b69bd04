"""Bodies of Click & Drop's calls, and what its answers mean."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from channels.contract.carriers.records import Bought, LabelRequest, ParcelItem, PostalAddress

#: Formats of a parcel; one may stand behind the service code ("CODE:smallParcel").
FORMATS = (
    "letter",
    "largeLetter",
    "smallParcel",
    "mediumParcel",
    "largeParcel",
    "parcel",
    "documents",
)
#: The most characters that Click & Drop takes; a longer text of a buyer is cut at the field's end.
_LINE, _NAME, _CUSTOMS = 100, 210, 50


def service_of(text: str) -> tuple[str, str]:
    """Return the service code and the format of the parcel; without a format it is “parcel”."""
    code, _colon, kind = text.partition(":")
    return code.strip(), kind.strip() or "parcel"


def address(row: PostalAddress) -> dict[str, str]:
    """Return the address of a recipient; parts that are empty are left out."""
    parts = {
        "fullName": row.name[:_NAME],
        "companyName": row.company[:_LINE],
        "addressLine1": row.line1[:_LINE],
        "addressLine2": row.line2[:_LINE],
        "city": row.city[:_LINE],
        "county": row.region[:_LINE],
        "postcode": row.postcode[:20],
        "countryCode": row.country,
    }
    return {name: value for name, value in parts.items() if value}


def item(row: ParcelItem) -> dict[str, Any]:
    """Return the goods of one line, for customs."""
    made: dict[str, Any] = {
        "name": row.description[:800],
        "SKU": row.sku[:100],
        "quantity": row.quantity,
        "unitValue": money(row.value),
        "unitWeightInGrams": row.grams,
        "customsDescription": row.description[:_CUSTOMS],
        "customsDeclarationCategory": "saleOfGoods",
    }
    if row.hs_code:
        made["customsCode"] = row.hs_code[:10]
    if row.origin:
        made["originCountryCode"] = row.origin
    return made


def money(amount: Decimal) -> float:
    """Return an amount with two decimals, as a JSON number."""
    return float(round(amount, 2))


def order(request: LabelRequest, now: datetime) -> dict[str, Any]:
    """Return the body of `POST /orders` for one parcel, with its label in the answer."""
    code, kind = service_of(request.service)
    package: dict[str, Any] = {"weightInGrams": request.grams, "packageFormatIdentifier": kind}
    if request.is_customs:
        package["contents"] = [item(row) for row in request.items]
    recipient: dict[str, Any] = {"address": address(request.recipient)}
    if request.recipient.phone:
        recipient["phoneNumber"] = request.recipient.phone[:25]
    if request.recipient.email:
        recipient["emailAddress"] = request.recipient.email[:254]
    body = {
        "orderReference": request.reference,
        "recipient": recipient,
        "sender": {"tradingName": (request.sender.company or request.sender.name)[:250]},
        "packages": [package],
        "orderDate": now.isoformat(timespec="seconds"),
        "specialInstructions": request.order_number[:500],
        "subtotal": money(request.value),
        "shippingCostCharged": 0,
        "total": money(request.value),
        "currencyCode": request.currency,
        "postageDetails": {"serviceCode": code[:10]},
        "label": {
            "includeLabelInResponse": True,
            "includeCN": request.is_customs,
            "includeReturnsLabel": False,
        },
    }
    return {"items": [body]}


def bought(row: Mapping[str, Any]) -> Bought:
    """Return the order of an answer, without its label."""
    package = next(iter(row.get("packages") or ()), None) or {}
    return Bought(
        external_id=str(row.get("orderIdentifier") or ""),
        tracking_number=str(row.get("trackingNumber") or package.get("trackingNumber") or ""),
        carrier="Royal Mail",
    )


def pdf(text: Any) -> bytes:
    """Return the PDF of a base64 text; b"" where it is none."""
    try:
        content = base64.b64decode(str(text or ""), validate=True)
    except (binascii.Error, ValueError):
        return b""
    return content if content.startswith(b"%PDF") else b""


def instant(value: Any) -> datetime | None:
    """Return an instant; None where it is none, or has no time zone."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else None

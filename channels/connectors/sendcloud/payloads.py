"""Bodies of Sendcloud's calls, and what its answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from channels.contract.carriers.records import MEDIA, Bought, LabelRequest, ParcelItem, PostalAddress, Service


def kilograms(grams: int) -> str:
    """Return a weight in kilograms with three decimals."""
    return f"{Decimal(grams) / 1000:.3f}"


def address(row: PostalAddress) -> dict[str, str]:
    """Return an address; parts that are empty are left out."""
    parts = {
        "name": row.name or row.company,
        "company_name": row.company,
        "address_line_1": row.line1,
        "address_line_2": row.line2,
        "postal_code": row.postcode,
        "city": row.city,
        "state_province_code": row.region if len(row.region) <= 3 else "",
        "country_code": row.country,
        "phone_number": row.phone,
        "email": row.email,
    }
    return {name: value for name, value in parts.items() if value}


def item(row: ParcelItem) -> dict[str, Any]:
    """Return the goods of one line."""
    made: dict[str, Any] = {
        "description": row.description[:255],
        "quantity": row.quantity,
        "weight": {"value": row.grams / 1000, "unit": "kg"},
        "price": {"value": f"{row.value:.2f}", "currency": row.currency},
        "sku": row.sku,
    }
    if row.hs_code:
        made["hs_code"] = row.hs_code[:12]
    if row.origin:
        made["origin_country"] = row.origin
    return made


def announcement(request: LabelRequest) -> dict[str, Any]:
    """Return the body of `POST /shipments/announce` for one parcel."""
    parcel: dict[str, Any] = {"weight": {"value": kilograms(request.grams), "unit": "kg"}}
    if request.is_customs:  # each item needs an HS code and an origin; within one territory none is sent
        parcel["parcel_items"] = [item(row) for row in request.items]
    body: dict[str, Any] = {
        "to_address": address(request.recipient),
        "from_address": address(request.sender),
        "ship_with": {
            "type": "shipping_option_code",
            "properties": {"shipping_option_code": request.service},
        },
        "order_number": request.order_number,
        "external_reference_id": request.reference,
        "total_order_price": {"currency": request.currency, "value": f"{request.value:.2f}"},
        "label_details": {"mime_type": MEDIA[request.label_format], "dpi": 203},
        "parcels": [parcel],
    }
    if request.is_customs:
        body["customs_information"] = {
            "invoice_number": request.order_number[:40],
            "export_reason": "commercial_goods",
            "export_type": "commercial_b2c",
        }
    return body


def options(request: LabelRequest) -> dict[str, Any]:
    """Return the body of `POST /shipping-options` with prices; of one service where the request names it."""
    body: dict[str, Any] = {
        "from_country_code": request.sender.country,
        "from_postal_code": request.sender.postcode[:12],
        "to_country_code": request.recipient.country,
        "to_postal_code": request.recipient.postcode[:12],
        "parcels": [{"weight": {"value": kilograms(request.grams), "unit": "kg"}}],
        "calculate_quotes": True,
    }
    if request.service:
        body["shipping_option_code"] = request.service
    if request.is_return:
        body["functionalities"] = {"returns": True}
    return body


def amount(value: Any) -> Decimal | None:
    """Return an amount of money; None where there is none."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def service(row: Mapping[str, Any]) -> Service:
    """Return one shipping option."""
    quote = next(iter(row.get("quotes") or ()), None) or {}
    total = (quote.get("price") or {}).get("total") or {}
    requirements = row.get("requirements") or {}
    hours = quote.get("lead_time")
    return Service(
        code=str(row.get("code") or ""),
        name=str(row.get("name") or row.get("code") or ""),
        carrier=str((row.get("carrier") or {}).get("name") or ""),
        cost=amount(total.get("value")),
        currency=str(total.get("currency") or ""),
        hours=hours if isinstance(hours, int) else None,
        note="service_point" if requirements.get("is_service_point_required") else "",
    )


def bought(data: Mapping[str, Any]) -> Bought:
    """Return the shipment of an answer, without the file of its label."""
    parcel = next(iter(data.get("parcels") or ()), None) or {}
    return Bought(
        external_id=str(data.get("id") or ""),
        parcel_id=str(parcel.get("id") or ""),
        tracking_number=str(parcel.get("tracking_number") or ""),
        tracking_url=str(parcel.get("tracking_url") or ""),
        carrier=str((data.get("carrier") or {}).get("name") or ""),
    )


def status_of(data: Mapping[str, Any]) -> str:
    """Return the status code of the parcel of a shipment."""
    parcel = next(iter(data.get("parcels") or ()), None) or {}
    return str((parcel.get("status") or {}).get("code") or "")


def instant(value: Any) -> datetime | None:
    """Return an instant of Sendcloud; None where it is none, or has no time zone."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else None

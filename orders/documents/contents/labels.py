"""Shipping labels: made by Manifold, for carriers without an integration and for own delivery."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orders.documents.contents.parts import (
    LABEL_CODE,
    Frame,
    address,
    barcode,
    parcel_code,
    seller_name,
)
from orders.documents.wording.countries import country_name
from orders.documents.wording.formats import weight
from orders.models import Shipment


def grams_of(shipment: Shipment) -> int | None:
    """Return the weight of a shipment by the weights of its SKUs; None when one of them is not known."""
    total = 0
    for row in shipment.lines.all():
        variant = row.line.variant
        if variant is None or variant.weight_grams is None:
            return None
        total += variant.weight_grams * row.quantity
    return total or None


def label(frame: Frame, shipment: Shipment, parcels: int, copy: int = 0) -> dict[str, Any]:
    """Return one label: parties, carrier, the code of its tracking number (of the parcel where it has none).

    `parcels` is how many the order has; `copy` counts reprints, 0 for the first print.
    """
    order, printer, settings = shipment.order, frame.printer, frame.settings
    sender = [seller_name(frame), *printer.paragraphs(settings.seller_address)]
    if settings.seller_address:
        sender.append(country_name(settings.country, frame.language))
    service = " ".join(filter(None, [shipment.carrier.name if shipment.carrier else "", shipment.service]))
    grams = grams_of(shipment)
    right = [f"{frame.words['parcel']} {shipment.number}/{parcels}"]
    if grams is not None:
        right.append(weight(grams, frame.language))
    if copy:
        right.append(f"{frame.words['copy']} {copy}")
    facts = [printer.text(f"{frame.words['order']} #{order.number}", 60)]
    if phone := order.ship_to.get("phone") or order.customer_phone:
        facts.append(printer.text(phone, 40))
    return {
        "sender": sender,
        "service": printer.text(service, 60),
        "to": address(frame, order.ship_to, order.customer_name, country=False),
        "country": country_name(str(order.ship_to.get("country") or order.country or ""), frame.language),
        "code": barcode(shipment.tracking_number or parcel_code(shipment), LABEL_CODE),
        "facts": facts,
        "right": right,
    }


def sheet(frame: Frame, labels: Sequence[dict[str, Any]], size: str, start: int = 0) -> dict[str, Any]:
    """Return the labels of one file; `start` is how many positions of the first A4 sheet are used already."""
    return {
        "title": frame.words["label"],
        "lang": frame.language,
        "words": frame.words,
        "size": size,
        "start": start,
        "labels": list(labels),
    }

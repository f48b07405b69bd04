"""What a warehouse system is shown of a shipment: one document, and its digest by which a change is noticed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import F

from orders.choices import ShipmentState
from orders.domain.handovers import state_text
from orders.models import Handover
from orders.models.querysets import HandoverQuerySet

_LABELLED = (ShipmentState.READY, ShipmentState.HANDED_OVER, ShipmentState.DELIVERED)


def with_content(rows: HandoverQuerySet) -> HandoverQuerySet:
    """Read with hand-overs everything that `content_of` needs: two more queries, whatever their number."""
    return rows.select_related(
        "shipment__order__connection", "shipment__warehouse", "shipment__carrier"
    ).prefetch_related("shipment__lines__line__variant")


def content_of(row: Handover) -> dict[str, Any]:
    """Return the parts of a shipment whose change is a new version: what is to be packed, and where it goes."""
    shipment = row.shipment
    order = shipment.order
    lines = sorted(shipment.lines.all(), key=lambda each: (each.line.position, each.line_id))
    return {
        "order": {
            "number": order.number,
            "store": order.connection.name,
            "channel": order.connection.channel,
            "placed_at": order.placed_at,
            "ship_by_at": order.ship_by_at,
        },
        "warehouse": shipment.warehouse.code if shipment.warehouse else "",
        "ship_to": order.ship_to,
        "name": order.customer_name,
        "phone": order.customer_phone,
        "email": order.customer_email,
        "shipping_method": order.shipping_method,
        "gift_message": order.gift_message,
        "buyer_note": order.buyer_note,
        "lines": [
            {
                "sku": each.line.variant.sku if each.line.variant else each.line.sku,
                "barcode": each.line.variant.barcode if each.line.variant else "",
                "title": each.line.title,
                "quantity": each.quantity,
                "personalisation": each.line.personalisation,
            }
            for each in lines
            if each.line.needs_parcel
        ],
    }


def label_of(row: Handover) -> dict[str, str] | None:
    """Return carrier and tracking number of a shipment that the channel has accepted; None before."""
    shipment = row.shipment
    if row.accepted_at is None or shipment.state not in _LABELLED:
        return None
    return {
        "carrier": shipment.carrier.name if shipment.carrier else "",
        "service": shipment.service,
        "tracking_number": shipment.tracking_number,
        "tracking_url": shipment.tracking_link,
    }


def document_of(row: Handover) -> dict[str, Any]:
    """Return a shipment as the API answers it."""
    return {
        "id": str(row.uuid),
        "reference": row.reference,
        "state": state_text(row),
        "version": row.version,
        **content_of(row),
        "carrier": row.shipment.carrier.name if row.shipment.carrier else "",
        "label": label_of(row),
        "parcels": row.parcels,
    }


def plain(document: Any) -> Any:
    """Return a document with nothing but JSON values."""
    return json.loads(json.dumps(document, cls=DjangoJSONEncoder))


def digest_of(document: Any) -> str:
    """Return the digest of a document."""
    text = json.dumps(document, cls=DjangoJSONEncoder, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def count_versions(rows: Collection[Handover]) -> None:
    """Count a new version of each shipment whose content has changed since it was last shown; one query for each."""
    for row in rows:
        digest = digest_of(content_of(row))
        if digest == row.digest:
            continue
        is_first = not row.digest
        changed = Handover.objects.filter(pk=row.pk, digest=row.digest)
        if changed.update(digest=digest, version=F("version") + (0 if is_first else 1)):
            row.version += 0 if is_first else 1
        else:  # another process has just counted it
            row.version = Handover.objects.values_list("version", flat=True).get(pk=row.pk)
        row.digest = digest

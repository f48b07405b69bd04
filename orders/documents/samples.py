"""A made-up order for the preview of the documents of a store. Nothing of it is stored."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import pgettext

from catalogue.models import Product, Variant
from inventory.models import Warehouse
from oms.kit.numbers import quantise
from orders.choices import DocumentKind
from orders.documents.contents.bills import bill_of
from orders.documents.contents.invoices import invoice, numbered
from orders.documents.contents.labels import label, sheet
from orders.documents.contents.parts import frame_for
from orders.documents.contents.slips import packing_slip, return_slip
from orders.documents.typesetting.render import Request, set_bytes
from orders.documents.wording.formats import local
from orders.models import Carrier, DocumentSettings, Order, OrderLine, Shipment, ShipmentLine

#: What can be previewed.
KINDS = (DocumentKind.LABEL, DocumentKind.PACKING_SLIP, DocumentKind.INVOICE, DocumentKind.RETURN_SLIP)


def _order(settings: DocumentSettings) -> tuple[Order, list[OrderLine]]:
    home = {
        "name": "Zoë Müller-Łukasiewicz",
        "line1": "12 Rue de l’Évêché" if settings.country == "FR" else "12 Albion Street",
        "postcode": "75004" if settings.country == "FR" else "LS1 6AG",
        "city": "Paris" if settings.country == "FR" else "Leeds",
        "country": settings.country,
    }
    order = Order(
        pk=0,
        connection=settings.connection,
        number="2026-10001",
        placed_at=timezone.now(),
        currency=settings.connection.currency or "GBP",
        country=settings.country,
        customer_name=home["name"],
        ship_to=home,
        bill_to=home,
        buyer_note=pgettext("document", "Please leave it with a neighbour."),
        shipping_total=Decimal("3.95"),
        prices_include_tax=True,
    )
    lines = []
    for position, (sku, title, units, price) in enumerate(
        (
            ("MUG-RED", pgettext("document", "Enamel mug, 350 ml"), 2, "14.50"),
            ("TEE-NAVY-M", pgettext("document", "T-shirt, organic cotton"), 1, "24.00"),
        )
    ):
        product = Product(title=title)
        variant = Variant(product=product, sku=sku, sku_key=sku.casefold(), weight_grams=300)
        amount = Decimal(price)
        line = OrderLine(
            pk=position,
            order=order, position=position, variant=variant, sku=sku, title=title, quantity=units,
            unit_price=amount, total=quantise(amount * units, order.currency),
        )  # fmt: skip
        lines.append(line)
    order.total = sum((line.total for line in lines), order.shipping_total)
    return order, lines


def sample(settings: DocumentSettings, kind: str) -> bytes:
    """Return a sample of a document of a store as PDF, with its settings as they are now. Raises `OrderError`."""
    order, lines = _order(settings)
    frame = frame_for(settings, settings.country, timezone.now())
    shipment = Shipment(
        pk=0,
        order=order,
        number=1,
        carrier=Carrier(name="Royal Mail" if settings.country == "GB" else "Colissimo"),
        warehouse=Warehouse(name="Leeds"),
        tracking_number="RB123456785GB",
    )
    rows = [ShipmentLine(shipment=shipment, line=line, quantity=line.quantity) for line in lines]
    shipment._prefetched_objects_cache = {"lines": rows}  # type: ignore[attr-defined]
    if kind == DocumentKind.LABEL:
        made: dict[str, Any] = label(frame, shipment, 1)
        made["words"] = {"deliver_to": frame.words["deliver_to"]}
        request = Request("label", sheet(frame, [made], settings.label_size))
    elif kind == DocumentKind.INVOICE:
        number = f"{settings.invoice_prefix}{local(frame.now).year}-000000"
        data = numbered(invoice(frame, order, bill_of(order, lines, settings)), number)
        request = Request("invoice", data, archive=True)
    elif kind == DocumentKind.PACKING_SLIP:
        request = Request("packing_slip", packing_slip(frame, shipment))
    else:
        request = Request("return_slip", return_slip(frame, shipment))
    return set_bytes([request])[0]

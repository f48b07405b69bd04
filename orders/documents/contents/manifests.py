"""The printed manifest: the driver signs it (R-SHIP-04)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orders.documents.contents.parts import PAGE_CODE, ROW_CODE, Frame, address, barcode, page
from orders.documents.wording.formats import local
from orders.models import Manifest, Shipment


def manifest_sheet(frame: Frame, manifest: Manifest, shipments: Sequence[Shipment]) -> dict[str, Any]:
    """Return the manifest with the code of its number, and one row with a code for each shipment."""
    words, printer = frame.words, frame.printer
    title = f"{words['manifest']} {manifest.number}"
    made = page(frame, title, title)
    rows, units = [], 0
    for number, shipment in enumerate(shipments, 1):
        order = shipment.order
        count = sum(row.quantity for row in shipment.lines.all())
        units += count
        to = address(frame, order.ship_to, order.customer_name)["lines"]
        town = " ".join(str(order.ship_to.get(key) or "") for key in ("postcode", "city")).strip()
        country = str(order.ship_to.get("country") or order.country or "")
        place = printer.text(", ".join(filter(None, [town, country])))
        rows.append(
            {
                "n": str(number),
                "order": printer.text(f"#{order.number}", 40),
                "to": [to[0], *([place] if place else [])],
                "units": str(count),
                "code": barcode(shipment.tracking_number, ROW_CODE) if shipment.tracking_number else None,
            }
        )
    return made | {
        "facts": [
            [words["carrier"], printer.text(manifest.carrier.name, 60)],
            [words["warehouse"], printer.text(manifest.warehouse.name, 60)],
            [words["date"], f"{local(manifest.created_at):%d/%m/%Y %H:%M}"],
        ],
        "code": barcode(manifest.number, PAGE_CODE),
        "rows": rows,
        "totals": f"{words['shipments']}: {len(rows)} · {words['units']}: {units}",
        "sign": [words["driver"], words["signature"], words["handed_over"]],
    }

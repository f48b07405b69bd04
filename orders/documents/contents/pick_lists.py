"""Pick lists: what is taken off the shelves for the parcels that are not packed yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orders.documents.contents.parts import PAGE_CODE, Frame, address, barcode, goods, options_of, page
from orders.documents.contents.slips import is_gift
from orders.documents.wording.formats import local
from orders.models import OrderLine, Shipment, ShipmentLine

#: Orders that are named in a row of a combined list.
NAMED = 6


def _frame(frame: Frame, shipments: Sequence[Shipment]) -> dict[str, Any]:
    words = frame.words
    made = page(frame, words["pick_list"], words["pick_list"])
    names = sorted({shipment.warehouse.name for shipment in shipments if shipment.warehouse})
    units = sum(row.quantity for shipment in shipments for row in shipment.lines.all())
    made["facts"] = [
        [words["warehouse"], ", ".join(frame.printer.clean(name, 60) for name in names) or "–"],
        [words["orders"], str(len({shipment.order_id for shipment in shipments}))],
        [words["units"], str(units)],
        [words["printed"], f"{local(frame.now):%d/%m/%Y %H:%M}"],
    ]
    made["footer"] = [words["pick_list"]]
    return made


def _sort_key(line: OrderLine) -> tuple[str, str]:
    sku = line.variant.sku_key if line.variant is not None else line.sku.casefold()
    return sku, line.title


def combined(frame: Frame, shipments: Sequence[Shipment]) -> dict[str, Any]:
    """Return one list of all parcels: a row for each SKU with its units and orders, by SKU.

    Lines with a personalisation have rows of their own: their units are not alike.
    """
    grouped: dict[tuple[Any, ...], list[tuple[Shipment, ShipmentLine]]] = {}
    for shipment in shipments:
        for row in shipment.lines.all():
            line = row.line
            key = (*_sort_key(line), options_of(line), line.personalisation)
            grouped.setdefault(key, []).append((shipment, row))
    rows = []
    for _key, found in sorted(grouped.items(), key=lambda pair: pair[0]):
        numbers = list(dict.fromkeys(f"#{shipment.order.number}" for shipment, _row in found))
        more = [f"+{len(numbers) - NAMED}"] if len(numbers) > NAMED else []
        rows.append(
            {
                **goods(frame, found[0][1].line),
                "quantity": str(sum(row.quantity for _shipment, row in found)),
                "last": frame.printer.text(", ".join(numbers[:NAMED] + more), 200),
            }
        )
    section = {"title": "", "code": None, "notes": [], "last": frame.words["orders"], "rows": rows}
    return _frame(frame, shipments) | {"sections": [section]}


def by_order(frame: Frame, shipments: Sequence[Shipment]) -> dict[str, Any]:
    """Return a list with a section for each parcel: its code, its rows by SKU, what the packer must know."""
    sections = []
    for shipment in shipments:
        order, printer, words = shipment.order, frame.printer, frame.words
        to = address(frame, order.ship_to, order.customer_name)
        notes: list[Any] = [to["lines"][0]]
        if is_gift(order):
            notes += [words["gift"], printer.text(f"{words['gift_message']}: {order.gift_message}", 600)]
        if order.buyer_note:
            notes.append(printer.text(f"{words['buyer_note']}: {order.buyer_note}", 600))
        rows = sorted(shipment.lines.all(), key=lambda row: _sort_key(row.line))
        sections.append(
            {
                "title": printer.text(f"#{order.number} · S{shipment.number}", 80),
                "code": barcode(f"{order.number}-S{shipment.number}", PAGE_CODE),
                "notes": notes,
                "last": "",
                "rows": [
                    {
                        **goods(frame, row.line, of_kit=row.line.parent is not None),
                        "quantity": str(row.quantity),
                        "last": "",
                    }
                    for row in rows
                ],
            }
        )
    return _frame(frame, shipments) | {"sections": sections}

"""Packing slips and return slips: what is in a parcel. A gift has no prices."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from orders.documents.contents.parts import (
    PAGE_CODE,
    Frame,
    address,
    barcode,
    goods,
    order_fact,
    page,
    parcel_code,
)
from orders.documents.wording.formats import money
from orders.domain.kits import whole_kits
from orders.models import Order, OrderLine, Shipment, ShipmentLine


def is_gift(order: Order) -> bool:
    """Whether the order is a gift: the buyer wrote a gift message."""
    return bool(order.gift_message.strip())


def _prices(frame: Frame, order: Order, line: OrderLine, units: int) -> list[str]:
    share = line.total * units / line.quantity if line.quantity else Decimal(0)
    return [
        money(line.unit_price, order.currency, frame.language),
        money(share, order.currency, frame.language),
    ]


def _lines(
    frame: Frame, order: Order, rows: Sequence[ShipmentLine], *, with_prices: bool
) -> list[dict[str, Any]]:
    """Return the lines of a packing slip. A kit stands above its components, with its price and the whole kits in the parcel."""
    made: list[dict[str, Any]] = []
    shown: set[int] = set()
    for row in rows:
        kit = row.line.parent
        if kit is not None and kit.pk not in shown:
            shown.add(kit.pk)
            inside = [one for one in rows if one.line.parent_id == kit.pk]
            whole = whole_kits((one.quantity, one.line.kit_units) for one in inside if one.line.kit_units)
            prices = _prices(frame, order, kit, whole) if with_prices else []
            made.append({**goods(frame, kit), "quantity": str(whole) if whole else "–", "prices": prices})
        own = ["", ""] if kit is not None else _prices(frame, order, row.line, row.quantity)
        made.append(
            {
                **goods(frame, row.line, of_kit=kit is not None),
                "quantity": str(row.quantity),
                "prices": own if with_prices else [],
            }
        )
    return made


def packing_slip(frame: Frame, shipment: Shipment, copy: int = 0) -> dict[str, Any]:
    """Return the packing slip of a parcel, with gift message, personalisation and the buyer's note (R-SHIP-08)."""
    order, words, printer = shipment.order, frame.words, frame.printer
    with_prices = frame.settings.slip_prices and not is_gift(order)
    rows = sorted(shipment.lines.all(), key=lambda row: (row.line.position, row.line_id))
    lines = _lines(frame, order, rows, with_prices=with_prices)
    number = parcel_code(shipment)
    made = page(frame, f"{words['packing_slip']} {number}", words["packing_slip"])
    facts = [*order_fact(frame, [order]), [words["parcel"], f"S{shipment.number}"]]
    facts.append([words["ordered"], frame.day(order.placed_at)])
    if shipment.carrier:
        facts.append([words["carrier"], printer.text(shipment.carrier.name, 60)])
    return made | {
        "facts": facts,
        "to": address(frame, order.ship_to, order.customer_name),
        "code": barcode(number, PAGE_CODE),
        "gift": printer.paragraphs(order.gift_message),
        "note": printer.paragraphs(order.buyer_note),
        "price_columns": [words["price"], words["total"]] if with_prices else [],
        "lines": lines,
        "units": f"{words['units']}: {sum(row.quantity for row in rows)}",
        "thanks": printer.paragraphs(frame.settings.thanks),
        "copy": f"{words['copy']} {copy}" if copy else "",
    }


def return_slip(frame: Frame, shipment: Shipment, copy: int = 0) -> dict[str, Any]:
    """Return the slip that a buyer sends back with goods; its code is "R-" and the number of the parcel."""
    order, words = shipment.order, frame.words
    number = f"R-{parcel_code(shipment)}"
    made = page(frame, f"{words['return_slip']} {number}", words["return_slip"])
    to = frame.settings.return_address or frame.settings.seller_address
    rows = sorted(shipment.lines.all(), key=lambda row: (row.line.position, row.line_id))
    return made | {
        "facts": [*order_fact(frame, [order]), [words["ordered"], frame.day(order.placed_at)]],
        "to": {
            "lines": [made["seller"]["name"], *frame.printer.paragraphs(to)],
            "lang": frame.language,
        },
        "code": barcode(number, PAGE_CODE),
        "lines": [
            {**goods(frame, row.line, of_kit=row.line.parent is not None), "quantity": str(row.quantity)}
            for row in rows
        ],
        "reasons": [
            words[key]
            for key in ("reason_size", "reason_damaged", "reason_wrong", "reason_late", "reason_mind")
        ],
        "copy": f"{words['copy']} {copy}" if copy else "",
    }

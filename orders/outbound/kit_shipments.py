"""Kits whose components leave in several shipments: what the channel is sent of them, and with which tracking numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from math import inf

from orders.domain.kits import whole_kits
from orders.models import OrderLine, Shipment, ShipmentLine


def complete_kits(
    ordered: Sequence[OrderLine],
    in_kits: Sequence[ShipmentLine],
    shipments: Sequence[Shipment],
    only: Shipment | None,
) -> dict[str, int]:
    """Return the kits that the channel is sent, by the channel id of their line: those of which every component is there.

    `in_kits` are the component units of the message. With `only` a kit counts in the last shipment that makes it whole: the
    shipments that were ready or left before are looked at, too; one query.
    """
    rows = list(in_kits)
    before: set[int] = set()
    if only is not None:
        mine = _place(only)
        before = {row.pk for row in shipments if row.pk != only.pk and _place(row) < mine}
        rows += ShipmentLine.objects.filter(shipment__in=before, line__parent__isnull=False)
    found: dict[str, int] = {}
    for parent in ordered:
        components = [line for line in ordered if line.parent_id == parent.pk and line.kit_units]
        if not components:
            continue

        def whole(where: Sequence[ShipmentLine], of: Sequence[OrderLine] = components) -> int:
            there = Counter[int]()
            for row in where:
                there[row.line_id] += row.quantity
            return whole_kits((there[line.pk], line.kit_units) for line in of)

        units = whole(rows) - whole([row for row in rows if row.shipment_id in before])
        if units > 0:
            found[parent.external_id] = units
    return found


def earlier(
    ordered: Sequence[OrderLine], complete: Collection[str], shipments: Sequence[Shipment], last: Shipment
) -> list[Shipment]:
    """Return the earlier shipments with components of these kits (channel ids of lines), oldest first.

    The channel was not sent their tracking numbers: they go with `last`, which makes the kits whole. One query, none
    without such kits.
    """
    kits = {line.pk for line in ordered if line.external_id in complete}
    before = {row.pk for row in shipments if row.pk != last.pk and _place(row) < _place(last)}
    if not kits or not before:
        return []
    rows = ShipmentLine.objects.filter(shipment__in=before, line__parent__in=kits)
    found = set(rows.values_list("shipment_id", flat=True))
    return sorted((row for row in shipments if row.pk in found), key=_place)


def joined(numbers: Sequence[str], most: int) -> str:
    """Return tracking numbers as one text of at most `most` characters (0: any); the last number is always in it."""
    kept = list(numbers)
    while len(kept) > 1 and most and len(", ".join(kept)) > most:
        kept.pop(0)
    return ", ".join(kept)


def _place(shipment: Shipment) -> tuple[float, int]:
    """Return what sorts the shipments of an order by the time at which the channel may be sent them; the others are last."""
    at = shipment.ready_at or shipment.handed_over_at
    return (at.timestamp() if at else inf, shipment.number)

"""What the desk sees of each order in a list: three more queries for a page, however long it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import CharField, F, OuterRef, Q, QuerySet, Subquery, Value

from catalogue.models import ProductImage
from channels.models import Connection
from inventory.models import Warehouse
from orders.choices import OPEN_STATUSES
from orders.models import Allocation, Carrier, Order, OrderLine, Shipment

SHOWN_LINES = 2


def thumb_of(product: str, variant: str) -> Subquery:
    """The picture of a line's SKU: its own first, else the first of its product."""
    images = ProductImage.objects.filter(
        Q(variant=OuterRef(variant)) | Q(variant=None, product=OuterRef(product))
    ).order_by(F("variant").asc(nulls_last=True), "position", "id")
    return Subquery(images.values("url")[:1])


def lines_of(orders: Sequence[int]) -> QuerySet[OrderLine]:
    lines = OrderLine.objects.filter(order__in=orders).select_related("variant__product")
    return lines.annotate(thumb=thumb_of("variant__product", "variant")).order_by("order", "position", "id")


@dataclass(slots=True)
class OrderRow:
    """One order of the list with what stands beside it."""

    order: Order
    lines: list[OrderLine]
    more: int
    warehouses: list[str]
    shipments: list[Shipment]

    @property
    def mark(self) -> int:
        """Which of the five store colours the order's store has."""
        return self.order.connection_id % 5

    @property
    def is_open(self) -> bool:
        """Whether the desk still has work on it: only then its ship-by has a colour."""
        return self.order.status in OPEN_STATUSES


def rows_of(orders: Sequence[Order]) -> list[OrderRow]:
    ids = [order.pk for order in orders]
    lines: dict[int, list[OrderLine]] = defaultdict(list)
    for line in lines_of(ids):
        lines[line.order_id].append(line)
    shipments: dict[int, list[Shipment]] = defaultdict(list)
    parcels = Shipment.objects.filter(order__in=ids).exclude(state="cancelled")
    for shipment in parcels.select_related("carrier", "warehouse").order_by("order", "number"):
        shipments[shipment.order_id].append(shipment)
    held: dict[int, dict[str, None]] = defaultdict(dict)
    places = Allocation.objects.filter(line__order__in=ids, state="open").order_by("id")
    for order_id, name in places.values_list("line__order_id", "stock_item__warehouse__name"):
        held[order_id][name] = None
    return [
        OrderRow(
            order=order,
            lines=lines[order.pk][:SHOWN_LINES],
            more=max(0, len(lines[order.pk]) - SHOWN_LINES),
            warehouses=_names(shipments[order.pk]) or list(held[order.pk]),
            shipments=shipments[order.pk],
        )
        for order in orders
    ]


def _names(shipments: Sequence[Shipment]) -> list[str]:
    return list(dict.fromkeys(s.warehouse.name for s in shipments if s.warehouse))


def filter_choices() -> dict[str, list[tuple[int, str]]]:
    """Stores, warehouses and carriers for the filters, in one query."""

    def named(what: str, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.order_by().values_list(Value(what, output_field=CharField()), "pk", "name")

    everything = named("store", Connection.objects.filter(kind="store")).union(
        named("warehouse", Warehouse.objects.all()), named("carrier", Carrier.objects.all()), all=True
    )
    found: dict[str, list[tuple[int, str]]] = {"store": [], "warehouse": [], "carrier": []}
    for what, pk, name in sorted(everything, key=lambda row: str(row[2]).casefold()):
        found[what].append((pk, name))
    return found

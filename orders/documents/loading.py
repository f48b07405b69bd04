"""Read what documents need, in a constant number of statements: shipments with their lines, settings of stores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from django.db.models import Prefetch, QuerySet

from channels.models import Connection
from orders.choices import ShipmentState
from orders.models import DocumentSettings, Order, OrderLine, Shipment, ShipmentLine


def _with_lines(rows: QuerySet[Shipment]) -> QuerySet[Shipment]:
    lines = ShipmentLine.objects.select_related("line__variant__product", "line__parent__variant").order_by(
        "id"
    )
    return rows.select_related("order__connection", "carrier", "warehouse").prefetch_related(
        Prefetch("lines", queryset=lines)
    )


def printable() -> QuerySet[Shipment]:
    """Return the shipments that Manifold packs: neither cancelled nor created on the channel."""
    return Shipment.objects.filter(is_external=False).exclude(state=ShipmentState.CANCELLED)


def shipments_of_orders(order_ids: Sequence[int]) -> list[Shipment]:
    """Return the printable shipments of these orders, in the order of `order_ids`."""
    place = {pk: at for at, pk in enumerate(order_ids)}
    rows = _with_lines(printable().filter(order__in=order_ids))
    return sorted(rows, key=lambda row: (place[row.order_id], row.number))


def shipments_by_id(shipment_ids: Sequence[int]) -> list[Shipment]:
    """Return these shipments that are printable, in the order of the ids."""
    place = {pk: at for at, pk in enumerate(shipment_ids)}
    return sorted(_with_lines(printable().filter(pk__in=shipment_ids)), key=lambda row: place[row.pk])


def parcels_of(shipments: Iterable[Shipment]) -> dict[int, int]:
    """Return how many printable shipments each order has, by order id."""
    orders = {shipment.order_id for shipment in shipments}
    return Counter(printable().filter(order__in=orders).values_list("order_id", flat=True))


def settings_of(store_ids: Iterable[int]) -> dict[int, DocumentSettings]:
    """Return the document settings by store; unsaved ones with the defaults where a store has none."""
    stores = Connection.objects.filter(pk__in=set(store_ids)).select_related("document_settings")
    return {
        store.pk: getattr(store, "document_settings", None) or DocumentSettings(connection=store)
        for store in stores
    }


def orders_with_lines(order_ids: Sequence[int]) -> dict[int, Order]:
    """Return orders with their lines and stores, by id."""
    lines = OrderLine.objects.select_related("variant__product").order_by("position", "id")
    rows = Order.objects.filter(pk__in=order_ids).select_related("connection")
    return {order.pk: order for order in rows.prefetch_related(Prefetch("lines", queryset=lines))}

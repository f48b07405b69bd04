"""The events of outgoing webhooks about orders, found in their timelines; and the stock that orders allocate."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from channels.push import hook_kinds as events
from inventory.api.hook_events import STOCK
from orders.models import Order, OrderEvent, OrderLine

CREATED: Final = "order.created"
CHANGED: Final = "order.status_changed"
PLACED: Final = "placed"


def _created(after: int, most: int) -> Sequence[events.Found]:
    rows = OrderEvent.objects.filter(pk__gt=after, kind=PLACED, order__is_history=False).order_by("pk")
    return [
        events.Found(pk, at, str(order), order)
        for pk, at, order in rows.values_list("pk", "at", "order")[:most]
    ]


def _changed(after: int, most: int) -> Sequence[events.Found]:
    rows = OrderEvent.objects.filter(pk__gt=after).exclude(to_status="").exclude(kind=PLACED).order_by("pk")
    found = rows.values_list("pk", "at", "order", "from_status", "to_status")[:most]
    return [
        events.Found(pk, at, str(pk), order, {"from_status": before, "to_status": to})
        for pk, at, order, before, to in found
    ]


def _stock(after: int, most: int) -> Sequence[events.Found]:
    """Return one event for each SKU of the orders in whose timeline something happened: they may have allocated it."""
    rows = list(
        OrderEvent.objects.filter(pk__gt=after).order_by("pk").values_list("pk", "at", "order")[:most]
    )
    newest = {order: (pk, at) for pk, at, order in rows}
    lines = OrderLine.objects.filter(order__in=newest, variant__isnull=False, needs_stock=True).order_by()
    found: dict[int, events.Found] = {}
    for order, variant in lines.values_list("order", "variant").distinct():
        pk, at = newest[order]
        if variant not in found or found[variant].row < pk:
            found[variant] = events.Found(pk, at, f"{variant}-e{pk}", variant)
    return sorted(found.values(), key=lambda one: one.row)


def _newest() -> int:
    return OrderEvent.objects.aggregate(key=Max("pk"))["key"] or 0


def _payload(ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """Return these orders as they are now, without personal data; `GET /orders/{id}` has the rest."""
    orders = Order.objects.filter(pk__in=ids).select_related("connection").prefetch_related("lines")
    return {
        order.pk: {
            "id": order.pk,
            "number": order.number,
            "external_id": order.external_id,
            "store": {"id": order.connection_id, "name": order.connection.name},
            "status": order.status,
            "placed_at": order.placed_at.isoformat(),
            "total": str(order.total),
            "currency": order.currency,
            "lines": [
                {"sku": line.sku, "quantity": line.quantity, "shipped": line.shipped}
                for line in order.lines.all()
            ],
        }
        for order in orders
    }


def declare() -> None:
    """Declare the events; called at start-up."""
    events.declare(
        events.Kind(CREATED, _("Order created"), _payload, [events.Source("order_event", _created, _newest)])
    )
    events.declare(
        events.Kind(
            CHANGED, _("Order status changed"), _payload, [events.Source("order_event", _changed, _newest)]
        )
    )
    events.extend(STOCK, events.Source("order_event", _stock, _newest))

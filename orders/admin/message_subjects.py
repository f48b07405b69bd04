"""Names and addresses of orders for the list of messages."""

from __future__ import annotations

from collections.abc import Collection

from django.urls import reverse

from channels.admin.message_text import MANIFEST, ORDER, SHIPMENT, subjects
from orders.models import Manifest, Order, Shipment


@subjects(ORDER)
def orders(keys: Collection[int]) -> dict[int, tuple[str, str]]:
    """Return number and address of these orders, by primary key."""
    found = Order.objects.filter(pk__in=keys).values_list("pk", "number")
    return {pk: (f"#{number}", reverse("admin:orders_order_change", args=[pk])) for pk, number in found}


@subjects(SHIPMENT)
def shipments(keys: Collection[int]) -> dict[int, tuple[str, str]]:
    """Return number and address of the orders of these shipments, by primary key of the shipment."""
    found = Shipment.objects.filter(pk__in=keys).select_related("order")
    return {row.pk: (str(row), reverse("admin:orders_order_change", args=[row.order_id])) for row in found}


@subjects(MANIFEST)
def manifests(keys: Collection[int]) -> dict[int, tuple[str, str]]:
    """Return number and address of these manifests, by primary key."""
    found = Manifest.objects.filter(pk__in=keys).values_list("pk", "number")
    return {pk: (number, reverse("admin:orders_manifest_change", args=[pk])) for pk, number in found}

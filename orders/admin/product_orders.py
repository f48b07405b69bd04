"""The panel "Open orders" on the page of a product."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from catalogue.models import Product
from oms.kit.admin.panels import panel
from orders.choices import OPEN_STATUSES, STATUS_COLOURS
from orders.models import Order, OrderLine

SHOWN = 20


@panel(
    Product,
    "open_orders",
    label=_("Open orders"),
    permission="orders.view_order",
    template="orders/product_orders.html",
    position=30,
)
def open_orders(request: HttpRequest, product: Product) -> dict[str, Any]:
    """Return the newest open orders with a SKU of the product; two statements."""
    lines = OrderLine.objects.filter(variant__product=product, order__status__in=OPEN_STATUSES)
    newest = lines.order_by("-order_id").values_list("order_id", flat=True).distinct()[: SHOWN + 1]
    keys = list(newest)
    orders = Order.objects.filter(pk__in=keys[:SHOWN]).select_related("connection").order_by("-id")
    rows = [
        (order, reverse("admin:orders_order_change", args=[order.pk]), STATUS_COLOURS[order.status])
        for order in orders
    ]
    return {"orders": rows, "has_more": len(keys) > SHOWN}

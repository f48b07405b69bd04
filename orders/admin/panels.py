"""Cards that orders add to the pages of the apps below."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from catalogue.models import Product
from oms.kit.admin.panels import panel
from orders.choices import OPEN_STATUSES, STATUS_COLOURS
from orders.domain.moves import SHIP
from orders.models import Order, OrderLine
from orders.services.corrections.one_parcel import same_parcel

SHOWN = 10


@panel(
    Order,
    "one_parcel",
    label=_("Same buyer and address"),
    permission="orders.view_order",
    template="orders/one_parcel_panel.html",
    position=10,
)
def one_parcel(request: HttpRequest, order: Order) -> dict[str, Any] | None:
    """Return the orders that may go into one parcel with this one; None when there are none."""
    found = same_parcel(order)
    if not found:
        return None
    return {"order": order, "others": found, "may_ship": request.user.has_perm(SHIP)}


@panel(
    Product,
    "open_orders",
    label=_("Open orders"),
    permission="orders.view_order",
    template="orders/open_orders_panel.html",
)
def open_orders(request: HttpRequest, product: Product) -> dict[str, Any] | None:
    """Return the open orders with a SKU of this product, by ship-by; None when there are none."""
    lines = OrderLine.objects.filter(variant__product=product, order__status__in=OPEN_STATUSES)
    shown = list(
        lines.select_related("variant", "order__connection")
        .defer("order__ship_to", "order__bill_to")
        .order_by("order__ship_by_at", "order_id")[: SHOWN + 1]
    )
    if not shown:
        return None
    return {
        "lines": shown[:SHOWN],
        "has_more": len(shown) > SHOWN,
        "units": sum(line.quantity for line in shown) if len(shown) <= SHOWN else None,
        "colours": STATUS_COLOURS,
    }

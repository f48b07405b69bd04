"""The causes of alerts of orders: late orders, and SKUs of which more was sold than is in stock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count, F, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from channels.models import Connection
from channels.stores import alert_kinds as kinds
from channels.stores.alert_kinds import AlertKind, Cause
from oms.kit.admin.pages import address
from oms.kit.numbers import grouped
from orders.choices import OrderStatus
from orders.domain import ship_by
from orders.models import Order, OrderLine

VIEW = "orders.view_order"


def late_orders() -> Iterator[Cause]:
    """Return the stores with orders whose ship-by has passed."""
    late = Order.objects.filter(ship_by.due_within(ship_by.LATE, timezone.now())).order_by()
    counts = dict(late.values_list("connection_id").annotate(n=Count("pk")))
    for pk, name in Connection.objects.filter(pk__in=counts).order_by("pk").values_list("pk", "name"):
        text = ngettext("%s late order", "%s late orders", counts[pk]) % grouped(counts[pk])
        url = address("orders_order_changelist", due=ship_by.LATE, store=pk)
        yield Cause(f"store:{pk}", f"{name}: {text}", url, pk)


def oversold() -> Iterator[Cause]:
    """Return the SKUs of which open orders need more units than are in stock."""
    missing = F("quantity") - F("allocated") - F("shipped") - F("cancelled")
    rows = (
        OrderLine.objects.filter(
            order__status=OrderStatus.PARTIAL,
            variant__isnull=False,
            needs_stock=True,
            is_counted=True,
            quantity__gt=F("allocated") + F("shipped") + F("cancelled"),
        )
        .order_by()
        .values("variant_id", "variant__sku")
        .annotate(units_missing=Sum(missing), orders=Count("order", distinct=True))
    )
    for row in rows.order_by("variant_id"):
        text = _("%(sku)s is oversold. Units missing: %(units)s. Orders waiting: %(n)s.") % {
            "sku": row["variant__sku"],
            "units": grouped(row["units_missing"]),
            "n": grouped(row["orders"]),
        }
        url = address("orders_order_changelist", tab=str(OrderStatus.PARTIAL))
        yield Cause(f"sku:{row['variant_id']}", text, url)


def declare() -> None:
    """Declare the kinds; called at start-up."""
    kinds.declare(
        AlertKind(
            "oversell",
            gettext_lazy("Oversold"),
            gettext_lazy("Orders need more units of a SKU than are in stock."),
            VIEW,
            oversold,
        ),
        AlertKind(
            "late_orders",
            gettext_lazy("Late orders"),
            gettext_lazy("The time to ship an order has passed."),
            VIEW,
            late_orders,
            every=timedelta(minutes=5),
            is_on_home=False,
        ),
    )

"""The causes of alerts of inventory: SKUs at or below their reorder point."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels.stores import alert_kinds as kinds
from channels.stores.alert_kinds import AlertKind, Cause
from inventory.models import StockItem
from oms.kit.admin.pages import address
from oms.kit.numbers import grouped


def low_stock() -> Iterator[Cause]:
    """Return the SKUs whose available units, over all active warehouses, are at or below their reorder point."""
    low: QuerySet[Any, Any] = StockItem.objects.low()
    rows = (
        low.filter(variant__is_counted=True, variant__is_stopped=False, variant__product__is_archived=False)
        .order_by("variant_id")
        .values_list("variant_id", "variant__sku", "variant_available", "variant__reorder_point")
        .distinct()
    )
    for pk, sku, available, point in rows.iterator():
        text = _("%(sku)s is low: %(available)s available, reorder point %(point)s.") % {
            "sku": sku,
            "available": grouped(available),
            "point": grouped(point),
        }
        yield Cause(f"sku:{pk}", text, address("inventory_stockitem_changelist", q=sku))


def declare() -> None:
    """Declare the kind; called at start-up."""
    kinds.declare(
        AlertKind(
            "low_stock",
            gettext_lazy("Low stock"),
            gettext_lazy("A SKU is at or below its reorder point. Sent once an hour for all SKUs together."),
            "inventory.view_stockitem",
            low_stock,
            every=timedelta(minutes=10),
            is_urgent=False,
            is_on_home=False,
        )
    )

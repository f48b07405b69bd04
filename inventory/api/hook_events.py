"""The event of an outgoing webhook: the stock of a SKU has changed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from catalogue.models import Variant
from channels.push import hook_kinds as events
from inventory.models import StockItem, StockMovement

STOCK: Final = "stock.changed"


def _read(after: int, most: int) -> Sequence[events.Found]:
    """Return one event for each SKU that moved: its newest movement."""
    rows = StockMovement.objects.filter(pk__gt=after).order_by("pk")
    newest: dict[int, events.Found] = {}
    for pk, at, variant in rows.values_list("pk", "at", "stock_item__variant")[:most]:
        newest[variant] = events.Found(pk, at, f"{variant}-m{pk}", variant)
    return sorted(newest.values(), key=lambda one: one.row)


def _newest() -> int:
    return StockMovement.objects.aggregate(key=Max("pk"))["key"] or 0


def _payload(ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """Return the stock of these SKUs now, in each warehouse."""
    found: dict[int, dict[str, Any]] = {
        pk: {"sku": sku, "warehouses": []}
        for pk, sku in Variant.objects.filter(pk__in=ids).values_list("pk", "sku")
    }
    for item in StockItem.objects.filter(variant__in=ids).select_related("warehouse").order_by("pk"):
        found[item.variant_id]["warehouses"].append(
            {
                "warehouse": item.warehouse.code,
                "on_hand": item.on_hand,
                "allocated": item.allocated,
                "available": item.available,
                "unusable": item.unusable,
            }
        )
    return found


def declare() -> None:
    """Declare the event; called at start-up."""
    events.declare(
        events.Kind(STOCK, _("Stock changed"), _payload, [events.Source("movement", _read, _newest)])
    )

"""Stock figures for the lists of the catalogue, registered with `catalogue.callbacks`: that app is below this one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import QuerySet, Sum

from catalogue.callbacks import Units
from inventory.models import StockItem


def units_of(variant_ids: Collection[int]) -> dict[int, Units]:
    """Return the units on hand and allocated of each variant, over all warehouses; one statement."""
    rows = StockItem.objects.filter(variant__in=list(variant_ids)).values("variant").order_by()
    return {
        row["variant"]: Units(row["units"], row["allocated_units"])
        for row in rows.annotate(units=Sum("on_hand"), allocated_units=Sum("allocated"))
    }


def low_variants() -> QuerySet[Any, Any]:
    """Return the ids of variants at or below their reorder point, for use as a subquery."""
    return StockItem.objects.low().values("variant")

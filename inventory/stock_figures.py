"""Stock figures for the lists of the catalogue, registered with `catalogue.callbacks`: that app is below this one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import F, QuerySet, Sum

from catalogue.callbacks import Units
from channels.models import Connection
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


def available_in_store(connection: Connection, variant_ids: Collection[int]) -> dict[int, int]:
    """Return the available units of each variant in the active warehouses of a store; one statement.

    A variant without stock there has 0.
    """
    rows = StockItem.objects.filter(
        variant__in=list(variant_ids),
        warehouse__mappings__connection=connection,
        warehouse__is_active=True,
    )
    found = rows.values("variant").order_by().annotate(units=Sum(F("on_hand") - F("allocated")))
    return dict.fromkeys(variant_ids, 0) | {row["variant"]: row["units"] for row in found}

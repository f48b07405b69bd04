"""Queries of stock items, and the order in which they are locked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Subquery, Sum

from catalogue.models import KitComponent

if TYPE_CHECKING:
    from inventory.models import StockItem


class StockItemQuerySet(models.QuerySet["StockItem"]):
    """Queries of stock items."""

    def low(self) -> Self:
        """Return the stock items of variants whose available units, over all active warehouses, are at or below the reorder point."""
        whole = (
            self.model.objects.filter(variant=OuterRef("variant"), warehouse__is_active=True)
            .order_by()
            .values("variant")
            .annotate(units=Sum(F("on_hand") - F("allocated")))
            .values("units")
        )
        return (
            self.filter(variant__reorder_point__isnull=False)
            .annotate(variant_available=Subquery(whole))
            .filter(variant_available__lte=F("variant__reorder_point"))
        )

    def locked(self, variant_ids: Iterable[int]) -> list[StockItem]:
        """Lock and return the stock items of these variants (ids) by primary key, so that two transactions cannot deadlock.

        Each has `of_kit` and `in_kit`: whether its variant is a kit now, or a component of one.
        """
        rows = self.filter(variant__in=list(variant_ids)).noting_kits()
        return list(rows.select_for_update(of=("self",)).order_by("pk"))

    def noting_kits(self) -> Self:
        """Return the stock items with `of_kit` and `in_kit`: whether the variant is a kit, or a component of one."""
        kits = KitComponent.objects.filter(component=OuterRef("variant"))
        return self.annotate(of_kit=F("variant__is_kit"), in_kit=Exists(kits))

    def noting_differences(self) -> Self:
        """Return the stock items with `has_difference` and `merged_into`.

        `has_difference`: whether a store shows another figure of the variant, undecided. `merged_into`: the SKU into which
        the variant was merged, None where it was not.
        """
        differences = self.model._meta.apps.get_model("inventory", "StockDifference").objects.filter(
            listing_variant__variant=OuterRef("variant"), decided_at=None, is_tracking=False
        )
        return self.annotate(has_difference=Exists(differences), merged_into=F("variant__merged_into__sku"))

"""SKUs at or below their reorder point, with what was shipped lately and the days that the rest lasts."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from django.db.models import Exists, F, OuterRef, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from catalogue.models import Variant
from inventory.models import StockItem, StockMovement

#: The days whose shipments are the sales of a SKU.
SOLD_IN: Final = 30
SLICE: Final = 1_000


@dataclass(frozen=True, slots=True)
class LowSku:
    """One SKU. `shipped` are the units of the last 30 days; `cover` the days that the available units last at that rate.

    `cover` is None when nothing was shipped. `missing` are the units up to the reorder point.
    """

    variant_id: int
    sku: str
    title: str
    brand: str
    available: int
    reorder_point: int
    shipped: int

    @property
    def missing(self) -> int:
        """Units that are missing to the reorder point."""
        return max(self.reorder_point - self.available, 0)

    @property
    def cover(self) -> Decimal | None:
        """Days, to one decimal."""
        if not self.shipped:
            return None
        return (Decimal(self.available) * SOLD_IN / self.shipped).quantize(Decimal("0.1"))


def low_skus() -> QuerySet[Any]:
    """Return the variants that are at or below their reorder point, those that miss most units first.

    SKUs that are no longer sold, whose stock is not tracked, or whose product is archived are left out. Units are those
    of all active warehouses; a SKU without stock in any warehouse has none.
    """
    stock = StockItem.objects.filter(variant=OuterRef("pk"), warehouse__is_active=True).order_by()
    units = stock.values("variant").annotate(units=Sum(F("on_hand") - F("allocated"))).values("units")
    rows = Variant.objects.filter(
        Exists(StockItem.objects.filter(variant=OuterRef("pk"))),
        reorder_point__isnull=False,
        is_counted=True,
        is_stopped=False,
        product__is_archived=False,
    )
    low: QuerySet[Any] = rows.annotate(free=Coalesce(units, 0)).filter(free__lte=F("reorder_point"))
    found: QuerySet[Any] = low.annotate(gap=F("reorder_point") - F("free")).order_by("-gap", "sku_key")
    return found


def shipped_of(variant_ids: Collection[int]) -> dict[int, int]:
    """Return the units of these variants that were shipped in the last 30 days; one statement."""
    since = timezone.now() - timedelta(days=SOLD_IN)
    rows = StockMovement.objects.filter(
        at__gte=since, kind=StockMovement.Kind.SHIPMENT, stock_item__variant__in=list(variant_ids)
    ).order_by()
    sums = rows.values_list("stock_item__variant").annotate(units=Sum("quantity"))
    return {variant: max(-units, 0) for variant, units in sums}


def low_stock() -> Iterator[LowSku]:
    """Yield the SKUs of `low_skus` with their figures, a thousand at a time: any number needs no memory."""
    fields = ("pk", "sku", "product__title", "product__brand__name", "free", "reorder_point")
    rows = low_skus().values_list(*fields).iterator(chunk_size=SLICE)
    while part := list(islice(rows, SLICE)):
        shipped = shipped_of([row[0] for row in part])
        for pk, sku, title, brand, free, point in part:
            yield LowSku(pk, sku, title, brand or "", free, point, shipped.get(pk, 0))

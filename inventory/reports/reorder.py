"""What to order: days of cover from the sales of 30 or 90 days, against the lead time of the supplier."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_UP, Decimal
from typing import Any, Final

from django.db.models import F, Q, Sum
from django.utils import timezone

from catalogue.models import Variant
from inventory.models import Delivery, DeliveryLine, StockItem, StockMovement
from inventory.services.stock_work.transfers import in_transit
from oms.kit.bulk import among

PERIODS: Final = (30, 90)
#: What holds for a SKU without a supplier.
LEAD_DAYS: Final = 14
COVER_DAYS: Final = 30
SLICE: Final = 1_000


@dataclass(frozen=True, slots=True)
class ReorderSku:
    """One SKU. `coming` are units of open deliveries and in transit; `sold` those shipped in `days` days."""

    variant_id: int
    sku: str
    title: str
    available: int
    coming: int
    sold: int
    days: int
    reorder_point: int | None
    supplier_id: int | None
    supplier: str
    code: str
    lead_days: int
    cover_days: int
    cost: Decimal | None
    currency: str

    @property
    def cover(self) -> Decimal | None:
        """Days that the available and the coming units last, to one decimal; None when nothing is sold."""
        if not self.sold:
            return None
        return (Decimal(max(self.available + self.coming, 0)) * self.days / self.sold).quantize(
            Decimal("0.1")
        )

    @property
    def is_due(self) -> bool:
        """Whether it is to be ordered now: it lasts no longer than the lead time, or is at its reorder point."""
        is_low = self.reorder_point is not None and self.available + self.coming <= self.reorder_point
        return is_low or (self.cover is not None and self.cover <= self.lead_days)

    @property
    def suggested(self) -> int:
        """Units to order: up to the sales of lead time and cover, and above the reorder point; 0 when it is not due."""
        if not self.is_due:
            return 0
        need = Decimal(self.sold) * (self.lead_days + self.cover_days) / self.days
        target = int(need.to_integral_value(ROUND_UP))
        if self.reorder_point is not None:
            target = max(target, self.reorder_point + 1)
        return max(target - self.available - self.coming, 0)

    @property
    def worth(self) -> Decimal | None:
        """The cost of the suggested units."""
        return None if self.cost is None else self.suggested * self.cost


def reorder_list(days: int = 30, *, supplier_id: int | None = None) -> list[ReorderSku]:
    """Return the SKUs that sold in 90 days or have a reorder point, the most urgent first.

    SKUs that are no longer sold, whose stock is not tracked, or whose product is archived are left out. `supplier_id`:
    those of one supplier only. A constant number of statements, and one for each thousand SKUs.
    """
    sold_lately = _sold(max(PERIODS))
    sold = sold_lately if days == max(PERIODS) else _sold(days)
    coming = _expected()
    for variant_id, units in in_transit().items():
        coming[variant_id] = coming.get(variant_id, 0) + units
    rows = Variant.objects.filter(
        is_counted=True, is_stopped=False, merged_into=None, product__is_archived=False
    )
    if supplier_id is not None:
        rows = rows.filter(supplied__supplier=supplier_id)
    else:
        rows = rows.filter(Q(reorder_point__isnull=False) | Q(pk__in=among(list(sold_lately))))
    found = [
        _row(row, sold.get(row["pk"], 0), days, coming.get(row["pk"], 0), available)
        for row, available in _with_available(rows)
    ]
    return sorted(found, key=_urgency)


def purchase_lines(supplier_id: int, days: int = 30) -> list[ReorderSku]:
    """Return what to order from one supplier now."""
    return [row for row in reorder_list(days, supplier_id=supplier_id) if row.suggested]


def _urgency(row: ReorderSku) -> tuple[Any, ...]:
    slack = row.cover - row.lead_days if row.cover is not None else Decimal(100_000)
    return (not row.is_due, slack, row.sku)


def _row(row: dict[str, Any], sold: int, days: int, coming: int, available: int) -> ReorderSku:
    has = row["supplied__supplier"] is not None
    return ReorderSku(
        variant_id=row["pk"],
        sku=row["sku"],
        title=row["product__title"],
        available=available,
        coming=coming,
        sold=sold,
        days=days,
        reorder_point=row["reorder_point"],
        supplier_id=row["supplied__supplier"],
        supplier=row["supplied__supplier__name"] or "",
        code=row["supplied__code"] or "",
        lead_days=row["supplied__supplier__lead_days"] if has else LEAD_DAYS,
        cover_days=row["supplied__supplier__cover_days"] if has else COVER_DAYS,
        cost=row["cost"],
        currency=row["currency"],
    )


def _with_available(rows: Any) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield each variant with its available units over all active warehouses."""
    fields = (
        "pk", "sku", "product__title", "reorder_point", "cost", "currency", "supplied__supplier", "supplied__code",
        "supplied__supplier__name", "supplied__supplier__lead_days", "supplied__supplier__cover_days",
    )  # fmt: skip
    every = list(rows.order_by("pk").values(*fields))
    for at in range(0, len(every), SLICE):
        part = every[at : at + SLICE]
        free = _available([row["pk"] for row in part])
        for row in part:
            yield row, free.get(row["pk"], 0)


def _available(variant_ids: Collection[int]) -> dict[int, int]:
    rows = StockItem.objects.filter(variant__in=among(variant_ids), warehouse__is_active=True).order_by()
    return dict(rows.values_list("variant").annotate(units=Sum(F("on_hand") - F("allocated"))))


def _sold(days: int) -> dict[int, int]:
    """Return the units that were shipped in these days, by variant id."""
    rows = StockMovement.objects.filter(
        at__gte=timezone.now() - timedelta(days=days), kind=StockMovement.Kind.SHIPMENT
    ).order_by()
    sums = rows.values_list("stock_item__variant").annotate(units=Sum("quantity"))
    return {variant_id: -units for variant_id, units in sums if units < 0}


def _expected() -> dict[int, int]:
    """Return the units that open deliveries still bring, by variant id."""
    rows = DeliveryLine.objects.filter(
        delivery__state__in=Delivery.OPEN, quantity__gt=F("received")
    ).order_by()
    return dict(rows.values_list("variant").annotate(units=Sum(F("quantity") - F("received"))))

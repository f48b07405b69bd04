"""How long the units on hand have been there: those received last are taken as the ones that are left.

A receipt is every movement that adds units (goods received, returns, transfers, counts, opening stock): units that came by
a transfer count from its day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from django.db.models import Q, Sum
from django.utils import timezone

from inventory.models import StockItem, StockMovement
from oms.kit.bulk import among

#: The upper ends of the age bands, in days; the last band has none.
BANDS: Final = (30, 90, 180, 365)
SLICE: Final = 1_000


@dataclass(frozen=True, slots=True)
class AgedSku:
    """One SKU in one warehouse: its units on hand by age band, the youngest first."""

    sku: str
    title: str
    warehouse: str
    units: tuple[int, ...]
    cost: Decimal | None
    currency: str

    @property
    def oldest(self) -> int:
        """Units of the last two bands."""
        return sum(self.units[-2:])

    @property
    def worth(self) -> Decimal | None:
        """The cost of those units."""
        return None if self.cost is None else self.oldest * self.cost


@dataclass(slots=True)
class AgedWarehouse:
    """The units of one warehouse by age band."""

    name: str
    units: list[int] = field(default_factory=lambda: [0] * (len(BANDS) + 1))


def band_names() -> list[str]:
    """Return the names of the bands in days: "0–30" … "over 365"."""
    starts = (0, *(end + 1 for end in BANDS))
    return [f"{start}–{end}" for start, end in zip(starts, BANDS, strict=False)] + [f"> {BANDS[-1]}"]


def ageing() -> Iterator[AgedSku]:
    """Yield each SKU and warehouse with units on hand, a thousand at a time."""
    now = timezone.now()
    fields = (
        "pk", "on_hand", "variant__sku", "variant__product__title", "warehouse__name", "variant__cost",
        "variant__currency",
    )  # fmt: skip
    rows = StockItem.objects.filter(on_hand__gt=0).order_by("pk").values_list(*fields)
    source = rows.iterator(chunk_size=SLICE)
    since = [now - timedelta(days=days) for days in BANDS]
    sums: dict[str, Any] = {
        f"band{i}": Sum("quantity", filter=Q(at__gte=start), default=0) for i, start in enumerate(since)
    }
    while part := list(islice(source, SLICE)):
        added = StockMovement.objects.filter(stock_item__in=among([row[0] for row in part]), quantity__gt=0)
        grouped: Any = added.order_by().values("stock_item").annotate(**sums)
        found: dict[int, Any] = {row["stock_item"]: row for row in grouped}
        for pk, on_hand, sku, title, warehouse, cost, currency in part:
            received = found.get(pk, {})
            upto = [min(received.get(f"band{i}", 0), on_hand) for i in range(len(BANDS))] + [on_hand]
            units = tuple(here - before for before, here in zip([0, *upto], upto, strict=False))
            yield AgedSku(sku, title, warehouse, units, cost, currency)


def summary(shown: int) -> tuple[list[AgedWarehouse], list[AgedSku]]:
    """Return the units of each warehouse by age, and the `shown` SKUs with most units that are older than 180 days."""
    places: dict[str, AgedWarehouse] = {}
    old: list[AgedSku] = []
    for row in ageing():
        place = places.setdefault(row.warehouse, AgedWarehouse(row.warehouse))
        for index, units in enumerate(row.units):
            place.units[index] += units
        if row.oldest:
            old.append(row)
            if len(old) > 4 * shown:
                old = sorted(old, key=lambda one: (-one.oldest, one.sku))[:shown]
    return (
        sorted(places.values(), key=lambda one: one.name),
        sorted(old, key=lambda one: (-one.oldest, one.sku))[:shown],
    )

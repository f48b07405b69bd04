"""The units on hand at the end of a day, and their value at the cost that each SKU had then.

A SKU has one cost: the moving average that receipts made, or the last that a person entered. Receipts record how they
changed it (`CostChange`): the cost of a day is the one from before the first change after that day, and today's where
there is none. What people enter is not recorded there, so it counts from the beginning until the next receipt. Amounts
of different currencies are never added up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from django.db.models import Case, DecimalField, F, OuterRef, QuerySet, Subquery, Sum, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from inventory.models import CostChange, StockItem, StockMovement, Warehouse

SLICE: Final = 1_000
_MONEY: Final = DecimalField(max_digits=24, decimal_places=4)


@dataclass(slots=True)
class Value:
    """The stock of one warehouse: units, units without a cost, and the value by currency."""

    warehouse: str
    units: int = 0
    unpriced: int = 0
    worth: dict[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """One SKU in one warehouse. `cost` is None where the SKU has none."""

    sku: str
    title: str
    warehouse: str
    units: int
    cost: Decimal | None
    currency: str

    @property
    def worth(self) -> Decimal | None:
        """Units times cost."""
        return None if self.cost is None else self.units * self.cost


def end_of(day: date) -> datetime:
    """Return the first instant after a day, in the time zone of the installation."""
    return datetime.combine(day + timedelta(days=1), time.min, tzinfo=timezone.get_default_timezone())


def values_at(day: date) -> list[Value]:
    """Return the stock of each warehouse at the end of a day, by name; three statements.

    What is on hand now, less what has changed since.
    """
    found: dict[int, Value] = {pk: Value(name) for pk, name in Warehouse.objects.values_list("pk", "name")}
    for row in _sums(StockItem.objects.exclude(on_hand=0), "on_hand", "", end_of(day)):
        _add(found[row["warehouse"]], row, 1)
    later = StockMovement.objects.filter(at__gte=end_of(day))
    for row in _sums(later, "quantity", "stock_item__", end_of(day)):
        _add(found[row["stock_item__warehouse"]], row, -1)
    rows = [one for one in found.values() if one.units or one.unpriced or any(one.worth.values())]
    return sorted(rows, key=lambda one: one.warehouse)


def cost_at(end: datetime, path: str = "") -> Any:
    """Return the expression for the cost at this time; `path` leads from the row to its stock item.

    Where no receipt has changed a cost since, it is the column of the SKU, without a subquery.
    """
    now = F(f"{path}variant__cost")
    if not CostChange.objects.filter(at__gte=end).exists():
        return now
    later = CostChange.objects.filter(variant=OuterRef(f"{path}variant"), at__gte=end).order_by("at", "id")
    return Coalesce(Subquery(later.values("before")[:1]), now, output_field=_MONEY)


def _sums(rows: QuerySet[Any], units: str, path: str, end: datetime) -> QuerySet[Any, Any]:
    """Return the sums of `units` by warehouse and currency; `path` leads from the row to its stock item."""
    worth = Case(When(cost_then__isnull=False, then=F(units) * F("cost_then")), output_field=_MONEY)
    unpriced = Case(When(cost_then__isnull=True, then=F(units)), default=0)
    found: QuerySet[Any, Any] = (
        rows.order_by()
        .alias(cost_then=cost_at(end, path))
        .values(f"{path}warehouse", f"{path}variant__currency")
        .annotate(pieces=Sum(units), money=Sum(worth), no_cost=Sum(unpriced))
    )
    return found


def _add(one: Value, row: dict[str, Any], sign: int) -> None:
    one.units += sign * row["pieces"]
    one.unpriced += sign * row["no_cost"]
    if row["money"] is not None:
        currency = row.get("variant__currency", row.get("stock_item__variant__currency", ""))
        one.worth[currency] = one.worth.get(currency, Decimal(0)) + sign * row["money"]


def lines_at(day: date) -> Iterator[Line]:
    """Yield each SKU and warehouse with units at the end of a day, a thousand at a time."""
    end = end_of(day)
    fields = (
        "pk", "on_hand", "variant__sku", "variant__product__title", "warehouse__name", "cost_then",
        "variant__currency",
    )  # fmt: skip
    priced = StockItem.objects.order_by("pk").annotate(cost_then=cost_at(end))
    rows = priced.values_list(*fields).iterator(chunk_size=SLICE)
    while part := list(islice(rows, SLICE)):
        changed = StockMovement.objects.filter(
            at__gte=end, stock_item__in=[row[0] for row in part]
        ).order_by()
        since = dict(changed.values_list("stock_item").annotate(units=Sum("quantity")))
        for pk, on_hand, sku, title, warehouse, cost, currency in part:
            if units := on_hand - since.get(pk, 0):
                yield Line(sku, title, warehouse, units, cost, currency)

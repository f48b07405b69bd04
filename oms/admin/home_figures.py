"""The numbers of Home: each set in one query, whatever its size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Min, Q, QuerySet, Sum
from django.db.models.functions import TruncDate, TruncHour
from django.utils import timezone
from django.utils.translation import gettext as _

from orders.choices import OPEN_STATUSES, OrderStatus
from orders.domain import ship_by
from orders.models import DayFigures, Order
from orders.ops.reports.figures import GONE, bounds_of
from orders.ops.reports.rollups import built_days


@dataclass(frozen=True, slots=True)
class StateFigure:
    status: str
    label: str
    count: int
    late: int

    @property
    def tab(self) -> str:
        """The tab of the order list that holds this state."""
        return "cancelled" if "cancel" in self.status else self.status


def open_states() -> tuple[list[StateFigure], datetime | None]:
    """Open orders by state with how many of each are late, and when the oldest New one was placed."""
    late = ship_by.due_within(ship_by.LATE, timezone.now())
    rows: dict[str, dict[str, Any]] = {
        str(row["status"]): dict(row)
        for row in Order.objects.filter(status__in=OPEN_STATUSES)
        .order_by()
        .values("status")
        .annotate(n=Count("pk"), late=Count("pk", filter=late), oldest=Min("placed_at"))
    }
    figures = [
        StateFigure(
            str(status),
            str(OrderStatus(status).label),
            rows.get(status, {}).get("n", 0),
            rows.get(status, {}).get("late", 0),
        )
        for status in OPEN_STATUSES
    ]
    return figures, rows.get(OrderStatus.NEW, {}).get("oldest")


def ship_by_buckets() -> list[tuple[str, str, int]]:
    """Orders that may be shipped, by the time that is left to ship them: (key, label, count)."""
    now = timezone.now()
    edges = {key: ship_by.due_within(key, now) for key in ship_by.RANGES}
    found = Order.objects.filter(ship_by.may_be_shipped()).aggregate(
        **{f"in_{key}": Count("pk", filter=rule) for key, rule in edges.items()}
    )
    labels = {
        "late": _("late"),
        "1h": _("under 1 h"),
        "4h": _("1 to 4 h"),
        "24h": _("4 to 24 h"),
        "later": _("later"),
    }
    return [(key, labels[key], found[f"in_{key}"]) for key in edges]


def orders_per_hour() -> tuple[list[int], list[int], int]:
    """Orders placed in each hour of today so far, of the same day last week, and the present hour (viewer's zone)."""
    now = timezone.localtime()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    week_ago = today - timedelta(days=7)
    rows = (
        Order.objects.filter(
            Q(placed_at__gte=today, placed_at__lte=now)
            | Q(placed_at__gte=week_ago, placed_at__lt=week_ago + timedelta(days=1))
        )
        .order_by()
        .annotate(hour=TruncHour("placed_at"))
        .values("hour")
        .annotate(n=Count("pk"))
    )
    now_row, then_row = [0] * (now.hour + 1), [0] * 24
    for row in rows:
        local = timezone.localtime(row["hour"])
        if local >= today:
            now_row[local.hour] += row["n"]
        else:
            then_row[local.hour] += row["n"]
    return now_row, then_row, now.hour


@dataclass(slots=True)
class Turnover:
    """Thirty days of one currency: per store the units, orders and money, and the money of each day."""

    currency: str
    days: list[date]
    stores: dict[int, list[Decimal]] = field(default_factory=dict)
    units: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    orders: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def total(self, store: int) -> Decimal:
        return sum(self.stores[store], Decimal(0))


def turnover(days: int = 30) -> list[Turnover]:
    """Sales of the last days by store and day, one block per currency, the largest store first. No currency is converted.

    Days are those of the installation's time zone. Of days that the roll-ups of the reports have, the figures are read
    from there; of today, and of days that changed since, from the orders.
    """
    zone = timezone.get_default_timezone()
    today = timezone.localdate(timezone=zone)
    span = [today - timedelta(days=days - 1 - i) for i in range(days)]
    built = set(built_days(span[0], today - timedelta(days=1)).values_list("day", flat=True))
    blocks: dict[str, Turnover] = {}
    place = {day: i for i, day in enumerate(span)}
    for row in (*_from_rollups(built), *_from_orders([day for day in span if day not in built])):
        block = blocks.setdefault(row["currency"], Turnover(row["currency"], span))
        store = row["connection_id"]
        series = block.stores.setdefault(store, [Decimal(0)] * days)
        series[place[row["day"]]] += row["money"]
        block.units[store] += row["pieces"] or 0
        block.orders[store] += row["n"]
    for block in blocks.values():
        block.stores = dict(sorted(block.stores.items(), key=lambda item: -sum(item[1], Decimal(0))))
    return sorted(blocks.values(), key=lambda block: -sum(block.orders.values()))


def _from_rollups(days: Collection[date]) -> Iterable[dict[str, Any]]:
    """Return the sales of these days by store and currency, from the roll-ups."""
    if not days:
        return []
    rows: QuerySet[Any] = DayFigures.objects.filter(day__in=days, orders__gt=0).order_by()
    found: Iterable[dict[str, Any]] = rows.values("day", "connection_id", "currency").annotate(
        money=Sum("turnover"), pieces=Sum("units"), n=Sum("orders")
    )
    return found


def _from_orders(days: Collection[date]) -> Iterable[dict[str, Any]]:
    """Return the same from the orders."""
    within = Q()
    for day in days:
        start, end = bounds_of(day)
        within |= Q(placed_at__gte=start, placed_at__lt=end)
    rows: QuerySet[Any] = Order.objects.filter(within).exclude(status__in=GONE).order_by()
    found: Iterable[dict[str, Any]] = (
        rows.annotate(day=TruncDate("placed_at", tzinfo=timezone.get_default_timezone()))
        .values("day", "connection_id", "currency")
        .annotate(money=Sum("total"), pieces=Sum("units"), n=Count("pk"))
    )
    return found

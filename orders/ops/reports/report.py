"""The totals and the curve of a period, read from the roll-ups; currencies are never added up."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.db.models import QuerySet, Sum

from orders.models import DayFigures
from orders.ops.reports.period import Period

ZERO: Final = Decimal(0)
COUNTS: Final = ("orders", "units", "late", "cancelled")
AMOUNTS: Final = ("turnover", "tax", "discount", "refunded", "postage")
#: Sums under names that are no columns: an aggregate may not have the name of a field.
NAMED: Final = {f"sum_{name}": Sum(name) for name in (*COUNTS, *AMOUNTS)}


@dataclass(frozen=True, slots=True)
class Asked:
    """The period, and the store (id) or None for all."""

    period: Period
    store: int | None = None

    @property
    def before(self) -> Asked:
        """The same for the period before."""
        return Asked(self.period.before, self.store)

    def of(self, table: Any) -> QuerySet[Any]:
        """Return the rows of a roll-up of this period and store."""
        rows: QuerySet[Any] = table.objects.filter(
            day__gte=self.period.since, day__lte=self.period.until
        ).order_by()
        if self.store is not None:
            rows = rows.filter(connection=self.store)
        return rows


@dataclass(slots=True)
class Totals:
    """The sums of one currency. `hours` is hours from placing to hand-over -> orders."""

    currency: str
    orders: int = 0
    units: int = 0
    late: int = 0
    cancelled: int = 0
    turnover: Decimal = ZERO
    tax: Decimal = ZERO
    discount: Decimal = ZERO
    refunded: Decimal = ZERO
    postage: Decimal = ZERO
    hours: Counter[int] = field(default_factory=Counter)

    @property
    def average(self) -> Decimal:
        """The turnover of one order; 0 without orders."""
        return self.turnover / self.orders if self.orders else ZERO

    def hours_of(self, percent: int) -> int | None:
        """Return the hours within which this part of the orders was handed over; None when none was."""
        return percentile(self.hours, percent)


def percentile(hours: Counter[int], percent: int) -> int | None:
    """Return the nearest-rank percentile of a histogram (hours -> orders), as a whole number of begun hours."""
    count = hours.total()
    if not count:
        return None
    rank, seen = -(-count * percent // 100), 0
    for hour in sorted(hours):
        seen += hours[hour]
        if seen >= rank:
            return hour + 1
    return None


def totals(asked: Asked) -> dict[str, Totals]:
    """Return the totals by currency, the one with the most orders first. Two statements."""
    rows = asked.of(DayFigures)
    found = {}
    for row in rows.values("currency").annotate(**NAMED):
        values = {name: row[f"sum_{name}"] for name in (*COUNTS, *AMOUNTS)}
        found[row["currency"]] = Totals(row["currency"], **values)
    for currency, hours in rows.exclude(hours={}).values_list("currency", "hours"):
        mine = found[currency].hours
        for hour, orders in hours.items():
            mine[int(hour)] += orders
    return dict(sorted(found.items(), key=lambda item: (-item[1].orders, item[0])))


def curves(asked: Asked) -> dict[str, list[Decimal]]:
    """Return the turnover of each step of the period, by currency. One statement."""
    period = asked.period
    steps = {start: number for number, start in enumerate(period.steps())}
    found: dict[str, list[Decimal]] = defaultdict(lambda: [ZERO] * len(steps))
    for start, currency, row in by_step(asked):
        found[currency][steps[start]] += row["sum_turnover"]
    return dict(found)


def by_step(asked: Asked) -> list[tuple[date, str, dict[str, Any]]]:
    """Return (first day of the step, currency, sums) of each step that has orders. One statement."""
    period, rows = asked.period, asked.of(DayFigures)
    trunc = period.trunc()
    rows = (
        rows.values("day", "currency")
        if trunc is None
        else rows.annotate(start=trunc).values("start", "currency")
    )
    found = []
    for row in rows.annotate(**NAMED):
        start = row["day"] if trunc is None else row["start"]
        found.append((start, row["currency"], row))
    return sorted(found, key=lambda item: (item[0], item[1]))


def reasons(asked: Asked) -> dict[str, Counter[str]]:
    """Return why orders were cancelled: currency -> reason ("" where none was given) -> orders."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    rows = asked.of(DayFigures).filter(cancelled__gt=0)
    for currency, by_reason in rows.values_list("currency", "reasons"):
        found[currency].update(by_reason)
    return dict(found)


def change(now: Decimal | int, before: Decimal | int) -> Decimal | None:
    """Return by how many per cent a figure changed, to one decimal; None when there was nothing before."""
    if not before:
        return None
    return ((Decimal(now) - before) * 100 / before).quantize(Decimal("0.1"))

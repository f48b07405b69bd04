"""What a report asks for: the days, the period before, and the steps of its curve."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from django.db.models.functions import TruncMonth, TruncWeek
from django.utils.formats import date_format

#: The longest period: ten years.
LONGEST: Final = 3_660
#: No order was placed before or after; the period before a period is a date too.
EARLIEST: Final = date(1990, 1, 1)
LATEST: Final = date(2199, 12, 31)
DAYS_BY_DAY: Final = 92
DAYS_BY_WEEK: Final = 730


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days from `since` to `until`, both included."""

    since: date
    until: date

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.until - self.since).days + 1

    @property
    def before(self) -> Period:
        """The period of the same length that ends the day before."""
        end = self.since - timedelta(days=1)
        return Period(end - timedelta(days=self.days - 1), end)

    @property
    def step(self) -> str:
        """The steps of its curve and table: "day", "week" for more than three months, "month" for more than two years."""
        if self.days <= DAYS_BY_DAY:
            return "day"
        return "week" if self.days <= DAYS_BY_WEEK else "month"

    def start_of(self, day: date) -> date:
        """Return the first day of the step that `day` is in; the first step begins with the period."""
        if self.step == "week":
            return day - timedelta(days=day.weekday())
        return day.replace(day=1) if self.step == "month" else day

    def steps(self) -> list[date]:
        """Return the first day of each step, also of those without an order."""
        days = (self.since + timedelta(days=number) for number in range(self.days))
        return list(dict.fromkeys(self.start_of(day) for day in days))

    def trunc(self) -> Any:
        """Return the expression of the step that a row's day is in."""
        return {"day": None, "week": TruncWeek("day"), "month": TruncMonth("day")}[self.step]

    def words_of(self, start: date) -> str:
        """Return the name of the step that begins with this day."""
        return date_format(start, "M Y" if self.step == "month" else "j M Y")


def period_of(since: date | None, until: date | None, today: date) -> Period:
    """Return the period of these days; without them the last 30 days.

    Days that are swapped are put in order; days out of range, and a period of more than ten years, are cut.
    """
    until = _in_range(until or max(today, since or today))
    since = _in_range(since or until - timedelta(days=29))
    since, until = min(since, until), max(since, until)
    return Period(max(since, until - timedelta(days=LONGEST - 1)), until)


def _in_range(day: date) -> date:
    return min(max(day, EARLIEST), LATEST)


def presets(today: date) -> dict[str, Period]:
    """Return the periods that a person can choose with one click."""
    this_month = today.replace(day=1)
    last_month = (this_month - timedelta(days=1)).replace(day=1)
    return {
        "7": Period(today - timedelta(days=6), today),
        "30": Period(today - timedelta(days=29), today),
        "90": Period(today - timedelta(days=89), today),
        "this_month": Period(this_month, today),
        "last_month": Period(last_month, this_month - timedelta(days=1)),
        "this_year": Period(today.replace(month=1, day=1), today),
    }

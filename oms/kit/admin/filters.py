"""Filters of a list: one parameter, one native control, one method `narrow`.

Subclass `TextFilter`, `ChoiceFilter`, `RowFilter`, `FlagFilter`, `SinceFilter` or `UntilFilter` and name the class in
`list_filter`. An invalid value (an unknown choice, no date) does not change the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar

from django.contrib.admin import SimpleListFilter
from django.core.cache import cache
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

CACHED = 30  # seconds that the names of stores, warehouses and carriers are cached
LONGEST = 120


class ListFilter(SimpleListFilter):
    """The base: `title`, `parameter_name`, `kind` of the control, `narrow(queryset, value)`.

    `is_more` puts the control under "More filters" while it is not in use: one in use is always in view, and the others
    do not push the rows down.
    """

    kind: ClassVar[str] = "text"
    is_more: ClassVar[bool] = False
    placeholder: ClassVar[Any] = ""
    size: ClassVar[int] = 12

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[Any, Any]]:
        return ()

    def has_output(self) -> bool:
        return True

    @property
    def is_in_view(self) -> bool:
        """Whether the control is shown beside the search."""
        return not self.is_more or bool(self.value())

    def value(self) -> str:
        """Return the value of the parameter, trimmed; "" for none and for text that a database refuses."""
        text = str(super().value() or "").strip()[:LONGEST]
        return "" if "\x00" in text else text

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        return self.narrow(queryset, value) if (value := self.value()) else None

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any] | None:
        """Return the rows that match `value`, which is never empty; None does not change the list."""
        raise NotImplementedError


class TextFilter(ListFilter):
    """A text field."""


class ChoiceFilter(ListFilter):
    """A select; `options` are (value, words). `narrow` gets only one of these values."""

    kind = "select"
    all_words: ClassVar[Any] = _("All")

    def options(self, request: HttpRequest) -> Sequence[tuple[Any, Any]]:
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[Any, Any]]:
        return [(str(value), words) for value, words in self.options(request)]

    def value(self) -> str:
        asked = super().value()
        return asked if any(asked == value for value, _words in self.lookup_choices) else ""


class RowFilter(ChoiceFilter):
    """A select of rows of another table (stores, warehouses, carriers): `rows()`, and the `field` with their key.

    The names of the rows are cached for 30 seconds.
    """

    field: ClassVar[str]

    def rows(self) -> QuerySet[Any]:
        raise NotImplementedError

    def options(self, request: HttpRequest) -> Sequence[tuple[Any, Any]]:
        def read() -> list[tuple[int, str]]:
            return [(row.pk, str(row)) for row in self.rows()]

        name = f"filter:{type(self).__module__}.{type(self).__qualname__}"
        return cache.get_or_set(name, read, CACHED) or []

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(**{self.field: int(value)})


class FlagFilter(ListFilter):
    """A check box; its value is "1"."""

    kind = "flag"

    def value(self) -> str:
        return "1" if super().value() else ""


def day_of(text: str) -> date | None:
    """Return the date in `text` ("2026-11-30"); None if it is no date."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def start_of(day: date) -> datetime:
    """Return the first instant of `day` in the viewer's time zone."""
    return timezone.make_aware(datetime.combine(day, time.min))


class DayFilter(ListFilter):
    """Whole days in the viewer's time zone; `field` is a date and time."""

    kind = "date"
    field: ClassVar[str]

    def value(self) -> str:
        asked = super().value()
        return asked if day_of(asked) else ""


class SinceFilter(DayFilter):
    """From the start of a day on."""

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any] | None:
        day = day_of(value)
        return None if day is None else queryset.filter(**{f"{self.field}__gte": start_of(day)})


class UntilFilter(DayFilter):
    """Until the end of a day (inclusive)."""

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any] | None:
        day = day_of(value)
        if day is None or day == date.max:
            return None
        return queryset.filter(**{f"{self.field}__lt": start_of(day + timedelta(days=1))})

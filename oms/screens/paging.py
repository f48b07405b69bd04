"""Keyset pages for our own lists: the thousandth page costs what the first does, and nothing is counted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet

ROWS = 50


@dataclass(frozen=True, slots=True)
class KeysetPage:
    rows: list[Any]
    next_link: str
    previous_link: str


class Keyset:
    """A list sorted ascending by `fields` (the last one unique, none of them null).

    `kept` are the filters that its links carry on. The place is the fields of the last row, as JSON.
    """

    def __init__(
        self, get: Mapping[str, str], fields: Sequence[str], kept: Mapping[str, str], *, rows: int = ROWS
    ) -> None:
        self.fields = list(fields)
        self.kept = {name: value for name, value in kept.items() if value}
        self.rows = rows
        self.backwards = "before" in get and "after" not in get
        self.place = self._read(get.get("before" if self.backwards else "after", ""))

    def _read(self, text: str) -> list[Any] | None:
        try:
            place = json.loads(text)
        except ValueError:
            return None
        is_sound = isinstance(place, list) and len(place) == len(self.fields)
        return place if is_sound and all(isinstance(part, str | int) for part in place) else None

    def page(self, rows: QuerySet[Any]) -> KeysetPage:
        if self.place is not None:
            rows = rows.filter(self._beyond(self.place))
        order = [f"-{name}" for name in self.fields] if self.backwards else self.fields
        found = list(rows.order_by(*order)[: self.rows + 1])
        more, found = len(found) > self.rows, found[: self.rows]
        if self.backwards:
            found.reverse()
        has_next = True if self.backwards else more
        has_previous = more if self.backwards else self.place is not None
        return KeysetPage(
            found,
            self._link("after", found[-1]) if found and has_next else "",
            self._link("before", found[0]) if found and has_previous else "",
        )

    def _beyond(self, place: Sequence[Any]) -> Q:
        """a > A, or a = A and b > B, ... (with < when going backwards)."""
        how = "lt" if self.backwards else "gt"
        beyond, same = Q(pk__in=[]), Q()
        for name, value in zip(self.fields, place, strict=True):
            beyond |= same & Q(**{f"{name}__{how}": value})
            same &= Q(**{name: value})
        return beyond

    def _link(self, side: str, row: Any) -> str:
        place = []
        for name in self.fields:
            value = row
            for part in name.split("__"):
                value = getattr(value, part)
            place.append(value)
        return "?" + urlencode({**self.kept, side: json.dumps(place)})

"""Files of other systems that are recognised by their headings. The apps register them; this package knows none.

A format says which headings show it, and how its rows become lines with Manifold's fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from oms.kit.sheets.cells.results import Ready
from oms.kit.sheets.columns.folding import fold
from oms.kit.sheets.fields import SheetKind
from oms.kit.sheets.files.tables import BLANKS, Raw, is_blank


class Places:
    """Where the headings of a file are, and which of them were asked for."""

    def __init__(self, headers: Sequence[str]) -> None:
        self.headers = headers
        self.by_name: dict[str, int] = {}
        self.exact: dict[str, int] = {}
        for number, heading in enumerate(headers):
            self.exact.setdefault(heading.strip().lower(), number)
            self.by_name.setdefault(fold(heading), number)
        self.used: set[int] = set()

    def find(self, heading: str) -> int | None:
        """Return the column of a heading; case and blanks do not count."""
        place = self.exact.get(heading.lower())
        if place is None:
            place = self.by_name.get(fold(heading))
        if place is not None:
            self.used.add(place)
        return place


class SourceRow:
    """One row of the file, its cells by heading."""

    __slots__ = ("_places", "cells", "number")

    def __init__(self, number: int, cells: Sequence[Raw], places: Places) -> None:
        self.number = number
        self.cells = cells
        self._places = places

    def get(self, heading: str) -> Raw:
        """Return the cell below this heading; None when it is blank or the file has no such heading."""
        place = self._places.find(heading)
        if place is None or place >= len(self.cells):
            return None
        cell = self.cells[place]
        return None if is_blank(cell) else cell

    def text(self, heading: str) -> str:
        """Return the cell as text without outer blanks."""
        cell = self.get(heading)
        if isinstance(cell, float) and cell.is_integer():
            return str(int(cell))
        return "" if cell is None else str(cell).strip(BLANKS)

    def first(self, *headings: str) -> str:
        """Return the first of these headings whose cell is not blank; else the first that the file has."""
        filled = next((each for each in headings if self.get(each) is not None), "")
        return filled or next((each for each in headings if self.has(each)), headings[0])

    def has(self, heading: str) -> bool:
        """Whether the file has this heading."""
        return self._places.find(heading) is not None


@dataclass(slots=True)
class Line:
    """What one or several rows of the file become: cells by field key, each with the heading it came from."""

    number: int
    cells: dict[str, tuple[Raw | Ready, str]] = field(default_factory=dict)
    rows: list[int] = field(default_factory=list)
    warnings: list[tuple[str, str, str]] = field(default_factory=list)  # heading, code, reason
    needs_confirmation: bool = False

    def put(self, key: str, row: SourceRow, heading: str) -> None:
        """Use the cell of a row for a field; nothing when the file has no such heading."""
        if row.has(heading):
            self.cells[key] = (row.get(heading), heading)

    def set(self, key: str, value: Any, heading: str = "") -> None:
        """Use a value that needs no reading."""
        self.cells[key] = (Ready(value), heading)


@dataclass(frozen=True, slots=True)
class Passed:
    """A row that is passed over, and why; with a code it is refused."""

    row: int
    reason: str
    code: str = ""
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """What a format reads: the rows below the headings, other sheets of the workbook by name, the store's currency."""

    rows: Callable[[], Iterator[SourceRow]]
    sheet: Callable[[str], Iterable[SourceRow]]
    currency: str = ""
    headers: tuple[str, ...] = ()


Translate = Callable[[Source], Iterator[Line | Passed]]


@dataclass(frozen=True, slots=True)
class KnownFormat:
    """One known file. It is recognised when all `tell_tales` are headings and none of `never` is.

    `columns`: heading → field key, for the fields of which a cell is used as it is. `translate` makes lines where a row is
    more than its cells. `refusal`: the sentence for a file that cannot be imported at all. `sheet`: the name of its sheet.
    `date_order`: the order that this system writes. `also`: other kinds that can be read from it, with their fields only.
    """

    key: str
    label: Any
    kind: str
    tell_tales: tuple[str, ...]
    columns: Mapping[str, str] = field(default_factory=dict)
    translate: Translate | None = None
    never: tuple[str, ...] = ()
    refusal: Any = ""
    refusal_code: str = ""
    sheet: str = ""
    date_order: str = ""
    also: tuple[str, ...] = ()

    def fits(self, folded: frozenset[str]) -> bool:
        """Whether these folded headings are those of this file."""
        return all(fold(each) in folded for each in self.tell_tales) and not any(
            fold(each) in folded for each in self.never
        )


class Registry:
    """The kinds and known formats of all apps."""

    def __init__(self) -> None:
        self.kinds: dict[str, SheetKind] = {}
        self.formats: dict[str, KnownFormat] = {}

    def register_kind(self, kind: SheetKind) -> None:
        """Add a kind. Registering it again changes nothing."""
        self.kinds[kind.key] = kind

    def register(self, *formats: KnownFormat) -> None:
        """Add formats. Registering one again changes nothing."""
        self.formats |= {each.key: each for each in formats}

    def recognise(self, headers: Iterable[str], kind: str = "") -> KnownFormat | None:
        """Return the format with the most tell-tale headings of those that fit; one made for the kind comes first."""
        folded = frozenset(fold(each) for each in headers)
        fitting = [
            each
            for each in self.formats.values()
            if (not kind or each.kind == kind or kind in each.also) and each.fits(folded)
        ]
        return max(fitting, key=lambda each: (each.kind == kind, len(each.tell_tales)), default=None)


#: The registry that pages and commands use.
registry = Registry()

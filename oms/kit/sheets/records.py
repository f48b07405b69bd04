"""What reading a sheet yields: records that go on, rows that come back with a reason, and what a person should know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum


class Clear(Enum):
    """The cell holds the word for an empty value, such as `(empty)`: the field is emptied. A blank cell leaves it alone."""

    CLEAR = "clear"


CLEAR = Clear.CLEAR
Value = str | int | Decimal | date | bool | tuple[str, ...] | Mapping[str, str] | Clear | None


class SheetError(Exception):
    """The file as a whole cannot be read; the text is one sentence for the person who gave it. Nothing of it is imported."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A reason for one row: `column` is the heading as the file has it (empty: the whole row), `code` names the reason for tests.

    `reason` is one sentence in the language of the person who reads it.
    """

    row: int
    column: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class SheetRecord:
    """One thing of the file. `row` is its first row as a spreadsheet shows it (headings count).

    `values` has the fields by key. A key that is absent is not a column of the file; None is a blank cell and leaves the stored
    value alone; `CLEAR` empties it; 0 is zero. `rows` are all rows that belong to it (an order of several lines).
    """

    row: int
    values: Mapping[str, Value]
    warnings: tuple[Remark, ...] = ()
    rows: tuple[int, ...] = ()


@dataclass(slots=True)
class Reading:
    """The result of reading one file as one kind."""

    kind: str
    recognised_as: str = ""
    sheet: str = ""
    header_row: int = 1
    encoding: str = ""
    separator: str = ""
    headers: tuple[str, ...] = ()
    mapping: Mapping[str, str] = field(default_factory=dict)  # heading → field key
    unknown_headers: tuple[str, ...] = ()
    data_rows: int = 0
    records: list[SheetRecord] = field(default_factory=list)
    refused: list[Remark] = field(default_factory=list)
    ignored: list[Remark] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

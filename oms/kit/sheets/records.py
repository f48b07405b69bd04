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
Line = Mapping[str, "str | int | Decimal | None"]  # a line of an order: sku, title, quantity, price, options
Value = (
    str
    | int
    | Decimal
    | date
    | bool
    | tuple[str, ...]
    | tuple[tuple[str, ...], ...]
    | tuple[Line, ...]
    | Mapping[str, str]
    | Mapping[str, int]
    | Clear
    | None
)


class SheetError(Exception):
    """The file as a whole cannot be read; the text is one sentence for the person who gave it. Nothing of it is imported.

    `code` names the reason for tests and for pages that can help, such as `header-duplicate`.
    """

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.code = code


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
    `needs_confirmation`: the record is a guess that a person must confirm before it is applied.
    """

    row: int
    values: Mapping[str, Value]
    warnings: tuple[Remark, ...] = ()
    rows: tuple[int, ...] = ()
    needs_confirmation: bool = False


@dataclass(slots=True)
class Reading:
    """The result of reading one file as one kind.

    `guesses` are columns that may mean a field but are not sure: they are not read until `mapping` names them.
    `decimal` and `date_order` (dmy, mdy) are what the columns show; "" when nothing shows it.
    """

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
    guesses: Mapping[str, str] = field(default_factory=dict)  # heading → field key
    format: str = ""  # xlsx, xls, ods, text
    sheets: int = 1
    decimal: str = ""
    date_order: str = ""
    quotes: bool = True
    currency: str = ""  # of the store, or the one that the prices show

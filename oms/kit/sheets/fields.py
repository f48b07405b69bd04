"""What one kind of sheet may hold: its fields, their headings and the words that other systems use for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from oms.kit.sheets.records import SheetRecord, Value


class FieldType(StrEnum):
    """How the cells of a field are read. Each type has one reader, in `cells`."""

    CODE = "code"  # SKU, order number: text, kept exactly, only outer blanks removed
    TEXT = "text"  # a title: blanks and line breaks collapse to one blank
    LONG_TEXT = "long_text"  # a description: kept as it is, HTML included
    BARCODE = "barcode"
    MONEY = "money"  # exact Decimal, at least zero
    QUANTITY = "quantity"  # whole number, at least zero
    NUMBER = "number"  # Decimal, a weight or a length
    DATE = "date"
    YES_NO = "yes_no"
    CHOICE = "choice"
    LINKS = "links"  # addresses of pictures
    WORDS = "words"  # tags, option values
    PATHS = "paths"  # category paths: each a tuple of its levels


@dataclass(frozen=True, slots=True)
class SheetField:
    """One field of a kind. `key` is the name in `SheetRecord.values`, `label` the heading of our own sheets.

    `synonyms`: headings of other systems and languages that surely mean this field. `allowed`: the values of a CHOICE field,
    also the drop-down of the template. `example`: the cell of the example row of the template.
    `stand_ins`: headings that mean this field only where no other column does, such as Description for a title.
    `unit_key`: the field that gets the unit which a heading such as “Weight (kg)” names.
    `date_order`: dmy or mdy, for a column of days that proves neither.
    """

    key: str
    label: Any
    type: FieldType = FieldType.TEXT
    required: bool = False
    help: Any = ""
    example: str = ""
    synonyms: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    max_length: int | None = None
    stand_ins: tuple[str, ...] = ()
    unit_key: str = ""
    date_order: str = ""


class RefusedRow(NamedTuple):
    """A row that is not imported: the values that could be read, and the codes of the reasons."""

    row: int
    values: Mapping[str, Value]
    codes: frozenset[str]


class Report(Protocol):
    """Where rules of a kind write what becomes of the rows."""

    def refuse(self, row: int, key: str, code: str, reason: str) -> None:
        """The row is not imported; `key` is the field at fault ("": the whole row)."""

    def ignore(self, row: int, reason: str) -> None:
        """The row is passed over, and that is no error."""

    def column(self, key: str) -> str:
        """Return the heading of the column of this field, as the file has it; "" when it has none."""

    def not_used(self, key: str) -> None:
        """The column of this field means nothing in this file: it is named as unknown."""

    def refused_rows(self) -> list[RefusedRow]:
        """Return the rows that were refused before."""


Assemble = Callable[[Iterable[SheetRecord], Report], Iterator[SheetRecord]]


@dataclass(frozen=True, slots=True)
class SheetKind:
    """One kind of sheet: `products`, `stock`, `prices`, … `identity` are the keys that name the thing a row is about.

    `assemble` applies the rules that concern several fields or several rows, and joins the rows of one thing; a record that
    it does not return must be in the report.
    """

    key: str
    label: Any
    fields: tuple[SheetField, ...]
    identity: tuple[str, ...] = ("sku",)
    example_rows: Sequence[dict[str, str]] = field(default=())
    assemble: Assemble | None = None

    @property
    def named_by(self) -> str:
        """Return the key of the field that names the thing a row is about; rows of an order share theirs."""
        return self.identity[0] if self.identity else self.fields[0].key

    def find(self, key: str) -> SheetField | None:
        """Return the field with this key."""
        return next((each for each in self.fields if each.key == key), None)

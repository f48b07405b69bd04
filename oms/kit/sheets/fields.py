"""What one kind of sheet may hold: its fields, their headings and the words that other systems use for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


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


@dataclass(frozen=True, slots=True)
class SheetField:
    """One field of a kind. `key` is the name in `SheetRecord.values`, `label` the heading of our own sheets.

    `synonyms`: headings of other systems and languages that surely mean this field. `allowed`: the values of a CHOICE field,
    also the drop-down of the template. `example`: the cell of the example row of the template.
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


@dataclass(frozen=True, slots=True)
class SheetKind:
    """One kind of sheet: `products`, `stock`, `prices`, … `identity` are the keys that name the thing a row is about."""

    key: str
    label: Any
    fields: tuple[SheetField, ...]
    identity: tuple[str, ...] = ("sku",)
    example_rows: Sequence[dict[str, str]] = field(default=())

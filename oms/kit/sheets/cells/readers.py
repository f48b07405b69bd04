"""The reader of a field's cells, by the type of the field."""

from __future__ import annotations

from collections.abc import Callable

from oms.kit.sheets.cells import barcodes, dates, lists, numbers, text
from oms.kit.sheets.cells.results import Style, Warned
from oms.kit.sheets.fields import FieldType, SheetField
from oms.kit.sheets.files.tables import Raw
from oms.kit.sheets.records import Value

Reader = Callable[[Raw], Value | Warned]


def reader_of(field: SheetField, style: Style) -> Reader:
    """Return the function that reads a cell of this field in a column of this style. It raises `CellRefused`."""
    key, most = field.key, field.max_length
    match field.type:
        case FieldType.CODE:
            return lambda raw: text.read_code(raw, key, most)
        case FieldType.TEXT:
            return lambda raw: text.read_text(raw, key, most)
        case FieldType.LONG_TEXT:
            return lambda raw: text.read_long_text(raw, key, most)
        case FieldType.BARCODE:
            return barcodes.read_barcode
        case FieldType.MONEY:
            return lambda raw: numbers.read_money(raw, style)
        case FieldType.QUANTITY:
            return lambda raw: numbers.read_quantity(raw, style)
        case FieldType.NUMBER:
            return lambda raw: numbers.read_number(raw, style)
        case FieldType.DATE:
            return lambda raw: dates.read_date(raw, style)
        case FieldType.YES_NO:
            return lists.read_yes_no
        case FieldType.CHOICE:
            return lambda raw: lists.read_choice(raw, field.allowed)
        case FieldType.LINKS:
            return lists.read_links
        case FieldType.WORDS:
            return lists.read_words
        case FieldType.PATHS:
            return lists.read_paths

"""Templates and exports: workbooks whose text stays text, with drop-downs, marked required columns and explanations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import xlsxwriter
from django.utils.translation import gettext as _

from oms.kit.imports.kinds import Fills, ImportKind
from oms.kit.imports.lines import LONGEST, OPTIONS, add_sheet, style_of
from oms.kit.imports.source import EXAMPLE
from oms.kit.sheets.fields import FieldType, SheetField

ROWS_WITH_LIST = 10_000  # rows of a template that have drop-downs
SLICE = 2_000
EXCEL_ROWS = 1_048_575
NUMBERS = (FieldType.MONEY, FieldType.QUANTITY, FieldType.NUMBER)
PLAIN = (int, float, Decimal)  # written as numbers
#: Excel shows a drop-down of at most 255 characters from its own text; longer ones are read from a sheet.
LIST_CHARACTERS = 255
LISTS = "Lists"


def write_template(kind: ImportKind, path: Path) -> None:
    """Write an empty workbook of a kind with an example row, drop-downs and a sheet of explanations."""
    with xlsxwriter.Workbook(str(path), {**OPTIONS, "constant_memory": False}) as book:
        allowed = kind.allowed_values()
        sheet = book.add_worksheet(_sheet_name(kind))
        _headings(book, sheet, kind, _columns(kind))
        quiet = book.add_format({"italic": True, "font_color": "#6B7280", "num_format": "@"})
        for column, field in enumerate(_columns(kind)):
            text = _example(field, allowed)
            sheet.write_string(1, column, f"{EXAMPLE} {text}" if column == 0 else text, quiet)
        _drop_downs(book, sheet, _columns(kind), allowed)
        _explanations(book, kind, allowed)


def write_export(kind: ImportKind, path: Path, *, each: Callable[[int], None] = lambda count: None) -> int:
    """Write all rows of a kind; return how many. `each` is called with the number of rows after each slice.

    The columns are those of the template, so that the file can be changed and imported again.
    """
    columns, count = _columns(kind), 0
    with xlsxwriter.Workbook(str(path), OPTIONS) as book:
        sheet = add_sheet(book, _sheet_name(kind))
        text = _headings(book, sheet, kind, columns)
        styles = ["" if field.type in NUMBERS else style_of(text) for field in columns]
        keys = [(field.key, field.type in NUMBERS) for field in columns]
        for part in _slices(kind):
            for values in part:
                count += 1
                if count > EXCEL_ROWS:
                    raise ValueError("an XLSX sheet has at most 1,048,576 rows")
                get = values.get
                cells = [
                    value
                    if (kind_of := type(value := get(key))) is str
                    or value is None
                    or (is_number and kind_of in PLAIN)
                    else text_of(value)
                    for key, is_number in keys
                ]
                sheet.write_line(count, cells, styles)
            each(count)
    return count


def _slices(kind: ImportKind) -> Iterator[list[dict[str, Any]]]:
    rows: Iterable[dict[str, Any]] = iter(kind.export())
    while part := list(islice(rows, SLICE)):
        for one in kind.parts:
            if isinstance(one, Fills):
                one.fill(part)
        yield part


def _columns(kind: ImportKind) -> list[SheetField]:
    """Return the columns of a kind's own sheets, the one that names the row first."""
    first = kind.sheet.named_by
    fields = [field for field in kind.sheet.fields if field.key not in kind.not_stored]
    return sorted(fields, key=lambda field: field.key != first)


def _sheet_name(kind: ImportKind) -> str:
    return kind.label[:31]


def _headings(book: Any, sheet: Any, kind: ImportKind, columns: Sequence[SheetField]) -> Any:
    """Write the headings: required ones are dark and have a note. Return the format of text columns."""
    plain = book.add_format({"bold": True, "bg_color": "#E5E7EB", "border": 1})
    required = book.add_format({"bold": True, "bg_color": "#1F2937", "font_color": "#FFFFFF", "border": 1})
    text = book.add_format({"num_format": "@"})
    sheet.freeze_panes(1, 1)
    for column, field in enumerate(columns):
        width = 44 if field.type in (FieldType.LONG_TEXT, FieldType.LINKS) else 18
        sheet.set_column(column, column, width, None if field.type in NUMBERS else text)
    for column, field in enumerate(columns):
        sheet.write_string(0, column, str(field.label), required if field.required else plain)
        if field.required:
            sheet.write_comment(0, column, _("Required"))
    return text


def _example(field: SheetField, allowed: Mapping[str, Sequence[str]]) -> str:
    choices = allowed.get(field.key, ())
    return str(choices[0]) if choices else field.example


def _drop_downs(
    book: Any, sheet: Any, columns: Sequence[SheetField], allowed: Mapping[str, Sequence[str]]
) -> None:
    """Put drop-downs of the allowed values on their columns; long lists stand on a hidden sheet."""
    lists, place = None, 0
    for column, field in enumerate(columns):
        values = [str(value) for value in allowed.get(field.key, ()) if str(value)]
        if not values:
            continue
        source: Any = values
        if len(",".join(values)) > LIST_CHARACTERS or any("," in value for value in values):
            if lists is None:
                lists = book.add_worksheet(LISTS)
                lists.hide()
            lists.write_column(0, place, values)
            letter = xlsxwriter.utility.xl_col_to_name(place)
            source, place = f"={LISTS}!${letter}$1:${letter}${len(values)}", place + 1
        sheet.data_validation(
            1,
            column,
            ROWS_WITH_LIST,
            column,
            {
                "validate": "list",
                "source": source,
                "error_title": str(field.label)[:32],
                "error_message": _("Choose one of the values of the list."),
            },
        )


def _explanations(book: Any, kind: ImportKind, allowed: Mapping[str, Sequence[str]]) -> None:
    """Write the sheet that says what each column holds."""
    sheet = book.add_worksheet(_("How to fill in")[:31])
    bold, wrap = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
    sheet.set_column(0, 0, 22, wrap)
    sheet.set_column(1, 1, 12, wrap)
    sheet.set_column(2, 3, 60, wrap)
    for row, line in enumerate(notes(kind)):
        sheet.write_string(row, 0, line)
    start = len(notes(kind)) + 1
    for column, title in enumerate(
        (_("Column of the sheet"), _("Must be filled"), _("Meaning"), _("Allowed"))
    ):
        sheet.write_string(start, column, title, bold)
    for row, field in enumerate(_columns(kind), start=start + 1):
        values = ", ".join(map(str, allowed.get(field.key, ())))
        sheet.write_string(row, 0, f"{field.label}:", wrap)
        sheet.write_string(row, 1, _("Yes") if field.required else "", wrap)
        sheet.write_string(row, 2, str(field.help), wrap)
        sheet.write_string(row, 3, values[:LONGEST], wrap)


def notes(kind: ImportKind) -> list[str]:
    """Return what is said above the explanations, for every kind."""
    return [
        str(kind.help),
        _("Fill in the first sheet, one row for each entry. Dark headings are required."),
        _("The row that begins with “%s” is never imported. You can delete it.") % EXAMPLE,
        _("A blank cell leaves the value as it is. Write (empty) to empty it. 0 is zero."),
        _("Codes are text: 0017 stays 0017."),
    ]


def text_of(value: Any) -> str:
    """Return a value as the cell of our own sheets, in the form that is read again."""
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {one}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return "\n".join(map(str, value))
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, date):
        return value.isoformat()
    return str(value)

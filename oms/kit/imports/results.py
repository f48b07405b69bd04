"""The workbook that comes back: the rows of the file in their order, with a status and a reason for each.

Text stays text and is never a formula. The two columns replace those of an earlier result, so that only rejected rows
have to be corrected and the same file can be uploaded again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import xlsxwriter
from django.utils.translation import gettext as _

from oms.kit.imports import files, kinds, source
from oms.kit.imports.lines import OPTIONS, LineSheet, add_sheet, style_of
from oms.kit.imports.models import SheetImport, StagedRow
from oms.kit.sheets.files.opening import open_file
from oms.kit.sheets.files.tables import Percent
from oms.kit.sheets.records import Reading

COLOURS = {"rejected": "#FDE2E1", "created": "#E3F4E6", "updated": "#FFF6DB"}


def headings() -> tuple[str, str]:
    """Return the headings of the two columns."""
    return _("Status"), _("Reason")


def write(row: SheetImport, reading: Reading) -> Path:
    """Write the workbook of an import as its rows are now; return its path. A half-written file is never seen."""
    target = files.result_path(row.stored_as)
    part = target.with_suffix(".part")
    outcomes = _outcomes(row)
    ignored = {one.row: str(one.reason) for one in reading.ignored}
    unchanged = _words(row)["unchanged"]
    real = source.real_records(reading, kinds.get(row.kind))
    covered = {number for record in real for number in (record.row, *record.rows)}
    for number in {record.row for record in reading.records} - covered:
        ignored[number] = _("The example row of the template.")
    with xlsxwriter.Workbook(str(part), OPTIONS) as book:
        sheet = add_sheet(book, (reading.sheet or "Import")[:31].translate(_SHEET))
        bold = style_of(book.add_format({"bold": True}))
        forms = {
            "date": style_of(book.add_format({"num_format": "yyyy-mm-dd"})),
            "time": style_of(book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})),
            "percent": style_of(book.add_format({"num_format": "0.00%"})),
        }
        marks = {name: style_of(book.add_format({"bg_color": colour})) for name, colour in COLOURS.items()}
        width = _width(reading)
        sheet.set_column(width, width, 14)
        sheet.set_column(width + 1, width + 1, 70)
        none = [""] * (width + 2)
        for number, raw in enumerate(_cells(row, reading), start=1):
            cells, styles = _line(sheet, raw[:width], forms, none)
            cells += [None] * (width - len(cells))
            mark, reason = "", ""
            if number == reading.header_row:
                status, reason = headings()
                mark = bold
            elif number in outcomes:
                colour, status, reason = outcomes[number]
                mark = marks.get(colour, "")
            elif number in ignored:
                status, reason = _("Left out"), ignored[number]
            else:
                status = unchanged if number in covered else ""
            if mark:
                styles = [*styles[:width], mark, mark if mark == bold else ""]
            sheet.write_line(number - 1, [*cells, status, reason], styles)
    part.chmod(0o600)
    part.replace(target)
    return target


_SHEET = str.maketrans(dict.fromkeys("[]:*?/\\'", "_"))


def _words(row: SheetImport) -> dict[str, str]:
    """Return the status words: what will be done, or what was done."""
    is_done = row.applied_at is not None
    return {
        "created": _("Created") if is_done else _("New"),
        "updated": _("Updated") if is_done else _("Changed"),
        "unchanged": _("Unchanged"),
        "rejected": _("Rejected"),
        "waiting": _("Not applied"),
    }


def _outcomes(row: SheetImport) -> dict[int, tuple[str, str, str]]:
    """Return row number → (action, status, reason) of all checked rows, with the further rows that belong to them."""
    words, found = _words(row), dict[int, tuple[str, str, str]]()
    columns = ("row", "rows", "action", "state", "remarks", "reason")
    for number, more, action, state, remarks, reason in row.staged.values_list(*columns).iterator(2_000):
        shown = str(action)
        if state == StagedRow.State.REFUSED:
            shown = "rejected"
        elif state == StagedRow.State.STAGED and row.applied_at and shown in ("created", "updated"):
            shown = "waiting"
        lines = [f"{column}: {text}" if column else str(text) for column, _code, text in remarks]
        text = " ".join(filter(None, [reason, *lines]))
        for one in (number, *more):
            before = found.get(one)
            if before is None:
                found[one] = (shown, words[shown], text)
                continue
            worse = before if before[0] in ("rejected", "waiting") else (shown, words[shown], "")
            found[one] = (worse[0], worse[1], " ".join(filter(None, [before[2], text])))
    return found


def _cells(row: SheetImport, reading: Reading) -> Iterator[Sequence[Any]]:
    opened = open_file(files.path_of(row.stored_as))
    return opened.sheet(reading.sheet).rows()


def _width(reading: Reading) -> int:
    """Return how many columns of the file are written: all, without the two of an earlier result."""
    names = [name.strip() for name in reading.headers]
    while names and not names[-1]:
        names.pop()
    if len(names) > 2 and tuple(names[-2:]) == headings():
        del names[-2:]
    return len(names)


def _line(
    sheet: LineSheet, raw: Sequence[Any], forms: Mapping[str, str], none: list[str]
) -> tuple[list[Any], list[str]]:
    """Return the cells of a row as they are written, and the format of each; `none` are no formats at all."""
    cells, styles = list(raw), none
    for column, value in enumerate(raw):
        kind = type(value)
        if kind is str or kind is float or value is None or kind is bool or kind is int:
            continue
        form = ""
        if kind is Percent:
            cells[column], form = float(value), "percent"
        elif isinstance(value, datetime | date | time | timedelta):
            cells[column], form = sheet.number_of(value), "time" if isinstance(value, datetime) else "date"
        else:
            cells[column] = str(value)
        if form:
            styles = [*styles] if styles is none else styles
            styles[column] = forms[form]
    return cells, styles

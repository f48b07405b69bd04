"""The workbook that comes back: the rows of the file in their order, with a status and a reason for each.

Text stays text and is never a formula. The two columns replace those of an earlier result, so that only rejected rows
have to be corrected and the same file can be uploaded again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import xlsxwriter
from django.utils.translation import gettext as _

from oms.kit.imports import files, kinds, source
from oms.kit.imports.models import SheetImport, StagedRow
from oms.kit.sheets.files.opening import open_file
from oms.kit.sheets.files.tables import Percent
from oms.kit.sheets.records import Reading

LONGEST = 32_767  # characters of a cell
OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
    "nan_inf_to_errors": True,
    "default_date_format": "yyyy-mm-dd",
}
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
        sheet = book.add_worksheet((reading.sheet or "Import")[:31].translate(_SHEET))
        bold = book.add_format({"bold": True})
        dates = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        percent = book.add_format({"num_format": "0.00%"})
        marks = {name: book.add_format({"bg_color": colour}) for name, colour in COLOURS.items()}
        width = _width(reading)
        sheet.set_column(width, width, 14)
        sheet.set_column(width + 1, width + 1, 70)
        for number, cells in enumerate(_cells(row, reading), start=1):
            for column, raw in enumerate(cells[:width]):
                _put(sheet, number - 1, column, raw, dates, percent)
            if number == reading.header_row:
                for offset, text in enumerate(headings()):
                    sheet.write_string(number - 1, width + offset, text, bold)
            elif number in outcomes:
                colour, status, reason = outcomes[number]
                sheet.write_string(number - 1, width, status, marks.get(colour))
                if reason:
                    sheet.write_string(number - 1, width + 1, reason[:LONGEST])
            elif number in ignored:
                sheet.write_string(number - 1, width, _("Left out"))
                sheet.write_string(number - 1, width + 1, ignored[number][:LONGEST])
            elif number in covered:
                sheet.write_string(number - 1, width, unchanged)
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


def _put(sheet: Any, row: int, column: int, raw: Any, dates: Any, percent: Any) -> None:
    if raw is None or raw == "":
        return
    if isinstance(raw, bool):
        sheet.write_boolean(row, column, raw)
    elif isinstance(raw, Percent):
        sheet.write_number(row, column, float(raw), percent)
    elif isinstance(raw, int | float):
        sheet.write_number(row, column, raw)
    elif isinstance(raw, datetime | date | time | timedelta):
        if isinstance(raw, datetime):
            raw = raw.replace(tzinfo=None)
        sheet.write_datetime(row, column, raw, dates if isinstance(raw, datetime) else None)
    else:
        sheet.write_string(row, column, str(raw)[:LONGEST])

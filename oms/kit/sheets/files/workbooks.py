"""Workbooks: .xlsx, .xls and .ods files, read with calamine."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError, SheetVisibleEnum

from oms.kit.sheets.files import archives, ods_xml, sheet_xml, xls_records
from oms.kit.sheets.files.limits import CELLS, COLUMNS, ROWS
from oms.kit.sheets.files.tables import Opened, Raw, Sheet, is_blank
from oms.kit.sheets.records import SheetError

_MOST_SHEETS = 500
_MOST_FILLED = 500_000


def open_archive(path: Path) -> Opened:
    """Open an .xlsx or .ods file after its unpacked size was counted. Raises `SheetError`."""
    archive = archives.check(path)
    if "content.xml" in archive.namelist():
        ods_xml.check(path, archive)
        return _opened(path, "ods", None)
    return _opened(path, "xlsx", archive)


def open_xls(path: Path) -> Opened:
    """Open a workbook of Excel 97 to 2003. Raises `SheetError`."""
    facts = xls_records.facts_of(path)
    for name, each in facts.items():
        _refuse_large(each.rows, each.columns, name)
    return _opened(path, "xls", None, facts)


def _opened(
    path: Path,
    name: str,
    archive: zipfile.ZipFile | None,
    known: Mapping[str, sheet_xml.Facts] | None = None,
) -> Opened:
    workbook = _safely(lambda: CalamineWorkbook.from_path(str(path)))
    sheets = [sheet for sheet in workbook.sheets_metadata if "WorkSheet" in str(sheet.typ)]
    if not sheets or len(sheets) > _MOST_SHEETS:
        raise archives.not_a_workbook()
    parts = sheet_xml.sheet_parts(archive) if archive else {}

    def sheet(wanted: str) -> Sheet:
        facts = (known or {}).get(wanted) or sheet_xml.Facts()
        if archive is not None:
            if wanted not in parts:
                raise archives.not_a_workbook()
            facts = sheet_xml.facts_of(path, archive, parts[wanted])
            _refuse_large(facts.rows, facts.columns, wanted)
        return _sheet(workbook, wanted, facts)

    return Opened(
        format=name,
        names=tuple(each.name for each in sheets),
        hidden=frozenset(each.name for each in sheets if each.visible != SheetVisibleEnum.Visible),
        sheet=sheet,
    )


def _sheet(workbook: CalamineWorkbook, name: str, facts: sheet_xml.Facts) -> Sheet:
    found: CalamineSheet = _safely(lambda: workbook.get_sheet_by_name(name))
    start = found.start or (0, 0)
    end = found.end or (-1, -1)
    _refuse_large(end[0] + 1, end[1] + 1 - start[1], name)
    filled = _merged(found, start[1])

    def rows() -> Iterator[Sequence[Raw]]:
        indent: list[Any] = [None] * start[1]
        by_row: dict[int, list[tuple[int, Raw]]] = {}
        for (row, column), raw in facts.cells.items():
            by_row.setdefault(row, []).append((column, raw))
        for (row, column), raw in filled.items():
            by_row.setdefault(row, []).append((column, raw))
        for number, cells in enumerate(found.iter_rows()):
            line: list[Any] = [*indent, *cells] if indent else cells
            for column, raw in by_row.get(number, ()):
                line.extend([None] * (column + 1 - len(line)))
                line[column] = raw
            yield line

    return Sheet(name=name, rows=rows, hidden_rows=facts.hidden_rows)


def _merged(sheet: CalamineSheet, first_column: int) -> dict[tuple[int, int], Raw]:
    """Return the cells that a merged cell covers, with its value. Only cells merged downwards: a title over columns is none."""
    try:
        ranges = sheet.merged_cell_ranges or []
    except (AttributeError, CalamineError):
        return {}
    down = [each for each in ranges if each[1][0] > each[0][0]]
    if not down:
        return {}
    wanted = {tuple(each[0]) for each in down}
    values: dict[tuple[int, int], Any] = {}
    rows_wanted = {row for row, _column in wanted}
    for number, cells in enumerate(sheet.iter_rows()):
        if number in rows_wanted:
            values |= {
                (number, column): cells[column - first_column]
                for row, column in wanted
                if row == number and 0 <= column - first_column < len(cells)
            }
    filled: dict[tuple[int, int], Raw] = {}
    height = (sheet.end or (-1, -1))[0] + 1
    for (top, left), (bottom, _right) in down:
        value = values.get((top, left))
        if is_blank(value):
            continue
        for row in range(top + 1, min(bottom + 1, height)):
            filled[row, left] = value
            if len(filled) > _MOST_FILLED:
                return filled
    return filled


def _refuse_large(rows: int, columns: int, name: str) -> None:
    if rows > 1_048_576 or columns > COLUMNS or rows * columns > CELLS:
        raise SheetError(
            _("The sheet “%(sheet)s” is too large: its values reach over %(rows)d rows and %(columns)d columns. "
              "Delete what lies far outside of the table, or split it into files of at most %(most)d rows.")
            % {"sheet": name, "rows": rows, "columns": columns, "most": ROWS},
            "sheet-too-large",
        )  # fmt: skip


def _safely(act: Any) -> Any:
    """Return what `act` returns; any failure of the reader becomes one sentence."""
    try:
        with _NoPanic():
            return act()
    except PasswordError:
        raise SheetError(
            _("The workbook is protected by a password. Save it without a password and upload it again.")
        )
    except (CalamineError, OSError, ValueError):
        raise archives.not_a_workbook()


class _NoPanic:
    """Turns a panic of the reader into a `SheetError`. Its class is no `Exception`, and it cannot be imported."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        if kind is not None and kind.__name__ == "PanicException":
            raise archives.not_a_workbook()

"""Rows that are written as whole lines say the same as cells that are written one by one."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from openpyxl.reader.excel import load_workbook

from oms.kit.imports.lines import OPTIONS, add_sheet, style_of
from oms.kit.sheets.files.opening import open_file

pytestmark = pytest.mark.req("R-USE-02")


def written(path: Path, *rows: list[Any], style: dict[str, str] | None = None) -> None:
    with xlsxwriter.Workbook(str(path), OPTIONS) as book:
        sheet = add_sheet(book, "Sheet")
        mark = style_of(book.add_format(style)) if style else ""
        for number, cells in enumerate(rows):
            sheet.write_line(number, cells, [mark] * len(cells))


@pytest.mark.parametrize(
    "text",
    [
        "0017",
        "=1+1",
        "<r>x</r>",
        "<r><t>Mug</t></r>",
        "a & b < c > d",
        "two\nlines",
        "tab\there",
        "é €",
        '"quoted"',
    ],
)
def test_a_text_comes_back_as_it_was(tmp_path: Path, text: str) -> None:
    written(tmp_path / "file.xlsx", [text, "end"])
    rows = list(open_file(tmp_path / "file.xlsx").sheet("Sheet").rows())
    assert list(rows[0]) == [text, "end"]
    cells = load_workbook(tmp_path / "file.xlsx").worksheets[0]
    assert (cells["A1"].value, cells["A1"].data_type) == (text, "s")


def test_outer_blanks_are_kept_and_control_characters_are_escaped(tmp_path: Path) -> None:
    written(tmp_path / "file.xlsx", ["  mug ", "a\x01b", "_x0041_"])
    sheet = load_workbook(tmp_path / "file.xlsx").worksheets[0]
    assert sheet["A1"].value == "  mug "
    rows = list(open_file(tmp_path / "file.xlsx").sheet("Sheet").rows())
    assert list(rows[0]) == ["  mug ", "a\x01b", "_x0041_"]


def test_numbers_truth_values_and_blanks(tmp_path: Path) -> None:
    written(
        tmp_path / "file.xlsx", [1, Decimal("12.50"), 0.1, True, None, "", float("inf"), float("nan"), "end"]
    )
    sheet = load_workbook(tmp_path / "file.xlsx").worksheets[0]
    assert [cell.value for cell in sheet[1]] == [1, 12.5, 0.1, True, None, None, None, None, "end"]


def test_a_long_text_is_cut_to_what_a_cell_holds(tmp_path: Path) -> None:
    written(tmp_path / "file.xlsx", ["x" * 40_000])
    assert len(load_workbook(tmp_path / "file.xlsx").worksheets[0]["A1"].value) == 32_767


def test_a_day_is_a_day_with_its_format(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(str(tmp_path / "file.xlsx"), OPTIONS) as book:
        sheet = add_sheet(book, "Sheet")
        form = style_of(book.add_format({"num_format": "yyyy-mm-dd"}))
        sheet.write_line(0, [sheet.number_of(date(2026, 11, 3))], [form])
    assert load_workbook(tmp_path / "file.xlsx").worksheets[0]["A1"].value == datetime(2026, 11, 3)  # noqa: DTZ001  workbooks have no zones


def test_lines_follow_cells_with_notes_and_formats(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(str(tmp_path / "file.xlsx"), OPTIONS) as book:
        sheet = add_sheet(book, "Sheet")
        sheet.write_string(0, 0, "SKU", book.add_format({"bold": True}))
        sheet.write_comment(0, 0, "Required")
        sheet.write_line(1, ["A-1"], [""])
        sheet.write_line(2, ["A-2"], [""])
    cells = load_workbook(tmp_path / "file.xlsx").worksheets[0]
    assert [row[0].value for row in cells.iter_rows()] == ["SKU", "A-1", "A-2"]
    assert cells["A1"].font.bold
    assert cells["A1"].comment is not None
    assert cells.dimensions == "A1:A3"

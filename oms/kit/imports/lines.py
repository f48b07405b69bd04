"""A worksheet that writes whole rows: for exports and results of 100,000 rows.

`xlsxwriter` keeps an object for each cell, looks its format up and writes it alone. Here the XML of a row is made at once, from
what is known of its columns; the rest of the workbook is written by `xlsxwriter`. The same characters are escaped. A text is
never taken for rich text, as `xlsxwriter` does with one that begins with `<r>`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, cast

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

LONGEST = 32_767  # characters of a cell
#: For workbooks: one row at a time in memory, and text stays text.
OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
    "nan_inf_to_errors": True,
    "default_date_format": "yyyy-mm-dd",
}
_UNEVEN = re.compile("[&<>\x00-\x1f\ufffe\uffff]|_x[0-9a-fA-F]{4}_|^\\s|\\s$")
_INFINITE = ("nan", "inf", "-inf")


class LineSheet(Worksheet):
    """A worksheet of a workbook with constant memory. Rows are written in their order."""

    def write_line(self, row: int, values: Sequence[Any], styles: Sequence[str]) -> None:
        """Write a row (from 0). `values` are text, numbers and bool from column A; None and "" leave a cell out.

        `styles` has the attribute of each column's format (`style_of`).
        """
        if row > self.previous_row or self.table:
            self._write_single_row(row)
        names, count = _names(len(values)), len(values)
        parts = [f'<row r="{row + 1}">']
        for column in range(count):
            value = values[column]
            if value is None or value == "":
                continue
            start = f'<c r="{names[column]}{row + 1}"{styles[column]}'
            if type(value) is str:
                space = ""
                if _UNEVEN.search(value) or len(value) > LONGEST:
                    value, space = self._even(value)
                parts.append(f'{start} t="inlineStr"><is><t{space}>{value}</t></is></c>')
            elif type(value) is bool:
                parts.append(f'{start} t="b"><v>{value:d}</v></c>')
            else:
                text = f"{value:.16G}"
                if text.lower() not in _INFINITE:
                    parts.append(f"{start}><v>{text}</v></c>")
        parts.append("</row>")
        sheet: Any = self
        sheet.fh.write("".join(parts))
        sheet.dim_rowmin = sheet.dim_colmin = 0
        sheet.dim_rowmax = row
        sheet.dim_colmax = max(sheet.dim_colmax or 0, count - 1)

    def _even(self, text: str) -> tuple[str, str]:
        """Return the text of a cell as XML, and the attribute that keeps its outer blanks."""
        text = text[:LONGEST]
        space = ' xml:space="preserve"' if text[:1].isspace() or text[-1:].isspace() else ""
        sheet: Any = self
        return sheet._escape_data(sheet._escape_control_characters(text)), space

    def number_of(self, value: datetime | date | time | timedelta) -> float:
        """Return a day or a time as the number that Excel has for it."""
        if isinstance(value, datetime):
            value = value.replace(tzinfo=None)
        sheet: Any = self
        return float(sheet._convert_date_time(value))


_known_names: list[str] = []


def _names(count: int) -> list[str]:
    while len(_known_names) < count:
        _known_names.append(str(xl_col_to_name(len(_known_names))))
    return _known_names


def style_of(form: Any | None) -> str:
    """Return the attribute of a cell with this format of the workbook."""
    return f' s="{form._get_xf_index()}"' if form is not None else ""


def add_sheet(book: xlsxwriter.Workbook, name: str) -> LineSheet:
    """Add a worksheet whose rows are written as lines."""
    sheet: Any = book.add_worksheet(name, LineSheet)
    return cast("LineSheet", sheet)

"""OpenDocument tables write repeated rows and cells once, with a number: whether unpacking them stays bearable."""

from __future__ import annotations

import zipfile
from pathlib import Path
from xml.parsers import expat

from django.utils.translation import gettext as _

from oms.kit.numbers import is_digits
from oms.kit.sheets.files.archives import not_a_workbook, unpacked
from oms.kit.sheets.files.limits import CELLS
from oms.kit.sheets.records import SheetError


def check(path: Path, archive: zipfile.ZipFile) -> None:
    """Raise `SheetError` when the cells with a value, repetitions counted, are more than can be read."""
    counter = _Counter()
    try:
        with path.open("rb") as file:
            for chunk in unpacked(file, archive.getinfo("content.xml")):
                counter.parser.Parse(chunk)
            counter.parser.Parse(b"", True)
    except expat.ExpatError:
        raise not_a_workbook()


class _Counter:
    """Counts rows times columns up to the last value of each table."""

    def __init__(self) -> None:
        self.rows = self.widest = self.pending_rows = 0
        self.column = self.row_width = self.row_repeat = 0
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.StartDoctypeDeclHandler = self.refuse

    @staticmethod
    def refuse(*_args: object) -> None:
        raise not_a_workbook()

    def start(self, name: str, at: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local == "table-row":
            self.row_repeat = _number(at.get("table:number-rows-repeated", "1"))
            self.column = self.row_width = 0
        elif local in ("table-cell", "covered-table-cell"):
            self.column += _number(at.get("table:number-columns-repeated", "1"))
            if "office:value-type" in at or "table:formula" in at:
                self.row_width = self.column
        elif local == "p":
            self.row_width = max(self.row_width, self.column)
        elif local == "table":
            self.rows = self.widest = self.pending_rows = 0

    def end(self, name: str) -> None:
        if name.rpartition(":")[2] != "table-row":
            return
        self.pending_rows += self.row_repeat
        if self.row_width:
            self.rows += self.pending_rows
            self.pending_rows = 0
            self.widest = max(self.widest, self.row_width)
            if self.rows * self.widest > CELLS:
                raise SheetError(
                    _(
                        "A sheet of the file is too large: its values reach over %(rows)d rows and %(columns)d columns."
                    )
                    % {"rows": self.rows, "columns": self.widest},
                    "sheet-too-large",
                )


def _number(text: str) -> int:
    return int(text) if is_digits(text) and len(text) < 10 else 1

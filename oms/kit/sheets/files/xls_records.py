"""What calamine does not say of an old workbook (.xls): errors, formulas without a result, formats, and the extent of its sheets.

The extent is counted before calamine opens the file: one value in the last cell of a sheet would take a gigabyte.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation import gettext as _

from oms.kit.sheets.files.archives import not_a_workbook
from oms.kit.sheets.files.ole import workbook_stream
from oms.kit.sheets.files.sheet_xml import Facts, as_shown
from oms.kit.sheets.files.tables import ErrorCell, NoResult, Raw
from oms.kit.sheets.records import SheetError

_BOF, _EOF, _BOUNDSHEET, _FILEPASS = 0x809, 0x0A, 0x85, 0x2F
_FORMAT, _XF, _ROW, _STRING = 0x41E, 0xE0, 0x208, 0x207
_NUMBER, _RK, _MULRK, _FORMULA, _BOOLERR = 0x203, 0x27E, 0xBD, 0x06, 0x205
_TEXTS = (0xFD, 0x204, 0xD6)
_ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
}

Record = tuple[int, int, bytes]  # place in the stream, kind, content


def facts_of(path: Path) -> dict[str, Facts]:
    """Return the facts of each sheet by its name. Raises `SheetError` for a password and for what is no workbook."""
    stream = workbook_stream(path)
    reader = _Reader()
    try:
        reader.read(stream)
    except (struct.error, IndexError):
        raise not_a_workbook()
    return {name: reader.facts.get(place, Facts()) for name, place in reader.sheets.items()}


def _records(stream: bytes) -> Iterator[Record]:
    place, size = 0, len(stream)
    while place + 4 <= size:
        kind, length = struct.unpack_from("<HH", stream, place)
        yield place, kind, stream[place + 4 : place + 4 + length]
        place += 4 + length


class _Reader:
    """Walks over the records of a workbook."""

    def __init__(self) -> None:
        self.sheets: dict[str, int] = {}
        self.facts: dict[int, Facts] = {}
        self.formats: dict[int, str] = {9: "0%", 10: "0.00%"}
        self.styles: list[str] = []
        self.sheet = Facts()
        self.depth = 0
        self.waiting: tuple[int, int] | None = None  # a formula whose text must follow

    def read(self, stream: bytes) -> None:
        for place, kind, content in _records(stream):
            if self.waiting is not None and kind not in (
                _STRING,
                0x4BC,
                0x221,
                0x236,
            ):  # shared formulas and tables
                self.sheet.cells[self.waiting] = NoResult("=")
                self.waiting = None
            if kind == _BOF:
                self.depth += 1
                if self.depth == 1:
                    self.sheet = self.facts.setdefault(place, Facts())
            elif kind == _EOF:
                self.depth = max(0, self.depth - 1)
            elif kind == _FILEPASS:
                raise SheetError(
                    _(
                        "The workbook is protected by a password. Save it without a password and upload it again."
                    )
                )
            elif self.depth <= 1:
                self._record(kind, content)

    def _record(self, kind: int, content: bytes) -> None:
        if kind == _BOUNDSHEET:
            place, _visible, _type, length, flags = struct.unpack_from("<IBBBB", content)
            wide = flags & 1
            raw = content[8 : 8 + length * (1 + wide)]
            self.sheets[raw.decode("utf-16-le" if wide else "latin-1", "replace")] = place
        elif kind == _FORMAT and len(content) > 5:
            number, _length, flags = struct.unpack_from("<HHB", content)
            self.formats[number] = content[5:].decode("utf-16-le" if flags & 1 else "latin-1", "replace")
        elif kind == _XF:
            self.styles.append(self.formats.get(struct.unpack_from("<H", content, 2)[0], ""))
        elif kind == _ROW:
            self.sheet.hidden_rows += bool(struct.unpack_from("<H", content, 12)[0] & 0x20)
        elif kind == _STRING:
            self.waiting = None
        elif kind in _TEXTS or kind in (_NUMBER, _RK, _MULRK, _FORMULA, _BOOLERR):
            self._cell(kind, content)

    def _cell(self, kind: int, content: bytes) -> None:
        row, column, style = struct.unpack_from("<HHH", content)
        last = struct.unpack_from("<H", content, len(content) - 2)[0] if kind == _MULRK else column
        self.sheet.rows = max(self.sheet.rows, row + 1)
        self.sheet.columns = max(self.sheet.columns, last + 1)
        if kind == _NUMBER:
            self._number(row, column, style, struct.unpack_from("<d", content, 6)[0])
        elif kind == _RK:
            self._number(row, column, style, _rk(content, 6))
        elif kind == _MULRK:
            for at in range(4, len(content) - 2, 6):
                own = struct.unpack_from("<H", content, at)[0]
                self._number(row, column + (at - 4) // 6, own, _rk(content, at + 2))
        elif kind == _BOOLERR and content[7]:
            self.sheet.cells[row, column] = ErrorCell(_ERRORS.get(content[6], "#ERROR!"))
        elif kind == _FORMULA:
            self._formula(row, column, style, content[6:14])

    def _formula(self, row: int, column: int, style: int, result: bytes) -> None:
        if result[6:8] != b"\xff\xff":
            self._number(row, column, style, struct.unpack("<d", result)[0])
        elif result[0] == 2:
            self.sheet.cells[row, column] = ErrorCell(_ERRORS.get(result[2], "#ERROR!"))
        elif result[0] == 0:
            self.waiting = (row, column)

    def _number(self, row: int, column: int, style: int, number: float) -> None:
        code = self.styles[style] if style < len(self.styles) else ""
        other: Raw = as_shown(number, code) if code else None
        if other is not None:
            self.sheet.cells[row, column] = other


def _rk(content: bytes, at: int) -> float:
    """Return a number in Excel's short form."""
    value = struct.unpack_from("<i", content, at)[0]
    if value & 2:
        number = float(value >> 2)
    else:
        number = struct.unpack("<d", b"\x00\x00\x00\x00" + struct.pack("<i", value & ~3))[0]
    return number / 100 if value & 1 else number

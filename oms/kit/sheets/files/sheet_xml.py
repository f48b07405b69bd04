"""What calamine does not say of a sheet of an .xlsx file: errors, formulas without a result, number formats, its extent.

calamine returns an empty text for an error cell and for a formula that nobody computed: they would look like blank cells,
which leave a stored value alone. So the XML of the sheet is looked through as well: quickly as bytes, and with a parser only
where something is found.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

from oms.kit.sheets.files.archives import not_a_workbook, unpacked
from oms.kit.sheets.files.limits import CELLS, COLUMNS
from oms.kit.sheets.files.tables import ErrorCell, NoResult, Percent, Raw, Shown

_CELL = re.compile(rb'<c r="([A-Z]{1,3})(\d{1,7})"')
_SUSPICIOUS = (b't="e"', b"<f", b"hidden=", b"='", b":c ", b":c>")
#: Cells that `_CELL` does not find: the parser must look at them.
_OTHER_CELL = re.compile(rb'<c(?! r=")[\s/>]|<c r="(?![A-Z]{1,3}\d{1,7}")[^"]*"')
_REFERENCE = re.compile(r"^([A-Za-z]{1,3})(\d{1,7})$", re.ASCII)
_TAIL = 64
_ZEROS = re.compile(r"^0{2,30}$")
_MOST_FACTS = 200_000


@dataclass(slots=True)
class Facts:
    """`cells` are the cells to be read in another way than calamine does, by (row, column), counted from 0."""

    cells: dict[tuple[int, int], Raw] = field(default_factory=dict)
    rows: int = 0
    columns: int = 0
    hidden_rows: int = 0

    @property
    def size(self) -> int:
        """The cells of the rectangle that holds all values."""
        return self.rows * self.columns


def column_number(letters: str | bytes) -> int:
    """Return 0 for A, 25 for Z, 26 for AA."""
    text = letters.decode("ascii") if isinstance(letters, bytes) else letters
    number = 0
    for letter in text:
        number = number * 26 + ord(letter) - 64
    return number - 1


def column_letter(number: int) -> str:
    """Return the letters of a column counted from 0: A for 0, AA for 26."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def facts_of(path: Path, archive: zipfile.ZipFile, part_name: str) -> Facts:
    """Return the facts of one sheet. Reads its XML once, or twice where it holds something that calamine hides."""
    part = _part(archive, part_name)
    if part is None:
        raise not_a_workbook()
    formats = number_formats(archive)
    with path.open("rb") as file:
        quick = None if formats else _quick(unpacked(file, part))
        if quick is not None and quick.size <= CELLS:
            return quick
        return _exact(unpacked(file, part), formats)


def sheet_parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the part name of each sheet by the sheet's name."""
    targets: dict[str, str] = {}
    _each(archive, "xl/_rels/workbook.xml.rels", lambda name, at: _target(name, at, targets))
    parts: dict[str, str] = {}

    def sheet(name: str, at: dict[str, str]) -> None:
        if name == "sheet":
            key = next((value for key, value in at.items() if key.rpartition(":")[2] == "id"), "")
            if key in targets:
                parts[at.get("name", "")] = targets[key]

    _each(archive, "xl/workbook.xml", sheet)
    return parts


def number_formats(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the formats by the number of the cell style that show a number as a percentage or with leading zeros."""
    own: dict[str, str] = {"9": "0%", "10": "0.00%"}
    styles: dict[str, str] = {}
    inside = [False, 0]

    def element(name: str, at: dict[str, str]) -> None:
        if name == "numFmt":
            own[at.get("numFmtId", "")] = at.get("formatCode", "")
        elif name in ("cellXfs", "cellStyleXfs", "dxfs", "cellStyles"):
            inside[0] = name == "cellXfs"
        elif name == "xf" and inside[0]:
            code = own.get(at.get("numFmtId", ""), "")
            if _ZEROS.match(code) or "%" in code:
                styles[str(inside[1])] = code
            inside[1] += 1

    _each(archive, "xl/styles.xml", element)
    return styles


def _target(name: str, at: dict[str, str], targets: dict[str, str]) -> None:
    if name == "Relationship":
        target = at.get("Target", "")
        path = (
            target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join("xl", target))
        )
        targets[at.get("Id", "")] = path


def _part(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo | None:
    wanted = name.lower()
    return next((part for part in archive.infolist() if part.filename.lower().lstrip("/") == wanted), None)


def _parser(start: Any) -> expat.XMLParserType:
    """A parser that refuses document types and calls `start` with the local name and the attributes of each element."""
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse(*_args: object) -> None:
        raise not_a_workbook()

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda name, at: start(name.rpartition(":")[2], at)
    return parser


def _each(archive: zipfile.ZipFile, name: str, start: Any) -> None:
    """Call `start` for each element of a small part; nothing when the workbook has no such part."""
    part = _part(archive, name)
    if part is None:
        return
    parser = _parser(start)
    try:
        with archive.open(part) as file:
            while chunk := file.read(1 << 18):
                parser.Parse(chunk)
            parser.Parse(b"", True)
    except (expat.ExpatError, zipfile.BadZipFile):
        raise not_a_workbook()


def _quick(chunks: Iterator[bytes]) -> Facts | None:
    """Return the extent of all written cells; None when the parser must look at the sheet."""
    letters: set[bytes] = set()
    last = 0
    tail = b""
    for chunk in chunks:
        window = tail + chunk
        if any(mark in window for mark in _SUSPICIOUS) or _OTHER_CELL.search(window):
            return None
        found = _CELL.findall(window)
        if found:
            letters.update({letter for letter, _row in found})
            last = max(last, *map(int, {row for _letter, row in found}))
        tail = window[-_TAIL:]
    columns = max((column_number(each) for each in letters), default=-1) + 1
    return Facts(rows=last, columns=columns)


def _exact(chunks: Iterator[bytes], formats: dict[str, str]) -> Facts:
    reader = _CellReader(formats)
    try:
        for chunk in chunks:
            reader.parser.Parse(chunk)
        reader.parser.Parse(b"", True)
    except expat.ExpatError:
        raise not_a_workbook()
    return reader.facts


class _CellReader:
    """Reads the elements of a sheet. Cells that calamine reads rightly are only counted."""

    def __init__(self, formats: dict[str, str]) -> None:
        self.facts = Facts()
        self.formats = formats
        self.row = self.column = -1
        self.kind = self.style = ""
        self.formula = self.has_value = self.in_value = False
        self.text = ""
        self.parser = _parser(self.start)
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.data

    def start(self, name: str, at: dict[str, str]) -> None:
        if name == "c":
            self._begin(at)
        elif name in ("v", "is"):
            self.has_value = True
            self.in_value = name == "v"
        elif name == "f":
            self.formula = True
        elif name == "row":
            number = at.get("r", "")
            self.row = int(number) - 1 if _REFERENCE.match(f"A{number}") else self.row + 1
            self.column = -1
            if at.get("hidden") in ("1", "true"):
                self.facts.hidden_rows += 1

    def _begin(self, at: dict[str, str]) -> None:
        """A cell counts where its own reference says, whatever the row around it says."""
        reference = at.get("r")
        match = _REFERENCE.match(reference) if reference else None
        if match:
            self.column, self.row = column_number(match[1].upper()), int(match[2]) - 1
        elif reference:
            raise not_a_workbook()
        else:
            self.column += 1
        self.kind, self.style = at.get("t", "n"), at.get("s", "")
        self.formula = self.has_value = False
        self.text = ""

    def data(self, text: str) -> None:
        if self.in_value and len(self.text) < 100:
            self.text += text

    def end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        if local == "v":
            self.in_value = False
        elif local == "c" and (self.has_value or self.formula):
            self.facts.rows = max(self.facts.rows, self.row + 1)
            self.facts.columns = max(self.facts.columns, min(self.column, COLUMNS) + 1)
            other = self._other()
            if other is not None and len(self.facts.cells) < _MOST_FACTS:
                self.facts.cells[self.row, self.column] = other

    def _other(self) -> Raw:
        if self.kind == "e":
            return ErrorCell(self.text or "#ERROR!")
        if self.formula and not self.text and self.kind != "str":
            return NoResult("=")
        code = self.formats.get(self.style) if self.kind == "n" else None
        if code is None or not self.text:
            return None
        try:
            number = float(self.text)
        except ValueError:
            return None
        return as_shown(number, code)


def as_shown(number: float, code: str) -> Raw:
    """Return a number whose format shows it as a percentage or with leading zeros; None for other formats."""
    if "%" in code:
        return Percent(number)
    if _ZEROS.match(code) and number >= 0 and number.is_integer():
        return Shown(str(int(number)).zfill(len(code)))
    return None

"""Text files: their encoding, their separator and their rows."""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from django.utils.translation import gettext as _

from oms.kit.sheets.files.limits import CELL_CHARACTERS, COLUMNS, ROWS
from oms.kit.sheets.files.tables import Opened, Raw, Sheet
from oms.kit.sheets.records import SheetError

#: Encoding as Python names it → as a page names it.
ENCODINGS = {
    "utf-8-sig": "UTF-8 with BOM",
    "utf-8": "UTF-8",
    "cp1252": "Windows-1252",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
}
_SEPARATORS = (",", ";", "\t", "|")
_SAMPLE_LINES = 40


def open_text(path: Path) -> Opened:
    """Open a text file with separated values. Raises `SheetError` when it is no text."""
    encoding = _encoding(path)
    lines = _first_lines(path, encoding)
    hint = _hint(lines[0]) if lines else ""
    separator = hint or _separator(lines)
    quotes = not (separator == "\t" and _has_bare_quotes(path, encoding))

    def rows() -> Iterator[Sequence[Raw]]:
        return _rows(path, encoding, separator, quotes=quotes)

    return Opened(
        format="text",
        names=("",),
        hidden=frozenset(),
        sheet=lambda name: Sheet(name="", rows=rows),
        encoding=ENCODINGS[encoding],
        separator=separator,
        quotes=quotes,
    )


def _encoding(path: Path) -> str:
    """Return the encoding: by its mark, else UTF-8 where every byte fits, else Windows-1252."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(codecs.BOM_UTF8):
        encoding = "utf-8-sig"
    elif head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif b"\x00" in head:
        encoding = _without_mark(head)
    else:
        encoding = "utf-8"
    if _can_decode(path, encoding):
        return encoding
    if encoding != "utf-8" or not _can_decode(path, "cp1252"):
        raise SheetError(
            _(
                "The text of the file cannot be read: it is neither UTF-8 nor Windows-1252. Save it as “CSV UTF-8”."
            )
        )
    return "cp1252"


def _without_mark(head: bytes) -> str:
    """Return the encoding of a text with zero bytes: UTF-16 whose mark is missing, or UTF-8 with a few stray ones.

    Latin text in UTF-16 has a zero byte in nearly every pair, always in the same half. Raises `SheetError` for other files.
    """
    halves = (head[0::2].count(0), head[1::2].count(0))
    pairs = len(head) // 2
    for encoding, zeros, others in (("utf-16-le", halves[1], halves[0]), ("utf-16-be", halves[0], halves[1])):
        if zeros * 2 > pairs and others * 20 <= pairs and "\n" in head.decode(encoding, "replace"):
            return encoding
    if sum(halves) * 20 <= len(head) and b"\n" in head:
        return "utf-8"
    raise SheetError(_("The file is no text and no workbook. Save it in Excel as .xlsx or as “CSV UTF-8”."))


def _can_decode(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                decoder.decode(chunk)
            decoder.decode(b"", True)
    except UnicodeError:
        return False
    return True


def _first_lines(path: Path, encoding: str) -> list[str]:
    lines: list[str] = []
    with path.open(encoding=encoding, newline="") as file:
        while len(lines) < _SAMPLE_LINES and (line := file.readline(CELL_CHARACTERS)):
            if line.strip():
                lines.append(line)
    return lines


def _hint(line: str) -> str:
    """Return the separator that a first line `sep=;` names, as Excel reads it."""
    text = line.strip("\r\n \"'")
    return text[4] if text.lower().startswith("sep=") and len(text) == 5 else ""


def _separator(lines: Sequence[str]) -> str:
    """Return the character that parts most lines into the same number of cells; a comma when there is only one column."""
    best, best_score = ",", 0.0
    for separator in _SEPARATORS:
        try:
            counts = Counter(len(row) - 1 for row in csv.reader(lines, delimiter=separator) if len(row) > 1)
        except csv.Error:
            continue  # a cell that is too long: not the separator, or a quote that is never closed
        if not counts:
            continue
        number, times = counts.most_common(1)[0]
        score = times * (1 + min(number, 60) / 20)
        if score > best_score:
            best, best_score = separator, score
    return best


def _has_bare_quotes(path: Path, encoding: str) -> bool:
    """Whether a quote in this tab file is a character (Amazon's reports) and encloses nothing.

    So it is when a cell has a quote that is not doubled, and every line alone has as many cells as the first one.
    """
    bare = False
    width = 0
    with path.open(encoding=encoding, newline="") as file:
        for line in file:
            cells = line.rstrip("\r\n").split("\t")
            if not width:
                width = len(cells)
            elif len(cells) != width and line.strip():
                return False
            bare = bare or ('"' in line and any('"' in cell and not _is_enclosed(cell) for cell in cells))
    return bare


def _is_enclosed(cell: str) -> bool:
    inner = cell[1:-1].replace('""', "")
    return len(cell) > 1 and cell.startswith('"') and cell.endswith('"') and '"' not in inner


def _rows(path: Path, encoding: str, separator: str, *, quotes: bool) -> Iterator[Sequence[Raw]]:
    rule: Literal[0, 3] = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    begins = 1
    with path.open(encoding=encoding, newline="") as file:
        reader = csv.reader(_without_nul(file), delimiter=separator, quoting=rule, strict=True)
        number = 0
        while True:
            number += 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise _broken(number, str(error), begins)
            begins = reader.line_num + 1
            if number == 1 and len(row) == 1 and _hint(row[0]):
                row = []
            if number == 1 and len(row) == 2 and row[0].lower().lstrip("\"'") == "sep=":
                row = []
            if number > ROWS:
                raise SheetError(_("The file has more than %d rows. Split it into several files.") % ROWS)
            if len(row) > COLUMNS:
                raise SheetError(
                    _("Row %(row)d has more than %(most)d columns.") % {"row": number, "most": COLUMNS}
                )
            yield row


def _without_nul(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line.replace("\x00", "") if "\x00" in line else line


def _broken(number: int, error: str, line: int) -> SheetError:
    if "field larger" in error:
        return SheetError(
            _(
                "Row %(row)d (line %(line)d of the file) has a cell of more than %(most)d characters: probably a quotation mark is never closed. Correct this row and upload the file again."
            )
            % {"row": number, "line": line, "most": CELL_CHARACTERS}
        )
    if "unexpected end of data" in error:
        return SheetError(
            _(
                "A quotation mark that opens in row %(row)d (line %(line)d of the file) is never closed. Correct this row and upload the file again."
            )
            % {"row": number, "line": line}
        )
    return SheetError(
        _(
            "Row %(row)d (line %(line)d of the file) has a quotation mark inside a cell that is not doubled. Correct this row and upload the file again."
        )
        % {"row": number, "line": line}
    )

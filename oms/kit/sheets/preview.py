"""What a page shows before a file is read: its sheets, the row with the headings, and what each column may mean.

`look` also works for a file that `reading.read` refuses because its columns are not clear: a person then maps them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path

from oms.kit.sheets.cells.text import shown
from oms.kit.sheets.choosing import Choice, choose
from oms.kit.sheets.columns import headings, matching
from oms.kit.sheets.columns.matching import Columns
from oms.kit.sheets.data import Data
from oms.kit.sheets.fields import SheetKind
from oms.kit.sheets.files.opening import open_file
from oms.kit.sheets.files.sheet_xml import column_letter
from oms.kit.sheets.files.tables import Opened, Raw, Sheet, is_blank
from oms.kit.sheets.formats import Registry, registry
from oms.kit.sheets.mapped import SAMPLE, refuse_unclear
from oms.kit.sheets.records import SheetError

_SHOWN_ROWS = 30
_SHOWN_CELLS = 60
_SAMPLES = 3


class State(StrEnum):
    """How sure it is what a column means."""

    SURE = "sure"
    GUESS = "guess"  # not used until a person confirms it
    SEVERAL = "several"  # other columns could mean the same field: a person chooses one
    LEFT_OUT = "left_out"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PreviewColumn:
    """One column: its letter, its heading, the field that it means or may mean, and its first values."""

    letter: str
    heading: str
    key: str
    state: State
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What is known of a file before its rows are read. `problem` is the sentence that `read` would refuse it with; "" for none."""

    format: str
    encoding: str
    separator: str
    sheets: tuple[str, ...]
    hidden_sheets: tuple[str, ...]
    sheet: str
    header_row: int
    recognised_as: str
    columns: tuple[PreviewColumn, ...]
    first_rows: tuple[tuple[str, ...], ...]
    problem: str = ""
    code: str = ""


def look(
    path: str | Path,
    kind: SheetKind,
    *,
    sheet: str | None = None,
    header_row: int | None = None,
    mapping: Mapping[str, str | None] | None = None,
    formats: Registry = registry,
) -> Preview:
    """Return what the file looks like. Raises `SheetError` only when it cannot be opened at all."""
    opened = open_file(Path(path))
    problem: SheetError | None = None
    try:
        choice = choose(opened, kind, formats, sheet=sheet, header_row=header_row, mapping=mapping)
    except SheetError as error:
        if error.code not in ("headings-not-found", "sheet-ambiguous"):
            raise
        problem = error
        choice = _first(opened, kind, sheet, header_row or 1)
    sample = [cells for _number, cells in islice(Data(choice.sheet, choice.row).rows(), SAMPLE)]
    columns = matching.match(choice.headers, choice.kind, mapping, sample)
    known = choice.format
    if known is not None:
        if known.refusal:
            problem = SheetError(str(known.refusal), known.refusal_code)
    elif problem is None:
        try:
            refuse_unclear(columns, choice.kind)
        except SheetError as error:
            problem = error
    return Preview(
        format=opened.format,
        encoding=opened.encoding,
        separator=opened.separator,
        sheets=tuple(opened.visible),
        hidden_sheets=tuple(name for name in opened.names if name in opened.hidden),
        sheet=choice.sheet.name,
        header_row=choice.row,
        recognised_as=known.key if known else "",
        columns=tuple(_columns(columns, sample)),
        first_rows=tuple(_shown(choice.sheet)),
        problem=str(problem) if problem else "",
        code=problem.code if problem else "",
    )


def _first(opened: Opened, kind: SheetKind, name: str | None, row: int) -> Choice:
    """Choose the named or the first visible sheet, and a row of it, although its headings are not known."""
    table = opened.sheet(name or (opened.visible or list(opened.names))[0])
    rows = headings.first_rows(table, max(row, headings.SEARCHED_ROWS))
    if row == 1:  # nobody chose it: the first row with several texts
        row = next((number for number, cells in enumerate(rows, 1) if _filled(cells) > 1), 1)
    texts = headings.heading_texts(rows[row - 1]) if row <= len(rows) else ()
    return Choice(table, row, texts, kind)


def _filled(cells: Sequence[Raw]) -> int:
    return sum(not is_blank(cell) for cell in cells)


def _columns(columns: Columns, sample: Sequence[Sequence[Raw]]) -> list[PreviewColumn]:
    several = {number: key for key, numbers in columns.clashes.items() for number in numbers}
    found = []
    for number in range(len(columns.headers)):
        if number in columns.keys:
            key, state = columns.keys[number], State.SURE
        elif number in several:
            key, state = several[number], State.SEVERAL
        elif number in columns.guesses:
            key, state = columns.guesses[number], State.GUESS
        elif number in columns.left_out:
            key, state = "", State.LEFT_OUT
        else:
            key, state = "", State.UNKNOWN
        cells = (row[number] for row in sample if number < len(row))
        values = tuple(islice((_text(cell) for cell in cells if not is_blank(cell)), _SAMPLES))
        found.append(PreviewColumn(column_letter(number), columns.heading(number), key, state, values))
    return found


def _shown(sheet: Sheet) -> list[tuple[str, ...]]:
    return [
        tuple(_text(cell) for cell in cells[:_SHOWN_CELLS]) for cells in islice(sheet.rows(), _SHOWN_ROWS)
    ]


def _text(cell: Raw) -> str:
    text = shown(cell)
    return text if len(text) <= 80 else text[:79] + "…"

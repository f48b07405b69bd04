"""The columns of a file for the page that maps them: headings, sample values, what each surely or perhaps means."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import islice

from django.utils.translation import gettext as _

from oms.kit.imports import files
from oms.kit.imports.kinds import ImportKind
from oms.kit.imports.models import SheetImport
from oms.kit.sheets.choosing import choose
from oms.kit.sheets.columns.headings import heading_texts
from oms.kit.sheets.columns.matching import Columns, match
from oms.kit.sheets.files.opening import open_file
from oms.kit.sheets.files.sheet_xml import column_letter
from oms.kit.sheets.files.tables import Opened, is_blank
from oms.kit.sheets.formats import registry
from oms.kit.sheets.records import SheetError

SAMPLES, SAMPLED_ROWS, MOST_COLUMNS = 3, 200, 200


@dataclass(slots=True)
class Column:
    """One column: its number from 0, the name that a mapping uses (heading, or letter), and the field that it means."""

    number: int
    key: str
    heading: str
    samples: list[str]
    field: str = ""
    is_guess: bool = False


@dataclass(slots=True)
class Table:
    """The columns of one sheet of a file."""

    sheet: str
    sheets: list[str]
    header_row: int
    columns: list[Column] = field(default_factory=list)
    hidden: int = 0


def table_of(row: SheetImport, kind: ImportKind, *, sheet: str = "", header_row: int | None = None) -> Table:
    """Return the columns of the stored file. Raises `SheetError` when it cannot be opened."""
    path = files.path_of(row.stored_as)
    if not row.stored_as or not path.is_file():
        raise SheetError(_("The file was deleted. Upload it again."))
    opened = open_file(path)
    name = sheet if sheet in opened.names else row.sheet if row.sheet in opened.names else ""
    number = header_row or (row.header_row if not sheet or sheet == row.sheet else None)
    if not name or not number:
        name, number = _place(opened, kind, name, number)
    rows = list(islice(opened.sheet(name).rows(), number + SAMPLED_ROWS))
    texts = heading_texts(rows[number - 1]) if number <= len(rows) else ()
    below = rows[number:]
    found = _matched(texts, kind, row, below)
    twice = {text for text, count in Counter(texts).items() if count > 1}
    table = Table(name, opened.visible, number, hidden=max(len(texts) - MOST_COLUMNS, 0))
    for place, text in enumerate(texts[:MOST_COLUMNS]):
        guess = found.guesses.get(place, "")
        table.columns.append(
            Column(
                number=place,
                key=text if text and text not in twice else column_letter(place),
                heading=text or column_letter(place),
                samples=_samples(below, place),
                field=found.keys.get(place, "") or guess,
                is_guess=bool(guess) and place not in found.keys,
            )
        )
    return table


def _place(opened: Opened, kind: ImportKind, sheet: str, number: int | None) -> tuple[str, int]:
    """Return the sheet and the row of the headings; where they are not clear, the first row with several cells."""
    try:
        choice = choose(opened, kind.sheet, registry, sheet=sheet or None, header_row=number)
    except SheetError:
        name = sheet or (opened.visible or list(opened.names))[0]
        for at, cells in enumerate(islice(opened.sheet(name).rows(), 30), start=1):
            if number in (None, at) and sum(not is_blank(cell) for cell in cells) > 1:
                return name, at
        return name, number or 1
    return choice.sheet.name, choice.row


def _matched(texts: tuple[str, ...], kind: ImportKind, row: SheetImport, below: list) -> Columns:  # type: ignore[type-arg]
    try:
        return match(texts, kind.sheet, row.mapping, below)
    except SheetError:
        return match(texts, kind.sheet, None, below)


def _samples(rows: list, place: int) -> list[str]:  # type: ignore[type-arg]
    found: list[str] = []
    for cells in rows:
        if place < len(cells) and not is_blank(cells[place]):
            text = " ".join(str(cells[place]).split())[:60]
            if text not in found:
                found.append(text)
        if len(found) == SAMPLES:
            break
    return found

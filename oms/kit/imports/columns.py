"""The columns of a stored file for the page that maps them: headings, sample values, what each surely or perhaps means."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from oms.kit.imports import files
from oms.kit.imports.kinds import ImportKind
from oms.kit.imports.models import SheetImport
from oms.kit.sheets.preview import State, look
from oms.kit.sheets.records import SheetError

MOST_COLUMNS = 200


@dataclass(slots=True)
class Column:
    """One column: its number from 0, the name that a mapping uses (heading, or letter), and the field that it means."""

    number: int
    key: str
    heading: str
    samples: tuple[str, ...]
    field: str = ""
    is_guess: bool = False


@dataclass(slots=True)
class Table:
    """The columns of one sheet of a file. `hidden` are columns beyond those that are shown."""

    sheet: str
    sheets: tuple[str, ...]
    header_row: int
    columns: list[Column] = field(default_factory=list)
    hidden: int = 0


def table_of(row: SheetImport, kind: ImportKind, *, sheet: str = "", header_row: int | None = None) -> Table:
    """Return the columns of the stored file. Raises `SheetError` when it cannot be opened."""
    path = files.path_of(row.stored_as)
    if not row.stored_as or not path.is_file():
        raise SheetError(_("The file was deleted. Upload it again."))
    is_same = not sheet or sheet == row.sheet
    found = look(
        path,
        kind.sheet,
        sheet=sheet or row.sheet or None,
        header_row=header_row or (row.header_row if is_same else None),
        mapping=row.mapping if is_same else None,
    )
    names = [one.heading.strip() for one in found.columns]
    twice = {name for name, count in Counter(names).items() if count > 1}
    table = Table(
        found.sheet, found.sheets, found.header_row, hidden=max(len(found.columns) - MOST_COLUMNS, 0)
    )
    for number, (one, name) in enumerate(zip(found.columns[:MOST_COLUMNS], names, strict=False)):
        table.columns.append(
            Column(
                number=number,
                key=name if name and name not in twice else one.letter,
                heading=name or one.letter,
                samples=one.samples,
                field=one.key if one.state in (State.SURE, State.GUESS, State.SEVERAL) else "",
                is_guess=one.state in (State.GUESS, State.SEVERAL),
            )
        )
    return table

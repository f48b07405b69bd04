"""Reading the stored file of an import. The last reading is remembered: a job reads its file once, not once a slice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from oms.kit.imports import files, mappings
from oms.kit.imports.kinds import ImportKind, Session
from oms.kit.imports.models import ColumnMapping, SheetImport
from oms.kit.sheets import reading
from oms.kit.sheets.files.opening import open_file
from oms.kit.sheets.records import Reading, SheetRecord

#: Rows that are checked, and later applied, in one transaction.
CHUNK = 1_000
#: A reading of so many records is remembered from the check until it is applied; a larger one is read again.
REMEMBERED = 20_000
#: Where the headings of a saved mapping are looked for.
MOST_SHEETS, HEADING_ROWS = 10, 30

#: The first cell of an example row begins with this; such a row is never imported.
EXAMPLE = "(example)"

_last: dict[tuple[Any, ...], Reading] = {}


def read(sheet_import: SheetImport, kind: ImportKind) -> Reading:
    """Return what the file has. Raises `SheetError` when it cannot be read as a whole."""
    row = sheet_import
    key = (row.pk, row.stored_as, row.sheet, row.header_row, str(row.mapping))
    if key not in _last:
        _last.clear()
        _last[key] = reading.read(
            files.path_of(row.stored_as),
            kind.sheet,
            filename=row.file_name,
            sheet=row.sheet or None,
            header_row=row.header_row,
            mapping=row.mapping,
            currency=str(row.options.get("currency", "")),
        )
    return _last[key]


def place(row: SheetImport, kind: ImportKind) -> bool:
    """Use the saved mapping for the headings of a file where none was chosen, and find the row of its headings.

    Changes the unsaved `row`; returns whether it did. Raises `SheetError` when the file cannot be opened.
    """
    saved = {one.headings: one for one in ColumnMapping.objects.filter(kind=kind.key)}
    if (row.mapping is None and not saved) or (row.mapping is not None and row.header_row is not None):
        return False
    wanted = {heading for heading, key in (row.mapping or {}).items() if key}
    for sheet, number, headings in _first_rows(row):
        found = saved.get(mappings.digest_of(headings)) if row.mapping is None else None
        if found is not None or (wanted and wanted <= set(headings)):
            row.mapping = found.as_dict() if found is not None else row.mapping
            row.sheet, row.header_row = sheet, number
            return True
    return False


def _first_rows(row: SheetImport) -> Iterator[tuple[str, int, list[str]]]:
    opened = open_file(files.path_of(row.stored_as))
    for name in opened.visible[:MOST_SHEETS]:
        if row.sheet and name != row.sheet:
            continue
        for number, cells in enumerate(islice(opened.sheet(name).rows(), HEADING_ROWS), start=1):
            if row.header_row in (None, number):
                yield name, number, [str(cell or "").strip() for cell in cells]


def real_records(found: Reading, kind: ImportKind) -> list[SheetRecord]:
    """Return the records without the example rows of a template."""
    first = kind.sheet.named_by
    return [one for one in found.records if not str(one.values.get(first) or "").startswith(EXAMPLE)]


def forget() -> None:
    """Forget the last reading, so that its memory is free."""
    _last.clear()


def session_of(sheet_import: SheetImport) -> Session:
    """Return the session of an import for the parts of its kind."""
    return Session(
        import_id=sheet_import.pk,
        file_name=sheet_import.file_name,
        by=sheet_import.by,
        options=sheet_import.options,
        mapped=frozenset((sheet_import.reading.get("mapping") or {}).values()),
    )


def chunks(records: Sequence[SheetRecord], kind: ImportKind) -> list[list[SheetRecord]]:
    """Return the records in chunks, always the same for the same file; rows that belong together are in one chunk."""
    groups: dict[Any, list[SheetRecord]] = {}
    for record in records:
        groups.setdefault(kind.together(record) or record.row, []).append(record)
    found: list[list[SheetRecord]] = []
    for group in groups.values():
        if not found or len(found[-1]) + len(group) > CHUNK:
            found.append([])
        found[-1] += group
    return found

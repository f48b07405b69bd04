"""Files for the tests of imports, and the short way through an import."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from openpyxl.reader.excel import load_workbook

from oms.kit.authors.actors import Author
from oms.kit.background import jobs
from oms.kit.imports import files, services
from oms.kit.imports.models import SheetImport, StagedRow
from oms.kit.models import Job

ANNA = Author("command", None, "manage.py import_excel (test)")


def table(*rows: Sequence[Any]) -> bytes:
    """Return rows as a CSV file; the first row has the headings."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def upload(kind: str, *rows: Sequence[Any], name: str = "file.csv", **more: Any) -> SheetImport:
    """Store a file as an import."""
    more.setdefault("by", ANNA)
    return services.receive(kind=kind, parts=[table(*rows)], file_name=name, **more)


def checked(kind: str, *rows: Sequence[Any], **more: Any) -> SheetImport:
    """Store a file and check it."""
    found = upload(kind, *rows, **more)
    return run(found, services.check(found, by=found.by))


def applied(kind: str, *rows: Sequence[Any], accept: bool = True, **more: Any) -> SheetImport:
    """Store a file, check it and apply it."""
    found = checked(kind, *rows, **more)
    return confirm(found, accept=accept)


def confirm(found: SheetImport, *, accept: bool = True) -> SheetImport:
    """Apply a checked import; nothing when it changes nothing."""
    if services.is_unchanged(found):
        return found
    return run(found, services.confirm(found, by=found.by, accepts_large_changes=accept))


def undone(found: SheetImport) -> SheetImport:
    """Undo an import."""
    return run(found, services.undo(found, by=found.by))


def run(found: SheetImport, job: Job) -> SheetImport:
    """Work a job of an import to its end."""
    jobs.run_here(job)
    found.refresh_from_db()
    return found


def reasons(found: SheetImport) -> dict[int, list[str]]:
    """Return row → codes of its remarks, of rejected rows."""
    rows = found.staged.filter(action=StagedRow.Action.REJECTED)
    return {row.row: [code for _column, code, _reason in row.remarks] for row in rows}


def result(found: SheetImport) -> list[list[Any]]:
    """Return the cells of the workbook that came back."""
    book = load_workbook(files.result_path(found.stored_as))
    return [list(row) for row in book.worksheets[0].iter_rows(values_only=True)]

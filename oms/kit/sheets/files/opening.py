"""Open a file of any accepted type as sheets of raw cells."""

from __future__ import annotations

from pathlib import Path

from oms.kit.sheets.files import texts, workbooks
from oms.kit.sheets.files.filetype import FileType, file_type
from oms.kit.sheets.files.tables import Opened


def open_file(path: Path) -> Opened:
    """Return the file as sheets. Raises `SheetError` with one sentence when it cannot be read safely."""
    kind = file_type(path)
    if kind is FileType.ZIP:
        return workbooks.open_archive(path)
    if kind is FileType.XLS:
        return workbooks.open_xls(path)
    return texts.open_text(path)

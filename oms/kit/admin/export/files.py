"""CSV and XLSX files that are written row by row and can be continued after a killed worker.

Both formats are written as bytes that are only appended: a job stores how many bytes are valid, and the next worker
cuts the file there. openpyxl cannot continue a file, so the rows of an XLSX are written as the XML of its sheet and
packed at the end; the parts around it are fixed.
"""

from __future__ import annotations

import csv
import io
import json
import re
import secrets
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, ClassVar
from xml.sax.saxutils import escape

from django.conf import settings
from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.encoding import force_str

ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
EXCEL_ROWS = 1_048_576  # of one sheet, with the headings
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class CsvFile:
    """Comma-separated values in UTF-8, quoted where needed; numbers with a point."""

    extension: ClassVar[str] = "csv"
    content_type: ClassVar[str] = "text/csv; charset=utf-8"
    max_rows: ClassVar[int | None] = None

    @staticmethod
    def start(labels: Sequence[str]) -> bytes:
        """Return the bytes before the first row."""
        return CsvFile.row(labels)

    @staticmethod
    def row(cells: Sequence[Any]) -> bytes:
        """Return one row as bytes."""
        text = io.StringIO()
        csv.writer(text).writerow(["" if cell is None else cell for cell in cells])
        return text.getvalue().encode("utf-8", "replace")

    @staticmethod
    def finish(rows: Path, target: Path) -> None:
        """Write `target` from the rows written so far."""
        shutil.copyfile(rows, target)


_NS = "http://schemas.openxmlformats.org"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PARTS = {
    "[Content_Types].xml": f'{_HEAD}<Types xmlns="{_NS}/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>',
    "_rels/.rels": f'{_HEAD}<Relationships xmlns="{_NS}/package/2006/relationships"><Relationship Id="rId1"'
    f' Type="{_NS}/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'{_HEAD}<workbook xmlns="{_NS}/spreadsheetml/2006/main"'
    f' xmlns:r="{_NS}/officeDocument/2006/relationships"><sheets><sheet name="Export" sheetId="1" r:id="rId1"/>'
    "</sheets></workbook>",
    "xl/_rels/workbook.xml.rels": f'{_HEAD}<Relationships xmlns="{_NS}/package/2006/relationships">'
    f'<Relationship Id="rId1" Type="{_NS}/officeDocument/2006/relationships/worksheet"'
    ' Target="worksheets/sheet1.xml"/></Relationships>',
}


class XlsxFile:
    """One sheet. Numbers are numbers; everything else is text and never a formula."""

    extension: ClassVar[str] = "xlsx"
    content_type: ClassVar[str] = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    max_rows: ClassVar[int | None] = EXCEL_ROWS - 1

    @staticmethod
    def start(labels: Sequence[str]) -> bytes:
        """Return the bytes before the first row."""
        opening = f'{_HEAD}<worksheet xmlns="{_NS}/spreadsheetml/2006/main"><sheetData>'
        return opening.encode() + XlsxFile.row(labels)

    @staticmethod
    def row(cells: Sequence[Any]) -> bytes:
        """Return one row as bytes."""
        return f"<row>{''.join(map(_cell, cells))}</row>".encode()

    @staticmethod
    def finish(rows: Path, target: Path) -> None:
        """Pack the rows written so far into `target`; the same rows give the same bytes."""
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as file:
            for name, text in _PARTS.items():
                file.writestr(_info(name), text)
            with (
                rows.open("rb") as source,
                file.open(_info("xl/worksheets/sheet1.xml"), "w", force_zip64=True) as sheet,
            ):
                shutil.copyfileobj(source, sheet, 1 << 20)
                sheet.write(b"</sheetData></worksheet>")


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "<c/>"
    if isinstance(value, int | float | Decimal):
        return f"<c><v>{value}</v></c>"
    text = escape(ILLEGAL.sub("", str(value)))
    return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


ExportFile = CsvFile | XlsxFile
FORMATS: dict[str, type[CsvFile] | type[XlsxFile]] = {"csv": CsvFile, "xlsx": XlsxFile}


def plain(value: Any) -> Any:
    """Return a value as a cell: numbers unchanged, instants in the viewer's zone, text that is a formula escaped."""
    if value is None or isinstance(value, bool):
        return "" if value is None else int(value)
    if isinstance(value, int | float | Decimal):
        return value
    if isinstance(value, datetime):
        local = timezone.localtime(value) if timezone.is_aware(value) else value
        return local.isoformat(" ", "seconds")
    if isinstance(value, date):
        return value.isoformat()
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else force_str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def export_folder() -> Path:
    """Return the folder of the files, readable by this process's user only."""
    folder = Path(settings.VAR_DIR) / "exports"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


class SentFile:
    """The parts of a file that is sent once; `close` deletes it. Opened when the first part is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened: BinaryIO | None = None

    def __iter__(self) -> Iterator[bytes]:
        self.opened = self.path.open("rb")
        try:
            while part := self.opened.read(1 << 16):
                yield part
        finally:
            self.close()

    def close(self) -> None:
        """Delete the file. One whose answer was never sent is deleted with the old exports."""
        if self.opened is not None:
            self.opened.close()
        self.path.unlink(missing_ok=True)


def table_file(
    name: str, headings: Sequence[str], rows: Iterable[Sequence[Any]], kind: str = "xlsx"
) -> HttpResponseBase:
    """Return the answer that sends a table as `name`.xlsx or .csv, written row by row: its length needs no memory."""
    writer, folder = FORMATS[kind], export_folder()
    mark = secrets.token_hex(8)
    body, file = folder / f"table-{mark}.part", folder / f"table-{mark}.{kind}"
    try:
        with body.open("wb") as out:
            out.write(writer.start(headings))
            for row in rows:
                out.write(writer.row([plain(cell) for cell in row]))
        writer.finish(body, file)
    finally:
        body.unlink(missing_ok=True)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{writer.extension}"'}
    return StreamingHttpResponse(SentFile(file), content_type=writer.content_type, headers=headers)

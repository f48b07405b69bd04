"""Files for the tests: text files and workbooks, honest and hostile ones."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from catalogue.sheets.products import PRODUCTS
from oms.kit.sheets.fields import SheetKind
from oms.kit.sheets.reading import read
from oms.kit.sheets.records import Reading

_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    "</Types>"
)
_RELS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="xl/workbook.xml"/></Relationships>'
)
_WORKBOOK = (
    '<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
    '<sheets><sheet name="Stock" sheetId="1" r:id="rId1"/></sheets></workbook>'
)
_WORKBOOK_RELS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" '
    'Target="worksheets/sheet1.xml"/></Relationships>'
)
SHEET = '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%s</sheetData></worksheet>'


def raw_workbook(
    path: Path, cells: str, *, sheet: str = SHEET, parts: Mapping[str, str] | None = None
) -> Path:
    """Write an .xlsx file whose sheet has this XML."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
        archive.writestr("_rels/.rels", _RELS)
        archive.writestr("xl/workbook.xml", _WORKBOOK)
        archive.writestr("xl/_rels/workbook.xml.rels", _WORKBOOK_RELS)
        archive.writestr("xl/worksheets/sheet1.xml", sheet % cells if "%s" in sheet else sheet)
        for name, text in (parts or {}).items():
            archive.writestr(name, text)
    return path


def text_cell(reference: str, text: str) -> str:
    return f'<c r="{reference}" t="inlineStr"><is><t>{text}</t></is></c>'


def header_row(*names: str) -> str:
    return (
        '<row r="1">'
        + "".join(text_cell(f"{chr(65 + at)}1", name) for at, name in enumerate(names))
        + "</row>"
    )


def csv_file(folder: Path, text: str, *, encoding: str = "utf-8", name: str = "file.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def read_csv(folder: Path, text: str, kind: SheetKind = PRODUCTS, **more: Any) -> Reading:
    return read(csv_file(folder, text), kind, **more)


def values(reading: Reading, *keys: str) -> list[tuple[Any, ...]]:
    return [tuple(record.values.get(key) for key in keys) for record in reading.records]


def refused(reading: Reading) -> list[tuple[int, str, str]]:
    return [(remark.row, remark.column, remark.code) for remark in reading.refused]


def workbook(path: Path, sheets: Mapping[str, Iterable[Sequence[Any]]]) -> Path:
    """Write an .xlsx file with openpyxl."""
    import openpyxl

    book = openpyxl.Workbook()  # type: ignore[attr-defined]
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path

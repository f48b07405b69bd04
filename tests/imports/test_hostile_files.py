"""Files that would harm the server are refused with one sentence, in few seconds and little memory."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from catalogue.sheets.products import PRODUCTS
from oms.kit.sheets.files import archives, limits
from oms.kit.sheets.files.opening import open_file
from oms.kit.sheets.reading import read
from oms.kit.sheets.records import SheetError
from tests.imports.files import SHEET, csv_file, header_row, raw_workbook, text_cell

SAMPLES = Path(__file__).parent / "samples"
OWN = Path(__file__).parent / "own"
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.req("R-USE-02", "R-PLUS-16")

MEASURE = """
import os, resource, sys, time
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django; django.setup()
from catalogue.sheets.products import PRODUCTS
from oms.kit.sheets.reading import read
from oms.kit.sheets.records import SheetError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    start = time.process_time()
    try:
        read(path, PRODUCTS)
        said = "read"
    except SheetError as error:
        said = error.code
    print(said, time.process_time() - start, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def measured(*paths: Path) -> list[tuple[str, float, float]]:
    """Return for each file what became of it, its seconds of processor time, and the MB of memory taken so far."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *map(str, paths)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=ROOT,
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    return [(said, float(seconds), float(memory)) for said, seconds, memory in lines]


def far_cell(path: Path) -> Path:
    """A sheet with one value in the last cell of Excel: read as a rectangle it has 17 billion cells."""
    return raw_workbook(
        path, header_row("SKU", "Title") + f'<row r="1048576">{text_cell("XFD1048576", "x")}</row>'
    )


def lying_bomb(path: Path) -> Path:
    """The directory says that the sheet has 100 bytes; 400 MB come out."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            for _each in range(400):
                part.write(b" " * 1_000_000)
    content = bytearray(path.read_bytes())
    at = content.rfind(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", 100)
    path.write_bytes(bytes(content))
    return path


@pytest.mark.slow
def test_bombs_are_refused_quickly_and_in_little_memory(tmp_path: Path) -> None:
    bombs = {
        SAMPLES / "zip-bomb-like.xlsx": "too-large-inside",
        SAMPLES / "billion-laughs.xlsx": "not-a-workbook",
        lying_bomb(tmp_path / "lying.xlsx"): "too-large-inside",
        far_cell(tmp_path / "far.xlsx"): "sheet-too-large",
        OWN / "far-cell.xls": "sheet-too-large",
        SAMPLES / "trailing-blanks.xlsx": "read",
    }
    results = measured(*bombs)
    assert [said for said, _seconds, _memory in results] == list(bombs.values())
    assert max(seconds for _said, seconds, _memory in results) < 5
    assert max(memory for _said, _seconds, memory in results) < 100


def test_unpacked_bytes_are_counted_and_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory says 100 bytes; more come out: the file is refused at the limit."""
    monkeypatch.setattr(archives, "UNPACKED_BYTES", 1_000_000)
    path = tmp_path / "lying.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 3_000_000)
    content = bytearray(path.read_bytes())
    at = content.rfind(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", 100)
    path.write_bytes(bytes(content))
    assert sum(part.file_size for part in zipfile.ZipFile(path).infolist()) < 1_000
    with pytest.raises(SheetError) as caught:
        open_file(path)
    assert caught.value.code == "too-large-inside"


def test_a_sheet_with_a_value_far_away_names_the_sheet(tmp_path: Path) -> None:
    with pytest.raises(
        SheetError,
        match="The sheet “Stock” is too large: its values reach over 1048576 rows and 16384 columns",
    ):
        read(far_cell(tmp_path / "far.xlsx"), PRODUCTS)


def test_an_old_workbook_with_a_value_far_away_is_refused_before_it_is_opened() -> None:
    """Its 5,632 bytes would take a gigabyte."""
    with pytest.raises(SheetError, match="its values reach over 65536 rows and 256 columns"):
        read(OWN / "far-cell.xls", PRODUCTS)


@pytest.mark.parametrize("length", [600, 2_000, 4_000])
def test_a_cut_old_workbook_is_one_sentence(tmp_path: Path, length: int) -> None:
    path = tmp_path / "cut.xls"
    path.write_bytes((OWN / "errors.xls").read_bytes()[:length])
    with pytest.raises(SheetError, match="damaged or no workbook"):
        read(path, PRODUCTS)


@pytest.mark.parametrize("quote", ['"', "'"])
def test_cells_are_found_however_their_xml_is_written(tmp_path: Path, quote: str) -> None:
    """Single quotes and prefixes hide no far cell."""
    cell = '<x:c r="XFD1048576" t="inlineStr"><x:is><x:t>x</x:t></x:is></x:c>'.replace('"', quote)
    sheet = SHEET.replace(
        "<worksheet xmlns=",
        "<worksheet xmlns:x='http://schemas.openxmlformats.org/spreadsheetml/2006/main' xmlns=",
    )
    path = raw_workbook(
        tmp_path / "far.xlsx", header_row("SKU", "Title") + f"<x:row r='1048576'>{cell}</x:row>", sheet=sheet
    )
    with pytest.raises(SheetError) as caught:
        read(path, PRODUCTS)
    assert caught.value.code == "sheet-too-large"


@pytest.mark.parametrize(
    "cell",
    [
        '<row r="2"><c r="XFD1048576" t="inlineStr"><is><t>x</t></is></c></row>',
        '<row r="2"><c  r="XFD1048576" t="inlineStr"><is><t>x</t></is></c></row>',
        '<row r="2"><c\tt="inlineStr" r="XFD1048576"><is><t>x</t></is></c></row>',
        '<row r="2"><c r="A99999999" t="inlineStr"><is><t>x</t></is></c></row>',
        '<row r="2"><c r="xfd1048576" t="inlineStr"><is><t>x</t></is></c></row>',
        '<row r="99999999999999999999"><c r="$A$1" t="inlineStr"><is><t>x</t></is></c></row>',
    ],
)
def test_a_far_cell_is_found_by_its_own_reference(tmp_path: Path, cell: str) -> None:
    path = raw_workbook(tmp_path / "far.xlsx", header_row("SKU", "Title") + cell)
    with pytest.raises(SheetError) as caught:
        read(path, PRODUCTS)
    assert caught.value.code in ("sheet-too-large", "not-a-workbook")


def test_a_part_that_is_packed_too_well_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "RATIO_BYTES", 500_000)
    path = raw_workbook(tmp_path / "packed.xlsx", header_row("SKU", "Title") + " " * 2_000_000)
    with pytest.raises(SheetError) as caught:
        read(path, PRODUCTS)
    assert caught.value.code == "too-large-inside"


def test_a_cell_that_is_too_long_names_its_row(tmp_path: Path) -> None:
    path = csv_file(tmp_path, 'SKU,Title\nA,One\nB,"' + "x" * 200_000 + '"\n')
    with pytest.raises(SheetError, match=r"Row 3 .* has a cell of more than 131072 characters"):
        read(path, PRODUCTS)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "doctype.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        text = '<?xml version="1.0"?>' + " " * 300_000 + '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'
        archive.writestr("xl/worksheets/sheet1.xml", text.encode(encoding))
    with pytest.raises(SheetError, match="document type declaration"):
        open_file(path)


def test_an_ods_file_with_repeated_rows_is_refused(tmp_path: Path) -> None:
    content = (
        '<?xml version="1.0"?><office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">'
        '<office:body><office:spreadsheet><table:table table:name="A"><table:table-row table:number-rows-repeated="1000000">'
        '<table:table-cell table:number-columns-repeated="1000" office:value-type="string"><text:p>x</text:p></table:table-cell>'
        "</table:table-row></table:table></office:spreadsheet></office:body></office:document-content>"
    )
    path = tmp_path / "repeat.ods"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
    with pytest.raises(SheetError) as caught:
        read(path, PRODUCTS)
    assert caught.value.code == "sheet-too-large"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html><body><table><tr><td>SKU</td></tr></table></body></html>", "a web page (HTML)"),
        (b"\n\n<!DOCTYPE HTML PUBLIC x><html>", "a web page (HTML)"),
        (b"%PDF-1.7 ...", "a PDF document"),
        (b"\xff\xd8\xff\xe0....", "a picture"),
        (b"<?xml version='1.0'?><Workbook/>", "an XML document"),
        (b"\x1f\x8b\x08....", "a compressed archive"),
        (b"", "The file is empty"),
        (b"PK\x03\x04 not really a zip", "damaged or no workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, "damaged or no workbook"),
        (b"S\x00K\x00U\x00", "no text and no workbook"),
    ],
)
def test_a_wrong_type_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "products.xls"
    path.write_bytes(content)
    with pytest.raises(SheetError) as caught:
        open_file(path)
    assert words in str(caught.value)


def test_a_password_is_named(tmp_path: Path) -> None:
    path = tmp_path / "secret.xlsx"
    path.write_bytes(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 900 + "EncryptedPackage".encode("utf-16-le")
    )
    with pytest.raises(SheetError, match="protected by a password"):
        open_file(path)


def test_a_zip_archive_of_files_is_no_workbook(tmp_path: Path) -> None:
    path = tmp_path / "files.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("products.csv", "SKU,Title\n")
    with pytest.raises(SheetError, match="a zip archive without a workbook"):
        open_file(path)


def test_one_broken_cell_is_one_sentence(tmp_path: Path) -> None:
    """A text index that does not exist: the reader of workbooks fails on the whole file."""
    path = raw_workbook(
        tmp_path / "broken.xlsx",
        header_row("SKU", "Title") + '<row r="2"><c r="A2" t="s"><v>99</v></c></row>',
    )
    with pytest.raises(SheetError, match="damaged or no workbook"):
        read(path, PRODUCTS)


def test_a_quote_that_is_never_closed_names_its_row(tmp_path: Path) -> None:
    path = csv_file(tmp_path, 'SKU,Title,Price\nA,One,1\nB,"Two,2\nC,Three,3\n')
    with pytest.raises(SheetError, match="A quotation mark that opens in row 3 "):
        read(path, PRODUCTS)


def test_too_many_rows_and_too_large_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = csv_file(tmp_path, "SKU,Title\n" + "A,One\n" * 50)
    monkeypatch.setattr("oms.kit.sheets.files.texts.ROWS", 40)
    with pytest.raises(SheetError, match="more than 40 rows"):
        read(path, PRODUCTS)
    monkeypatch.setattr("oms.kit.sheets.files.filetype.FILE_BYTES", 100)
    with pytest.raises(SheetError, match="The limit is 0 MB"):
        read(path, PRODUCTS)
    assert limits.FILE_BYTES == 60_000_000


def test_a_wide_sheet_is_read_by_its_mapped_columns(tmp_path: Path) -> None:
    """16,384 columns: only the known ones are in the records, the others are named."""
    headers = ["SKU", "Title", "Price", *(f"Extra {number}" for number in range(16_381))]
    path = csv_file(tmp_path, ",".join(headers) + "\n" + ",".join(["A", "One", "2", *["x"] * 16_381]) + "\n")
    reading = read(path, PRODUCTS)
    assert set(reading.records[0].values) == {"sku", "title", "price"}
    assert len(reading.unknown_headers) == 16_381

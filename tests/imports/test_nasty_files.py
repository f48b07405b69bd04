"""Files as people really have them: each is read rightly or refused with the sentence that helps."""

from __future__ import annotations

import zipfile
from decimal import Decimal
from pathlib import Path

import pytest
import xlsxwriter

from catalogue.sheets.products import PRODUCTS
from inventory.sheets import STOCK
from oms.kit.sheets.reading import read
from oms.kit.sheets.records import SheetError
from tests.imports.files import read_csv

pytestmark = pytest.mark.req("R-USE-02")
TEXT = "SKU,Title,Price\r\nA-1,Café,12.50\r\n"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16", "utf-32"])
def test_utf_16_is_read_with_and_without_its_mark(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(TEXT.encode(encoding))
    (record,) = read(path, PRODUCTS).records
    assert (record.values["sku"], record.values["title"]) == ("A-1", "Café")


def test_stray_zero_bytes_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"SKU,Title,Price\nA-\x001,Mug,12.50\n")
    assert read(path, PRODUCTS).records[0].values["sku"] == "A-1"


def test_zero_bytes_of_a_file_that_is_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"\x00\x00\x00\x01\n\x00\x00\x02" * 60)
    with pytest.raises(SheetError, match="no text and no workbook"):
        read(path, PRODUCTS)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html xmlns:x='urn:x'><table><tr><td>SKU</td></tr></table></html>", "Open it in Excel, save it as .xlsx"),
        (b"MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n\r\n<html>", "a web page"),
        (b"<?xml version='1.0'?><?mso-application progid='Excel.Sheet'?><Workbook/>", "Open it in Excel, save it"),
        (b"ID;PWXL;N;E\nC;Y1;X1;K\"SKU\"\nE\n", "a SYLK file"),
        (b'[{"sku": "A-1", "title": "Mug"}]', "a JSON document"),
        (b'{"products": []}', "a JSON document"),
    ],
)  # fmt: skip
def test_what_is_no_workbook_is_named_with_what_to_do(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "products.xls"
    path.write_bytes(content)
    with pytest.raises(SheetError) as caught:
        read(path, PRODUCTS)
    assert words in str(caught.value)
    assert caught.value.code == "wrong-file-type"


@pytest.mark.parametrize(
    ("part", "words"),
    [("Index/Document.iwa", "Export it in Numbers as Excel"), ("word/document.xml", "a Word document")],
)
def test_documents_in_an_archive_are_named(tmp_path: Path, part: str, words: str) -> None:
    path = tmp_path / "list.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(part, "x")
    with pytest.raises(SheetError, match=words):
        read(path, PRODUCTS)


def test_a_hidden_sheet_is_named_where_no_other_fits(tmp_path: Path) -> None:
    path = tmp_path / "hidden.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        book.add_worksheet("Cover").write_string(0, 0, "Stock of spring")
        data = book.add_worksheet("Data")
        data.hide()
        data.write_row(0, 0, ["SKU", "Title", "Price"])
        data.write_row(1, 0, ["A-1", "Mug", 3])
    with pytest.raises(SheetError, match="Hidden sheets are not read unless you choose them: “Data”"):
        read(path, PRODUCTS)
    assert len(read(path, PRODUCTS, sheet="Data").records) == 1


@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        ("１２.５０", "12.50"),
        ("１２．５０", "12.50"),
        ("١٢٫٥٠", "12.50"),
        ("١٬٢٣٤٫٥٠", "1234.50"),
        ("1.234,56 €", "1234.56"),
        ("1\u202f234,56", "1234.56"),
        ("'12.50", "12.50"),
        ("10.00\u200b", "10.00"),
    ],
)
def test_an_amount_in_other_digits_and_marks_is_read(tmp_path: Path, cell: str, amount: str) -> None:
    (record,) = read_csv(tmp_path, f'SKU;Title;Price\nA-1;Mug;"{cell}"\n').records
    assert record.values["price"] == Decimal(amount)


@pytest.mark.parametrize(("cell", "units"), [("１２", 12), ("٣", 3), ("1\u202f000", 1000), ("00012", 12)])
def test_a_quantity_in_other_digits_is_read(tmp_path: Path, cell: str, units: int) -> None:
    (record,) = read_csv(tmp_path, f'SKU;Quantity\nA-1;"{cell}"\n', STOCK).records
    assert record.values["quantity"] == units


@pytest.mark.parametrize("cell", ["(5)", "5-", "−5", "(٥)"])
def test_a_quantity_below_zero_is_named_as_such_however_it_is_written(tmp_path: Path, cell: str) -> None:
    found = read_csv(tmp_path, f'SKU;Quantity\nA-1;"{cell}"\n', STOCK)
    assert found.records == []
    assert [one.code for one in found.refused] == ["quantity-negative"]


@pytest.mark.parametrize("cell", ["²", "½", "five", "5 pcs", "1e3", "(5", "--", "()"])
def test_a_quantity_that_is_no_number_is_refused(tmp_path: Path, cell: str) -> None:
    found = read_csv(tmp_path, f'SKU;Quantity\nA-1;"{cell}"\n', STOCK)
    assert found.records == []
    assert [one.code for one in found.refused] == ["quantity-not-a-number"]


def test_invisible_marks_and_case_do_not_make_another_sku(tmp_path: Path) -> None:
    found = read_csv(tmp_path, "SKU,Title,Price\nA\u200b-1 ,Mug,1\na-1,Bowl,2\n\ufeffA-2,Cup,3\n")
    assert [one.values["sku"] for one in found.records] == ["A-1", "A-2"]
    assert [(one.row, one.code) for one in found.refused] == [(3, "sku-duplicate-in-file")]

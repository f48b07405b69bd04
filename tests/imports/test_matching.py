"""Which sheet, which row of headings and which columns are read, and what is only guessed."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from catalogue.sheets.prices import PRICES
from catalogue.sheets.products import PRODUCTS
from inventory.sheets import STOCK
from oms.kit.sheets.columns.folding import distance, fold
from oms.kit.sheets.preview import State, look
from oms.kit.sheets.reading import read
from oms.kit.sheets.records import SheetError
from tests.imports.files import (
    csv_file,
    header_row,
    raw_workbook,
    read_csv,
    refused,
    text_cell,
    values,
    workbook,
)

pytestmark = pytest.mark.req("R-USE-02", "R-PLUS-16")


def code_of(path: Path, **more: object) -> str:
    with pytest.raises(SheetError) as caught:
        read(path, PRODUCTS, **more)  # type: ignore[arg-type]
    return caught.value.code


def test_headings_are_compared_folded() -> None:
    assert fold("Qty\non-hand ") == fold("QTY ON HAND")
    assert fold("Désignations") == fold("designation")
    assert fold("Price") != fold("Prices per unit")
    assert [distance("barcod", "barcode", 2), distance("titel", "title", 2), distance("sku", "price", 2)] == [
        1,
        1,
        3,
    ]


def test_a_misspelt_heading_is_a_guess_and_is_not_read(tmp_path: Path) -> None:
    reading = read_csv(tmp_path, "SKU,Title,Pirce\nA,One,5\n")
    assert reading.guesses == {"Pirce": "price"}
    assert reading.unknown_headers == ("Pirce",)
    assert values(reading, "sku", "price") == [("A", None)]
    assert "price" not in reading.records[0].values


def test_a_guess_that_a_person_confirms_is_read(tmp_path: Path) -> None:
    reading = read_csv(tmp_path, "SKU,Title,Pirce\nA,One,5\n", mapping={"Pirce": "Price"})
    assert [str(price) for (price,) in values(reading, "price")] == ["5.00"]
    assert reading.guesses == {}


def test_columns_are_guessed_by_what_they_hold(tmp_path: Path) -> None:
    text = "SKU,Title,Number,Where\nA,One,5012345678900,https://a.example/1.jpg\nB,Two,5012345678948,https://a.example/2.jpg\n"
    reading = read_csv(tmp_path, text)
    assert reading.guesses == {"Number": "barcode", "Where": "images"}
    assert set(reading.records[0].values) == {"sku", "title"}


def test_the_label_of_a_field_wins_over_a_word_for_it(tmp_path: Path) -> None:
    """Two columns could be the title: the one that is named so counts, the other one is named as unknown."""
    reading = read_csv(tmp_path, "SKU,Title,Product name\nA,One,Two\n")
    assert values(reading, "title") == [("One",)]
    assert reading.unknown_headers == ("Product name",)


def test_two_equal_columns_for_a_field_are_refused_by_letter(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "SKU,Title,Qty,Stock\nA,One,5,6\n")
    with pytest.raises(SheetError, match="Quantity is in the columns C, D") as caught:
        read(path, PRODUCTS)
    assert caught.value.code == "header-duplicate"


def test_a_column_can_be_left_out_and_a_field_chosen_once(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "SKU,Title,Qty,Stock\nA,One,5,6\n")
    assert values(read(path, PRODUCTS, mapping={"Qty": ""}), "quantity") == [(6,)]
    assert code_of(path, mapping={"Qty": "quantity", "Stock": "quantity"}) == "header-duplicate"
    assert code_of(path, mapping={"Qty": "colour of the sky"}) == "mapping-unknown-field"


def test_a_file_without_a_required_column_says_which(tmp_path: Path) -> None:
    assert code_of(csv_file(tmp_path, "Title,Price,Quantity\nOne,5,6\n")) == "column-missing"


def test_a_file_without_headings_is_refused_but_can_be_mapped(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "Artikel;Text;Betrag\nA;One;5,00\n")
    assert code_of(path) == "headings-not-found"
    reading = read(
        path, PRODUCTS, header_row=1, mapping={"Artikel": "sku", "Text": "title", "Betrag": "price"}
    )
    assert [(sku, str(price)) for sku, price in values(reading, "sku", "price")] == [("A", "5.00")]


def test_words_of_both_languages_and_a_unit_in_the_heading(tmp_path: Path) -> None:
    reading = read_csv(tmp_path, "Référence;Libellé;Poids (g)\nA;Un;350\n")
    assert [
        (sku, str(weight), unit) for sku, weight, unit in values(reading, "sku", "weight", "weight_unit")
    ] == [("A", "350", "g")]


def test_a_size_is_an_option_only_in_a_group(tmp_path: Path) -> None:
    single = read_csv(tmp_path, "SKU,Title,Size\nA,Bowl,S\nB,Plate,L\n")
    assert single.unknown_headers == ("Size",)
    assert "options" not in single.records[0].values
    group = read_csv(tmp_path, "SKU,Group,Title,Size\nA,TEE,Tee,S\nB,TEE,Tee,L\nC,,Cup,M\n")
    assert values(group, "options", "group") == [({"Size": "S"}, "TEE"), ({"Size": "L"}, "TEE"), ({}, None)]


def test_the_separator_hint_of_excel(tmp_path: Path) -> None:
    reading = read_csv(tmp_path, "sep=;\nSKU;Title;Price\nA;One, two, three;1,5\n")
    assert (reading.separator, reading.header_row, reading.data_rows) == (";", 2, 1)
    assert values(reading, "title") == [("One, two, three",)]


def test_a_tab_file_with_real_quotes_keeps_its_line_breaks(tmp_path: Path) -> None:
    reading = read_csv(tmp_path, 'SKU\tTitle\tPrice\nA\t"One\ntwo"\t5\nB\t"Say ""hi"""\t6\n')
    assert reading.quotes is True
    assert values(reading, "title") == [("One two",), ('Say "hi"',)]


def test_several_currencies_in_a_file(tmp_path: Path) -> None:
    """Without a store the currency of most prices counts; the others come back."""
    reading = read_csv(tmp_path, "SKU,Title,Price\nA,One,£5\nB,Two,6 GBP\nC,Three,€7\n")
    assert reading.currency == "GBP"
    assert refused(reading) == [(4, "Price", "currency-mixed")]


def test_the_same_kind_in_two_sheets_is_asked(tmp_path: Path) -> None:
    rows = [["SKU", "Title"], ["A", "One"]]
    path = workbook(tmp_path / "two.xlsx", {"Spring": rows, "Autumn": rows})
    with pytest.raises(SheetError, match="Several sheets could be meant: “Spring”, “Autumn”") as caught:
        read(path, PRODUCTS)
    assert caught.value.code == "sheet-ambiguous"
    assert read(path, PRODUCTS, sheet="Autumn").sheet == "Autumn"
    assert code_of(path, sheet="Winter") == "sheet-unknown"


def test_the_kind_is_found_by_the_headings(tmp_path: Path) -> None:
    assert read(csv_file(tmp_path, "SKU,Warehouse,Quantity,Bin\nA,Main,5,1\n"), None).kind == "stock"
    assert read(csv_file(tmp_path, "SKU,Price,Selling price,Sale from,Sale until\nA,5,,,\n"), None).kind in (
        "prices",
        "products",
    )
    assert (
        read(csv_file(tmp_path, "Order number,Tracking number,Carrier\n1,AB,DPD\n"), None).kind == "tracking"
    )
    assert read(csv_file(tmp_path, "Kit SKU,Component SKU,Quantity\nG,A,2\n"), None).kind == "kits"


def test_two_heading_rows_use_the_last(tmp_path: Path) -> None:
    """Flat files have labels above field names."""
    reading = read_csv(tmp_path, "Template,1,x\nSKU,Title,Price\nsku,title,price\nA,One,5\n")
    assert (reading.header_row, reading.data_rows) == (3, 1)


def test_an_opendocument_sheet_is_read(tmp_path: Path) -> None:
    def row(*texts: str) -> str:
        cells = (
            f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'
            for text in texts
        )
        return "<table:table-row>" + "".join(cells) + "</table:table-row>"

    content = (
        '<?xml version="1.0"?><office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">'
        f'<office:body><office:spreadsheet><table:table table:name="A">{row("SKU", "Title")}{row("0017", "Cup")}'
        '<table:table-row table:number-rows-repeated="1048574"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    path = tmp_path / "stock.ods"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
    reading = read(path, PRODUCTS)
    assert (reading.format, values(reading, "sku", "title")) == ("ods", [("0017", "Cup")])


def test_merged_cells_to_the_right_of_an_empty_column(tmp_path: Path) -> None:
    """A table that begins in column C and row 3, with a title merged over two rows."""
    cells = (
        f'<row r="3">{text_cell("C3", "SKU")}{text_cell("D3", "Title")}{text_cell("E3", "Price")}</row>'
        f'<row r="4">{text_cell("C4", "A")}{text_cell("D4", "Tee")}<c r="E4"><v>5</v></c></row>'
        f'<row r="5">{text_cell("C5", "B")}<c r="E5"><v>6</v></c></row>'
    )
    sheet = (
        '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f'<sheetData>{cells}</sheetData><mergeCells count="1"><mergeCell ref="D4:D5"/></mergeCells></worksheet>'
    )
    reading = read(raw_workbook(tmp_path / "m.xlsx", "", sheet=sheet), PRODUCTS)
    assert (reading.header_row, [record.row for record in reading.records]) == (3, [4, 5])
    assert values(reading, "sku", "title") == [("A", "Tee"), ("B", "Tee")]


def test_errors_and_missing_results_keep_their_columns(tmp_path: Path) -> None:
    cells = header_row("SKU", "Title", "Price") + (
        f'<row r="2">{text_cell("A2", "A")}{text_cell("B2", "One")}<c r="C2" t="e"><v>#DIV/0!</v></c></row>'
        f'<row r="3">{text_cell("A3", "B")}{text_cell("B3", "Two")}<c r="C3"><f>1+1</f><v></v></c></row>'
    )
    reading = read(raw_workbook(tmp_path / "e.xlsx", cells), PRODUCTS)
    assert refused(reading) == [(2, "Price", "cell-error"), (3, "Price", "formula-without-value")]
    assert reading.records == []


def test_an_old_workbook_shows_errors_percentages_and_leading_zeros() -> None:
    reading = read(Path(__file__).parent / "own" / "errors.xls", PRODUCTS)
    assert (3, "Price", "cell-error") in refused(reading)
    assert (5, "Price", "price-is-a-percentage") in refused(reading)
    assert values(reading, "sku", "title")[0] == ("X-1", "Cup")
    assert reading.notes[0] == "1 row is hidden in the sheet. It was read like all others."
    assert reading.sheets == 2


# ------------------------------------------------------------------------------------------- the preview
def test_the_preview_says_how_sure_each_column_is(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "SKU,Title,Pirce,Qty,Stock,Other\nA,One,5,6,7,x\n")
    preview = look(path, PRODUCTS)
    assert [(column.letter, column.key, column.state) for column in preview.columns] == [
        ("A", "sku", State.SURE),
        ("B", "title", State.SURE),
        ("C", "price", State.GUESS),
        ("D", "quantity", State.SEVERAL),
        ("E", "quantity", State.SEVERAL),
        ("F", "", State.UNKNOWN),
    ]
    assert preview.columns[2].samples == ("5",)
    assert preview.code == "header-duplicate"
    assert look(path, PRODUCTS, mapping={"Qty": "quantity", "Stock": ""}).problem == ""


def test_the_preview_of_a_file_without_known_headings(tmp_path: Path) -> None:
    preview = look(csv_file(tmp_path, "Report\nArtikel;Text\nA;One\n"), STOCK)
    assert (preview.code, preview.header_row, [column.heading for column in preview.columns]) == (
        "headings-not-found",
        2,
        ["Artikel", "Text"],
    )
    assert preview.first_rows[2] == ("A", "One")


def test_records_can_go_to_a_sink(tmp_path: Path) -> None:
    seen: list[object] = []
    reading = read(csv_file(tmp_path, "SKU,Price\nA,5\nB,6\n"), PRICES, sink=seen.append)
    assert len(seen) == 2
    assert reading.records == []
    assert reading.data_rows == 2

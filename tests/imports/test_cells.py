"""The readers of cells: what they accept, what they refuse, and that no cell makes them fail."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms.kit.sheets.cells import barcodes, dates, lists, numbers, text
from oms.kit.sheets.cells.countries import country_code
from oms.kit.sheets.cells.readers import reader_of
from oms.kit.sheets.cells.results import CellRefused, Style, Warned
from oms.kit.sheets.fields import FieldType, SheetField
from oms.kit.sheets.files.tables import ErrorCell, NoResult, Percent, Shown
from oms.kit.sheets.records import CLEAR

pytestmark = pytest.mark.req("R-USE-02", "R-PLUS-16")

GBP = Style("Price", currency="GBP")


def code_of(act: Any) -> str:
    with pytest.raises(CellRefused) as caught:
        act()
    assert caught.value.reason.endswith(".")
    return caught.value.code


@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        ("12.50", "12.50"),
        ("12,5", "12.50"),
        ("£12.50", "12.50"),
        ("12,50 £", "12.50"),
        ("9.00 GBP", "9.00"),
        ("gbp 9", "9.00"),
        ("1,234.56", "1234.56"),
        ("1.234,56", "1234.56"),
        ("1 234,50", "1234.50"),
        ("1\u202f234\u202f567,5", "1234567.50"),
        ("1'234.50", "1234.50"),
        ("1,234,567", "1234567.00"),
        ("29.0000", "29.00"),
        ("0", "0.00"),
        (1100.0000000000002, "1100.00"),
        (0.1 + 0.2, "0.30"),
        (12, "12.00"),
        ("'12.50", "12.50"),
        ('="12.50"', "12.50"),
    ],
)
def test_an_amount_is_read_exactly(cell: Any, amount: str) -> None:
    assert str(numbers.read_money(cell, GBP)) == amount


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("1,234", "price-ambiguous"),
        ("1.234", "price-ambiguous"),
        ("2.999", "price-ambiguous"),
        (2.999, "price-too-fine"),
        ("0.001", "price-too-fine"),
        ("-3,00", "price-negative"),
        ("(3.00)", "price-negative"),
        ("-£3.00", "price-negative"),
        ("€12.50", "currency-mixed"),
        ("12.50 EUR", "currency-mixed"),
        ("20 %", "price-is-a-percentage"),
        (Percent(0.2), "price-is-a-percentage"),
        ("12.50 each", "price-not-a-number"),
        ("1,23,4", "price-not-a-number"),
        ("1.2.3,4", "price-not-a-number"),
        ("1e3", "price-not-a-number"),
        ("NaN", "price-not-a-number"),
        ("²", "price-not-a-number"),
        (True, "price-not-a-number"),
        (date(2026, 1, 5), "price-not-a-number"),
        (1e300, "price-not-a-number"),
        ("99999999999999", "price-too-large"),
        (ErrorCell("#N/A"), "cell-error"),
        (NoResult("="), "formula-without-value"),
    ],
)
def test_an_amount_that_is_none_is_refused(cell: Any, code: str) -> None:
    assert code_of(lambda: numbers.read_money(cell, GBP)) == code


def test_blank_leaves_alone_and_a_word_empties() -> None:
    for read in (lambda raw: numbers.read_money(raw, GBP), barcodes.read_barcode, lists.read_links):
        assert read("  \u00a0") is None
        assert read(None) is None
        assert read("(empty)") is CLEAR
        assert read("(VIDE)") is CLEAR


@pytest.mark.parametrize(
    ("cell", "style", "units"),
    [
        ("5", GBP, 5),
        ("12.0", GBP, 12),
        (12.0, GBP, 12),
        ("1,000", GBP, 1000),
        ("1\u00a0234", GBP, 1234),
        ("1.234", Style("", file_decimal=","), 1234),
        ("0", GBP, 0),
    ],
)
def test_a_quantity_is_a_whole_number(cell: Any, style: Style, units: int) -> None:
    assert numbers.read_quantity(cell, style) == units


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("+3", "quantity-signed"),
        ("-3", "quantity-negative"),
        (-3.0, "quantity-negative"),
        ("'-2", "quantity-negative"),
        ("2,5", "quantity-fraction"),
        (2.5, "quantity-fraction"),
        ("2 pcs", "quantity-not-a-number"),
        ("Épuisé", "quantity-not-a-number"),
        (True, "quantity-not-a-number"),
        (Percent(1.0), "quantity-not-a-number"),
        ("3000000000", "quantity-too-large"),
        ("1.234", "quantity-ambiguous"),
    ],
)
def test_a_quantity_that_is_none_is_refused(cell: Any, code: str) -> None:
    assert code_of(lambda: numbers.read_quantity(cell, GBP)) == code


def test_a_comma_before_three_digits_is_ambiguous_where_commas_are_decimal() -> None:
    french = Style("", file_decimal=",")
    assert code_of(lambda: numbers.read_quantity("1,234", french)) == "quantity-ambiguous"


def test_the_decimal_mark_of_a_column() -> None:
    assert numbers.decimal_mark(["12,50", "3", "1.234,5"]) == ","
    assert numbers.decimal_mark(["12.50", "1,250.00"]) == "."
    assert numbers.decimal_mark(["1,234", "1.234"]) == ""
    assert numbers.decimal_mark(["12,50", "12.50"]) == ""


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("5012345678900", "5012345678900"),
        (5012345678900.0, "5012345678900"),
        ("'5012345678900", "5012345678900"),
        ('="5012345678900"', "5012345678900"),
        ("978-0-306-40615-7", "9780306406157"),
        ("96385074", "96385074"),
        ("Does not apply", None),
    ],
)
def test_a_barcode_is_its_digits(cell: Any, value: str | None) -> None:
    assert barcodes.read_barcode(cell) == value


@pytest.mark.parametrize(
    ("cell", "value", "code"),
    [
        (36000291452.0, "036000291452", "barcode-zero-restored"),
        ("36000291452", "036000291452", "barcode-zero-restored"),
        ("5012345678119", "5012345678119", "barcode-check-digit"),
    ],
)
def test_a_barcode_with_a_warning(cell: Any, value: str, code: str) -> None:
    warned = barcodes.read_barcode(cell)
    assert isinstance(warned, Warned)
    assert (warned.value, warned.code) == (value, code)


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("5.01235E+12", "barcode-digits-lost"),
        ("5E12", "barcode-digits-lost"),
        (1234567890123450.0, "barcode-length"),
        ("36000291453", "barcode-length"),
        ("501234567", "barcode-length"),
        ("5012345A78900", "barcode-not-digits"),
        (date(2026, 1, 1), "barcode-not-digits"),
    ],
)
def test_a_spoiled_barcode_is_refused(cell: Any, code: str) -> None:
    assert code_of(lambda: barcodes.read_barcode(cell)) == code


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("0017", "0017"),
        ("  B-201\u00a0", "B-201"),
        ("TABLE 6", "TABLE 6"),
        ("'0815", "0815"),
        ('="0042"', "0042"),
        ("A\u200bB", "AB"),
        ("1E5", "1E5"),
        ("-X1", "-X1"),
    ],
)
def test_a_code_stays_as_it_is(cell: str, value: str) -> None:
    assert text.read_code(cell, "sku", 255) == value


def test_a_code_that_was_a_number_is_its_digits_with_a_warning() -> None:
    for cell, value in ((1001.0, "1001"), (90.75, "90.75"), (Shown("0017"), "0017")):
        warned = text.read_code(cell, "sku", 255)
        assert isinstance(warned, Warned)
        assert (warned.value, warned.code) == (value, "sku-was-a-number")


def test_a_code_that_excel_spoiled_is_refused() -> None:
    assert code_of(lambda: text.read_code("5.01235E+12", "sku", 255)) == "sku-digits-lost"
    assert code_of(lambda: text.read_code(1e15, "sku", 255)) == "sku-digits-lost"
    assert code_of(lambda: text.read_code(datetime(2026, 12, 3), "sku", 255)) == "sku-not-a-code"  # noqa: DTZ001
    assert code_of(lambda: text.read_code("x" * 300, "sku", 255)) == "sku-too-long"


def test_letters_of_two_alphabets_in_a_code_warn() -> None:
    for cell in ("TЕE-1", "ＴＥＥ"):  # a Cyrillic Е, full width
        warned = text.read_code(cell, "sku", 255)
        assert isinstance(warned, Warned)
        assert warned.code == "sku-mixed-scripts"


def test_a_title_is_one_line() -> None:
    assert text.read_text("Gift box 🎁\n large &amp; red\t ", "title", 300) == "Gift box 🎁 large & red"
    assert text.read_text("'+Plus Pack", "title", 300) == "+Plus Pack"
    assert text.read_text("'Tis & that", "title", 300) == "'Tis & that"
    assert text.read_text("=cmd|' /C calc'!A0", "title", 300) == "=cmd|' /C calc'!A0"
    damaged = text.read_text("CafÃ© crÃ¨me", "title", 300)
    assert isinstance(damaged, Warned)
    assert damaged.code == "text-damaged"


def test_a_description_stays_as_it_is() -> None:
    html = "<p>One</p>\n<script>x</script> &amp; two"
    assert text.read_long_text(html, "description", None) == html
    assert text.read_long_text("a\x00b", "description", None) == "ab"


@pytest.mark.parametrize(
    ("cell", "order", "day"),
    [
        ("2026-12-24", "", date(2026, 12, 24)),
        ("2026-12-31 23:59:59", "", date(2026, 12, 31)),
        ("24/12/2026", "", date(2026, 12, 24)),
        ("12/24/26", "", date(2026, 12, 24)),
        ("03/04/26", "dmy", date(2026, 4, 3)),
        ("03/04/26", "mdy", date(2026, 3, 4)),
        ("05/05/2026", "", date(2026, 5, 5)),
        ("26 Dec 2026", "", date(2026, 12, 26)),
        ("1er février 2026", "", date(2026, 2, 1)),
        ("December 3, 2026", "", date(2026, 12, 3)),
        ("Jun-29-26 16:00:01 PDT", "", date(2026, 6, 29)),
        ("01.12.2026 08:00", "dmy", date(2026, 12, 1)),
        ("0000-00-00", "", None),
        (datetime(2026, 11, 30, 0, 0), "", date(2026, 11, 30)),  # noqa: DTZ001
    ],
)
def test_a_day_is_read(cell: Any, order: str, day: date | None) -> None:
    assert dates.read_date(cell, Style("", date_order=order)) == day


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("03/04/2026", "date-ambiguous"),
        (44896.0, "date-is-a-bare-number"),
        ("44896", "date-is-a-bare-number"),
        ("31/02/2026", "date-impossible"),
        ("2026-13-01", "date-impossible"),
        ("9999-12-31", "date-impossible"),
        ("soon", "date-unreadable"),
        (True, "date-unreadable"),
    ],
)
def test_a_day_that_is_none_is_refused(cell: Any, code: str) -> None:
    assert code_of(lambda: dates.read_date(cell, Style(""))) == code


def test_the_order_of_days_needs_evidence_without_contradiction() -> None:
    assert dates.date_order(["03/04/2026", "25/12/2026"]) == "dmy"
    assert dates.date_order(["03/04/2026", "12/25/2026"]) == "mdy"
    assert dates.date_order(["03/04/2026"]) == ""
    assert dates.date_order(["25/12/2026", "12/25/2026"]) == ""


def test_words_choices_and_lists() -> None:
    assert [lists.read_yes_no(cell) for cell in ("Yes", "oui", "1", 1.0, True)] == [True] * 5
    assert [lists.read_yes_no(cell) for cell in ("N", "non", "FALSE", 0.0)] == [False] * 4
    assert code_of(lambda: lists.read_yes_no("maybe")) == "not-yes-or-no"
    assert lists.read_choice("KG", ("kg", "g")) == "kg"
    assert code_of(lambda: lists.read_choice("stone", ("kg", "g"))) == "not-allowed"
    assert lists.read_words("wood, spoon;wood") == ("wood", "spoon")
    assert lists.read_paths("Home > Mugs; Gifts") == (("Home", "Mugs"), ("Gifts",))
    assert lists.read_links("https://a.example/1.jpg, https://a.example/2.jpg") == (
        "https://a.example/1.jpg",
        "https://a.example/2.jpg",
    )
    warned = lists.read_links("mug.jpg")
    assert isinstance(warned, Warned)
    assert warned.code == "link-no-address"


def test_countries_are_known_in_english_and_french() -> None:
    names = ("France", "Royaume-Uni", "ÉTATS-UNIS", "uk", "de", "GBR", "Pays-Bas", "Atlantis")
    assert [country_code(name) for name in names] == ["FR", "GB", "US", "GB", "DE", "GB", "NL", ""]


# ------------------------------------------------------------------------------------------- any cell at all
CELLS = st.one_of(
    st.none(),
    st.text(max_size=40),
    st.text(alphabet="0123456789.,-+ '€£%Ee\u00a0", max_size=14),
    st.floats(allow_nan=False),
    st.integers(),
    st.booleans(),
    st.dates(),
    st.datetimes(),
    st.times(),
    st.timedeltas(),
)


@pytest.mark.parametrize("type_", list(FieldType))
@settings(max_examples=60)
@given(cell=CELLS, mark=st.sampled_from(["", ",", "."]))
def test_a_reader_returns_a_value_or_one_sentence(type_: FieldType, cell: Any, mark: str) -> None:
    """No cell makes a reader fail in another way; what it returns can be stored: no NUL, no number below zero."""
    field = SheetField("sku", "SKU", type_, allowed=("a", "b"))
    said: CellRefused | None = None
    value: Any = None
    try:
        value = reader_of(field, Style("SKU", mark, mark, "", "EUR"))(cell)
    except CellRefused as refused:
        said = refused
    if said is not None:
        assert said.code
        assert said.reason.endswith(".")
    if isinstance(value, Warned):
        value = value.value
    assert "\x00" not in str(value)
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        assert value >= 0


@pytest.mark.parametrize("type_", list(FieldType))
@pytest.mark.parametrize(
    "text_", ["9" * 5_000, "0." + "1" * 5_000, "1," * 3_000, "-" * 500, "1 " * 900, "£" * 50, "%"]
)
def test_long_and_odd_texts_are_read_or_refused(type_: FieldType, text_: str) -> None:
    field = SheetField("sku", "SKU", type_, allowed=("a",), max_length=100)
    said = ""
    try:
        reader_of(field, Style("SKU", "", "", "", "GBP"))(text_)
    except CellRefused as refused:
        said = refused.reason
    assert said == "" or (said.endswith(".") and len(said) < 200)


@given(st.decimals(min_value=0, max_value=10**9, places=2))
def test_an_amount_written_in_any_way_comes_back_exactly(amount: Decimal) -> None:
    english, french = f"{amount:,.2f}", f"{amount:,.2f}".replace(",", "\u202f").replace(".", ",")
    german = f"{amount:,.2f}".replace(",", "_").replace(".", ",").replace("_", ".")
    for written in (english, french, german, f"€{english}", f"{french} €"):
        assert numbers.read_money(written, Style("", currency="EUR")) == amount


@given(st.integers(min_value=0, max_value=10**12 - 1))
def test_a_barcode_with_a_right_check_digit_has_no_warning(number: int) -> None:
    stem = f"{number:012}"
    digits = next(stem + str(last) for last in range(10) if barcodes.check_digit_fits(stem + str(last)))
    assert barcodes.read_barcode(digits) == digits
    if digits[0] != "0":
        assert barcodes.read_barcode(float(digits)) == digits

"""What is decided for whole columns before their cells are read: decimal mark, order of days, currency."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from oms.kit.sheets.cells.currencies import SIGNS, split_currency
from oms.kit.sheets.cells.dates import date_order
from oms.kit.sheets.cells.numbers import decimal_mark
from oms.kit.sheets.cells.results import Style
from oms.kit.sheets.columns.matching import Columns
from oms.kit.sheets.data import Data
from oms.kit.sheets.fields import FieldType, SheetKind
from oms.kit.sheets.formats import KnownFormat
from oms.kit.sheets.records import Reading
from oms.kit.sheets.rows import Styles

_NUMERIC = (FieldType.MONEY, FieldType.QUANTITY, FieldType.NUMBER)
_NUMERIC_HEADING = re.compile(
    r"price|stock|qty|quantity|weight|amount|cost|total|shipping|level", re.IGNORECASE
)
_MOST_TEXTS = 5_000


def styles_of(data: Data, columns: Columns, kind: SheetKind, currency: str, reading: Reading) -> Styles:
    """Return the styles of the columns of a file, from all of their cells."""
    types = {number: each.type for number, key in columns.keys.items() if (each := kind.find(key))}
    texts = _texts(data, [number for number, type_ in types.items() if type_ in (*_NUMERIC, FieldType.DATE)])
    marks = {number: decimal_mark(texts[number]) for number in texts if types[number] in _NUMERIC}
    whole = _common(marks.values())
    orders = {number: date_order(texts[number]) for number in texts if types[number] is FieldType.DATE}
    common_order = _common(orders.values())
    shown = currency or _currency(texts[number] for number in texts if types[number] is FieldType.MONEY)
    styles = {}
    for number, key in columns.keys.items():
        field = kind.find(key)
        order = orders.get(number, "") or common_order or (field.date_order if field else "")
        if number in orders and not reading.date_order:
            reading.date_order = order
        name = columns.heading(number)
        styles[name] = Style(name, marks.get(number, ""), whole, order, shown)
    reading.decimal, reading.currency = whole, shown
    return Styles(styles, Style("", "", whole, common_order, shown))


def styles_of_known(
    data: Data, headers: Sequence[str], known: KnownFormat, currency: str, reading: Reading
) -> Styles:
    """Return the styles of the columns of a known file, whose headings show which ones hold numbers."""
    texts = _texts(
        data, [number for number, heading in enumerate(headers) if _NUMERIC_HEADING.search(heading)]
    )
    marks = {number: decimal_mark(found) for number, found in texts.items()}
    whole = _common(marks.values())
    shown = currency or _currency(texts.values())
    by_heading = {
        headers[number]: Style(headers[number], mark, whole, known.date_order, shown)
        for number, mark in marks.items()
    }
    reading.decimal, reading.date_order, reading.currency = whole, known.date_order, shown
    return Styles(by_heading, Style("", "", whole, known.date_order, shown))


def _common(found: Iterable[str]) -> str:
    values = {each for each in found if each}
    return values.pop() if len(values) == 1 else ""


def _currency(columns: Iterable[Mapping[str, int]]) -> str:
    """Return the currency that most prices show; "" when none shows one. Prices in another one are refused then."""
    found: Counter[str] = Counter()
    for texts in columns:
        for text, times in texts.items():
            sign = split_currency(text)[1]
            if sign:
                meant = SIGNS.get(sign, (sign,))
                found[meant[0] if len(meant) == 1 else ""] += times
    known = [(times, code) for code, times in found.items() if code]
    return max(known)[1] if known else ""


def _texts(data: Data, numbers: Sequence[int]) -> dict[int, Counter[str]]:
    """Return the different texts of these columns, at most 5,000 of each. Number and date cells prove nothing."""
    counters: dict[int, Counter[str]] = {number: Counter() for number in numbers}
    for _number, cells in data.rows():
        size = len(cells)
        for number in numbers:
            if number < size:
                cell = cells[number]
                if isinstance(cell, str) and cell and len(counters[number]) < _MOST_TEXTS:
                    counters[number][cell] += 1
    return counters

"""Numbers that people and programs wrote: money, quantities, weights.

The decimal mark is decided for a whole column. A number that can mean two things is refused, never guessed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import date, time, timedelta
from decimal import Decimal, InvalidOperation

from django.utils.translation import gettext as _

from oms.kit import numbers as kit_numbers
from oms.kit.numbers import is_digits
from oms.kit.sheets.cells.currencies import SIGNS, split_currency
from oms.kit.sheets.cells.results import CellRefused, Style, say
from oms.kit.sheets.cells.text import bare, shown
from oms.kit.sheets.files.tables import Percent, Raw
from oms.kit.sheets.records import Clear, Value

MOST_UNITS = 2_000_000_000
MOST_MONEY = Decimal(10) ** 13
_BLANKS = " \xa0\u202f\u2009\u2007'’"
_DIGITS = re.compile(r"^\d[\d.,]*$|^[.,]\d+$", re.ASCII)
_GROUPED = re.compile(rf"^\d{{1,3}}(?:[{_BLANKS}]\d{{3}})+(?=$|[.,])", re.ASCII)
_COMMA_GROUPS = re.compile(r"^\d{1,3}(?:,\d{3})+$", re.ASCII)
_DOT_GROUPS = re.compile(r"^\d{1,3}(?:\.\d{3})+$", re.ASCII)


#: Decimal and thousands marks that are written with Arabic and with full-width digits.
_MARKS = str.maketrans({"٫": ".", "٬": ",", "．": ".", "，": ","})


class Ambiguous(ValueError):
    """The text can mean two numbers."""


def western(text: str) -> str:
    """Return a number in digits 0 to 9: full-width and Arabic digits have one meaning only. `²` is no digit."""
    if text.isascii():
        return text
    digits = ((one, unicodedata.decimal(one, None)) for one in text.translate(_MARKS))
    return "".join(one if digit is None else str(digit) for one, digit in digits)


def _signed(text: str) -> tuple[str, bool]:
    """Return a number without its sign, and whether it is below zero: `-5`, `5-` and `(5)` are."""
    bracketed = text[:1] == "(" and text[-1:] == ")"
    digits = text[1:-1] if bracketed else text
    is_negative = bracketed or digits[:1] in ("-", "−") or digits[-1:] in ("-", "−")
    return digits.lstrip("-−+").rstrip("-−").strip(_BLANKS), is_negative


def decimal_mark(cells: Iterable[Raw]) -> str:
    """Return the decimal mark that the texts of a column show; "" when none does, or when they disagree."""
    comma = dot = 0
    for cell in cells:
        if not isinstance(cell, str) or (cell.isascii() and "," not in cell and "." not in cell):
            continue
        text = _plain(western(cell))
        last = max(text.rfind(","), text.rfind("."))
        mark, after = text[last], len(text) - last - 1
        both = "," in text and "." in text
        if text.count(mark) > 1 or (after == 3 and not both and not text.startswith(("0,", "0."))):
            continue
        if mark == ",":
            comma += 1
        else:
            dot += 1
    if bool(comma) == bool(dot):
        return ""
    return "," if comma else "."


def _plain(text: str) -> str:
    """The digits and marks of a text with its signs, blanks and currency removed."""
    kept = "".join(letter for letter in text if letter in "0123456789.,")
    return kept.strip(".,") or "0"


def decimal_of(text: str, mark: str) -> Decimal:
    """Return the number that `text` (digits, marks, grouping blanks) is. Raises `ValueError`, `Ambiguous` for two meanings.

    `mark` is the decimal mark of the column, "" when unknown.
    """
    grouped = _GROUPED.match(text)
    if grouped:
        whole = "".join(letter for letter in grouped[0] if is_digits(letter))
        rest = text[grouped.end() :]
        if rest and is_digits(rest[1:]):
            return Decimal(f"{whole}.{rest[1:]}")
        if rest:
            raise ValueError(text)
        return Decimal(whole)
    if not _DIGITS.match(text):
        raise ValueError(text)
    commas, dots = text.count(","), text.count(".")
    if commas and dots:
        return _both_marks(text)
    if not commas and not dots:
        return Decimal(text)
    used = "," if commas else "."
    head, _mark, tail = text.partition(used)
    if commas + dots > 1:
        if used == mark or not (_COMMA_GROUPS if commas else _DOT_GROUPS).match(text):
            raise ValueError(text)
        return Decimal(text.replace(used, ""))
    if len(tail) == 3 and 0 < len(head) <= 3 and head.lstrip("0"):
        if not mark:
            raise Ambiguous(text)
        return Decimal(f"{head}.{tail}") if used == mark else Decimal(head + tail)
    return Decimal(f"{head or 0}.{tail or 0}")


def _both_marks(text: str) -> Decimal:
    """1,234.56 and 1.234,56: the last mark is the decimal one, the other groups by three."""
    last = max(text.rfind(","), text.rfind("."))
    whole, tail = text[:last], text[last + 1 :]
    if text[last] in whole or not (_COMMA_GROUPS.match(whole) or _DOT_GROUPS.match(whole)):
        raise ValueError(text)
    return Decimal(f"{whole.replace(',', '').replace('.', '')}.{tail or 0}")


def number_of(cell: float | int) -> Decimal:
    """Return a number cell without the noise of binary fractions: rounded to 6 places."""
    if isinstance(cell, int):
        return Decimal(cell)
    try:
        return Decimal(repr(cell)).quantize(Decimal("0.000001")).normalize()
    except InvalidOperation:
        raise ValueError(cell)


def plain(number: Decimal) -> Decimal:
    """Return the number without zeros at its end and without an exponent: 4.00 → 4, 1E+2 → 100."""
    normal = number.normalize()
    return normal.quantize(Decimal(1)) if normal == normal.to_integral_value() else normal


def read_money(raw: Raw, style: Style) -> Value:
    """Return an amount of at least zero, with the decimal places of its currency. Raises `CellRefused`."""
    cell = bare(raw)
    if cell is None or isinstance(cell, Clear):
        return cell
    if isinstance(cell, Percent) or (isinstance(cell, str) and cell.endswith("%")):
        text = f"{cell * 100:g} %" if isinstance(cell, Percent) else str(cell)
        raise CellRefused(
            "price-is-a-percentage", say(_("The cell shows %(text)s: a discount, not a price."), text=text)
        )
    if isinstance(cell, str):
        amount = _text_money(cell, style)
    else:
        amount = _number_cell(cell, "price-not-a-number")
    if amount < 0:
        raise CellRefused(
            "price-negative", say(_("A price cannot be below zero: “%(text)s”."), text=shown(cell))
        )
    if amount >= MOST_MONEY:
        raise CellRefused("price-too-large", say(_("“%(text)s” is too large for a price."), text=shown(cell)))
    places = kit_numbers.digits(style.currency)
    rounded = kit_numbers.quantise(amount, style.currency)
    if rounded != amount:
        raise CellRefused(
            "price-too-fine",
            say(
                _("“%(text)s” has more decimals than the currency has (%(places)d)."),
                text=shown(cell),
                places=places,
            ),
        )
    return rounded


def _text_money(text: str, style: Style) -> Decimal:
    amount, currency = split_currency(western(text))
    if currency and style.currency and style.currency not in SIGNS.get(currency, (currency,)):
        raise CellRefused(
            "currency-mixed",
            say(_("“%(text)s” is not in %(currency)s."), text=text, currency=style.currency),
        )
    digits, negative = _signed(amount)
    try:
        if kit_numbers.digits(style.currency) == 3 and style.decimal:
            number = decimal_of(digits, style.decimal)
        else:
            number = decimal_of(digits, "")
    except Ambiguous:
        raise CellRefused(
            "price-ambiguous",
            say(
                _("“%(text)s” can mean two amounts: the mark can part decimals or thousands."),
                text=text,
            ),
        )
    except ValueError:
        raise CellRefused("price-not-a-number", say(_("“%(text)s” is not an amount."), text=text))
    return -number if negative else number


def _number_cell(cell: object, code: str) -> Decimal:
    if isinstance(cell, bool | date | time | timedelta) or not isinstance(cell, int | float):
        raise CellRefused(code, say(_("“%(text)s” is not a number."), text=shown(cell)))  # type: ignore[arg-type]
    try:
        return number_of(cell)
    except ValueError:
        raise CellRefused(code, say(_("“%(text)s” is not a number."), text=shown(cell)))


def read_quantity(raw: Raw, style: Style) -> Value:
    """Return a whole number of units, at least zero. A sign before it is refused: it can mean a change. Raises `CellRefused`."""
    cell = bare(raw)
    if cell is None or isinstance(cell, Clear):
        return cell
    if isinstance(cell, Percent):
        raise CellRefused(
            "quantity-not-a-number",
            say(_("“%(text)s” is not a whole number of units."), text=f"{cell * 100:g} %"),
        )
    if not isinstance(cell, str):
        number = _number_cell(cell, "quantity-not-a-number")
    else:
        if cell.startswith("+"):
            raise CellRefused(
                "quantity-signed",
                say(
                    _("“%(text)s”: a sign can mean a change. Enter the number of units that are there."),
                    text=cell,
                ),
            )
        number = _text_quantity(cell, style)
    if number < 0:
        raise CellRefused(
            "quantity-negative", say(_("A quantity cannot be below zero: “%(text)s”."), text=shown(cell))
        )
    if number != number.to_integral_value():
        raise CellRefused(
            "quantity-fraction", say(_("“%(text)s” is not a whole number of units."), text=shown(cell))
        )
    if number > MOST_UNITS:
        raise CellRefused(
            "quantity-too-large", say(_("“%(text)s” is too large for a quantity."), text=shown(cell))
        )
    return int(number)


def _text_quantity(text: str, style: Style) -> Decimal:
    digits, negative = _signed(western(text))
    mark = style.decimal or style.file_decimal or ("." if _COMMA_GROUPS.match(digits) else "")
    try:
        if mark == "," and _COMMA_GROUPS.match(digits):
            raise Ambiguous(text)
        number = decimal_of(digits, mark)
    except Ambiguous:
        raise CellRefused(
            "quantity-ambiguous",
            say(
                _("“%(text)s” can mean two quantities: the mark can part decimals or thousands."),
                text=text,
            ),
        )
    except ValueError:
        raise CellRefused(
            "quantity-not-a-number", say(_("“%(text)s” is not a whole number of units."), text=text)
        )
    return -number if negative else number


def read_number(raw: Raw, style: Style) -> Value:
    """Return a number of at least zero, such as a weight. Raises `CellRefused`."""
    cell = bare(raw)
    if cell is None or isinstance(cell, Clear):
        return cell
    if isinstance(cell, str):
        try:
            text = western(cell)
            number = decimal_of(text, style.decimal or style.file_decimal or ("." if "," not in text else ""))
        except Ambiguous:
            raise CellRefused("number-ambiguous", say(_("“%(text)s” can mean two numbers."), text=cell))
        except ValueError:
            raise CellRefused(
                "number-not-a-number", say(_("“%(text)s” is not a number of at least zero."), text=cell)
            )
    else:
        number = _number_cell(cell, "number-not-a-number")
    if number < 0:
        raise CellRefused(
            "number-negative", say(_("The number cannot be below zero: “%(text)s”."), text=shown(cell))
        )
    if number >= MOST_MONEY:
        raise CellRefused("number-too-large", say(_("“%(text)s” is too large."), text=shown(cell)))
    return plain(number)

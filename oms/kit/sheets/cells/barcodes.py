"""Barcodes: EAN-8, UPC, EAN-13 and GTIN-14, and what spreadsheet programs do to them."""

from __future__ import annotations

import re
from datetime import date, time, timedelta

from django.utils.translation import gettext as _

from oms.kit.numbers import is_digits
from oms.kit.sheets.cells.results import CellRefused, Warned, say
from oms.kit.sheets.cells.text import MOST_DIGITS, bare, shown
from oms.kit.sheets.files.tables import Raw
from oms.kit.sheets.records import Clear, Value

LENGTHS = (8, 12, 13, 14)
_SCIENTIFIC = re.compile(r"^\d([.,]\d+)?E\+?\d+$", re.IGNORECASE)
#: What channels write where a product has no barcode.
NONE_WORDS = frozenset(
    {
        "does not apply",
        "n/a",
        "na",
        "none",
        "no",
        "-",
        "–",
        "exempt",
        "gtinexempt",
        "not applicable",
        "ne s'applique pas",
    }
    | {"sans", "aucun", "nicht zutreffend", "unknown"}
)


def check_digit_fits(digits: str) -> bool:
    """Whether the last digit of a GS1 number is the one that the others require."""
    total = sum(map(int, digits[-1::-2])) + 3 * sum(map(int, digits[-2::-2]))
    return total % 10 == 0


def read_barcode(raw: Raw) -> Value | Warned:
    """Return the digits. A wrong check digit warns; lost digits and lengths that no barcode has raise `CellRefused`."""
    cell = bare(raw)
    if cell is None or isinstance(cell, Clear):
        return cell
    if isinstance(cell, bool | date | time | timedelta):
        raise CellRefused("barcode-not-digits", say(_("“%(text)s” is no barcode."), text=shown(cell)))
    if isinstance(cell, int | float):
        if abs(cell) >= MOST_DIGITS:
            raise CellRefused(
                "barcode-length",
                say(
                    _(
                        "A number of more than 15 digits loses its last ones in Excel: %(text)s. Enter the barcode as text."
                    ),
                    text=f"{cell:.0f}",
                ),
            )
        text = shown(cell)
    else:
        text = str(cell)
    if text.casefold() in NONE_WORDS:
        return None
    if _SCIENTIFIC.match(text):
        raise CellRefused(
            "barcode-digits-lost",
            say(
                _(
                    "“%(text)s” has lost its digits in a spreadsheet program. Enter the barcode again as text."
                ),
                text=text,
            ),
        )
    if is_digits(text):
        return _checked(text)
    digits = "".join(letter for letter in text if letter not in " -\xa0\u2010\u2011\u202f\t\n\r\u200b")
    if not is_digits(digits):
        raise CellRefused(
            "barcode-not-digits",
            say(_("“%(text)s” is no barcode: it has other characters than digits."), text=text),
        )
    return _checked(digits)


def _checked(digits: str) -> Value | Warned:
    if len(digits) == 11 and check_digit_fits(digits):
        restored = f"0{digits}"
        return Warned(
            restored,
            "barcode-zero-restored",
            say(_("A leading zero was missing: %(text)s is used."), text=restored),
        )
    if len(digits) not in LENGTHS:
        raise CellRefused(
            "barcode-length",
            say(_("“%(text)s” is no barcode: a barcode has 8, 12, 13 or 14 digits."), text=digits),
        )
    if not check_digit_fits(digits):
        return Warned(
            digits, "barcode-check-digit", say(_("The check digit of %(text)s does not fit."), text=digits)
        )
    return digits

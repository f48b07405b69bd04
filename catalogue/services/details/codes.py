"""Check digits of barcodes: GTIN-8, UPC (12), EAN (13, also ISBN-13), GTIN-14, and ISBN-10."""

from __future__ import annotations

from django.utils.translation import gettext as _

from catalogue.errors import CatalogueError
from oms.kit.numbers import is_digits

LENGTHS = (8, 12, 13, 14)
_SPACES = str.maketrans("", "", " -\u2010\u2011\u2013\u00a0\u202f")


def gtin_digit(body: str) -> str:
    """Return the check digit of the other digits of a GTIN (GS1 General Specifications 7.9: weights 3, 1 from the right)."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return str(-total % 10)


def isbn10_digit(body: str) -> str:
    """Return the check digit of the first nine digits of an ISBN-10; "X" is 10 (ISO 2108)."""
    total = sum(int(digit) * weight for digit, weight in zip(body, range(10, 1, -1), strict=True))
    return "0123456789X"[-total % 11]


def checked_barcode(text: str) -> str:
    """Return the barcode as it is stored: without spaces and hyphens where it is a GTIN or an ISBN.

    Another code, such as the seller's own, is returned as typed. Raise `CatalogueError` with the right digit for a wrong
    check digit.
    """
    typed = text.strip()
    code = typed.translate(_SPACES).upper()
    is_isbn10 = len(code) == 10 and is_digits(code[:9]) and (is_digits(code[9]) or code[9] == "X")
    if is_isbn10 and (typed != code or code.endswith("X") or isbn10_digit(code[:9]) == code[9]):
        body, right = code[:-1], isbn10_digit(code[:-1])
    elif is_digits(code) and len(code) in LENGTHS:
        body, right = code[:-1], gtin_digit(code[:-1])
    else:
        return typed[:64]
    if code[-1] != right:
        raise CatalogueError(
            _("The check digit of the barcode %(code)s is wrong: it must be %(right)s (%(whole)s).")
            % {"code": code, "right": right, "whole": body + right}
        )
    return code

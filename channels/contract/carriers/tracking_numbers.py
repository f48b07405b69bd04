"""The forms of tracking numbers, and their check digits (`channels/carriers.md` §6).

A number that does not fit is a warning and never refused: carriers add ranges without notice.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from channels.contract.carriers.names import carrier_key
from channels.contract.translation import gettext as _
from oms.kit.numbers import is_digits

_ALPHABET = string.digits + string.ascii_uppercase
_ID_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)


def s10_digit(serial: str) -> str:
    """Return the check digit of the eight digits of an S10 number (posts: two letters, nine digits, country)."""
    rest = sum(int(digit) * weight for digit, weight in zip(serial, _ID_WEIGHTS, strict=True)) % 11
    return str({0: 5, 1: 0}.get(rest, 11 - rest))


def ups_digit(body: str) -> str:
    """Return the check digit of the fifteen characters between “1Z” and the last one."""
    values = [int(char) if is_digits(char) else (ord(char) - 3) % 10 for char in body]
    total = sum(value * 2 if place % 2 else value for place, value in enumerate(values))
    return str((10 - total % 10) % 10)


def mod_37_36(body: str) -> str:
    """Return the check character of ISO 7064 mod 37,36 (DPD)."""
    carry = 36
    for char in body:
        carry = (carry + _ALPHABET.index(char)) % 36 or 36
        carry = carry * 2 % 37
    return _ALPHABET[(37 - carry) % 36]


def colissimo_digit(body: str) -> str:
    """Return the check digit of a Colissimo number: of its ten digits after the product code."""
    digits = [int(digit) for digit in body[2:]]
    return str((10 - (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10) % 10)


def gs1_digit(body: str) -> str:
    """Return the check digit of GS1: from the right 3, 1, 3 … (SSCC)."""
    digits = [int(digit) for digit in body[::-1]]
    return str((10 - (3 * sum(digits[::2]) + sum(digits[1::2])) % 10) % 10)


@dataclass(frozen=True, slots=True)
class Form:
    """One form of tracking numbers. `body` and `check` are groups of `pattern`; without `digit` only the form is known."""

    name: str
    pattern: re.Pattern[str]
    example: str
    digit: Callable[[str], str] | None = None


def _form(name: str, pattern: str, example: str, digit: Callable[[str], str] | None = None) -> Form:
    return Form(name, re.compile(pattern, re.ASCII), example, digit)


S10 = _form("S10", r"(?P<head>[A-Z]{2})(?P<body>\d{8})(?P<check>\d)[A-Z]{2}", "RB123456785GB", s10_digit)
UPS = _form("UPS", r"1Z(?P<body>[A-Z0-9]{15})(?P<check>\d)", "1Z999AA10123456784", ups_digit)
DPD = _form("DPD", r"(?P<body>\d{14})(?P<check>[0-9A-Z])", "09980000020033F", mod_37_36)
DPD_LABEL = _form(
    "DPD", r"%?(?P<body>[0-9A-Z]{7}\d{20})(?P<check>[0-9A-Z])", "008182709980000020033350276C", mod_37_36
)
DPD_UK = _form("DPD UK", r"[01]5\d{12}[0-9A-Z]?", "15501234567890")
COLISSIMO = _form("Colissimo", r"(?P<body>\d[A-Z]\d{10})(?P<check>\d)", "6A15602676300", colissimo_digit)
SSCC = _form("SSCC", r"(?:00)?(?P<body>\d{17})(?P<check>\d)", "340123451234567895", gs1_digit)
EVRI = _form("Evri", r"\d{16}|[A-Z]\d{2}[A-Z0-9]{13}|[A-Z]{1,2}\d{14,15}|\d{8}", "T00A1A0123456789")
YODEL = _form("Yodel", r"J?JD\d{16}", "JJD0002257639032011")
MONDIAL_RELAY = _form("Mondial Relay", r"\d{8}", "96408887")

#: Key of a carrier's name -> its forms; the first one that fits is used.
FORMS: Mapping[str, Sequence[Form]] = {
    "royalmail": (S10,),
    "parcelforce": (S10,),
    "laposte": (S10, COLISSIMO),
    "colissimo": (COLISSIMO, S10),
    "chronopost": (S10,),
    "ups": (UPS,),
    "dpd": (DPD, DPD_LABEL, DPD_UK),
    "dpduk": (DPD_UK, DPD, DPD_LABEL),
    "evri": (EVRI,),
    "hermes": (EVRI,),
    "yodel": (YODEL,),
    "mondialrelay": (MONDIAL_RELAY,),
}
#: Forms that say themselves whose they are; they are checked without a carrier, too.
_PLAIN = (S10, UPS)


def tidy(number: str) -> str:
    """Return a number in capitals without blanks, as the carriers print it."""
    return "".join(number.split()).upper()


def forms_of(carrier: str) -> Sequence[Form]:
    """Return the known forms of a carrier's numbers, by the beginning of its name (“Royal Mail Tracked 48”)."""
    key = carrier_key(carrier)
    found = next((name for name in sorted(FORMS, key=len, reverse=True) if key.startswith(name)), "")
    return FORMS.get(found, ())


def fault_of(number: str, carrier: str = "") -> str:
    """Return what is wrong with a tracking number, in one sentence with what is expected; "" where nothing is known.

    Several numbers are separated by commas. `carrier` is the name of the carrier.
    """
    forms = forms_of(carrier)
    for part in number.split(","):
        text = tidy(part)
        if text and (fault := _fault(text, carrier, forms)):
            return fault
    return ""


def _fault(text: str, carrier: str, forms: Sequence[Form]) -> str:
    fitting = [form for form in forms or _PLAIN if form.pattern.fullmatch(text)]
    if not fitting:
        if not forms:
            return ""
        return _("%(number)s does not look like a number of %(carrier)s, such as %(example)s.") % {
            "number": text,
            "carrier": carrier,
            "example": forms[0].example,
        }
    expected = []
    for form in fitting:
        match = form.pattern.fullmatch(text)
        if match is None or form.digit is None:
            return ""
        wanted = form.digit(match["body"])
        if wanted == match["check"]:
            return ""
        expected.append((wanted, match.start("check") + 1))
    wanted, place = expected[0]
    return _("The check digit of %(number)s is wrong: character %(place)d must be %(wanted)s.") % {
        "number": text,
        "place": place,
        "wanted": wanted,
    }


def in_range(prefix: str, number: int, width: int) -> str:
    """Return a number of the own range: prefix, `number` with `width` digits, and its GS1 check digit."""
    body = f"{number:0{width}d}"
    return f"{prefix}{body}{gs1_digit(body)}"

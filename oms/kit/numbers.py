"""Values from outside: whole numbers, keys and web addresses that a request or a channel wrote; and money.

Money is a `Decimal` with a currency: rounding, and shares that add up exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from django.utils.formats import number_format

#: ISO 4217 currencies whose minor unit is not a hundredth.
_DIGITS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
}

#: The largest whole number that a column of both databases stores.
LARGEST = 2**63 - 1


def whole_number(text: object, *, most: int = LARGEST) -> int | None:
    """Return the whole number from 0 to `most` that `text` is, written in the digits 0 to 9; None for anything else.

    The only parser of numbers that come from outside: `str.isdigit` accepts “²”, which `int` cannot read, and numbers
    that no column stores (F-37).
    """
    written = text if isinstance(text, str) else ""
    if not 0 < len(written) <= 19 or not written.isascii() or not written.isdecimal():
        return None
    number = int(written)
    return number if number <= most else None


def is_digits(text: str) -> bool:
    """Whether `text` is one or more of the digits 0 to 9 and nothing else."""
    return text.isascii() and text.isdecimal()


def is_whole_number(text: object) -> bool:
    """Whether `whole_number` can read it."""
    return whole_number(text) is not None


def is_web_address(text: str) -> bool:
    """Whether `text` is an http or https address with a host: the only links that a page may have to other sites."""
    start, slashes, rest = text.partition("://")
    return (
        bool(slashes)
        and start.lower() in ("http", "https")
        and rest[:1] not in ("", "/")
        and text.isprintable()
    )


class KeyConverter:
    """A key in an address (`<key:pk>`); an address with a number that is no key does not exist."""

    regex = "[0-9]{1,19}"

    def to_python(self, value: str) -> int:
        """Return the key; raise ValueError, which Django answers with "not found", for one that no column stores."""
        number = whole_number(value)
        if number is None:
            raise ValueError(value)
        return number

    def to_url(self, value: object) -> str:
        """Return the key as text."""
        return str(value)


def digits(currency: str) -> int:
    """Return the decimal places of the currency's minor unit."""
    return _DIGITS.get(currency.upper(), 2)


def quantise(amount: Decimal, currency: str) -> Decimal:
    """Return `amount` rounded half up to the currency's minor unit."""
    return amount.quantize(Decimal(1).scaleb(-digits(currency)), ROUND_HALF_UP)


def share(total: Decimal, weights: Sequence[Decimal | int], currency: str) -> list[Decimal]:
    """Return the shares of `total` by weight, by largest remainder in minor units: they add up to `total` exactly.

    Equal remainders go to the earlier share; weights that are all zero count as equal. A negative total is
    shared like a positive one.
    """
    if not weights:
        return []
    unit = Decimal(1).scaleb(-digits(currency))
    minor = int((quantise(abs(total), currency) / unit).to_integral_value())
    parts = [Decimal(weight) for weight in weights]
    whole = sum(parts, Decimal(0))
    if whole == 0:
        parts, whole = [Decimal(1)] * len(parts), Decimal(len(parts))
    exact = [part * minor / whole for part in parts]
    floors = [int(value) for value in exact]
    left = minor - sum(floors)
    order = sorted(range(len(parts)), key=lambda i: (floors[i] - exact[i], i))
    for index in order[:left]:
        floors[index] += 1
    sign = -1 if total < 0 else 1
    return [sign * floor * unit for floor in floors]


def grouped(value: int) -> str:
    """Return a whole number in the form of the language in use: "1,240" in English."""
    return number_format(value, 0, use_l10n=True, force_grouping=True)

"""Money: `Decimal` with a currency; rounding, and shares that add up exactly."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

#: ISO 4217 currencies whose minor unit is not a hundredth.
_DIGITS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
}


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

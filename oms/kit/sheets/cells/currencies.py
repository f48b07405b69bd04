"""Signs and codes of currencies in the cells of prices."""

from __future__ import annotations

import re

_DOLLARS = ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN")
_CROWNS = ("SEK", "NOK", "DKK", "ISK")

#: Sign → the currencies it can mean.
SIGNS: dict[str, tuple[str, ...]] = {
    "£": ("GBP",),
    "€": ("EUR",),
    "$": _DOLLARS,
    "US$": ("USD",),
    "CA$": ("CAD",),
    "A$": ("AUD",),
    "¥": ("JPY", "CNY"),
    "zł": ("PLN",),
    "kr": _CROWNS,
    "kr.": _CROWNS,
    "Kč": ("CZK",),
    "Fr.": ("CHF",),
    "₹": ("INR",),
    "₺": ("TRY",),
    "Ft": ("HUF",),
    "lei": ("RON",),
}

#: The currencies whose code is known; another word beside a number makes it no amount.
CODES = frozenset(
    "AED ARS AUD BGN BHD BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JOD JPY KRW KWD MAD MXN MYR NOK NZD"
    " OMR PEN PHP PKR PLN QAR RON RSD RUB SAR SEK SGD THB TND TRY TWD UAH USD VND ZAR".split()
)

_BLANKS = " \xa0\u202f\u2009"
_LEADING = re.compile(r"^([A-Za-z£€$¥₹₺łčK.]+\$?)[ \xa0\u202f\u2009]*(?=[-−(\d])")
_TRAILING = re.compile(r"(?<=[\d)])[ \xa0\u202f\u2009]*([^\d\s.,()\-][^\d]*)$")


def split_currency(text: str) -> tuple[str, str]:
    """Return the amount and the sign or code that stands before or after it ("" for none).

    A word that is no known sign stays in the amount, which then is no number.
    """
    sign = ""
    amount = text
    before = len(amount) > 2 and amount[0] in "-−" and amount[1] in "£€$¥"
    if before:  # -£3.00
        amount = f"{amount[1]}-{amount[2:]}"
    for pattern in (_LEADING, _TRAILING):
        match = pattern.search(amount)
        known = _known(match[1].strip(_BLANKS)) if match else ""
        if match and known:
            sign = known
            amount = amount[: match.start()] + amount[match.end() :]
    return amount.strip(_BLANKS), sign


def _known(word: str) -> str:
    if word in SIGNS:
        return word
    return word.upper() if word.upper() in CODES else ""

"""Amounts, rates, dates and quantities as a document of one language writes them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings

from oms.kit.numbers import digits, quantise

_SIGNS = {"GBP": "£", "EUR": "€", "USD": "$"}
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def local(at: datetime) -> datetime:
    """Return the time in the seller's time zone."""
    return at.astimezone(ZoneInfo(settings.TIME_ZONE))


def day(at: datetime, language: str) -> str:
    """Return "12 Mar 2026", in French "12/03/2026", in the seller's time zone."""
    when = local(at)
    return f"{when:%d/%m/%Y}" if language == "fr" else f"{when.day} {_MONTHS[when.month - 1]} {when.year}"


def _figure(amount: Decimal, places: int, language: str) -> str:
    text = f"{amount:,.{places}f}"
    return text.replace(",", "\u202f").replace(".", ",") if language == "fr" else text


def money(amount: Decimal, currency: str, language: str) -> str:
    """Return "£1,408.85", in French "1 408,85 €" (narrow no-break spaces)."""
    places = digits(currency)
    rounded = quantise(amount, currency)
    minus = "-" if rounded < 0 else ""
    sign = _SIGNS.get(currency, "")
    if language == "fr":
        return f"{minus}{_figure(abs(rounded), places, language)}\u00a0{sign or currency}"
    return f"{minus}{sign or currency + chr(160)}{_figure(abs(rounded), places, language)}"


def unit_price(net: Decimal, quantity: int, currency: str, language: str) -> str:
    """Return the price of one unit; with four decimals where two would not give the net amount of the line."""
    places = digits(currency)
    price = net / quantity if quantity else net
    rounded = quantise(price, currency)
    if rounded * quantity == net:
        return money(rounded, currency, language)
    text = _figure(price, places + 2, language)
    sign = _SIGNS.get(currency, currency + chr(160))
    return f"{text}\u00a0{_SIGNS.get(currency, currency)}" if language == "fr" else f"{sign}{text}"


def rate(percent: Decimal, language: str) -> str:
    """Return "20%", in French "5,5 %"."""
    text = f"{percent.normalize():f}"
    return f"{text.replace('.', ',')}\u202f%" if language == "fr" else f"{text}%"


def weight(grams: int, language: str) -> str:
    """Return "1.25 kg"."""
    text = f"{Decimal(grams) / 1000:.2f}"
    return f"{text.replace('.', ',') if language == 'fr' else text}\u00a0kg"

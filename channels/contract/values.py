"""Read plain values of a channel's documents, which may be text, numbers, escaped or missing."""

from __future__ import annotations

import html
from decimal import Decimal, InvalidOperation


def text(value: object) -> str:
    """Return a value as text without surrounding spaces and HTML entities; "" for None."""
    return html.unescape(str(value)).strip() if value is not None else ""


def money(value: object) -> Decimal:
    """Return an exact amount from text or a number; raises `ValueError` when it is not an amount."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise ValueError(f"“{value}” is not an amount.")
    return amount

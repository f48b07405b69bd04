"""Plain values out of a channel's documents, which give them as text, as numbers, escaped or not at all."""

from __future__ import annotations

import html
from decimal import Decimal, InvalidOperation


def text(value: object) -> str:
    """A line of text with its entities resolved (a shop may have escaped it twice); None is empty."""
    return html.unescape(str(value)).strip() if value is not None else ""


def money(value: object) -> Decimal:
    """An amount given as text or number, exact; raises ValueError when it is none."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise ValueError(f"“{value}” is not an amount.")
    return amount

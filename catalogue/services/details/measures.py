"""Weights and dimensions as people type them, and as they are shown."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

from django.utils.translation import gettext as _

from catalogue.errors import CatalogueError

#: Grams of one unit of weight, millimetres of one unit of length (the pound and the inch of 1959).
GRAMS = {
    "g": Decimal(1),
    "kg": Decimal(1000),
    "oz": Decimal("28.349523125"),
    "lb": Decimal("453.59237"),
    "lbs": Decimal("453.59237"),
}
MILLIMETRES = {
    "mm": Decimal(1),
    "cm": Decimal(10),
    "m": Decimal(1000),
    "in": Decimal("25.4"),
    '"': Decimal("25.4"),
}
_MOST = 2_000_000_000
_AMOUNT = re.compile(r"([0-9]{1,9}(?:[.,][0-9]{1,6})?)\s*([a-z\"]*)")
_BETWEEN = re.compile(r"\s*[x×*]\s*")


def grams(text: str) -> int | None:
    """Return a weight in whole grams: "350", "350 g", "1.2 kg", "12 oz", "2 lb"; None for an empty text.

    Raise `CatalogueError` for anything else; a number without a unit is grams and must be whole.
    """
    typed = text.strip()
    if not typed:
        return None
    found = _AMOUNT.fullmatch(typed.lower())
    unit = found[2] if found else ""
    if found is None or (unit and unit not in GRAMS):
        raise CatalogueError(
            _("“%s” is not a weight. Enter grams, or a number with kg, g, lb or oz: 1.2 kg.") % typed
        )
    number = Decimal(found[1].replace(",", "."))
    if not unit and number != int(number):
        raise CatalogueError(
            _("“%s” has no unit. Enter whole grams, or a number with its unit: 1.2 kg.") % typed
        )
    return _whole(number * GRAMS[unit or "g"], typed)


def millimetres(text: str) -> tuple[int | None, int | None, int | None]:
    """Return length, width and height in whole millimetres: "12 x 8 x 5 cm", "120 × 80 × 50 mm", "5 in x 2 in x 1 in".

    A number without a unit has the unit of the last one. Empty text: (None, None, None). Raise `CatalogueError` for
    anything else.
    """
    typed = text.strip()
    if not typed:
        return None, None, None
    parts = [_AMOUNT.fullmatch(part) for part in _BETWEEN.split(typed.lower())]
    if len(parts) != 3 or any(part is None or (part[2] and part[2] not in MILLIMETRES) for part in parts):
        raise CatalogueError(
            _("“%s” is no size. Enter length × width × height with a unit: 12 × 8 × 5 cm.") % typed
        )
    last = next((part[2] for part in reversed(parts) if part and part[2]), "")
    if not last:
        raise CatalogueError(_("“%s” has no unit. Enter mm, cm, m or in: 12 × 8 × 5 cm.") % typed)
    found = [
        _whole(Decimal(part[1].replace(",", ".")) * MILLIMETRES[part[2] or last], typed)
        for part in parts
        if part is not None
    ]
    return found[0], found[1], found[2]


def size_text(length: int | None, width: int | None, height: int | None) -> str:
    """Return dimensions in millimetres as a person reads and types them: "12 × 8 × 5.5 cm"; "" when one is missing."""
    if length is None or width is None or height is None:
        return ""
    return " × ".join(f"{(Decimal(one) / 10).normalize():f}" for one in (length, width, height)) + " cm"


def _whole(number: Decimal, typed: str) -> int:
    rounded = int(number.quantize(Decimal(1), ROUND_HALF_UP))
    if rounded > _MOST:
        raise CatalogueError(_("“%s” is too large.") % typed)
    return rounded

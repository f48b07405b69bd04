"""Read a number of units that a person typed."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from inventory.errors import QuantityError
from oms.kit.numbers import whole_number

#: The largest number that the column can store.
MOST_UNITS = 2_000_000_000


def whole(value: Any, *, least: int | None = 0) -> int:
    """Return `value` as a whole number of units, at least `least` (None: any).

    Raises `QuantityError` with a sentence, such as for 1.5, −1 or "many".
    """
    text = str(value).strip()
    try:
        number = int(text) if not isinstance(value, bool | float) else None
    except ValueError:
        number = None
    if number is None and not isinstance(value, bool):
        head, _dot, tail = text.partition(".")
        size = whole_number(head.removeprefix("-"))
        if tail.strip("0") == "" and size is not None:
            number = -size if head.startswith("-") else size
    if number is None:
        raise QuantityError(_("“%s” is not a whole number of units.") % text)
    if least is not None and number < least:
        raise QuantityError(
            _("A quantity cannot be below %(least)d: “%(value)s”.") % {"least": least, "value": text}
        )
    if abs(number) > MOST_UNITS:
        raise QuantityError(_("“%s” is too large. Enter a smaller number.") % text)
    return number

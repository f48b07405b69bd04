"""Read plain values of a channel's documents, which may be text, numbers, escaped or missing."""

from __future__ import annotations

import html
from decimal import Decimal, InvalidOperation

from channels.contract.cleaning import cut
from channels.contract.record_limits import MOST_AMOUNT, MOST_UNITS, Unreadable, shown
from channels.contract.schema import Notes, whole
from channels.contract.translation import gettext as _


def text(value: object) -> str:
    """Return a value as text without surrounding spaces and HTML entities; "" for None, a list or a mapping."""
    return (
        "" if value is None or isinstance(value, (list, tuple, dict)) else html.unescape(str(value)).strip()
    )


def ordered_units(value: object, title: str) -> int:
    """Return the units of an order line, which may be written as “2.00”; `title` names the line.

    Raises `Unreadable` with what is wrong: nobody can pack an order without its quantities.
    """
    number = whole(value)
    given = {"title": shown(title), "quantity": shown(value)}
    if number is None:
        raise Unreadable(
            _("the line “%(title)s” has the quantity %(quantity)s, which is not a whole number") % given
        )
    if number < 0:
        raise Unreadable(
            _("the line “%(title)s” has the quantity %(quantity)s, which is less than zero") % given
        )
    if number > MOST_UNITS:
        raise Unreadable(_("the line “%(title)s” has the quantity %(quantity)s, which is too large") % given)
    return number


def optional_money(value: object, notes: Notes, name: str) -> Decimal:
    """Return an amount that may be missing; 0 with a note (`name`: the field) for one that cannot be read."""
    if value is None or value == "":
        return Decimal(0)
    try:
        amount = money(value)
    except ValueError:
        amount = MOST_AMOUNT
    if abs(amount) < MOST_AMOUNT:
        return amount
    notes.add(name, value)
    return Decimal(0)


def money(value: object) -> Decimal:
    """Return an exact amount from text or a number; raises `ValueError` when it is not an amount."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise ValueError(_("“%s” is not an amount") % cut(str(value), 40))
    return amount

"""Days. The order of day and month is decided for a whole column; without evidence an ambiguous day is refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from django.utils.translation import gettext as _

from oms.kit.numbers import is_digits
from oms.kit.sheets.cells.results import CellRefused, Style, say
from oms.kit.sheets.cells.text import bare, shown
from oms.kit.sheets.files.tables import Raw
from oms.kit.sheets.records import Clear, Value

DAY_FIRST, MONTH_FIRST = "dmy", "mdy"

_ISO = re.compile(r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?$", re.ASCII)
_NUMBERS = re.compile(r"^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})(?:[T ,].*)?$", re.ASCII)
_NAMED = re.compile(r"^(\d{1,2})(?:st|nd|rd|th|er|\.)?[-\s]+([^\W\d]+)\.?,?[-\s]+(\d{4}|\d{2})(?:[T ,].*)?$")
_NAMED_FIRST = re.compile(r"^([^\W\d]+)\.?[-\s]+(\d{1,2})(?:st|nd|rd|th)?,?[-\s]+(\d{4}|\d{2})(?:[T ,].*)?$")
_MONTHS: dict[str, int] = {}
for _names in (
    "jan feb mar apr may jun jul aug sep oct nov dec",
    "january february march april may june july august september october november december",
    "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
    "janv fevr mars avr mai juin juil aout sept oct nov dec",
    "januar februar marz april mai juni juli august september oktober november dezember",
):
    _MONTHS |= {name: number for number, name in enumerate(_names.split(), 1)}


def date_order(cells: Iterable[Raw]) -> str:
    """Return the order that the days of a column prove; "" when nothing does, or when two cells contradict each other."""
    found = set()
    for cell in cells:
        if isinstance(cell, str) and (match := _NUMBERS.match(cell.strip())):
            first, second = int(match[1]), int(match[2])
            if first > 12 >= second:
                found.add(DAY_FIRST)
            elif second > 12 >= first:
                found.add(MONTH_FIRST)
    return found.pop() if len(found) == 1 else ""


def read_date(raw: Raw, style: Style) -> Value:
    """Return the day; None for `0000-00-00`, which means no limit. No time zone moves it. Raises `CellRefused`."""
    cell = bare(raw)
    if cell is None or isinstance(cell, Clear):
        return cell
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    if isinstance(cell, bool | time | timedelta):
        raise CellRefused("date-unreadable", say(_("“%(text)s” is no date."), text=shown(cell)))
    text = shown(cell)
    if not isinstance(cell, str) or is_digits(text):
        raise CellRefused(
            "date-is-a-bare-number",
            say(
                _("“%(text)s” is a number, not a date. Format the cell as a date, or enter 2026-12-31."),
                text=text,
            ),
        )
    return _text_date(text, style.date_order)


def _text_date(text: str, order: str) -> date | None:
    if match := _ISO.match(text):
        if match[1] == "0000":
            return None
        return _day(text, match[1], match[2], match[3])
    if match := _NUMBERS.match(text):
        first, second = int(match[1]), int(match[2])
        if first != second and first <= 12 and second <= 12 and not order:
            raise CellRefused(
                "date-ambiguous",
                say(_("“%(text)s” can mean two days: day or month first. Enter 2026-12-31."), text=text),
            )
        by_month = (order == MONTH_FIRST and first <= 12) or (first <= 12 < second)
        return _day(text, match[3], match[1] if by_month else match[2], match[2] if by_month else match[1])
    for pattern, day, month in ((_NAMED, 1, 2), (_NAMED_FIRST, 2, 1)):
        match = pattern.match(text)
        number = _MONTHS.get(_folded(match[month])) if match else None
        if match and number:
            return _day(text, match[3], str(number), match[day])
    raise CellRefused("date-unreadable", say(_("“%(text)s” is no date. Enter 2026-12-31."), text=text))


def _folded(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _day(text: str, year: str, month: str, day: str) -> date:
    full = int(year) + 2000 if len(year) == 2 else int(year)
    try:
        found = date(full, int(month), int(day))
    except ValueError:
        raise CellRefused("date-impossible", say(_("“%(text)s” is a day that does not exist."), text=text))
    if not 1990 <= found.year <= 2100:
        raise CellRefused("date-impossible", say(_("“%(text)s” is not between 1990 and 2100."), text=text))
    return found

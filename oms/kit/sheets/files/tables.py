"""The raw table of a file: sheets, rows, and cells as the file holds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta


class Fault(str):
    """A cell that has no value because something is wrong in the workbook. The text is what Excel shows, such as `#N/A`."""

    __slots__ = ()


class ErrorCell(Fault):
    """A formula whose result is an error."""

    __slots__ = ()


class NoResult(Fault):
    """A formula without a stored result: the program that wrote the workbook did not compute it."""

    __slots__ = ()


class Percent(float):
    """A number that Excel shows as a percentage: 0.2 is shown as 20 %."""

    __slots__ = ()


class Shown(str):
    """A number whose format shows leading zeros; the text is what Excel shows, such as `0017`."""

    __slots__ = ()


Raw = str | bool | int | float | date | datetime | time | timedelta | None


@dataclass(slots=True)
class Sheet:
    """One table of a file. `rows` starts again at each call; row 1 is the first one, and blank rows are in it.

    Each row is a list of cells from column A; it may be shorter than others, and must not be changed.
    """

    name: str
    rows: Callable[[], Iterator[Sequence[Raw]]]
    is_hidden: bool = False
    hidden_rows: int = 0


@dataclass(slots=True)
class Opened:
    """A file that can be read. `sheets` opens a sheet by its name; a text file has one, named ``""``."""

    format: str  # xlsx, xls, ods, text
    names: tuple[str, ...]
    hidden: frozenset[str]
    sheet: Callable[[str], Sheet]
    encoding: str = ""
    separator: str = ""
    quotes: bool = True
    notes: list[str] = field(default_factory=list)

    @property
    def visible(self) -> list[str]:
        """The names of the sheets that a person sees in Excel."""
        return [name for name in self.names if name not in self.hidden]


def is_blank(raw: Raw) -> bool:
    """Whether the cell holds nothing, or only blanks and marks that nobody sees."""
    if raw is None:
        return True
    if isinstance(raw, str) and not isinstance(raw, Fault):
        return not raw.strip(BLANKS)
    return False


#: What is removed around a text: blanks of every kind, and marks without a width.
BLANKS = " \t\r\n\f\v\x00\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"

"""The rows of a sheet below its headings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.utils.translation import gettext as _

from oms.kit.sheets.files.limits import ROWS
from oms.kit.sheets.files.tables import Raw, Sheet, is_blank
from oms.kit.sheets.records import SheetError

_MOST_BLANK = 50


class Data:
    """The rows that hold anything. After a whole pass, `held` is their number, `last` the last one, and `blank` are the first blank rows."""

    def __init__(self, sheet: Sheet, header_row: int) -> None:
        self.sheet = sheet
        self.header_row = header_row
        self.held = 0
        self.last = header_row
        self.blank: list[tuple[int, int]] = []

    def rows(self) -> Iterator[tuple[int, Sequence[Raw]]]:
        """Yield each row with its number as a spreadsheet shows it. Raises `SheetError` beyond the limit."""
        self.held, self.blank = 0, []
        for number, cells in enumerate(self.sheet.rows(), 1):
            if number <= self.header_row:
                continue
            if all(map(is_blank, cells)):
                if len(self.blank) < _MOST_BLANK:
                    self.blank.append((number, len(cells)))
                continue
            self.held += 1
            self.last = number
            if self.held > ROWS:
                raise SheetError(
                    _("The sheet has more than %d rows. Split it into several files.") % ROWS, "too-many-rows"
                )
            yield number, cells

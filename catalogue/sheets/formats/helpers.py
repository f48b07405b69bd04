"""What several formats need: amounts before they are read, and pictures in their order."""

from __future__ import annotations

import re
from decimal import Decimal

from oms.kit.numbers import is_digits
from oms.kit.sheets.cells.numbers import decimal_of
from oms.kit.sheets.files.tables import Raw
from oms.kit.sheets.formats import Line, SourceRow

_ZERO = re.compile(r"^0*(?:[.,]0*)?$", re.ASCII)
_TRIM = " '£€$\xa0"


def is_zero(raw: Raw) -> bool:
    """Whether the cell is blank or a zero, however it is written: 0, 0.0000."""
    if isinstance(raw, str):
        return bool(_ZERO.match(raw.strip(_TRIM)))
    return raw is None or (not isinstance(raw, bool) and raw == 0)


def amount(raw: Raw) -> Decimal | None:
    """Return the amount of a cell for a comparison; None when it is none. The cell itself is read later, with all rules."""
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return Decimal(str(raw))
    if not isinstance(raw, str):
        return None
    try:
        return decimal_of(raw.strip(_TRIM), ".")
    except ValueError:
        return None


def put_sale(line: Line, row: SourceRow, heading: str) -> None:
    """Use the cell as the selling price; a zero means that there is none."""
    if is_zero(row.get(heading)):
        line.set("selling_price", None, heading)
    else:
        line.put("selling_price", row, heading)


def links(row: SourceRow, *headings: str) -> list[str]:
    """Return the filled cells below these headings, each once."""
    return list(dict.fromkeys(text for heading in headings if (text := row.text(heading))))


def place_of(text: str) -> int:
    """Return the position that a cell states; a large one when it states none."""
    head = text.partition(".")[0]
    return int(head) if is_digits(head) and len(head) < 6 else 99_999

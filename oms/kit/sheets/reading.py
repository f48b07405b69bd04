"""Read a spreadsheet file as records of one kind: the entry point for pages, commands and jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from oms.kit.sheets import known, mapped
from oms.kit.sheets.cells.dates import DAY_FIRST
from oms.kit.sheets.choosing import choose
from oms.kit.sheets.data import Data
from oms.kit.sheets.fields import SheetKind
from oms.kit.sheets.files.opening import open_file
from oms.kit.sheets.formats import Registry, registry
from oms.kit.sheets.records import Reading, Remark, SheetError, SheetRecord
from oms.kit.sheets.rows import Collector


def read(
    path: str | Path,
    kind: SheetKind | None,
    *,
    filename: str | None = None,
    sheet: str | None = None,
    header_row: int | None = None,
    mapping: Mapping[str, str | None] | None = None,
    currency: str | None = None,
    formats: Registry = registry,
    sink: Callable[[SheetRecord], None] | None = None,
) -> Reading:
    """Return what the file holds, as records of `kind`; None: the kind that its headings show.

    `sheet` and `header_row` (from 1) are found when they are None. `mapping` are choices of a person: heading or column letter →
    field key or label; None or "" leaves a column out. With a mapping, the file is read by it and no known format is used.
    `currency` is that of the store or of the prices. `sink` gets each record as soon as it is read, and `Reading.records` stays
    empty: for large files, whose records need more memory than the file. `filename` is accepted and not
    believed: what a file is shows in its first bytes.

    Raises `SheetError` with one sentence when nothing of the file can be imported.
    """
    opened = open_file(Path(path))
    choice = choose(opened, kind, formats, sheet=sheet, header_row=header_row, mapping=mapping)
    reading = Reading(
        kind=choice.kind.key,
        recognised_as=choice.format.key if choice.format else "",
        sheet=choice.sheet.name,
        header_row=choice.row,
        encoding=opened.encoding,
        separator=opened.separator,
        headers=choice.headers,
        format=opened.format,
        sheets=len(opened.names),
        quotes=opened.quotes,
    )
    if choice.format is not None and choice.format.refusal:
        raise SheetError(str(choice.format.refusal), choice.format.refusal_code or "file-not-for-import")
    data = Data(choice.sheet, choice.row)
    collector = Collector(reading, sink)
    if choice.format is not None:
        known.read(opened, data, choice, choice.format, collector, currency or "")
    else:
        mapped.read(data, choice, collector, mapping, currency or "")
    reading.data_rows = data.held
    _order(reading, data)
    _note(reading, choice.sheet.hidden_rows)
    return reading


def _order(reading: Reading, data: Data) -> None:
    """Add the blank rows that stand between others, or that have separators, and sort what is said by row."""
    for number, cells in data.blank:
        if number < data.last or (reading.format == "text" and cells > 1):
            reading.ignored.append(Remark(number, "", "row-empty", _("The row is empty.")))
    reading.ignored.sort(key=lambda remark: remark.row)
    reading.refused.sort(key=lambda remark: remark.row)


def _note(reading: Reading, hidden_rows: int) -> None:
    if hidden_rows:
        sentence = ngettext(
            "%d row is hidden in the sheet. It was read like all others.",
            "%d rows are hidden in the sheet. They were read like all others.",
            hidden_rows,
        )
        reading.notes.append(sentence % hidden_rows)
    if reading.sheets > 1:
        reading.notes.append(_("Of the sheets in the file, “%s” was read.") % reading.sheet)
    if reading.date_order:
        shown = _("day/month/year") if reading.date_order == DAY_FIRST else _("month/day/year")
        reading.notes.append(_("Days are read as %s.") % shown)
    if reading.currency:
        reading.notes.append(_("Prices are read as %s.") % reading.currency)

"""Read a file by its columns: each column is one field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from django.utils.translation import gettext as _

from oms.kit.sheets.cells.results import Ready
from oms.kit.sheets.choosing import Choice
from oms.kit.sheets.columns import matching
from oms.kit.sheets.columns.matching import Columns
from oms.kit.sheets.data import Data
from oms.kit.sheets.fields import SheetKind
from oms.kit.sheets.files.sheet_xml import column_letter
from oms.kit.sheets.files.tables import Raw, is_blank
from oms.kit.sheets.formats import Line
from oms.kit.sheets.records import SheetError
from oms.kit.sheets.rows import Collector, RowReader, assemble
from oms.kit.sheets.styles import styles_of

SAMPLE = 200


def read(
    data: Data,
    choice: Choice,
    collector: Collector,
    mapping: Mapping[str, str | None] | None,
    currency: str,
) -> None:
    """Match the columns to fields and read every row. Raises `SheetError` when it is not clear which column is meant."""
    reading, kind = collector.reading, choice.kind
    sample = [cells for _number, cells in islice(data.rows(), SAMPLE)]
    columns = matching.match(choice.headers, kind, mapping, sample)
    refuse_unclear(columns, kind)
    reading.mapping = {columns.heading(number): key for number, key in sorted(columns.keys.items())}
    reading.guesses = {columns.heading(number): key for number, key in sorted(columns.guesses.items())}
    collector.headings = {key: columns.heading(number) for number, key in columns.keys.items()}
    styles = styles_of(data, columns, kind, currency, reading)
    places = [(number, key, columns.heading(number)) for number, key in sorted(columns.keys.items())]
    units = _unit_cells(columns, kind)

    def lines() -> Iterator[Line]:
        for number, cells in data.rows():
            size = len(cells)
            line = Line(
                number, {key: (cells[at] if at < size else None, heading) for at, key, heading in places}
            )
            for key, unit_key, unit, heading in units:
                if not is_blank(line.cells[key][0]):  # type: ignore[arg-type]
                    line.cells[unit_key] = (Ready(unit), heading)
            yield line

    assemble(RowReader(kind, styles, collector), lines())
    _unknown(columns, collector, sample)


def refuse_unclear(columns: Columns, kind: SheetKind) -> None:
    """Raise when a field has several columns, or a required one has none."""
    if columns.clashes:
        parts = [
            _("%(field)s is in the columns %(columns)s")
            % {"field": str(each.label), "columns": ", ".join(map(column_letter, columns.clashes[each.key]))}
            for each in kind.fields
            if each.key in columns.clashes
        ]
        raise SheetError(
            _("Several columns could be meant: %s. Choose one column for each field.") % "; ".join(parts),
            "header-duplicate",
        )
    served = set(columns.keys.values())
    missing = [str(each.label) for each in kind.fields if each.required and each.key not in served]
    if missing:
        raise SheetError(
            _("No column was found for: %s. Map a column to it.") % ", ".join(missing), "column-missing"
        )


def _unit_cells(columns: Columns, kind: SheetKind) -> list[tuple[str, str, str, str]]:
    """Return the units that headings name, where the file has no column of units."""
    found = []
    served = set(columns.keys.values())
    for number, unit in columns.units.items():
        key = columns.keys.get(number, "")
        each = kind.find(key)
        if each and each.unit_key and each.unit_key not in served:
            found.append((key, each.unit_key, unit, columns.heading(number)))
    return found


def _unknown(columns: Columns, collector: Collector, sample: Sequence[Sequence[Raw]]) -> None:
    """Name the columns that were not used: those with a heading, and those without one that hold something."""
    reading = collector.reading
    unused = {number for number, key in columns.keys.items() if key in collector.unused}
    widest = max((len(cells) for cells in sample), default=0)
    names = []
    for number in range(max(len(columns.headers), min(widest, 1000))):
        if (number in columns.keys and number not in unused) or number in columns.left_out:
            continue
        named = number < len(columns.headers) and columns.headers[number].strip()
        if named or any(number < len(cells) and not is_blank(cells[number]) for cells in sample):
            names.append(columns.heading(number))
    reading.unknown_headers = tuple(names)
    if unused:
        reading.mapping = {
            heading: key for heading, key in reading.mapping.items() if key not in collector.unused
        }

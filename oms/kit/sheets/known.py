"""Read a file of another system by its known format."""

from __future__ import annotations

from collections.abc import Iterator

from oms.kit.sheets.choosing import Choice
from oms.kit.sheets.data import Data
from oms.kit.sheets.files.tables import Opened, is_blank
from oms.kit.sheets.formats import KnownFormat, Line, Passed, Places, Source, SourceRow
from oms.kit.sheets.rows import Collector, RowReader, assemble
from oms.kit.sheets.styles import styles_of_known


def read(
    opened: Opened, data: Data, choice: Choice, known: KnownFormat, collector: Collector, currency: str
) -> None:
    """Make lines of the rows as the format says, and read them."""
    reading, kind = collector.reading, choice.kind
    places = Places(choice.headers)
    styles = styles_of_known(data, choice.headers, known, currency, reading)

    def rows() -> Iterator[SourceRow]:
        for number, cells in data.rows():
            yield SourceRow(number, cells, places)

    source = Source(rows, lambda name: _other_sheet(opened, name), currency, choice.headers)
    only = frozenset(each.key for each in kind.fields) if known.kind != kind.key else None
    lines = known.translate(source) if known.translate else _plain(rows(), known)
    assemble(RowReader(kind, styles, collector), _in_file_words(lines, places, only))
    served: dict[str, str] = {}
    for key, heading in collector.headings.items():
        if heading:
            served.setdefault(heading, key)
    reading.mapping = served
    reading.unknown_headers = tuple(
        heading for number, heading in enumerate(choice.headers) if heading and number not in places.used
    )


def _plain(rows: Iterator[SourceRow], known: KnownFormat) -> Iterator[Line]:
    for row in rows:
        line = Line(row.number)
        for heading, key in known.columns.items():
            line.put(key, row, heading)
        yield line


def _in_file_words(
    lines: Iterator[Line | Passed], places: Places, only: frozenset[str] | None
) -> Iterator[Line | Passed]:
    """Write the headings of lines as the file has them (a format may write them in another case) and leave out other fields than `only`."""
    names: dict[str, str] = {}

    def name(heading: str) -> str:
        if heading not in names:
            place = places.find(heading) if heading else None
            names[heading] = places.headers[place] if place is not None else heading
        return names[heading]

    for line in lines:
        if isinstance(line, Line):
            line.cells = {
                key: (raw, name(heading))
                for key, (raw, heading) in line.cells.items()
                if only is None or key in only
            }
            line.warnings = [(name(heading), code, reason) for heading, code, reason in line.warnings]
            yield line
        else:
            yield Passed(line.row, line.reason, line.code, name(line.heading))


def _other_sheet(opened: Opened, name: str) -> Iterator[SourceRow]:
    """Yield the rows of another sheet of the workbook, whose headings are in its first row; nothing when there is none."""
    if name not in opened.names:
        return
    places: Places | None = None
    for number, cells in enumerate(opened.sheet(name).rows(), 1):
        if places is None:
            places = Places([str(cell or "").strip() for cell in cells])
        elif not all(map(is_blank, cells)):
            yield SourceRow(number, cells, places)

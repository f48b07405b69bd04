"""Read a spreadsheet file as records of one kind: the entry point for pages, commands and jobs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from oms.kit.sheets.cells.dates import DAY_FIRST, date_order
from oms.kit.sheets.cells.numbers import decimal_mark
from oms.kit.sheets.cells.results import Ready, Style
from oms.kit.sheets.choosing import Choice, choose
from oms.kit.sheets.columns import matching
from oms.kit.sheets.columns.matching import Columns
from oms.kit.sheets.fields import FieldType, SheetKind
from oms.kit.sheets.files.limits import ROWS
from oms.kit.sheets.files.opening import open_file
from oms.kit.sheets.files.sheet_xml import column_letter
from oms.kit.sheets.files.tables import Opened, Raw, is_blank
from oms.kit.sheets.formats import KnownFormat, Line, Passed, Places, Registry, Source, SourceRow, registry
from oms.kit.sheets.records import Reading, Remark, SheetError
from oms.kit.sheets.rows import Collector, RowReader, Styles

_SAMPLE = 200
_MOST_BLANK_ROWS_NAMED = 50
_NUMERIC = (FieldType.MONEY, FieldType.QUANTITY, FieldType.NUMBER)
_NUMERIC_HEADING = re.compile(
    r"price|stock|qty|quantity|weight|amount|cost|total|shipping|level", re.IGNORECASE
)

Rows = Iterator[tuple[int, Sequence[Raw]]]


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
) -> Reading:
    """Return what the file holds, as records of `kind`; None: the kind that its headings show.

    `sheet` and `header_row` (from 1) are found when they are None. `mapping` are choices of a person: heading or column letter →
    field key or label; None or "" leaves a column out. With a mapping, the file is read by it and no known format is used.
    `currency` is that of the store or of the prices. `filename` only serves to name the file in the sentences.

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
    collector = Collector(reading)
    if choice.format is not None and choice.format.refusal:
        raise SheetError(str(choice.format.refusal), choice.format.refusal_code or "file-not-for-import")
    if choice.format is not None:
        _read_known(opened, choice, choice.format, collector, currency or "")
    else:
        _read_mapped(opened, choice, collector, mapping, currency or "")
    _notes(opened, choice, reading)
    return reading


# ------------------------------------------------------------------------------------------- rows of the file
def _data(choice: Choice) -> Rows:
    """Yield the rows below the headings that hold anything, with their numbers as a spreadsheet shows them."""
    held = 0
    for number, cells in enumerate(choice.sheet.rows(), 1):
        if number <= choice.row:
            continue
        if all(map(is_blank, cells)):
            continue
        held += 1
        if held > ROWS:
            raise SheetError(
                _("The sheet has more than %d rows. Split it into several files.") % ROWS, "too-many-rows"
            )
        yield number, cells


def _blank_rows(choice: Choice, reading: Reading, last: int) -> None:
    """Name the first blank rows that stand between others, or that have separators, so that nobody looks for them."""
    reach = last + 1 if reading.format == "text" else last
    named = 0
    for number, cells in enumerate(islice(choice.sheet.rows(), reach), 1):
        if number > choice.row and all(map(is_blank, cells)) and (number < last or len(cells) > 1):
            reading.ignored.append(Remark(number, "", "row-empty", _("The row is empty.")))
            named += 1
        if named >= _MOST_BLANK_ROWS_NAMED:
            return


# ------------------------------------------------------------------------------------------- a file with columns
def _read_mapped(
    opened: Opened,
    choice: Choice,
    collector: Collector,
    mapping: Mapping[str, str | None] | None,
    currency: str,
) -> None:
    reading, kind = collector.reading, choice.kind
    sample = [cells for _number, cells in islice(_data(choice), _SAMPLE)]
    columns = matching.match(choice.headers, kind, mapping, sample)
    _refuse_unclear(columns, kind)
    reading.mapping = {columns.heading(number): key for number, key in sorted(columns.keys.items())}
    reading.guesses = {columns.heading(number): key for number, key in sorted(columns.guesses.items())}
    collector.headings = {key: columns.heading(number) for number, key in columns.keys.items()}
    styles = _styles(choice, columns, currency, reading)
    places = [(number, key, columns.heading(number)) for number, key in sorted(columns.keys.items())]
    units = _unit_cells(columns, kind)

    def lines() -> Iterator[Line]:
        for number, cells in _data(choice):
            reading.data_rows += 1
            size = len(cells)
            line = Line(
                number, {key: (cells[at] if at < size else None, heading) for at, key, heading in places}
            )
            for key, unit_key, unit, heading in units:
                if not is_blank(line.cells[key][0]):  # type: ignore[arg-type]
                    line.cells[unit_key] = (Ready(unit), heading)
            yield line

    _assemble(RowReader(kind, styles, collector), lines())
    _unknown(columns, collector, sample)


def _refuse_unclear(columns: Columns, kind: SheetKind) -> None:
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


def _styles(choice: Choice, columns: Columns, currency: str, reading: Reading) -> Styles:
    """Decide the decimal mark and the order of days for each column, from all of its cells."""
    kind = choice.kind
    types = {number: each.type for number, key in columns.keys.items() if (each := kind.find(key))}
    texts = _texts(
        choice, [number for number, type_ in types.items() if type_ in (*_NUMERIC, FieldType.DATE)]
    )
    marks = {number: decimal_mark(texts[number]) for number in texts if types[number] in _NUMERIC}
    whole = _common(marks.values())
    orders = {number: date_order(texts[number]) for number in texts if types[number] is FieldType.DATE}
    common_order = _common(orders.values())
    styles = {}
    for number, key in columns.keys.items():
        field = kind.find(key)
        order = orders.get(number, "") or common_order or (field.date_order if field else "")
        if number in orders and not reading.date_order:
            reading.date_order = order
        name = columns.heading(number)
        styles[name] = Style(name, marks.get(number, ""), whole, order, currency)
    reading.decimal = whole
    return Styles(styles, Style("", "", whole, common_order, currency))


def _common(found: Iterable[str]) -> str:
    values = {each for each in found if each}
    return values.pop() if len(values) == 1 else ""


def _texts(choice: Choice, numbers: Sequence[int]) -> dict[int, list[str]]:
    """Return the different texts of these columns, at most 5,000 of each. Number and date cells prove nothing."""
    counters: dict[int, Counter[str]] = {number: Counter() for number in numbers}
    for _number, cells in _data(choice):
        size = len(cells)
        for number in numbers:
            if number < size:
                cell = cells[number]
                if isinstance(cell, str) and cell and len(counters[number]) < 5_000:
                    counters[number][cell] += 1
    return {number: list(counter) for number, counter in counters.items()}


# ------------------------------------------------------------------------------------------- a file of another system
def _read_known(
    opened: Opened, choice: Choice, known: KnownFormat, collector: Collector, currency: str
) -> None:
    reading, kind = collector.reading, choice.kind
    places = Places(choice.headers)
    numeric = [number for number, heading in enumerate(choice.headers) if _NUMERIC_HEADING.search(heading)]
    texts = _texts(choice, numeric)
    marks = {number: decimal_mark(found) for number, found in texts.items()}
    whole = _common(marks.values())
    default = Style("", "", whole, known.date_order, currency)
    by_heading = {
        choice.headers[number]: Style(choice.headers[number], mark, whole, known.date_order, currency)
        for number, mark in marks.items()
    }
    reading.decimal, reading.date_order = whole, known.date_order

    def rows() -> Iterator[SourceRow]:
        for number, cells in _data(choice):
            reading.data_rows += 1
            yield SourceRow(number, cells, places)

    source = Source(rows, lambda name: _other_sheet(opened, name), currency, choice.headers)
    lines = known.translate(source) if known.translate else _plain(rows(), known)
    _assemble(RowReader(kind, Styles(by_heading, default), collector), _in_file_words(lines, places))
    reading.mapping = {heading: key for key, heading in collector.headings.items() if heading}
    reading.unknown_headers = tuple(
        heading for number, heading in enumerate(choice.headers) if heading and number not in places.used
    )


def _plain(rows: Iterator[SourceRow], known: KnownFormat) -> Iterator[Line]:
    for row in rows:
        line = Line(row.number)
        for heading, key in known.columns.items():
            line.put(key, row, heading)
        yield line


def _in_file_words(lines: Iterator[Line | Passed], places: Places) -> Iterator[Line | Passed]:
    """Write the headings of lines as the file has them: a format may write them in another case."""
    names: dict[str, str] = {}

    def name(heading: str) -> str:
        if heading not in names:
            place = places.find(heading) if heading else None
            names[heading] = places.headers[place] if place is not None else heading
        return names[heading]

    for line in lines:
        if isinstance(line, Line):
            line.cells = {key: (raw, name(heading)) for key, (raw, heading) in line.cells.items()}
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


# ------------------------------------------------------------------------------------------- the end
def _assemble(reader: RowReader, lines: Iterator[Line | Passed]) -> None:
    collector, kind = reader.collector, reader.kind
    records = reader.records(lines)
    collector.reading.records = list(kind.assemble(records, collector) if kind.assemble else records)


def _notes(opened: Opened, choice: Choice, reading: Reading) -> None:
    last = max((record.rows[-1] for record in reading.records[-1:] if record.rows), default=choice.row)
    last = max(last, *(remark.row for remark in reading.refused[-1:]), choice.row)
    _blank_rows(choice, reading, last)
    reading.ignored.sort(key=lambda remark: remark.row)
    reading.refused.sort(key=lambda remark: remark.row)
    if choice.sheet.hidden_rows:
        reading.notes.append(
            ngettext(
                "%d row is hidden in the sheet. It was read like all others.",
                "%d rows are hidden in the sheet. They were read like all others.",
                choice.sheet.hidden_rows,
            )
            % choice.sheet.hidden_rows
        )
    if opened.format != "text" and len(opened.names) > 1:
        reading.notes.append(_("Of the sheets in the file, “%s” was read.") % choice.sheet.name)
    if reading.date_order:
        shown = _("day/month/year") if reading.date_order == DAY_FIRST else _("month/day/year")
        reading.notes.append(_("Days are read as %s.") % shown)
    reading.notes.extend(opened.notes)

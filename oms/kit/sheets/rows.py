"""Rows as records: read the cells of each line, apply the rules of the kind, and collect what comes back."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from oms.kit.sheets.cells.readers import Reader, reader_of
from oms.kit.sheets.cells.results import CellRefused, Ready, Style, Warned, say
from oms.kit.sheets.fields import RefusedRow, SheetField, SheetKind
from oms.kit.sheets.formats import Line, Passed
from oms.kit.sheets.records import CLEAR, Reading, Remark, SheetRecord, Value

#: Different cells of a column whose values are remembered.
_MOST_KNOWN = 3_000
_UNREAD: Any = object()


@dataclass(slots=True)
class Styles:
    """What was decided for the columns, by heading; `default` for cells that no column has."""

    by_heading: dict[str, Style]
    default: Style

    def of(self, heading: str) -> Style:
        """Return the style of a column."""
        return self.by_heading.get(heading, self.default)


@dataclass(slots=True)
class Collector:
    """Writes into the reading what becomes of the rows. It is the `Report` of the kind's rules."""

    reading: Reading
    sink: Callable[[SheetRecord], None] | None = None
    headings: dict[str, str] = field(default_factory=dict)
    unused: set[str] = field(default_factory=set)
    values: dict[int, Mapping[str, Value]] = field(default_factory=dict)

    def refuse(self, row: int, key: str, code: str, reason: str) -> None:
        """The row is not imported; `key` is the field at fault."""
        self.add(Remark(row, self.headings.get(key, ""), code, reason))

    def add(self, remark: Remark) -> None:
        """The row is not imported."""
        self.reading.refused.append(remark)

    def ignore(self, row: int, reason: str) -> None:
        """The row is passed over, and that is no error."""
        self.reading.ignored.append(Remark(row, "", "", reason))

    def column(self, key: str) -> str:
        """Return the heading of the column of this field."""
        return self.headings.get(key, "")

    def not_used(self, key: str) -> None:
        """The column of this field means nothing in this file."""
        self.unused.add(key)

    def refused_rows(self) -> list[RefusedRow]:
        """Return the rows whose cells or identity were refused, with the values that could be read."""
        codes: dict[int, set[str]] = {}
        for remark in self.reading.refused:
            codes.setdefault(remark.row, set()).add(remark.code)
        return [
            RefusedRow(row, values, frozenset(codes[row]))
            for row, values in self.values.items()
            if row in codes
        ]


class RowReader:
    """Reads lines of one kind. Cells are read in columns whose style was decided before."""

    def __init__(self, kind: SheetKind, styles: Styles, collector: Collector) -> None:
        self.kind = kind
        self.styles = styles
        self.collector = collector
        self.fields: dict[str, SheetField] = {each.key: each for each in kind.fields}
        self.required = [each for each in kind.fields if each.required]
        self.readers: dict[tuple[str, str], tuple[Reader, dict[Any, Value | Warned]]] = {}
        self.seen: dict[tuple[str, ...], int] = {}

    def records(self, lines: Iterable[Line | Passed]) -> Iterator[SheetRecord]:
        """Yield the record of each line that can be used, once for each identity; the others are in the reading."""
        for line in lines:
            if isinstance(line, Passed):
                if line.code:
                    self.collector.add(Remark(line.row, line.heading, line.code, line.reason))
                else:
                    self.collector.ignore(line.row, line.reason)
                continue
            record = self.record(line)
            if record is not None:
                yield record

    def record(self, line: Line) -> SheetRecord | None:
        """Return the record of a line, or None when it was refused."""
        values: dict[str, Value] = {}
        warnings = [Remark(line.number, heading, code, reason) for heading, code, reason in line.warnings]
        before = len(self.collector.reading.refused)
        headings = self.collector.headings
        for key, (raw, heading) in line.cells.items():
            if key not in headings:
                headings[key] = heading
            if raw is None or raw == "":
                values[key] = None
                continue
            if isinstance(raw, Ready):
                values[key] = raw.value
                continue
            kind = type(raw)
            read, known = self._reader(key, heading)
            value: Value | Warned = known.get(raw, _UNREAD) if kind is str or kind is float else _UNREAD
            if value is _UNREAD:
                try:
                    value = read(raw)
                except CellRefused as error:
                    values[key] = None
                    self.collector.add(Remark(line.number, heading, error.code, error.reason))
                    continue
                if len(known) < _MOST_KNOWN and (kind is str or kind is float):
                    known[raw] = value
            if type(value) is Warned:
                warnings.append(Remark(line.number, heading, value.code, value.reason))
                value = value.value
            values[key] = value  # type: ignore[assignment]
        refused = len(self.collector.reading.refused) > before
        if not refused:
            refused = self._misses_required(line, values)
        if self._repeats(line, values) or refused:
            self.collector.values[line.number] = values
            return None
        return SheetRecord(
            line.number, values, tuple(warnings), tuple(line.rows or (line.number,)), line.needs_confirmation
        )

    def _reader(self, key: str, heading: str) -> tuple[Reader, dict[Any, Value | Warned]]:
        """Return the reader of a column, and what it made of cells before: many cells of a column are the same."""
        found = self.readers.get((key, heading))
        if found is None:
            found = reader_of(self.fields[key], self.styles.of(heading)), {}
            self.readers[key, heading] = found
        return found

    def _misses_required(self, line: Line, values: dict[str, Value]) -> bool:
        missing = False
        for each in self.required:
            if values.get(each.key) in (None, CLEAR):
                heading = line.cells.get(each.key, (None, ""))[1] or self.collector.column(each.key)
                reason = say(_("%(field)s is missing."), field=str(each.label))
                self.collector.add(Remark(line.number, heading, f"{each.key}-missing", reason))
                missing = True
        return missing

    def _repeats(self, line: Line, values: dict[str, Value]) -> bool:
        """Whether an earlier row has the same identity: the first row stays, this one comes back."""
        identity = self.kind.identity
        parts = [values.get(key) for key in identity]
        if not identity or parts[0] is None:
            return False
        first = self.seen.setdefault(tuple(same(part) for part in parts), line.number)
        if first == line.number:
            return False
        last = [each.key for each in self.required if each.key in identity]
        heading = line.cells.get(last[-1] if last else identity[0], (None, ""))[1]
        shown = " · ".join(str(part) for part in parts if part is not None)
        code = f"{identity[0]}-duplicate-in-file" if len(identity) == 1 else "duplicate-in-file"
        reason = say(_("%(name)s is in row %(row)d already; that row is used."), name=shown, row=first)
        self.collector.add(Remark(line.number, heading, code, reason))
        return True


def assemble(reader: RowReader, lines: Iterable[Line | Passed]) -> None:
    """Read all lines with the rules of the kind, into the reading or into the sink."""
    collector, kind = reader.collector, reader.kind
    records: Iterable[SheetRecord] = reader.records(lines)
    if kind.assemble:
        records = kind.assemble(records, collector)
    if collector.sink is None:
        collector.reading.records = list(records)
        return
    for record in records:
        collector.sink(record)


def same(value: Value) -> str:
    """Return the form in which two spellings of a code are equal: NFKC, without case and outer blanks."""
    text = str(value) if value is not None else ""
    if text.isascii():
        return text.lower().strip()
    return unicodedata.normalize("NFKC", text).casefold().strip()

"""Which field each column means: by its name, by words of other systems, by a likely misspelling, by what it holds.

Only sure matches are used. A misspelling and a match by content are guesses, which a person confirms. One column never
serves two fields, and two columns one field only when a person chose one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _
from django.utils.translation import override

from oms.kit.numbers import is_digits
from oms.kit.sheets.cells.barcodes import check_digit_fits
from oms.kit.sheets.columns.folding import distance, fold, split_unit
from oms.kit.sheets.fields import FieldType, SheetField, SheetKind
from oms.kit.sheets.files.sheet_xml import column_letter, column_number
from oms.kit.sheets.files.tables import Raw
from oms.kit.sheets.records import SheetError

EXACT, FOLDED, SYNONYM, STAND_IN = range(4)
_LANGUAGES = ("en", "fr")
#: Columns that are guessed, from the left: a guess compares a heading with every word.
_MOST_GUESSED = 150


@dataclass(slots=True)
class Columns:
    """The result. `keys` are the fields by column number, counted from 0; `units` the units that headings name.

    `guesses` are unsure fields by column number, `clashes` the columns of each field that several could serve.
    """

    headers: tuple[str, ...]
    keys: dict[int, str] = field(default_factory=dict)
    units: dict[int, str] = field(default_factory=dict)
    guesses: dict[int, str] = field(default_factory=dict)
    clashes: dict[str, list[int]] = field(default_factory=dict)
    left_out: set[int] = field(default_factory=set)

    def heading(self, number: int) -> str:
        """Return the heading as the file has it; a column without one is named by its letter."""
        name = self.headers[number].strip() if number < len(self.headers) else ""
        return name or _("%s (no heading)") % column_letter(number)


class Vocabulary:
    """The headings that mean a field of one kind, by their folded form."""

    def __init__(self, kind: SheetKind) -> None:
        self.kind = kind
        self.exact: dict[str, str] = {}
        self.sure: dict[str, tuple[int, str]] = {}
        self.labels: dict[str, str] = {}
        for each in kind.fields:
            for label in labels(each):
                self.exact.setdefault(label, each.key)
                self._add(label, FOLDED, each.key)
                self.labels[fold(label)] = each.key
            self._add(each.key, FOLDED, each.key)
        for each in kind.fields:
            for word in each.synonyms:
                self._add(word, SYNONYM, each.key)
        for each in kind.fields:
            for word in each.stand_ins:
                self._add(word, STAND_IN, each.key)
        self.stand_ins = {fold(word): each.key for each in kind.fields for word in each.stand_ins}

    def _add(self, word: str, level: int, key: str) -> None:
        self.sure.setdefault(fold(word), (level, key))

    def find(self, heading: str) -> tuple[int, str, str] | None:
        """Return the level, the field and the unit of a heading that surely means a field."""
        name = heading.strip()
        if name in self.exact:
            return EXACT, self.exact[name], ""
        found = self.sure.get(fold(name))
        if found:
            return *found, ""
        stem, unit = split_unit(name)
        found = self.sure.get(fold(stem)) if unit else None
        return (*found, unit) if found else None


def labels(each: SheetField) -> list[str]:
    """Return the label of a field in every language of the screens."""
    found = []
    for language in _LANGUAGES:
        with override(language):
            found.append(str(each.label))
    return list(dict.fromkeys(found))


def match(
    headers: Sequence[str],
    kind: SheetKind,
    chosen: Mapping[str, str | None] | None = None,
    samples: Sequence[Sequence[Raw]] = (),
) -> Columns:
    """Return which field each column means.

    `chosen` are the choices of a person: heading or column letter → key or label of a field, or its column letter; "" or None
    leaves the column out. `samples` are the first rows below the headings. Raises `SheetError` for a choice that means nothing.
    """
    columns = Columns(headers=tuple(headers))
    vocabulary = Vocabulary(kind)
    taken = _chosen(columns, vocabulary, chosen or {})
    found: dict[str, list[tuple[int, int]]] = {}
    for number, heading in enumerate(headers):
        if number in columns.keys or number in columns.left_out or not heading.strip():
            continue
        hit = vocabulary.find(heading)
        if hit and hit[1] not in taken:
            level, key, unit = hit
            found.setdefault(key, []).append((level, number))
            if unit:
                columns.units[number] = unit
    for key, hits in found.items():
        _decide(columns, key, hits)
    _use_stand_ins(columns, vocabulary, taken)
    _guess(columns, vocabulary, samples)
    return columns


def _chosen(columns: Columns, vocabulary: Vocabulary, chosen: Mapping[str, str | None]) -> set[str]:
    """Apply the choices of a person; return the fields that they serve."""
    taken: set[str] = set()
    for name, target in chosen.items():
        number, key = _number(columns.headers, name), target or ""
        place = _letter(key, columns.headers)
        if place is not None and _key(key, vocabulary) is None and _key(name, vocabulary):
            number, key = place, name  # field → column letter
        if number is None:
            continue
        if not key:
            columns.left_out.add(number)
            continue
        field_key = _key(key, vocabulary)
        if field_key is None:
            raise SheetError(
                _("There is no field “%s”. Choose one of the list.") % key, "mapping-unknown-field"
            )
        if field_key in taken:
            raise SheetError(_("Two columns were chosen for “%s”. Choose one.") % key, "header-duplicate")
        taken.add(field_key)
        columns.keys[number] = field_key
        unit = split_unit(columns.headers[number])[1]
        if unit:
            columns.units[number] = unit
    return taken


def _number(headers: Sequence[str], name: str) -> int | None:
    """Return the column that a heading means when only one has it, else the column of a letter."""
    same = [
        number for number, heading in enumerate(headers) if heading.strip() == name.strip() and name.strip()
    ]
    if not same:
        same = [
            number for number, heading in enumerate(headers) if fold(heading) == fold(name) and fold(name)
        ]
    if len(same) == 1:
        return same[0]
    return _letter(name, headers) if not same else None


def _letter(name: str, headers: Sequence[str]) -> int | None:
    text = name.strip()
    if not (0 < len(text) <= 3 and text.isascii() and text.isalpha() and text.isupper()):
        return None
    number = column_number(text)
    return number if number < len(headers) else None


def _key(name: str, vocabulary: Vocabulary) -> str | None:
    if vocabulary.kind.find(name):
        return name
    return vocabulary.exact.get(name) or vocabulary.labels.get(fold(name))


def _decide(columns: Columns, key: str, hits: list[tuple[int, int]]) -> None:
    """Give the field to the one column that names it best; several equal ones are a clash."""
    sure = [hit for hit in hits if hit[0] <= SYNONYM]
    if not sure:
        return
    best = [number for level, number in sure if level <= FOLDED] or [number for _level, number in sure]
    if len(best) > 1:
        columns.clashes[key] = best
    else:
        columns.keys[best[0]] = key


def _use_stand_ins(columns: Columns, vocabulary: Vocabulary, taken: set[str]) -> None:
    """A heading that means another field only when no column means it better: Description as the title."""
    served = {*columns.keys.values(), *columns.clashes, *taken}
    for number, heading in enumerate(columns.headers):
        key = vocabulary.stand_ins.get(fold(heading))
        if key is None or key in served or number in columns.left_out:
            continue
        columns.keys[number] = key
        served.add(key)


def _guess(columns: Columns, vocabulary: Vocabulary, samples: Sequence[Sequence[Raw]]) -> None:
    """Mark columns that may mean a field: a likely misspelling, or cells that look like it."""
    free = {each.key for each in vocabulary.kind.fields} - set(columns.keys.values()) - set(columns.clashes)
    for number, heading in enumerate(columns.headers[:_MOST_GUESSED]):
        if (
            number in columns.keys
            or number in columns.left_out
            or any(number in each for each in columns.clashes.values())
        ):
            continue
        key = _misspelt(heading, vocabulary) or _by_content(number, vocabulary.kind, samples)
        if key in free:
            columns.guesses[number] = key
            free.discard(key)


def _misspelt(heading: str, vocabulary: Vocabulary) -> str:
    name = fold(heading)
    if len(name) < 4:
        return ""
    most = 1 if len(name) < 8 else 2
    near = [
        (distance(name, word, most), key)
        for word, (level, key) in vocabulary.sure.items()
        if len(word) > 3 and level <= SYNONYM
    ]
    best = min(near, default=(most + 1, ""))
    return best[1] if best[0] <= most else ""


def _by_content(number: int, kind: SheetKind, samples: Sequence[Sequence[Raw]]) -> str:
    cells = [
        str(row[number]).strip() for row in samples if number < len(row) and row[number] not in (None, "")
    ]
    if len(cells) < 2:
        return ""
    if all(len(cell) in (12, 13) and is_digits(cell) and check_digit_fits(cell) for cell in cells):
        wanted = FieldType.BARCODE
    elif all(cell.startswith(("https://", "http://")) for cell in cells):
        wanted = FieldType.LINKS
    else:
        return ""
    return next((each.key for each in kind.fields if each.type is wanted), "")

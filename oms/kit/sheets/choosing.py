"""Which sheet of a file is meant, where its headings are, and whether the file is a known one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from oms.kit.sheets.columns import headings
from oms.kit.sheets.columns.headings import Heading
from oms.kit.sheets.columns.matching import Vocabulary
from oms.kit.sheets.fields import SheetKind
from oms.kit.sheets.files.tables import Opened, Raw, Sheet
from oms.kit.sheets.formats import KnownFormat, Registry
from oms.kit.sheets.records import SheetError

_MOST_SEARCHED = 40


@dataclass(slots=True)
class Choice:
    """The sheet, its heading row (from 1), the kind of its rows and the known format, if it is one."""

    sheet: Sheet
    row: int
    headers: tuple[str, ...]
    kind: SheetKind
    format: KnownFormat | None = None
    known: int = 0


def choose(
    opened: Opened,
    kind: SheetKind | None,
    formats: Registry,
    *,
    sheet: str | None = None,
    header_row: int | None = None,
    mapping: Mapping[str, str | None] | None = None,
) -> Choice:
    """Return the sheet to read. A hidden sheet is chosen only by name. Raises `SheetError` when none or several fit."""
    if sheet is not None and opened.format != "text":
        if sheet not in opened.names:
            raise SheetError(
                _("The file has no sheet “%(sheet)s”. It has: %(names)s.")
                % {"sheet": sheet, "names": ", ".join(opened.names[:10])},
                "sheet-unknown",
            )
        names = [sheet]
    else:
        names = opened.visible[:_MOST_SEARCHED]
    kinds = [kind] if kind else list(formats.kinds.values())
    vocabularies = [Vocabulary(each) for each in kinds]
    found: list[Choice] = []
    for name in names:
        table = opened.sheet(name)
        choice = _of_sheet(table, vocabularies, kind, formats, header_row, mapping)
        if choice is not None:
            found.append(choice)
    return _best(found, sorted(opened.hidden) if sheet is None else [], header_row)


def _best(found: list[Choice], hidden: list[str], header_row: int | None) -> Choice:
    if not found:
        if header_row:
            reason = (
                _("Row %d has no headings that are known. Choose another row, or map its columns.")
                % header_row
            )
        else:
            reason = _(
                "No row with known headings was found, such as SKU, Title, Price or Quantity. Choose the row and map its columns."
            )
        if hidden:
            unread = _("Hidden sheets are not read unless you choose them: %s.")
            reason = f"{reason} {unread % ', '.join(f'“{name}”' for name in hidden[:10])}"
        raise SheetError(reason, "headings-not-found")
    known = [each for each in found if each.format]
    candidates = known or found
    if len(candidates) > 1:
        raise SheetError(
            _("Several sheets could be meant: %s. Choose one of them.")
            % ", ".join(f"“{each.sheet.name}”" for each in candidates),
            "sheet-ambiguous",
        )
    return candidates[0]


def _of_sheet(
    table: Sheet,
    vocabularies: list[Vocabulary],
    kind: SheetKind | None,
    formats: Registry,
    header_row: int | None,
    mapping: Mapping[str, str | None] | None,
) -> Choice | None:
    rows = headings.first_rows(table, max(header_row or 0, headings.SEARCHED_ROWS))
    for number, cells in enumerate(rows, 1):
        if header_row and number != header_row:
            continue
        texts = headings.heading_texts(cells)
        known = formats.recognise(texts, kind.key if kind else "") if len(texts) > 2 else None
        if known is not None and known.sheet in ("", table.name):
            its_kind = kind or formats.kinds.get(known.kind)
            if its_kind is not None:
                return Choice(table, number, texts, its_kind, None if mapping else known, 1000)
    chosen = frozenset(mapping or ())
    best: Choice | None = None
    for vocabulary in vocabularies:
        heading = _heading(rows, vocabulary, chosen, header_row, forced=bool(mapping))
        if heading is not None and (best is None or heading.known > best.known):
            best = Choice(table, heading.row, heading.texts, vocabulary.kind, None, heading.known)
    return best


def _heading(
    rows: list[Sequence[Raw]],
    vocabulary: Vocabulary,
    chosen: frozenset[str],
    header_row: int | None,
    *,
    forced: bool,
) -> Heading | None:
    if header_row is None:
        return headings.find(rows, vocabulary, chosen)
    if header_row > len(rows):
        return None
    cells = rows[header_row - 1]
    found = headings.measure(header_row, cells, vocabulary, chosen)
    texts = headings.heading_texts(cells)
    if found is None and forced and texts:
        return Heading(header_row, texts, 0, identity=False)
    return found

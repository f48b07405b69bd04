"""Find the row with the headings, in the sheet that has one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from oms.kit.sheets.columns.matching import STAND_IN, Vocabulary
from oms.kit.sheets.files.tables import Fault, Raw, Sheet, is_blank

SEARCHED_ROWS = 30


@dataclass(frozen=True, slots=True)
class Heading:
    """A row that looks like headings: its number (from 1), its texts, and how many of them are known words."""

    row: int
    texts: tuple[str, ...]
    known: int
    identity: bool


def heading_texts(cells: Sequence[Raw]) -> tuple[str, ...]:
    """Return the cells of a heading row as texts, without the empty ones at its end."""
    texts = [
        "" if is_blank(cell) or isinstance(cell, Fault) else " ".join(str(cell).split()) for cell in cells
    ]
    while texts and not texts[-1]:
        texts.pop()
    return tuple(texts)


def first_rows(sheet: Sheet, number: int = SEARCHED_ROWS) -> list[Sequence[Raw]]:
    """Return the first rows of a sheet."""
    return list(islice(sheet.rows(), number))


def find(
    rows: Iterable[Sequence[Raw]], vocabulary: Vocabulary, chosen: frozenset[str] = frozenset()
) -> Heading | None:
    """Return the row whose cells are best known as headings; the last one of several heading rows that follow each other.

    A row is taken when it names two fields and one of them names the thing (or is required), or when it names three.
    """
    best: Heading | None = None
    for number, cells in enumerate(rows, 1):
        found = measure(number, cells, vocabulary, chosen)
        if found is None:
            continue
        follows = best is not None and found.row == best.row + 1 and found.known >= best.known
        if best is None or found.known > best.known or follows:
            best = found
    return best


def measure(
    number: int, cells: Sequence[Raw], vocabulary: Vocabulary, chosen: frozenset[str] = frozenset()
) -> Heading | None:
    """Return the row as headings when enough of its cells are known words."""
    texts = heading_texts(cells)
    keys: set[str] = set()
    extra = 0
    for text in texts:
        hit = vocabulary.find(text) if text else None
        if hit and hit[0] < STAND_IN:
            keys.add(hit[1])
        elif text and (hit or text in chosen):
            extra += 1
    kind = vocabulary.kind
    needed = kind.identity or [each.key for each in kind.fields if each.required]
    identity = any(key in keys for key in needed)
    known = len(keys) + extra
    if (identity and known >= 2) or known >= 3:
        return Heading(number, texts, known, identity)
    return None

"""Headings made comparable: case, accents, blanks, punctuation and plurals do not count."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_UNIT = re.compile(
    r"[\s_]*[(\[]\s*(kg|g|grams?|lbs?|oz|cm|mm|m|in|gbp|eur|usd|£|€|\$)\s*[)\]]\s*$", re.IGNORECASE
)
_NOT_WORD = re.compile(r"[^\w+#/]+|_+")
UNITS = {"gram": "g", "grams": "g", "lbs": "lb"}


@lru_cache(maxsize=4096)
def fold(heading: str) -> str:
    """Return the heading in the form in which two spellings of it are equal: `Qty\\non-hand ` and `QTY ON HAND`."""
    text = unicodedata.normalize("NFKD", heading.replace("œ", "oe").replace("Œ", "oe")).casefold()
    text = "".join(letter for letter in text if not unicodedata.combining(letter))
    words = [_singular(word) for word in _NOT_WORD.sub(" ", text).split()]
    return " ".join(words)


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def split_unit(heading: str) -> tuple[str, str]:
    """Return the heading without the unit at its end, and the unit: `Weight (kg)` → `Weight`, `kg`."""
    match = _UNIT.search(heading)
    if not match:
        return heading, ""
    unit = match[1].lower()
    return heading[: match.start()], UNITS.get(unit, unit)


def distance(one: str, other: str, most: int) -> int:
    """Return how many letters must be added, removed, replaced or swapped; `most + 1` when it is more than `most`."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    line = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        older, before, line = before, line, [at]
        for place, wanted in enumerate(other, 1):
            cost = min(before[place] + 1, line[-1] + 1, before[place - 1] + (letter != wanted))
            if at > 1 and place > 1 and letter == other[place - 2] and one[at - 2] == wanted:
                cost = min(cost, older[place - 2] + 1)
            line.append(cost)
        if min(line) > most:
            return most + 1
    return line[-1]

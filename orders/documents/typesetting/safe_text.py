"""Text from outside, made printable: without this, a character that no font has becomes an empty box or no PDF at all."""

from __future__ import annotations

import json
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

FONTS = Path(__file__).resolve().parents[1] / "fonts"
#: Letters of one text that are printed.
LONGEST = 300
#: Joiners and variation selectors: not drawn, and needed by the letters beside them.
_INVISIBLE = {0x200C, 0x200D, 0xFE0E, 0xFE0F}


@lru_cache(maxsize=1)
def _ranges() -> tuple[list[int], list[int]]:
    rows = json.loads((FONTS / "coverage.json").read_text(encoding="utf-8"))["ranges"]
    return [row[0] for row in rows], [row[1] for row in rows]


def is_printable(letter: str) -> bool:
    """Whether one of the fonts of documents has this character."""
    starts, ends = _ranges()
    at = bisect_right(starts, ord(letter)) - 1
    return at >= 0 and ord(letter) <= ends[at]


def is_right_to_left(text: str) -> bool:
    """Whether the first letter with a direction is Arabic or Hebrew."""
    for letter in text:
        kind = unicodedata.bidirectional(letter)
        if kind in {"R", "AL"}:
            return True
        if kind == "L":
            return False
    return False


@dataclass
class Printer:
    """Makes texts printable, and collects the characters that no font has (`missing`), which print as “?”."""

    missing: set[str] = field(default_factory=set)

    def clean(self, value: object, longest: int = LONGEST) -> str:
        """Return `value` as one line that can be printed; control characters and marks of direction are removed."""
        raw = "" if value is None else str(value)
        text = raw.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        text = unicodedata.normalize("NFC", text)[:longest]
        return " ".join("".join(map(self._letter, text)).split())

    def _letter(self, letter: str) -> str:
        if ord(letter) in _INVISIBLE:
            return letter
        if letter.isspace():
            return " " if letter != "\u00a0" else letter
        if unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Co", "Cn"}:
            return ""
        if is_printable(letter):
            return letter
        parts = [part for part in unicodedata.normalize("NFKD", letter) if is_printable(part)]
        if parts:
            return "".join(parts)
        self.missing.add(letter)
        return "?"

    def text(self, value: object, longest: int = LONGEST) -> str | dict[str, object]:
        """Return a text for a template: a string, or {"s", "rtl"} where it is written from right to left."""
        clean = self.clean(value, longest)
        return {"s": clean, "rtl": True} if is_right_to_left(clean) else clean

    def paragraphs(self, value: object, longest: int = 1500) -> list[str | dict[str, object]]:
        """Return the lines of a longer text (a gift message), at most 20."""
        lines = str(value or "")[:longest].splitlines()
        return [self.text(line) for line in lines if line.strip()][:20]

"""Read a list page by page by offset while rows are added and removed.

Each page starts with the last row of the page before (the anchor). When another row is at that position, rows have
moved: the scan then goes back some rows and reads them again, so that no row is missed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Key = Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class AnchoredOffsetScan:
    """A position in a list: `offset` is the row to read next, `anchor` the key of the row before it ("" = none).

    As text (the page token) it is `<offset>~<anchor>`.
    """

    offset: int = 0
    anchor: str = ""

    @classmethod
    def parse(cls, token: str | None) -> AnchoredOffsetScan:
        """Return the position of a page token; None is the start of the list."""
        offset, _, anchor = (token or "0").partition("~")
        return cls(int(offset), anchor)

    def __str__(self) -> str:
        return f"{self.offset}~{self.anchor}"

    @property
    def start(self) -> int:
        """The offset for the request: that of the anchor, where there is one."""
        return self.offset - 1 if self.anchor else self.offset

    def has_moved(self, rows: Sequence[Any], key: Key) -> bool:
        """Whether these rows, read from `start`, do not start with the anchor."""
        return bool(self.anchor) and (not rows or key(rows[0]) != self.anchor)

    def back(self, rows: int) -> AnchoredOffsetScan:
        """Return the position that many rows earlier, without an anchor."""
        return AnchoredOffsetScan(max(self.offset - rows, 0))

    def fresh(self, rows: Sequence[Any]) -> Sequence[Any]:
        """Return those of the rows read from `start` that were not read before."""
        return rows[1:] if self.anchor else rows

    def after(self, fresh: Sequence[Any], key: Key) -> AnchoredOffsetScan:
        """Return the position after these new rows (at least one)."""
        return AnchoredOffsetScan(self.offset + len(fresh), key(fresh[-1]))

"""Reading a list to its end by offset, while it changes (`onbuy.md` §1).

A page may be short although more follows, so a scan goes on from the row after the last one and ends only where
OnBuy's own count says so, or nothing comes any more. Each page begins with the last row of the page before: when
another stands there, rows have moved, and the scan steps back instead of leaping over one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from channels.connectors.onbuy.client import PAGE_SIZE, OnBuyClient
from channels.contract.errors import TemporaryError

STEP_BACK = PAGE_SIZE // 2


@dataclass(frozen=True, slots=True)
class Place:
    """Where a scan stands: the row to read next, and the key of the row before it."""

    offset: int = 0
    anchor: str = ""

    @classmethod
    def parse(cls, token: str | None) -> Place:
        offset, _, anchor = (token or "0").partition("~")
        return cls(int(offset), anchor)

    def __str__(self) -> str:
        return f"{self.offset}~{self.anchor}"


@dataclass(frozen=True, slots=True)
class Cut:
    """The rows of a page, where the next begins (None: the end), and whether rows have moved."""

    rows: Sequence[Any]
    after: Place | None
    total: int | None
    is_moved: bool = False


def cut(
    client: OnBuyClient, path: str, params: Mapping[str, Any], place: Place, key: Callable[[Any], str]
) -> Cut:
    """Read one page. Raises `TemporaryError` when OnBuy counts more rows than it gives."""
    start = place.offset - 1 if place.anchor else place.offset
    found = client.rows(path, offset=start, **params)
    rows = list(found.rows)
    if place.anchor:
        if not rows or key(rows[0]) != place.anchor:
            return Cut((), Place(max(place.offset - STEP_BACK, 0)), found.total, is_moved=True)
        rows = rows[1:]
    end = place.offset + len(rows)
    is_more = bool(rows) if found.total is None else end < found.total
    if is_more and not rows:
        raise TemporaryError(
            "OnBuy gave fewer rows than it says there are; the rest is asked for later.",
            detail=f"{path}: {end} of {found.total}",
        )
    return Cut(rows, Place(end, key(rows[-1])) if is_more else None, found.total)

"""The brands and categories that a store's products use, for channels that have no list of all of them.

The apps above register functions that return them; a channel's adapter calls `used_values`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from channels.models import Connection

BRANDS, CATEGORIES = "brands", "categories"

Used = Callable[["Connection"], Sequence[str]]

_used: dict[str, list[Used]] = {}


def register(kind: str, function: Used) -> None:
    """Register `function(connection)`, which returns names of brands (BRANDS) or external ids of categories (CATEGORIES)."""
    if function not in _used.setdefault(kind, []):
        _used[kind].append(function)


def used_values(connection: Connection, kind: str) -> list[str]:
    """Return the values that this store's products use, sorted; empty for a store that is not saved yet."""
    if not connection.pk:
        return []
    return sorted({value for function in _used.get(kind, ()) for value in function(connection) if value})

"""What a store's products use of lists that a channel does not give as a whole: brands by name, categories.

The apps above know it and register here; a channel's adapter asks.
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
    """Declare `function(connection)` -> names of brands, or external ids of categories."""
    if function not in _used.setdefault(kind, []):
        _used[kind].append(function)


def used_values(connection: Connection, kind: str) -> list[str]:
    """What this store's products use, each once; nothing for a store that is not stored yet."""
    if not connection.pk:
        return []
    return sorted({value for function in _used.get(kind, ()) for value in function(connection) if value})

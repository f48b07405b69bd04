"""The events that an outgoing webhook can be sent; the apps register them and where they are found.

An event is found in rows that are stored anyway (timeline, stock history, problems), by a sweep: nothing that changes an
order or stock does more work because of a webhook.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Found:
    """One event in a source: the key of its row, when, what makes it unique, its subject, and what only it knows."""

    row: int
    at: datetime
    key: str
    subject: int
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    """Rows of one table. `read(after, most)` returns the events after a key, `newest()` the last key, 0 without one."""

    name: str
    read: Callable[[int, int], Sequence[Found]]
    newest: Callable[[], int]


#: Return the content of the event for these subjects; a subject that is gone is left out.
Payload = Callable[[Collection[int]], Mapping[int, Mapping[str, Any]]]


@dataclass(slots=True)
class Kind:
    """A kind of event: its name in the calls, its words, what is sent, and its sources."""

    key: str
    label: Any
    payload: Payload
    sources: list[Source] = field(default_factory=list)


_kinds: dict[str, Kind] = {}


def declare(kind: Kind) -> None:
    """Declare a kind of event; called at start-up."""
    _kinds[kind.key] = kind


def extend(key: str, source: Source) -> None:
    """Add a source to a kind that a lower app declared."""
    kind = _kinds[key]
    if source.name not in {one.name for one in kind.sources}:
        kind.sources.append(source)


def kinds() -> Mapping[str, Kind]:
    """Return the declared kinds by key."""
    return _kinds

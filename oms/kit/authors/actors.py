"""Authors: every write has one.

A service takes the author, or asks `current()`: the person of the request, the command, or the task that runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Author:
    """A person (with `user_id`), a channel, a command, or the system; `label` is the name in the stock history."""

    kind: str = "system"
    user_id: int | None = None
    label: str = "system"


SYSTEM = Author()

_acting: ContextVar[Callable[[], Author] | None] = ContextVar("acting", default=None)


def person(user: Any) -> Author:
    """Return the author for a signed-in user."""
    return Author("person", user.pk, str(user.get_username()))


def channel(name: str) -> Author:
    """Return the author for the channel of a store; `name` is the store's name."""
    return Author("channel", None, name[:60])


def command(name: str, who: str = "") -> Author:
    """Return the author for a management command; `who` is the account of the server that runs it."""
    return Author("command", None, f"manage.py {name}{f' ({who})' if who else ''}"[:60])


def current() -> Author:
    """Return the author of what happens now: of the request, command or task; else the system."""
    found = _acting.get()
    return found() if found is not None else SYSTEM


@contextmanager
def acting(author: Author | Callable[[], Author]) -> Iterator[None]:
    """Make this the author of everything in the block; a function is called when the author is asked for."""
    token = _acting.set(author if callable(author) else lambda: author)
    try:
        yield
    finally:
        _acting.reset(token)

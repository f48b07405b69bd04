"""Authors: every write has one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Author:
    """A person (with `user_id`), a channel, or the system; `label` is the name in the stock history."""

    kind: str = "system"
    user_id: int | None = None
    label: str = "system"


SYSTEM = Author()


def person(user: Any) -> Author:
    """Return the author for a signed-in user."""
    return Author("person", user.pk, str(user.get_username()))


def channel(name: str) -> Author:
    """Return the author for the channel of a store; `name` is the store's name."""
    return Author("channel", None, name[:60])

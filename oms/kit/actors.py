"""Who does a thing: every write has an author."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Author:
    """A person (with `user_id`), a channel, or the system; `label` is what the ledger shows."""

    kind: str = "system"
    user_id: int | None = None
    label: str = "system"


SYSTEM = Author()


def person(user: Any) -> Author:
    """The author behind a signed-in user."""
    return Author("person", user.pk, str(user.get_username()))


def channel(name: str) -> Author:
    """A store's channel, named as the store."""
    return Author("channel", None, name[:60])

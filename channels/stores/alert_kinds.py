"""The kinds of alerts, which the apps declare in `registrations`, and the causes that each finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Cause:
    """A reason for an alert that exists now.

    `key` names it within its kind and stays the same while it lasts ("store:3"). `text` is one sentence that names the
    thing; `link` is the page of Manifold to resolve it.
    """

    key: str
    text: str
    link: str = ""
    connection_id: int | None = None


#: Return every cause that exists now. Raises when that cannot be known: no alert of the kind ends then.
Find = Callable[[], Iterable[Cause]]


@dataclass(frozen=True, slots=True)
class AlertKind:
    """A kind of alert.

    `permission`: only people who have it are shown and sent these alerts. `every` is the time between two searches for
    causes. A kind that `is_urgent` is sent at once, and again to the owners when it is not resolved in time; the others are
    collected for an hour. `is_on_home`: Home shows it because of this kind; the other kinds have a line of their own on
    Home, which always shows.
    """

    key: str
    label: Any
    help: Any
    permission: str
    find: Find
    every: timedelta = timedelta(minutes=1)
    is_urgent: bool = True
    is_on_home: bool = True


_kinds: dict[str, AlertKind] = {}


def declare(*kinds: AlertKind) -> None:
    """Declare kinds; called at start-up."""
    for kind in kinds:
        _kinds[kind.key] = kind


def all_kinds() -> Mapping[str, AlertKind]:
    """Return the declared kinds by key, in the order of their declaration."""
    return _kinds


def kinds_for(user: Any) -> list[AlertKind]:
    """Return the kinds that this person may see."""
    return [kind for kind in _kinds.values() if user.has_perm(kind.permission)]


def label_of(key: str) -> str:
    """Return the words of a kind; its key when no app declares it any more."""
    kind = _kinds.get(key)
    return str(kind.label) if kind is not None else key

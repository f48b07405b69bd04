"""What can be searched for from every page: each app registers its kinds in its `registrations`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

#: Results of a kind that are counted; beyond them the page says "more than 100".
MOST_COUNTED = 100


@dataclass(frozen=True, slots=True)
class Result:
    """One thing that was found. `picture` is the address of a picture, "" for none."""

    title: str
    subtitle: str
    url: str
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """One search over all kinds. `memo` is for what several kinds of one app read together."""

    text: str
    memo: dict[str, Any] = field(default_factory=dict)


#: `find(query, limit)` returns at most `limit` results, the best first, in one statement.
Find = Callable[[Query, int], Sequence[Result]]


@dataclass(frozen=True, slots=True)
class SearchKind:
    """A kind of thing: `label` is its plural, `permission` who may find it, `list_name` the list of all ("" for none).

    The list is opened with `q=` and what was typed, and must find by the same rule.
    """

    key: str
    label: Any
    permission: str
    find: Find
    list_name: str = ""
    position: int = 100


@dataclass(frozen=True, slots=True)
class Group:
    """The results of one kind, as a page shows them: the first of them, and the way to all."""

    kind: SearchKind
    text: str
    results: Sequence[Result]
    count: int

    @property
    def is_cut(self) -> bool:
        """Whether more was found than is shown."""
        return self.count > len(self.results)

    @property
    def all_url(self) -> str:
        """Return the address of the list of all results; "" where this kind has no list."""
        if not self.kind.list_name:
            return ""
        return f"{reverse(self.kind.list_name)}?{query_of(self.text)}"

    @property
    def all_text(self) -> str:
        """Return how many there are and where: "All 23 orders with “mug”", "More than 100 orders with “mug”"."""
        label = str(self.kind.label)
        label = (
            label if label[1:2].isupper() else label[:1].lower() + label[1:]
        )  # "SKUs" stays, "Orders" does not
        words = {"count": self.count, "kind": label, "text": self.text}
        if self.count > MOST_COUNTED:
            words["count"] = MOST_COUNTED
            return _("More than %(count)d %(kind)s with “%(text)s”") % words
        return _("All %(count)d %(kind)s with “%(text)s”") % words


def query_of(text: str) -> str:
    """Return "q=…" that opens a list with this search."""
    return urlencode({"q": text})


_kinds: dict[str, SearchKind] = {}


def register(kind: SearchKind) -> None:
    """Declare a kind; called from an app's `registrations`."""
    _kinds[kind.key] = kind


def kinds_for(user: Any) -> list[SearchKind]:
    """Return the kinds that this person may find, in the order in which they are shown."""
    found = [kind for kind in _kinds.values() if user.has_perm(kind.permission)]
    return sorted(found, key=lambda kind: kind.position)


def search(user: Any, text: str, *, shown: int) -> list[Group]:
    """Return what `text` finds of every kind that this person may see: one statement a kind.

    `shown` results of each kind; they are counted to 101. Kinds without a result are left out.
    """
    groups, query = [], Query(text)
    for kind in kinds_for(user) if text.strip() else ():
        results = list(kind.find(query, MOST_COUNTED + 1))
        if results:
            groups.append(Group(kind, text, results[:shown], len(results)))
    return groups

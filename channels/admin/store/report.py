"""The first sync report of a store: lines and figures of channels and of the apps above, as they are now.

An app adds to it from its admin package::

    @findings(position=30)
    def differences(store): yield Finding(7, _("SKUs whose stock differs"), ...)

    @figures(position=20)
    def orders(store): yield Figure(312, _("orders"), url)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from channels.contract.records.orders import RemoteState
from channels.models import Connection, RejectedRecord, StatusMapEntry


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: a count of something, what it means, the page where it is corrected.

    A line with a `count` of 0 is not shown. `is_wrong` False: for information only.
    """

    count: int
    title: Any
    help: Any
    url: str
    action: Any
    is_wrong: bool = True


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure under "Imported": `count` of `words`, with the page of its rows. All `is_main` figures 0: empty store."""

    count: int
    words: Any
    url: str
    is_main: bool = False


Findings = Callable[[Connection], Iterable[Finding]]
Figures = Callable[[Connection], Iterable[Figure]]
_findings: list[tuple[int, Findings]] = []
_figures: list[tuple[int, Figures]] = []


def findings(*, position: int) -> Callable[[Findings], Findings]:
    """Register a function that returns lines of the report, sorted by `position`; a fixed number of statements."""

    def register(find: Findings) -> Findings:
        _findings.append((position, find))
        _findings.sort(key=lambda one: one[0])
        return find

    return register


def figures(*, position: int) -> Callable[[Figures], Figures]:
    """Register a function that returns figures of the report, sorted by `position`; a fixed number of statements."""

    def register(find: Figures) -> Figures:
        _figures.append((position, find))
        _figures.sort(key=lambda one: one[0])
        return find

    return register


def findings_of(store: Connection) -> list[Finding]:
    """Return the lines of the report as they are now: a line is not listed when its cause is resolved."""
    return [line for _position, find in _findings for line in find(store) if line.count]


def figures_of(store: Connection) -> list[Figure]:
    """Return how much was imported."""
    return [figure for _position, find in _figures for figure in find(store)]


@findings(position=20)
def unknown_statuses(store: Connection) -> Iterable[Finding]:
    yield Finding(
        StatusMapEntry.objects.filter(connection=store, remote_state=RemoteState.UNKNOWN).count(),
        _("Statuses not mapped"),
        _("Orders with such a status have a problem until you map it."),
        reverse("admin:store_statuses", args=[store.pk]),
        _("View"),
    )


@findings(position=40)
def rejected_records(store: Connection) -> Iterable[Finding]:
    yield Finding(
        RejectedRecord.objects.open().filter(connection=store).count(),
        _("Rejected records"),
        _("Each has a reason. The next import retries them."),
        reverse("admin:store_refused", args=[store.pk]),
        _("View"),
    )

"""The rows of the SKU inbox: what waits for a decision about a SKU, by kind, and the sources that know them.

The app `orders` registers the sources of SKUs that orders wait for (`orders.admin.skus`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _

from catalogue.models import SkuDecision, Variant
from channels.models import Connection
from oms.kit.authors.actors import Author
from oms.kit.numbers import whole_number

#: Rows of one page.
SHOWN: Final = 50
#: Rows of a kind that must be computed are counted up to here: "100+".
COUNTED: Final = 100

UNKNOWN, AMBIGUOUS, DUPLICATE, EMPTY, RECREATED = (
    "unknown_sku",
    "which_sku",
    "duplicate_sku",
    "missing_sku",
    "recreated",
)
#: Kind -> its title, in the order of the tabs: what orders wait for is first. A problem code is the kind of its rows.
KINDS: Mapping[str, Any] = {
    UNKNOWN: _("Unknown SKU"),
    AMBIGUOUS: _("Several products fit"),
    DUPLICATE: _("Duplicate SKU"),
    EMPTY: _("No SKU"),
    RECREATED: _("Re-created product"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One thing to decide. `kind` and `key` name it within its store; `ref` is the number that a form sends for it.

    `orders` is the number of orders that wait for it (`orders_url` their list, `order_url` the newest), `listings` the
    number of products of the store that are not imported because of it. `possible` are the variants (ids) that its source
    knows, each with the reason. `options` tell the variants of one title apart.
    """

    kind: str
    ref: int
    key: str
    connection_id: int
    sku: str
    title: str
    message: str = ""
    image: str = ""
    barcode: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    external_id: str = ""
    since: datetime | None = None
    orders: int = 0
    listings: int = 0
    orders_url: str = ""
    order_url: str = ""
    possible: Sequence[tuple[int, Any]] = ()

    @property
    def name(self) -> str:
        """What a form sends for this row."""
        return f"{self.kind}:{self.ref}"

    @property
    def label(self) -> str:
        """What a message calls it: its SKU, or its title."""
        return self.sku or self.title

    @property
    def is_merge(self) -> bool:
        """Whether it is resolved by merging two SKUs, which has a page of its own that shows what moves."""
        return self.kind == RECREATED


@dataclass(frozen=True, slots=True)
class Accepted:
    """What accepting a row did. `lines` are the order lines (ids) that were mapped at once, `orders` their number of orders."""

    action: str
    variant: Variant | None
    lines: Sequence[int] = ()
    orders: int = 0


class Source(Protocol):
    """Knows the rows of one kind."""

    @property
    def kind(self) -> str: ...

    def rows(self, *, store: int | None, text: str, start: int, limit: int) -> list[Row]:
        """Return rows from place `start` on, at most `limit`, of one store or of all; `text` is in SKU or title."""
        ...

    def count(self, *, store: int | None, text: str) -> int:
        """Return how many rows there are. What must be computed for that is counted up to `COUNTED`."""
        ...

    def find(self, ref: int) -> Row | None:
        """Return the row with this number; None when it is decided."""
        ...

    def accept(self, row: Row, variant: Variant, by: Author) -> Accepted:
        """Resolve the row with this variant. Raises `CatalogueError` with a sentence; nothing is changed then."""
        ...

    def undo(self, decision: SkuDecision, by: Author) -> None:
        """Undo an accepted decision. Raises `CatalogueError` when that is not possible."""
        ...


_sources: dict[str, Source] = {}


def register(source: Source) -> None:
    """Show the rows of this source; called at start-up."""
    _sources[source.kind] = source


def source_of(kind: str) -> Source | None:
    """Return the source of a kind; None for an unknown one."""
    return _sources.get(kind)


def rows_of(
    kind: str = "", *, store: int | None = None, text: str = "", start: int = 0, limit: int = SHOWN
) -> tuple[list[Row], bool]:
    """Return rows of one kind or ("") of all, and whether there are more. What most orders wait for is first.

    All kinds together are one page: `start` counts within one kind only.
    """
    if kind:
        source = _sources.get(kind)
        found = source.rows(store=store, text=text, start=start, limit=limit + 1) if source else []
    else:
        found = [
            row
            for name in KINDS
            if name in _sources
            for row in _sources[name].rows(store=store, text=text, start=0, limit=limit + 1)
        ]
        found.sort(key=lambda row: -row.orders)
    return found[:limit], len(found) > limit


def find(name: str) -> Row | None:
    """Return the row that a form named `kind:number`; None when it is decided or unknown."""
    kind, _colon, typed = name.partition(":")
    source, number = _sources.get(kind), whole_number(typed)
    return source.find(number) if source is not None and number is not None else None


def counts(store: int | None = None, *, text: str = "") -> dict[str, int]:
    """Return how many rows of each kind wait; some kinds are counted up to `COUNTED`."""
    return {kind: _sources[kind].count(store=store, text=text) for kind in KINDS if kind in _sources}


def count_rows() -> int:
    """Return how many rows wait in all stores; some kinds are counted up to `COUNTED`."""
    return sum(counts().values())


def is_dismissed(kind: str, *, connection: str, key: str) -> Exists:
    """Return the condition that a row was dismissed; `connection` and `key` are its columns."""
    return Exists(
        SkuDecision.objects.filter(
            kind=kind,
            connection=OuterRef(connection),
            key=OuterRef(key),
            action=SkuDecision.Action.DISMISSED,
            undone_at=None,
        )
    )


def stores_of(rows: Collection[Row]) -> dict[int, Connection]:
    """Return the stores of these rows by id. One statement."""
    found = Connection.objects.filter(pk__in={row.connection_id for row in rows})
    return {store.pk: store for store in found.only("pk", "name", "channel")}

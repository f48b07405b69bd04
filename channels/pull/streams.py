"""Names of what is pulled, the verb that pulls each, and the sink that stores it.

Apps above register one sink per kind of record in their `AppConfig.ready()`; a sink is called inside the page's
transaction, with all records of the page, and raises to fail the page (which is then bisected).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import NotSupported
from channels.contract.records.orders import RemoteState
from channels.contract.records.pages import Page, PullQuery, RefusedRow
from channels.contract.spec import Stream

if TYPE_CHECKING:
    from channels.models import Connection, SyncRun

FIRST_DAYS = 90  # how far back orders are read at connection (R-ORD-05)


@dataclass(frozen=True)
class Counts:
    """What a sink did with a page. `refused`: records it refused itself without failing the page."""

    new: int = 0
    changed: int = 0
    same: int = 0
    refused: Sequence[RefusedRow] = field(default=())

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.new + other.new,
            self.changed + other.changed,
            self.same + other.same,
            (*self.refused, *other.refused),
        )


Sink = Callable[["Connection", Sequence[Any], "SyncRun"], Counts]

_sinks: dict[str, Sink] = {}

TITLES = {
    Stream.CATEGORIES: _("Categories"),
    Stream.BRANDS: _("Brands"),
    Stream.ATTRIBUTES: _("Attributes"),
    Stream.STATUSES: _("Order statuses"),
    Stream.PRODUCTS: _("Products"),
    Stream.ORDERS_NEW: _("New orders"),
    Stream.ORDERS_CHANGED: _("Changed orders"),
    Stream.ORDERS_CANCELLED: _("Cancelled orders"),
    Stream.ORDERS_HISTORY: _("Order history"),
}

STOCK_TITLE = _("Stock that waits to be sent")

#: Streams whose channel verb takes `ids`: single records of them can be asked for again.
BY_ID = frozenset(
    {
        Stream.PRODUCTS,
        Stream.ORDERS_NEW,
        Stream.ORDERS_CHANGED,
        Stream.ORDERS_CANCELLED,
        Stream.ORDERS_HISTORY,
    }
)

_NEW_STATES = frozenset({RemoteState.NEW, RemoteState.UNPAID, RemoteState.DRAFT})


def register_sink(stream: Stream | str, sink: Sink) -> None:
    """Declare what stores the records of a stream; one sink may serve several streams."""
    _sinks[str(stream)] = sink


def sink_for(stream: str) -> Sink:
    """The sink of a stream; `LookupError` when no app has registered one."""
    try:
        return _sinks[stream]
    except KeyError:
        raise LookupError(f"no sink is registered for the stream {stream}") from None


def has_sink(stream: str) -> bool:
    return stream in _sinks


def title(stream: str) -> Any:
    return TITLES.get(stream, stream)  # type: ignore[call-overload]


def pull(adapter: ChannelAdapter, stream: str, query: PullQuery, page: str | None) -> Page[Any]:
    """One page of a stream from the channel."""
    if stream.startswith("orders."):
        return adapter.pull_orders(query, page)
    if stream == Stream.PRODUCTS:
        return adapter.pull_products(query, page)
    if stream == Stream.CATEGORIES:
        return adapter.pull_categories(query, page)
    if stream == Stream.BRANDS:
        return adapter.pull_brands(query, page)
    if stream == Stream.ATTRIBUTES:
        return adapter.pull_attributes(query, page)
    if stream == Stream.STATUSES:
        return Page(adapter.pull_statuses())
    raise NotSupported(f"{adapter.spec.label} has no stream called {stream}.")


def statuses_of(connection: Connection, stream: str) -> tuple[str, ...]:
    """Native statuses that a scheduled run asks for: new orders alone for `orders.new`, all for the others.

    With a map that names no new status yet, nothing is left out: an unread order is worse than one read twice.
    """
    if stream != Stream.ORDERS_NEW:
        return ()
    rows = connection.statuses.filter(remote_state__in=_NEW_STATES).order_by("external_id")
    return tuple(rows.values_list("external_id", flat=True))


def first_reach(stream: str) -> timedelta | None:
    """How far back the first run of a stream goes; None = everything."""
    return timedelta(days=FIRST_DAYS) if stream.startswith("orders.") else None

"""The streams: their titles, the adapter method that imports each, and the sink that stores its records.

Apps above register one sink for each kind of record at start-up. A sink is called in the page's transaction, with all
records of the page; it raises to fail the page (which is then stored in halves).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import NotSupported
from channels.contract.records.orders import RemoteState
from channels.contract.records.pages import Page, PullQuery, RefusedRow
from channels.contract.spec import Stream

if TYPE_CHECKING:
    from channels.models import Connection, SyncRun

FIRST_DAYS = 90  # days of orders that the first sync imports (R-ORD-05)


@dataclass(frozen=True)
class Counts:
    """The result of a sink for a page.

    `refused`: records that it refused without failing the page. `left_out` counts records that it did not import on
    purpose, by the reason.
    """

    new: int = 0
    changed: int = 0
    same: int = 0
    refused: Sequence[RefusedRow] = field(default=())
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.new + other.new,
            self.changed + other.changed,
            self.same + other.same,
            (*self.refused, *other.refused),
            added(self.left_out, other.left_out),
        )


def added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """Return the sums of two counts by reason."""
    return {reason: one.get(reason, 0) + other.get(reason, 0) for reason in (*one, *other)}


Sink = Callable[["Connection", Sequence[Any], "SyncRun"], Counts]

Vanished = Callable[["Connection", Sequence[str]], None]

_sinks: dict[str, Sink] = {}
_vanished: dict[str, Vanished] = {}

Finished = Callable[["Connection", "SyncRun"], None]
_finished: dict[str, Finished] = {}

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

STOCK_TITLE = _("Stock to be sent")

#: Streams whose adapter method accepts `ids`: single records of them can be requested.
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
    """Register the sink that stores the records of a stream; one sink may be for several streams."""
    _sinks[str(stream)] = sink


def register_vanished(stream: Stream | str, function: Vanished) -> None:
    """Register `function(connection, external_ids)`, called in the page's transaction for requested records that the
    channel does not have (any more)."""
    _vanished[str(stream)] = function


def vanished(connection: Connection, stream: str, external_ids: Sequence[str]) -> None:
    """Call the app of a stream with the records that the channel does not have (any more)."""
    if external_ids and stream in _vanished:
        _vanished[stream](connection, external_ids)


def register_finished(stream: Stream | str, function: Finished) -> None:
    """Register `function(connection, run)`, called when a run of the stream has stored its last page.

    It is not called for dry runs and for single records. What it requests is asked for by id: a record that is missing in
    a list may be outside of its period, or the channel left a page out.
    """
    _finished[str(stream)] = function


def finished(connection: Connection, run: SyncRun) -> None:
    """Tell the app of a stream that a run of it is complete."""
    if run.stream in _finished and not run.query.get("ids") and not run.query.get("dry_run"):
        _finished[run.stream](connection, run)


def sink_for(stream: str) -> Sink:
    """Return the sink of a stream; raises `LookupError` when no app has registered one."""
    try:
        return _sinks[stream]
    except KeyError:
        raise LookupError(f"no sink is registered for the stream {stream}") from None


def has_sink(stream: str) -> bool:
    """Whether an app has registered a sink for this stream."""
    return stream in _sinks


def title(stream: str) -> Any:
    """Return the title of a stream: "orders.new" -> "New orders"."""
    return TITLES.get(stream, stream)  # type: ignore[call-overload]


def pull(adapter: ChannelAdapter, stream: str, query: PullQuery, page: str | None) -> Page[Any]:
    """Import one page of a stream from the channel; raises `NotSupported` for an unknown stream."""
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
    words = gettext("%(channel)s has no import “%(name)s”.")
    raise NotSupported(words % {"channel": adapter.spec.label, "name": stream})


def statuses_of(connection: Connection, stream: str) -> tuple[str, ...]:
    """Return the native statuses that a scheduled run imports: those of new orders for `orders.new`, () = all for others.

    When the status map has no status for new orders yet, all are imported: a missed order is worse than one imported twice.
    """
    if stream != Stream.ORDERS_NEW:
        return ()
    rows = connection.statuses.filter(remote_state__in=_NEW_STATES).order_by("external_id")
    return tuple(rows.values_list("external_id", flat=True))


def first_reach(stream: str) -> timedelta | None:
    """Return the period of the first run of a stream; None = everything."""
    return timedelta(days=FIRST_DAYS) if stream.startswith("orders.") else None

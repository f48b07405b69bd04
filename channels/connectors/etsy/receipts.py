"""Which receipts are asked for, and in what order: the queues of `etsy.md` §9, each read without deep pages.

Etsy refuses an `offset` over 12,000, and rows shift between pages while the shop is busy. So a scan goes by time: the
next page begins with the whole of the last row's own second, of which a row or two come again; what was seen of it is
left out only where a page holds nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from channels.connectors.etsy.mapping import instant, seconds
from channels.contract.errors import TemporaryError
from channels.contract.records.pages import PullQuery
from channels.contract.spec import Stream

LIMIT = 100
MOST_OFFSET = 12_000
HISTORY = timedelta(days=90)
LONGEST = 3650  # days that a store may look back for cancellations: every order that is open


@dataclass(frozen=True, slots=True)
class Pass:
    """One walk over the list: `by` created or updated, its filters, and what `was_delivered` says of its rows."""

    by: str
    filters: Mapping[str, Any]
    is_delivered: bool = False

    @property
    def low(self) -> str:
        return "min_created" if self.by == "created" else "min_last_modified"

    @property
    def stamp(self) -> str:
        return f"{self.by}_timestamp"


def passes(query: PullQuery, *, now: datetime, cancel_days: int) -> Sequence[Pass]:
    """The walks that answer a query.

    New orders are the whole queue of what is paid and not shipped, whatever the window: a receipt that was paid late
    stands behind newer ones. Whether one is delivered is only a filter, so changes and history are walked twice; once
    a day all delivered ones of 90 days are walked too, for a delivery may not count as a change.
    """
    start, end = query.window.start, query.window.end
    if query.stream == Stream.ORDERS_NEW and not query.created:
        return [Pass("created", {"was_paid": True, "was_shipped": False, "was_canceled": False})]
    if query.stream == Stream.ORDERS_CANCELLED and not query.created:
        since = now - timedelta(days=min(max(cancel_days, 1), LONGEST))
        return [Pass("created", {"was_canceled": True, "min_created": seconds(since)})]
    by = "created" if query.created or start is None else "updated"
    window: dict[str, Any] = {}
    if start is not None:
        window["min_created" if by == "created" else "min_last_modified"] = seconds(start)
    if end is not None:
        window["max_created" if by == "created" else "max_last_modified"] = seconds(end)
    walks = [
        Pass(by, {**window, "was_delivered": False}),
        Pass(by, {**window, "was_delivered": True}, is_delivered=True),
    ]
    is_daily = (
        start is not None and end is not None and start.astimezone(UTC).date() != end.astimezone(UTC).date()
    )
    if query.stream == Stream.ORDERS_CHANGED and is_daily and not query.created:
        since = now - HISTORY
        walks.append(
            Pass("created", {"was_delivered": True, "min_created": seconds(since)}, is_delivered=True)
        )
    return walks


@dataclass(frozen=True, slots=True)
class Place:
    """Where a scan stands: which pass, from which second, and how many rows of that second to leave out."""

    walk: int = 0
    since: int = 0
    seen: int = 0

    @classmethod
    def read(cls, page: str | None) -> Place:
        return cls(*json.loads(page)) if page else cls()

    def write(self) -> str:
        return json.dumps([self.walk, self.since, self.seen])

    def params(self, walk: Pass) -> dict[str, Any]:
        """The query of the next page. Raises `TemporaryError` where Etsy would refuse it."""
        if self.seen > MOST_OFFSET:
            raise TemporaryError("Etsy has more orders of one second than it lists.", code="offset")
        params = {**walk.filters, "limit": LIMIT, "offset": self.seen}
        if self.since:
            params[walk.low] = self.since
        return {**params, "sort_on": walk.by, "sort_order": "asc"}

    def after(self, rows: Sequence[Mapping[str, Any]], walk: Pass, walks: int) -> Place | None:
        """Where the scan goes on after these rows; None = it is at its end."""
        if len(rows) < LIMIT:
            return Place(self.walk + 1) if self.walk + 1 < walks else None
        first, last = int(rows[0][walk.stamp]), int(rows[-1][walk.stamp])
        if first < last:  # counting would pass over one, if one that was seen has left this second meanwhile
            return Place(self.walk, last)
        return Place(self.walk, last, len(rows) + (self.seen if last == self.since else 0))


def is_inside(row: Mapping[str, Any], query: PullQuery) -> bool:
    """Whether a row lies before the end of a query's window: Etsy's own upper bound is inclusive."""
    end = query.window.end
    return end is None or instant(row["created_timestamp" if query.created else "updated_timestamp"]) < end

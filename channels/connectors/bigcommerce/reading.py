"""Orders off the wire: by modification time with an id keyset, lines beyond 50, addresses, shipments, refunds (§4)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.cache import cache

from channels.connectors.bigcommerce.client import LIMIT, BigCommerceClient
from channels.connectors.bigcommerce.mapping import ECHO, instant, whole
from channels.connectors.bigcommerce.statuses import (
    COMPLETED,
    INCOMPLETE,
    PARTIALLY_REFUNDED,
    REFUNDED,
    SHIPPED,
)
from channels.contract.errors import Rejected, TemporaryError
from channels.contract.records.native import hash_native
from channels.contract.records.pages import PullQuery
from channels.contract.spec import Stream

INCLUDE = {"include": "consignments.line_items", "consignment_structure": "object"}
LINES_SHOWN = 50  # of a consignment in a list; the others are asked for
AT_ONCE = 10  # orders of one page when they are asked for by number
LONG_AGO = timedelta(hours=1)
OVER = (SHIPPED, COMPLETED, REFUNDED)  # nothing waits any more: in the history, how it left is not asked for
SHIPMENT = (
    "id", "order_address_id", "date_created", "tracking_number", "shipping_provider", "tracking_carrier",
    "shipping_method", "comments", "items",
)  # fmt: skip
PICKUP = ("pickup_method_display_name", "location")
BELIEVED = 2 * 3600
SETTLED = timedelta(minutes=1)


def when(moment: datetime) -> str:
    """With its offset: without one BigCommerce takes another time zone."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


class Orders:
    """Pages of native orders, and what belongs to each: `lines`, `addresses`, `shipments` and `refunds` in one shape."""

    def __init__(self, client: BigCommerceClient) -> None:
        self.client = client

    def page(self, query: PullQuery, token: str | None) -> tuple[list[Any], str | None, int | None]:
        """(rows with their `refunds`, next token, count of all on the first page of a long reading); the rest of a row
        comes by `complete`."""
        if query.ids:
            return (*self._by_id(query.ids, token), None)
        total = self._count(query) if query.created and token is None else None
        skew, last = self._position(token)
        params = {
            **INCLUDE,
            **self._window(query, skew),
            "sort": "id:asc",
            "limit": str(LIMIT),
            "min_id": str(last + 1),
        }
        rows = self.client.get("/v2/orders", params) or []
        ids = [int(row["id"]) for row in rows]
        if ids and (ids[0] <= last or ids != sorted(ids)):
            raise TemporaryError("BigCommerce gave orders out of turn; the pull goes on from there later.")
        next_token = f"{skew}:{ids[-1]}" if len(rows) >= LIMIT else None
        return self._with_refunds(self._wanted(rows, query)), next_token, total

    def _count(self, query: PullQuery) -> int:
        """How many orders there are to be read, for the progress."""
        rows = (self.client.get("/v2/orders/count", self._window(query, 0)) or {}).get("statuses") or ()
        wanted = self._wanted([{"status_id": row["id"], "count": row["count"]} for row in rows], query)
        return sum(whole(row["count"]) for row in wanted)

    def _position(self, token: str | None) -> tuple[int, int]:
        """How far our clock is ahead of BigCommerce's, and the last id of the page before."""
        if token is not None:
            skew, _, last = token.partition(":")
            return int(skew), int(last)
        return max(round(time.time() - int(self.client.get("/v2/time")["time"])), 0), 0

    def _window(self, query: PullQuery, skew: int) -> dict[str, str]:
        """The window on BigCommerce's clock. A scan of changes that reaches the present has no end: an order that is
        changed meanwhile would drop out of it."""
        name = "created" if query.created else "modified"
        start, end = query.window.start, query.window.end
        back = timedelta(seconds=0 if query.created else skew)
        params = {f"min_date_{name}": when(start - back)} if start else {}
        if end and (query.created or end < datetime.now(UTC) - LONG_AGO):
            params[f"max_date_{name}"] = when(end)
        if len(query.statuses) == 1 and query.stream != Stream.ORDERS_NEW:
            params["status_id"] = query.statuses[0]
        return params

    @staticmethod
    def _wanted(rows: Iterable[Any], query: PullQuery) -> list[Any]:
        """Without unfinished checkouts. The scheduled scan of new orders takes all that changed: one loop serves both."""
        is_filtered = query.statuses and query.stream != Stream.ORDERS_NEW
        return [
            row
            for row in rows
            if str(row.get("status_id")) != INCOMPLETE
            and (not is_filtered or str(row.get("status_id")) in query.statuses)
        ]

    def _by_id(self, ids: Sequence[str], token: str | None) -> tuple[list[Any], str | None]:
        start = int(token or 0)
        rows = []
        for number in ids[start : start + AT_ONCE]:
            if not (number.isascii() and number.isdigit()):
                continue
            try:
                rows.append(self.client.get(f"/v2/orders/{number}", INCLUDE))
            except Rejected as error:
                if error.code != "404":
                    raise
        query = PullQuery(ids=tuple(ids))
        rest = str(start + AT_ONCE) if start + AT_ONCE < len(ids) else None
        return self._with_refunds(self._wanted([row for row in rows if row], query)), rest

    # ------------------------------------------------ what belongs to an order
    def _with_refunds(self, rows: list[Any]) -> list[Any]:
        refunds = self._refunds(rows)
        return [{**row, "refunds": refunds[row["id"]]} if row["id"] in refunds else row for row in rows]

    def complete(self, row: Mapping[str, Any], query: PullQuery) -> Any:
        """The order with its lines, addresses and shipments; what the list leaves out is asked for."""
        order = {name: value for name, value in row.items() if name not in ("consignments", "products")}
        path = f"/v2/orders/{row['id']}"
        parts = row.get("consignments")
        lines, addresses = _of_consignments(parts) if isinstance(parts, dict) else (None, None)
        if not lines:
            lines = self.client.v2_all(f"{path}/products")
        if addresses is None:
            addresses = self.client.v2_all(f"{path}/shipping_addresses")
        order |= {"lines": lines, "addresses": addresses}
        if isinstance(parts, dict) and parts.get("pickups"):
            order["pickups"] = [
                {name: one[name] for name in PICKUP if name in one} for one in parts["pickups"]
            ]
        if whole(row.get("items_shipped")) and not (query.created and _is_over(row)):
            order["shipments"] = self._shipments(row)
        return order

    def _shipments(self, row: Mapping[str, Any]) -> list[Any]:
        """The order's shipments, without the addresses that it has itself. One call an order: what was read is
        believed for two hours, as long as the order says of itself that nothing has changed."""
        stand = f"{row['id']}:{row.get('date_modified')}:{row.get('items_shipped')}:{row.get('status_id')}"
        key = f"bigcommerce:{self.client.store_hash}:shipments:{hash_native({'': stand})}"
        known: list[Any] | None = cache.get(key)
        if known is None:
            rows = self.client.v2_all(f"/v2/orders/{row['id']}/shipments")
            known = [{name: one[name] for name in SHIPMENT if name in one} for one in rows]
            with suppress(ValueError):  # the mapping says what is wrong with a time
                changed = instant(row.get("date_modified"))
                if changed and datetime.now(UTC) - changed > SETTLED:
                    cache.set(key, known, BELIEVED)
        return known

    def _refunds(self, rows: Sequence[Any]) -> dict[int, list[Any]]:
        """What was really paid back: the orders' own figure is always 0. One call for a page of orders."""
        ids = [str(row["id"]) for row in rows if _is_refunded(row)]
        found: dict[int, list[Any]] = {}
        for start in range(0, len(ids), AT_ONCE * 5):
            params = {"order_id:in": ",".join(ids[start : start + AT_ONCE * 5])}
            for refund in self.client.v3_all("/v3/orders/payment_actions/refunds", params, limit=50):
                found.setdefault(int(refund["order_id"]), []).append(refund)
        return found


def _is_over(row: Mapping[str, Any]) -> bool:
    """Whether nothing of it waits any more. What changed just now may be no more than our own shipment at ready to ship."""
    changed = instant(row.get("date_modified"))
    is_old = changed is not None and datetime.now(UTC) - changed > timedelta(seconds=ECHO)
    return is_old and str(row.get("status_id")) in OVER


def _is_refunded(row: Mapping[str, Any]) -> bool:
    """By its status, or by its payment's where the seller has moved the status on."""
    is_marked = str(row.get("status_id")) in (REFUNDED, PARTIALLY_REFUNDED)
    return is_marked or "refunded" in str(row.get("payment_status") or "").lower()


def _of_consignments(parts: Mapping[str, Any]) -> tuple[list[Any] | None, list[Any] | None]:
    """Lines and delivery addresses out of consignments; None where they were cut short or are only a link."""
    if "url" in parts and "shipping" not in parts:
        return None, None
    groups = [*(parts.get("shipping") or ()), *(parts.get("pickups") or ()), *(parts.get("downloads") or ())]
    mail = parts.get("email")
    groups += (mail.get("gift_certificates") or []) if isinstance(mail, dict) else []
    addresses = [
        {name: value for name, value in place.items() if name != "line_items"}
        for place in parts.get("shipping") or ()
    ]
    lines: list[Any] = []
    for group in groups:
        items = group.get("line_items")
        if not isinstance(items, list) or "__warning__" in group or len(items) >= LINES_SHOWN:
            return None, addresses
        if any("__warning__" in item or "id" not in item for item in items):
            return None, addresses
        lines += items
    return sorted(lines, key=lambda line: int(line["id"])), addresses

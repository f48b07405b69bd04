"""The figures of an order's SKUs are told to its store again where the channel has moved them by itself (R-INV-01).

Some channels take the units of an order off when it ships, or put them back when it is cancelled, on top of the
absolute figure that they were given. Available stock has not changed here at that moment, so nothing else tells it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from catalogue.models import ListingVariant
from channels.models import Connection
from channels.push import outbox, topics
from orders.models import OrderLine

if TYPE_CHECKING:
    from channels.stores.status_map import Entry


def moves_stock(states: Mapping[str, Entry], was: str, now: str) -> bool:
    """Whether the channel moves its own stock between these two of its statuses; unknown counts as no."""
    before, after = states.get(was), states.get(now)
    if before is None or after is None or None in (before.holds_stock, after.holds_stock):
        return False
    return before.holds_stock != after.holds_stock


def resend_stock(connection: Connection, *, order_ids: Collection[int]) -> int:
    """Have the present figures of these orders' SKUs sent to their store; returns how many were asked for."""
    if not order_ids:
        return 0
    sold = OrderLine.objects.filter(order__in=list(order_ids), variant__isnull=False).values("variant")
    shown = ListingVariant.objects.pushable().filter(connection=connection, variant__in=sold)
    return outbox.touch(topics.Topic.STOCK, list(shown.values_list("connection_id", "pk")))

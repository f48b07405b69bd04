"""Send the stock of an order's SKUs again when the channel has changed its own figure (R-INV-01).

Some channels deduct the units of an order when it is shipped, or add them when it is cancelled, although they were sent
an absolute figure. The available stock in Manifold does not change at that moment, so nothing else sends it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from catalogue.models import ListingVariant
from channels.contract.records.orders import RemoteState
from channels.models import Connection
from channels.push import outbox, topics
from orders.models import OrderLine

if TYPE_CHECKING:
    from channels.stores.status_map import Entry


def moves_stock(states: Mapping[str, Entry], was: str, now: str) -> bool:
    """Return whether the channel changes its own stock, or may change it, between two of its statuses (ids).

    Nobody knows what the channel does in a status that no list has, or that is new in a store whose channel says which
    of its statuses reserve stock. To send a figure that is already shown does no harm, so then the answer is True.
    """
    if was == now:
        return False
    before, after = states.get(was), states.get(now)
    if before is None or after is None:
        return True
    if None in (before.holds_stock, after.holds_stock):
        is_unknown = RemoteState.UNKNOWN in (before.remote_state, after.remote_state)
        return is_unknown or any(entry.holds_stock is not None for entry in states.values())
    return before.holds_stock != after.holds_stock


def resend_stock(connection: Connection, *, order_ids: Collection[int]) -> int:
    """Enqueue the stock of these orders' SKUs for their store; return how many messages that are."""
    if not order_ids:
        return 0
    sold = OrderLine.objects.filter(order__in=list(order_ids), variant__isnull=False).values("variant")
    shown = ListingVariant.objects.pushable().filter(connection=connection, variant__in=sold)
    return outbox.touch(topics.Topic.STOCK, list(shown.values_list("connection_id", "pk")))

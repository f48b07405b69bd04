"""Labels of shipments that were cancelled: noticed when a unit of work is written, so no service can forget them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from channels.push import outbox
from channels.push.topics import Topic
from orders.choices import ShipmentState
from orders.models import LabelPurchase

if TYPE_CHECKING:
    from datetime import datetime

    from orders.unit_of_work.order_state import OrderState


def recall(order_states: Iterable[OrderState], now: datetime) -> None:
    """Ask for the cancellation of the labels of shipments that are cancelled now. One query, and only where there are any."""
    ids = [
        shipment.pk
        for order_state in order_states
        for shipment in order_state.shipments
        if shipment.state == ShipmentState.CANCELLED
        and order_state.snapshots.get(id(shipment), {}).get("state") not in (None, ShipmentState.CANCELLED)
    ]
    if not ids:
        return
    rows = list(LabelPurchase.objects.live().filter(shipment__in=ids, cancel_wanted_at=None, is_return=False))
    if rows:
        LabelPurchase.objects.filter(pk__in=[row.pk for row in rows]).update(cancel_wanted_at=now)
        outbox.touch(Topic.CARRIER_LABEL, [(row.account_id, row.shipment_id) for row in rows])

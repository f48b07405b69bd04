"""Write what the channel of an order is sent about a step of its shipments, or about its cancellation."""

from __future__ import annotations

from collections.abc import Collection

from django.utils.translation import gettext as _

from channels.contract.records.orders import FulfilmentEvent
from channels.contract.spec import Capability
from orders.domain.moves import not_sent_reason
from orders.models import Shipment
from orders.unit_of_work.announcements import may_send, part_not_sent, reason_not_sent
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork


def with_reason(text: str, order_state: OrderState, name: str) -> str:
    """Return a sentence of the timeline, with the reason if the channel is not sent the move."""
    reason = not_sent_reason(order_state, name)
    return f"{text}. {reason}" if reason else text


def announce_cancellation(order_state: OrderState, unit: UnitOfWork) -> str:
    """Send the channel a cancellation by the seller; return what happens next, as a sentence."""
    if may_send(order_state.connection, FulfilmentEvent.CANCELLED):
        order_state.send_event(FulfilmentEvent.CANCELLED, f"cancelled:{{order}}:{unit.now.timestamp():.3f}")
        return _("The stock remains allocated until the channel has confirmed.")
    return _(
        "%(why)s The stock remains allocated until the order is cancelled on the channel, or until you confirm the"
        " cancellation."
    ) % {"why": reason_not_sent(order_state.connection, FulfilmentEvent.CANCELLED)}


def announce_shipments(
    order_state: OrderState, shipments: Collection[Shipment], event: FulfilmentEvent
) -> None:
    """Send the channel an event for each shipment, or one for the order where it has no split shipments.

    Such a channel is sent nothing about a part while the rest waits (`announcements.part_not_sent`).
    """
    if not shipments or not may_send(order_state.connection, event) or part_not_sent(order_state, event):
        return
    if order_state.connection.spec.supports(Capability.SPLIT_SHIPMENTS):
        for shipment in shipments:
            order_state.send_event(event, f"{event}:{{shipment}}:{_key_number(shipment)}", shipment)
    else:
        last = max(shipments, key=lambda shipment: shipment.number)
        order_state.send_event(event, f"{event}:{{shipment}}:{_key_number(last)}", last)


def _key_number(shipment: Shipment) -> int:
    """Return the number that makes the keys of an order's shipments different."""
    return shipment.number

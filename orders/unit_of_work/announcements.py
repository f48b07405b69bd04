"""What a channel is sent about an order, and why it is not sent something."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.records.orders import FulfilmentEvent
from channels.contract.spec import EVENT_CAPABILITY, Capability
from channels.models import Connection, OutboxMessage
from channels.push import outbox
from orders.models import Order

if TYPE_CHECKING:
    from orders.unit_of_work.order_state import ChannelEvent, OrderState


def is_enabled(connection: Connection, capability: Capability) -> bool:
    """Return whether a store uses a capability.

    The channel must support it, the channel must allow it for this account, and it must be on in the store's settings.
    """
    support = connection.spec.capabilities[capability]
    if not support.supported or capability in connection.account.get("offered", {}):
        return False
    chosen = connection.option(str(capability))
    return support.default if chosen is None else bool(chosen)


def reason_not_sent(connection: Connection, event: FulfilmentEvent, *, is_shipped: bool = False) -> str:
    """Return in one sentence why this store is not sent an event; "" when it is sent.

    The only place that decides it. `is_shipped`: the shipment has left. Also "" for a store without a web shop: there is
    no channel that could be sent anything.
    """
    capability = EVENT_CAPABILITY[event]
    if not connection.spec.has_wire:
        return ""
    label = connection.spec.label
    if not outbox.can_send(connection, str(event)):
        reason = connection.account.get("offered", {}).get(capability) or connection.spec.reason(capability)
        return _("Not sent to %(channel)s: %(reason)s") % {"channel": label, "reason": reason}
    if not is_enabled(connection, capability):
        return _("Not sent to %(channel)s: it is switched off in the store's settings.") % {"channel": label}
    if connection.state == Connection.State.DISCONNECTED:
        return _("Not sent to %(channel)s: the store is disconnected.") % {"channel": label}
    return held_back_reason(connection, event, is_shipped=is_shipped)


def held_back_reason(connection: Connection, event: FulfilmentEvent, *, is_shipped: bool = False) -> str:
    """Return why a setting of the store holds an event back, in one sentence; "" when none does."""
    rule = connection.spec.held_back.get(event)
    if rule is None or (rule.until_shipped and is_shipped) or connection.option(rule.setting) != rule.value:
        return ""
    return _("Not sent to %(channel)s: %(reason)s") % {
        "channel": connection.spec.label,
        "reason": rule.reason,
    }


def part_not_sent(order_state: OrderState, event: FulfilmentEvent) -> str:
    """Return why the channel is not sent that a part of the order is ready or has left, while the rest waits; "" when it is.

    A channel without part shipments is sent the order with its last part, except one that completes its order with
    the first shipment (`ChannelSpec.first_part_completes`).
    """
    spec = order_state.connection.spec
    if event not in (FulfilmentEvent.READY_TO_SHIP, FulfilmentEvent.SHIPPED) or not spec.has_wire:
        return ""
    if spec.supports(Capability.SPLIT_SHIPMENTS) or spec.first_part_completes or not order_state.rest_waits:
        return ""
    return _("%(channel)s takes no part shipments: it is sent the order with the last part.") % {
        "channel": spec.label
    }


def may_send(connection: Connection, event: FulfilmentEvent, *, is_shipped: bool = False) -> bool:
    """Return whether this store has a channel and is sent the event."""
    return connection.spec.has_wire and not reason_not_sent(connection, event, is_shipped=is_shipped)


def is_entered_by_hand(connection: Connection, event: FulfilmentEvent) -> bool:
    """Return whether a person must enter the event on the channel.

    True where the channel accepts it from other stores and refuses it to the account of this one.
    """
    capability = EVENT_CAPABILITY[event]
    return connection.spec.supports(capability) and capability in connection.account.get("offered", {})


def leave_to_staff(connection: Connection) -> int:
    """Skip all messages about shipments of a store whose channel has refused them.

    Its orders go to the list of those whose tracking number a person enters on the channel. Returns how many.
    """
    rows = OutboxMessage.objects.filter(
        connection=connection,
        kind=OutboxMessage.Kind.EVENT,
        topic__in=(FulfilmentEvent.READY_TO_SHIP, FulfilmentEvent.TRACKING),
    ).unsent()
    ids = {pk for pk in rows.values_list("group", flat=True) if pk}
    with transaction.atomic():
        rows.update(skipped_at=timezone.now(), is_held=False)
        return Order.objects.filter(pk__in=ids, cancelled_at=None).update(dispatch_to_do=True)


def withdraw(order_states: Iterable[OrderState], now: datetime) -> None:
    """Skip the unsent messages of the topics that each order has withdrawn (`OrderState.withdrawn_topics`).

    Messages of an order are sent in their sequence, so a failed one would stop all later ones. A message that a worker
    is sending now is not touched: the handler checks the facts before it sends.
    """
    orders: dict[frozenset[str], list[int]] = defaultdict(list)
    for order_state in order_states:
        if order_state.withdrawn_topics and order_state.order.pk:
            orders[frozenset(order_state.withdrawn_topics)].append(order_state.order.pk)
    for topics, ids in orders.items():
        rows = OutboxMessage.objects.filter(
            kind=OutboxMessage.Kind.EVENT, group__in=ids, topic__in=topics, lease_token=""
        )
        rows.unsent().update(skipped_at=now, is_held=False, parked_at=None, not_before=None)


def enqueue_announcements(announcements: Sequence[tuple[OrderState, ChannelEvent]]) -> None:
    """Write these events to the outboxes of their stores, in the order given; at most two statements per topic."""
    events = [
        outbox.Event(
            connection=order_state.connection,
            topic=event.topic,
            subject=event.shipment.pk if event.shipment else order_state.order.pk,
            group=order_state.order.pk,
            key=event.key.format(
                order=order_state.order.pk, shipment=event.shipment.pk if event.shipment else 0
            ),
        )
        for order_state, event in announcements
    ]
    if events:
        outbox.enqueue_events(events)

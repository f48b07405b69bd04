"""What the channel is told of an order, and why not where it is not."""

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
    """Whether this store does it: the channel can, the account is offered it, and the store's switch is on."""
    support = connection.spec.capabilities[capability]
    if not support.supported or capability in connection.account.get("offered", {}):
        return False
    chosen = connection.option(str(capability))
    return support.default if chosen is None else bool(chosen)


def reason_not_sent(connection: Connection, event: FulfilmentEvent) -> str:
    """One sentence why the channel is not told this; empty when it is."""
    capability = EVENT_CAPABILITY[event]
    if not connection.spec.has_wire:
        return ""  # a store without a wire has nobody to tell
    label = connection.spec.label
    if not outbox.can_send(connection, str(event)):
        reason = connection.account.get("offered", {}).get(capability) or connection.spec.reason(capability)
        return _("%(channel)s is not told: %(reason)s") % {"channel": label, "reason": reason}
    if not is_enabled(connection, capability):
        return _("%(channel)s is not told: it is switched off in the store's settings.") % {"channel": label}
    if connection.state == Connection.State.DISCONNECTED:
        return _("%(channel)s is not told: the store is disconnected.") % {"channel": label}
    return ""


def is_entered_by_hand(connection: Connection, event: FulfilmentEvent) -> bool:
    """Whether the channel takes this from other stores and refuses it to this one: a person enters it there."""
    capability = EVENT_CAPABILITY[event]
    return connection.spec.supports(capability) and capability in connection.account.get("offered", {})


def leave_to_staff(connection: Connection) -> int:
    """The channel has refused to be told of this store's parcels: what waits to be told of them is given up.

    The orders are put on the list of those that somebody enters there; returns how many.
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


def withdraw(works: Iterable[OrderState], now: datetime) -> None:
    """What these orders wanted to tell and need not any more (`OrderState.withdrawn_topics`) is never sent, and holds nothing back.

    Else one that was refused and lies parked would keep every later event of its order. What is in a worker's hands
    is left to it: it looks at the facts itself.
    """
    orders: dict[frozenset[str], list[int]] = defaultdict(list)
    for work in works:
        if work.withdrawn_topics and work.order.pk:
            orders[frozenset(work.withdrawn_topics)].append(work.order.pk)
    for topics, ids in orders.items():
        rows = OutboxMessage.objects.filter(
            kind=OutboxMessage.Kind.EVENT, group__in=ids, topic__in=topics, lease_token=""
        )
        rows.unsent().update(skipped_at=now, is_held=False, parked_at=None, not_before=None)


def may_send(connection: Connection, event: FulfilmentEvent) -> bool:
    return connection.spec.has_wire and not reason_not_sent(connection, event)


def enqueue_announcements(told: Sequence[tuple[OrderState, ChannelEvent]]) -> None:
    """Record these events for their stores, in the order given; at most two statements per topic."""
    events = [
        outbox.Event(
            connection=work.connection,
            topic=one.topic,
            subject=one.shipment.pk if one.shipment else work.order.pk,
            group=work.order.pk,
            key=one.key.format(order=work.order.pk, shipment=one.shipment.pk if one.shipment else 0),
        )
        for work, one in told
    ]
    if events:
        outbox.enqueue_events(events)

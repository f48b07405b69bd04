"""Telling a channel what has happened to an order: reads the facts now, looks before it repeats, keeps the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import NotSupported, Rejected
from channels.contract.records.orders import FulfilmentEvent
from channels.contract.records.updates import Outcome, ShipmentUpdate
from channels.contract.spec import Capability
from channels.models import Connection, OutboxMessage
from channels.push.outbox import PlanLine
from channels.stores.status_map import native_for, status_map
from oms.kit.actors import channel
from orders.choices import Actor, CancelParty, ShipmentState
from orders.domain.lifecycle import end_as_cancelled
from orders.models import CarrierMap, Order, OrderEvent, Shipment, ShipmentLine
from orders.outbound.stock_resend import resend_stock
from orders.unit_of_work.announcements import is_entered_by_hand, leave_to_staff
from orders.unit_of_work.unit_of_work import UnitOfWork

E = FulfilmentEvent

WORDS = {
    E.ACCEPTED: "accepted",
    E.READY_TO_SHIP: "ready to ship",
    E.SHIPPED: "shipped",
    E.TRACKING: "tracking number",
    E.DELIVERED: "delivered",
    E.COMPLETED: "completed",
    E.CANCELLED: "cancelled",
}


@dataclass(frozen=True, slots=True)
class _Subject:
    """What a message is about, as it stands now; `moot` says why nothing need be sent any more."""

    order: Order | None
    shipment: Shipment | None = None
    parcels: tuple[Shipment, ...] = ()
    moot: str = ""


def reference(connection: Connection, message: OutboxMessage) -> str:
    """Names our event on the channel: the same in every repetition, another one in another installation."""
    return f"{connection.birthmark}-{message.key}"


class FulfilmentHandler:
    """The outbox handler of every `FulfilmentEvent`."""

    def send(
        self, connection: Connection, messages: Sequence[OutboxMessage], adapter: ChannelAdapter
    ) -> Sequence[Outcome]:
        """Tell these events one by one, in their order; a failure of the whole store is raised by the adapter."""
        natives = _natives(connection)
        outcomes = []
        for message in messages:
            subject = _subject_of(message)
            if subject.order is None or subject.moot:
                outcomes.append(Outcome(str(message.pk), note=subject.moot or _("The order is gone.")))
                continue
            update = _update(connection, message, subject, natives)
            answer = adapter.look_up(update) if message.is_uncertain else None
            if answer is None:
                try:
                    answer = adapter.push_fulfilment(update)
                except (Rejected, NotSupported) as error:
                    answer = Outcome(update.ref, error=error)
            _keep(connection, message, subject, answer)
            if isinstance(answer.error, NotSupported) and _is_left(connection, message):
                leave_to_staff(connection)
            if answer.ok and answer.moves_stock:
                resend_stock(connection, order_ids=[subject.order.pk])
            outcomes.append(
                Outcome(str(message.pk), error=answer.error, external_id=answer.external_id, note=answer.note)
            )
        return outcomes

    def plan(self, connection: Connection, messages: Sequence[OutboxMessage]) -> Sequence[PlanLine]:
        """What would be told, order by order."""
        natives, names = _natives(connection), _status_names(connection)
        lines = []
        for message in messages:
            subject = _subject_of(message)
            if subject.order is None:
                continue
            event = E(message.topic)
            native = natives.get(event, "")
            new = names.get(native, native) or WORDS[event]
            update = _update(connection, message, subject, natives)
            if update.tracking_number:
                new = f"{new}, {update.carrier_name} {update.tracking_number}".strip()
            lines.append(
                PlanLine(
                    message_id=message.pk,
                    what=_("Order %(order)s") % {"order": subject.order},
                    old=subject.order.remote_status_name,
                    new=_("nothing: %(why)s") % {"why": subject.moot} if subject.moot else new,
                    why=WORDS[event],
                )
            )
        return lines


def _subject_of(message: OutboxMessage) -> _Subject:
    event = E(message.topic)
    if event in (E.ACCEPTED, E.COMPLETED, E.CANCELLED, E.DELIVERED):
        order = Order.objects.filter(pk=message.subject).first()
        if order is not None and event == E.CANCELLED:
            if order.cancel_asked_by != CancelParty.SELLER:
                return _Subject(order, moot=_("The cancellation was withdrawn."))
            if order.cancelled_at is not None:
                return _Subject(order, moot=_("It is cancelled already."))
        if order is not None and event == E.ACCEPTED and order.cancelled_at:
            return _Subject(order, moot=_("The order is cancelled."))
        return _Subject(order)
    shipment = (
        Shipment.objects.select_related("order", "carrier", "warehouse").filter(pk=message.subject).first()
    )
    if shipment is None:
        return _Subject(None)
    order = shipment.order
    if shipment.state == ShipmentState.CANCELLED:
        return _Subject(order, shipment, moot=_("The parcel was put away."))
    if order.cancelled_at is not None:
        return _Subject(order, shipment, moot=_("The order is cancelled."))
    live = order.shipments.select_related("carrier").exclude(state=ShipmentState.CANCELLED).order_by("number")
    return _Subject(order, shipment, tuple(live))


def _update(
    connection: Connection, message: OutboxMessage, subject: _Subject, natives: dict[FulfilmentEvent, str]
) -> ShipmentUpdate:
    """The facts of now. A channel that knows no parcels gets the numbers of all of them in one."""
    event, order, shipment = E(message.topic), subject.order, subject.shipment
    assert order is not None
    update = ShipmentUpdate(
        ref=reference(connection, message),
        event=event,
        order_external_id=order.external_id,
        reason=order.cancel_reason if event == E.CANCELLED else "",
        shipped_at=order.shipped_at,
        native_status=natives.get(event, ""),
    )
    if shipment is None:
        return update
    is_split = connection.spec.supports(Capability.SPLIT_SHIPMENTS)
    parcels = (shipment,) if is_split else subject.parcels or (shipment,)
    numbers = list(dict.fromkeys(row.tracking_number for row in parcels if row.tracking_number))
    carrier = shipment.carrier
    code = ""
    if carrier is not None:
        code = (
            CarrierMap.objects.filter(connection=connection, carrier=carrier)
            .values_list("external_id", flat=True)
            .first()
            or ""
        )
    lines = ShipmentLine.objects.filter(shipment__in=parcels).select_related("line")
    units: dict[str, int] = {}
    for row in lines:
        units[row.line.external_id] = units.get(row.line.external_id, 0) + row.quantity
    wanted = {
        line.external_id: line.quantity - line.cancelled for line in order.lines.all() if line.needs_stock
    }
    return ShipmentUpdate(
        ref=update.ref,
        event=event,
        order_external_id=order.external_id,
        carrier_name=carrier.name if carrier else "",
        carrier_code=code,
        tracking_number=", ".join(numbers),
        tracking_url=shipment.tracking_link,
        lines=units,
        is_whole_order=all(units.get(key, 0) >= quantity for key, quantity in wanted.items()),
        shipped_at=shipment.handed_over_at or order.shipped_at,
        shipment_external_id=shipment.external_id,
        native_status=update.native_status,
        leaves_rest=event == E.SHIPPED and order.shipped_at is None,
    )


def _keep(connection: Connection, message: OutboxMessage, subject: _Subject, answer: Outcome) -> None:
    """The channel's answer goes into the timeline; a cancellation that it agreed to is settled."""
    order = subject.order
    assert order is not None
    event = E(message.topic)
    if answer.ok:
        text = _("%(store)s was told: %(what)s.") % {"store": connection.name, "what": WORDS[event]}
        text = f"{text} {answer.note}" if answer.note else text
    else:
        text = _("%(store)s refused “%(what)s”: %(why)s") % {
            "store": connection.name,
            "what": WORDS[event],
            "why": answer.error,
        }
    data = {"topic": message.topic, "message": message.pk, "ok": answer.ok, "external_id": answer.external_id}
    if answer.ok and event == E.CANCELLED:
        with transaction.atomic():
            work_set = UnitOfWork.load([order.pk])
            for work in work_set.works:
                if work.order.cancel_asked_by == CancelParty.SELLER and work.order.cancelled_at is None:
                    end_as_cancelled(work, work_set)
                work.add_event("told", text, **data)
            work_set.flush(channel(connection.name))
        return
    told = OrderEvent.objects.filter(order=order, kind="told", data__message=message.pk, data__ok=answer.ok)
    if not (message.is_uncertain and told.exists()):  # a worker that died just after it wrote this
        OrderEvent.objects.create(order=order, kind="told", text=text[:300], actor=Actor.CHANNEL, data=data)
    shipment = subject.shipment
    is_split = connection.spec.supports(Capability.SPLIT_SHIPMENTS)
    if answer.ok and answer.external_id and shipment is not None and is_split and not shipment.external_id:
        Shipment.objects.filter(pk=shipment.pk, external_id="").update(external_id=answer.external_id[:120])


def _is_left(connection: Connection, message: OutboxMessage) -> bool:
    """Whether the store was just found to be one that this cannot be told of."""
    return is_entered_by_hand(Connection.objects.get(pk=connection.pk), E(message.topic))


def _natives(connection: Connection) -> dict[FulfilmentEvent, str]:
    """The status that the store's own map writes for each event; '' leaves it to the channel's table."""
    entries = list(status_map(connection).values())
    return {event: native_for(entries, event) for event in E}


def _status_names(connection: Connection) -> dict[str, str]:
    return {entry.external_id: entry.name for entry in status_map(connection).values()}

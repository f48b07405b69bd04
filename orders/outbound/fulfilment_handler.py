"""Send the events of orders to a channel.

The facts are read at the moment of sending. Before a message is repeated whose answer was lost, the channel is asked
whether it has it already. The answer goes into the timeline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import NotSupported, Rejected
from channels.contract.records.orders import FulfilmentEvent
from channels.contract.records.updates import Outcome, ShipmentUpdate
from channels.contract.spec import Capability
from channels.models import Connection, OutboxMessage
from channels.pull.single_records import request_orders
from channels.push.outbox import PlanLine
from channels.stores.status_map import native_for, status_map
from oms.kit.authors.actors import channel
from oms.kit.models import Problem
from orders import problem_codes
from orders.choices import EVENT_LABELS, Actor, CancelParty, ShipmentState
from orders.domain.lifecycle import end_as_cancelled
from orders.models import CarrierMap, Handover, Order, OrderEvent, Shipment, ShipmentLine
from orders.outbound import kit_shipments
from orders.outbound.stock_resend import resend_stock
from orders.unit_of_work.announcements import held_back_reason, is_entered_by_hand, leave_to_staff
from orders.unit_of_work.handovers import announce
from orders.unit_of_work.unit_of_work import UnitOfWork

E = FulfilmentEvent


@dataclass(frozen=True, slots=True)
class _Subject:
    """What a message is about, by the facts of now. `not_needed` is the reason why it need not be sent any more."""

    order: Order | None
    shipment: Shipment | None = None
    shipments: tuple[Shipment, ...] = ()
    not_needed: str = ""


def reference(connection: Connection, message: OutboxMessage) -> str:
    """Return the name of a message on the channel: the same when it is repeated, different in another installation."""
    return f"{connection.birthmark}-{message.key}"


class FulfilmentHandler:
    """The outbox handler of every `FulfilmentEvent`."""

    def send(
        self, connection: Connection, messages: Sequence[OutboxMessage], adapter: ChannelAdapter
    ) -> Sequence[Outcome]:
        """Send these messages one by one, in their sequence; the adapter raises a failure of the whole store."""
        native_statuses = _native_statuses(connection)
        outcomes = []
        for message in messages:
            subject = _subject_of(connection, message)
            if subject.order is None or subject.not_needed:
                note = subject.not_needed or _("The order no longer exists.")
                outcomes.append(Outcome(str(message.pk), note=note, is_written=False))
                continue
            update = _update(connection, message, subject, native_statuses)
            if _names_nothing(connection, subject, update):
                nothing = Outcome(str(message.pk), note=_kit_incomplete(), is_written=False)
                _record_answer(connection, message, subject, nothing)
                _accept_handovers(subject)
                outcomes.append(nothing)
                continue
            answer = adapter.look_up(update) if message.is_uncertain else None
            if answer is None:
                try:
                    answer = adapter.push_fulfilment(update)
                except (Rejected, NotSupported) as error:
                    answer = Outcome(update.ref, error=error)
            _record_answer(connection, message, subject, answer)
            if isinstance(answer.error, Rejected):
                # The channel may not have the order any more: asked for by its id, it says so.
                request_orders(connection, [subject.order.external_id])
            if isinstance(answer.error, NotSupported) and _must_be_entered_by_hand(connection, message):
                leave_to_staff(connection)
            if answer.ok and subject.shipment is not None:
                _accept_handovers(subject)
            if answer.ok and answer.moves_stock:
                resend_stock(connection, order_ids=[subject.order.pk])
            outcomes.append(
                Outcome(
                    str(message.pk),
                    error=answer.error,
                    external_id=answer.external_id,
                    note=answer.note,
                    is_written=answer.is_written,
                )
            )
        return outcomes

    def plan(self, connection: Connection, messages: Sequence[OutboxMessage]) -> Sequence[PlanLine]:
        """Return what would be sent, one line per message."""
        native_statuses, names = _native_statuses(connection), _status_names(connection)
        lines = []
        for message in messages:
            subject = _subject_of(connection, message)
            if subject.order is None:
                continue
            event = E(message.topic)
            native = native_statuses.get(event, "")
            new = names.get(native, native) or str(EVENT_LABELS[event])
            update = _update(connection, message, subject, native_statuses)
            not_needed = subject.not_needed
            if _names_nothing(connection, subject, update):
                not_needed = not_needed or _kit_incomplete()
            if update.tracking_number:
                new = f"{new}, {update.carrier_name} {update.tracking_number}".strip()
            lines.append(
                PlanLine(
                    message_id=message.pk,
                    what=_("Order %(order)s") % {"order": subject.order},
                    old=subject.order.remote_status_name,
                    new=_("nothing: %(reason)s") % {"reason": not_needed} if not_needed else new,
                    why=str(EVENT_LABELS[event]),
                )
            )
        return lines


def _subject_of(connection: Connection, message: OutboxMessage) -> _Subject:
    """Return the order and the shipments of a message, and whether it is still needed."""
    event = E(message.topic)
    if event in (E.ACCEPTED, E.COMPLETED, E.CANCELLED, E.DELIVERED):
        order = Order.objects.filter(pk=message.subject).first()
        if order is not None and event == E.CANCELLED:
            if order.cancel_asked_by != CancelParty.SELLER:
                return _Subject(order, not_needed=_("The cancellation was withdrawn."))
            if order.cancelled_at is not None:
                return _Subject(order, not_needed=_("The order is already cancelled."))
        if order is not None and event == E.ACCEPTED and order.cancelled_at:
            return _Subject(order, not_needed=_("The order is cancelled."))
        return _Subject(order)
    shipment = (
        Shipment.objects.select_related("order", "carrier", "warehouse").filter(pk=message.subject).first()
    )
    if shipment is None:
        return _Subject(None)
    order = shipment.order
    if shipment.state == ShipmentState.CANCELLED:
        return _Subject(order, shipment, not_needed=_("The shipment was cancelled."))
    if order.cancelled_at is not None:
        return _Subject(order, shipment, not_needed=_("The order is cancelled."))
    # The setting may have changed since the message was written.
    is_shipped = shipment.state in (ShipmentState.HANDED_OVER, ShipmentState.DELIVERED)
    if reason := held_back_reason(connection, event, is_shipped=is_shipped):
        return _Subject(order, shipment, not_needed=reason)
    live = order.shipments.select_related("carrier").exclude(state=ShipmentState.CANCELLED).order_by("number")
    return _Subject(order, shipment, tuple(live))


def _update(
    connection: Connection,
    message: OutboxMessage,
    subject: _Subject,
    native_statuses: dict[FulfilmentEvent, str],
) -> ShipmentUpdate:
    """Return what the channel is sent. Without split shipments it gets the tracking numbers of all shipments together."""
    event, order, shipment = E(message.topic), subject.order, subject.shipment
    assert order is not None
    update = ShipmentUpdate(
        ref=reference(connection, message),
        event=event,
        order_external_id=order.external_id,
        reason=order.cancel_reason if event == E.CANCELLED else "",
        shipped_at=order.shipped_at,
        native_status=native_statuses.get(event, ""),
    )
    if shipment is None:
        return update
    is_split = connection.spec.supports(Capability.SPLIT_SHIPMENTS)
    shipments = (shipment,) if is_split else subject.shipments or (shipment,)
    carrier = shipment.carrier
    code = ""
    if carrier is not None:
        code = (
            CarrierMap.objects.filter(connection=connection, carrier=carrier)
            .values_list("external_id", flat=True)
            .first()
            or ""
        )
    lines = ShipmentLine.objects.filter(
        shipment__in=shipments, line__needs_parcel=True, line__is_added=False
    ).select_related("line")
    units: dict[str, int] = {}
    in_kits: list[ShipmentLine] = []
    for row in lines:
        if row.line.parent_id:
            in_kits.append(row)
        else:
            units[row.line.external_id] = units.get(row.line.external_id, 0) + row.quantity
    ordered = list(order.lines.all())
    if in_kits:
        complete = kit_shipments.complete_kits(
            ordered, in_kits, subject.shipments, shipment if is_split else None
        )
        units |= complete
        if is_split:
            shipments = (*kit_shipments.earlier(ordered, complete, subject.shipments, shipment), shipment)
    numbers = list(dict.fromkeys(row.tracking_number for row in shipments if row.tracking_number))
    kits = {line.parent_id for line in ordered if line.parent_id}
    wanted = {
        line.external_id: line.quantity - line.cancelled
        for line in ordered
        if (line.needs_stock or line.pk in kits)
        and not line.parent_id
        and line.needs_parcel
        and not line.is_added
    }
    return ShipmentUpdate(
        ref=update.ref,
        event=event,
        order_external_id=order.external_id,
        carrier_name=carrier.name if carrier else "",
        carrier_code=code,
        tracking_number=kit_shipments.joined(numbers, connection.spec.most_tracking),
        tracking_url=shipment.tracking_link,
        lines=units,
        is_whole_order=all(units.get(key, 0) >= quantity for key, quantity in wanted.items()),
        shipped_at=shipment.handed_over_at or order.shipped_at,
        shipment_external_id=shipment.external_id,
        native_status=update.native_status,
        leaves_rest=event == E.SHIPPED and order.shipped_at is None,
    )


def _names_nothing(connection: Connection, subject: _Subject, update: ShipmentUpdate) -> bool:
    """Return whether a shipment completes no line of the channel: it has components of kits whose other parts are elsewhere."""
    return (
        subject.shipment is not None
        and not update.lines
        and not update.is_whole_order
        and connection.spec.supports(Capability.SPLIT_SHIPMENTS)
        and subject.shipment.lines.filter(line__parent__isnull=False, line__is_added=False).exists()
    )


def _kit_incomplete() -> str:
    return _(
        "It has components of a kit whose others are in another shipment. The kit is sent with the last of them."
    )


def _record_answer(
    connection: Connection, message: OutboxMessage, subject: _Subject, answer: Outcome
) -> None:
    """Write the channel's answer into the timeline. A cancellation that it accepted ends the order."""
    order = subject.order
    assert order is not None
    event = E(message.topic)
    if answer.ok and not answer.is_written:
        text = _("Nothing was sent to %(store)s for “%(event)s”") % {
            "store": connection.name,
            "event": EVENT_LABELS[event],
        }
        text = f"{text}: {answer.note}" if answer.note else text
    elif answer.ok:
        text = _("Sent to %(store)s: %(event)s") % {"store": connection.name, "event": EVENT_LABELS[event]}
        text = f"{text}. {answer.note}" if answer.note else text
    else:
        text = _("%(store)s rejected “%(event)s”: %(error)s") % {
            "store": connection.name,
            "event": EVENT_LABELS[event],
            "error": answer.error,
        }
    data = {"topic": message.topic, "message": message.pk, "ok": answer.ok, "external_id": answer.external_id}
    if answer.ok and event == E.CANCELLED:
        with transaction.atomic():
            unit = UnitOfWork.load([order.pk])
            for order_state in unit.order_states:
                if (
                    order_state.order.cancel_asked_by == CancelParty.SELLER
                    and order_state.order.cancelled_at is None
                ):
                    end_as_cancelled(order_state, unit)
                order_state.add_event("told", text, **data)
            unit.flush(channel(connection.name))
        return
    _set_problem(order, event, answer, text)
    written = OrderEvent.objects.filter(
        order=order, kind="told", data__message=message.pk, data__ok=answer.ok
    )
    if not (message.is_uncertain and written.exists()):  # a worker may end just after it wrote this
        OrderEvent.objects.create(order=order, kind="told", text=text[:300], actor=Actor.CHANNEL, data=data)
    shipment = subject.shipment
    is_split = connection.spec.supports(Capability.SPLIT_SHIPMENTS)
    if answer.ok and answer.external_id and shipment is not None and is_split and not shipment.external_id:
        Shipment.objects.filter(pk=shipment.pk, external_id="").update(external_id=answer.external_id[:120])


def _accept_handovers(subject: _Subject) -> None:
    """The channel has accepted these shipments: their warehouse systems get the tracking numbers (R-WMS-01)."""
    shipments = {row.pk for row in (*subject.shipments, subject.shipment) if row is not None}
    with transaction.atomic():
        rows = Handover.objects.filter(shipment__in=shipments, accepted_at=None)
        waiting = list(rows.filter(shipment__state__in=(ShipmentState.READY, ShipmentState.HANDED_OVER)))
        Handover.objects.filter(pk__in=[row.pk for row in waiting]).update(accepted_at=timezone.now())
        announce(waiting)


def _set_problem(order: Order, event: FulfilmentEvent, answer: Outcome, text: str) -> None:
    """Open a problem of the order for an event on the way to the buyer that the channel rejected; end it when it is sent."""
    if event not in (E.READY_TO_SHIP, E.SHIPPED):
        return
    is_open = Problem.objects.open().filter(
        code=problem_codes.REFUSED_BY_CHANNEL, subject_kind=problem_codes.SUBJECT, subject_id=order.pk
    )
    if not (isinstance(answer.error, Rejected) or (answer.ok and is_open.exists())):
        return
    with transaction.atomic():
        unit = UnitOfWork.load([order.pk])
        for order_state in unit.order_states:
            if answer.ok:
                order_state.close_problem(problem_codes.REFUSED_BY_CHANNEL, _("It was sent."))
            elif not order_state.is_ended:
                order_state.open_problem(problem_codes.REFUSED_BY_CHANNEL, text)
        unit.flush(channel(order.connection.name))


def _must_be_entered_by_hand(connection: Connection, message: OutboxMessage) -> bool:
    """Return whether the store has just been found to refuse this event, so that a person must enter it."""
    return is_entered_by_hand(Connection.objects.get(pk=connection.pk), E(message.topic))


def _native_statuses(connection: Connection) -> dict[FulfilmentEvent, str]:
    """Return the status that the store's status map sets for each event; "" for the default of the channel."""
    entries = list(status_map(connection).values())
    return {event: native_for(entries, event) for event in E}


def _status_names(connection: Connection) -> dict[str, str]:
    """Return the names of the store's statuses by id."""
    return {entry.external_id: entry.name for entry in status_map(connection).values()}

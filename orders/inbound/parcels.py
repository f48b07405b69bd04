"""Record what a carrier, a person, a file or a program says about a parcel (R-SHIP-06), and move its order.

The same event again is stored once. The state of a parcel is computed from all its events by their time, so that one that
comes late or out of order leads to the same state. Facts are recorded whatever holds or problems the order has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.carriers.records import ParcelEventRecord, ParcelState
from channels.contract.carriers.spec import CarrierCapability
from channels.contract.records.orders import FulfilmentEvent
from channels.models import Connection
from channels.push import outbox
from channels.push.topics import Topic
from oms.kit.authors.actors import SYSTEM, Author
from orders import problem_codes
from orders.choices import PARCEL_ENDED, LabelState, ParcelStatus, ShipmentState
from orders.domain import shipments as domain_shipments
from orders.domain.carriers import note_in_use
from orders.domain.moves import refusal
from orders.errors import OrderError
from orders.inbound.wms import shipping as wms_shipping
from orders.models import LabelPurchase, Parcel, ParcelEvent, Shipment
from orders.unit_of_work.announcements import may_send
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork

P = ParcelStatus
#: How far each state is: a parcel only moves forward, except after a failed attempt or when a lost one is found.
RANK: dict[str, int] = {
    P.READY: 0,
    P.HANDED_OVER: 1,
    P.IN_TRANSIT: 2,
    P.AT_CUSTOMS: 2,
    P.OUT_FOR_DELIVERY: 3,
    P.AWAITING_COLLECTION: 3,
    P.FAILED_ATTEMPT: 3,
    P.LOST: 4,
    P.RETURNED: 5,
    P.DELIVERED: 5,
}
FINAL = (P.DELIVERED, P.RETURNED)
#: Shipments that an event of the carrier can move.
MOVABLE = (ShipmentState.PACKED, ShipmentState.READY, ShipmentState.HANDED_OVER)
#: How long until the carrier is asked again, by the state of the parcel; others after 4 hours.
POLL = {P.OUT_FOR_DELIVERY: timedelta(hours=1), P.READY: timedelta(hours=6)}
POLL_OTHER = timedelta(hours=4)
#: A parcel of which nothing was heard for so long is not asked about any more.
GIVE_UP = timedelta(days=45)
BATCH_SIZE = 200


def state_of(events: Iterable[ParcelEvent]) -> tuple[str, datetime | None]:
    """Return the state of a parcel and since when, from all its events in any sequence."""
    state, since = str(P.READY), None
    for event in sorted(events, key=lambda each: (each.at, RANK.get(each.state, 0), each.code)):
        if not event.state or state in FINAL:
            continue
        is_free = state in (P.FAILED_ATTEMPT, P.LOST) and event.state not in (P.READY, P.HANDED_OVER)
        if is_free or RANK[event.state] >= RANK[state]:
            if event.state != state or since is None:
                since = event.at
            state = event.state
    return state, since


def record(
    *,
    shipment_id: int,
    events: Sequence[ParcelEventRecord],
    source: str,
    by: Author,
    expected: datetime | None = None,
) -> int:
    """Record events of a parcel and what follows for its order; return how many were new.

    Raises `OrderError` when there is no such shipment.
    """
    known = set(ParcelEvent.objects.filter(parcel=shipment_id).values_list("code", "at"))
    new = {(one.code[:60], one.at): one for one in events if (one.code[:60], one.at) not in known}
    if expected is not None:
        Parcel.objects.filter(shipment=shipment_id).exclude(expected_at=expected).update(expected_at=expected)
    if not new:
        return 0
    with transaction.atomic():
        order_id = Shipment.objects.filter(pk=shipment_id).values_list("order", flat=True).first()
        if order_id is None:
            raise OrderError(_("There is no such shipment."))
        unit = UnitOfWork.load([order_id])
        parcel, _made = Parcel.objects.get_or_create(shipment_id=shipment_id)
        transaction.on_commit(note_in_use)
        before = ParcelEvent.objects.filter(parcel=parcel).count()
        ParcelEvent.objects.bulk_create(
            [
                ParcelEvent(
                    parcel=parcel,
                    code=one.code[:60],
                    at=one.at,
                    state=str(one.state or ""),
                    text=one.text[:200],
                    place=one.place[:120],
                    source=source[:60],
                    received_at=unit.now,
                )
                for one in new.values()
            ],
            ignore_conflicts=True,
        )
        rows = list(ParcelEvent.objects.filter(parcel=parcel))
        parcel.state, since = state_of(rows)
        parcel.state_at, parcel.heard_at = since or unit.now, unit.now
        parcel.expected_at = expected or parcel.expected_at or _promised(unit.order_states[0], parcel)
        _apply(unit, unit.order_states[0], parcel)
        parcel.save()
        unit.flush(by)
    return len(rows) - before


def report(
    *,
    number: str,
    status: str,
    at: datetime,
    source: str,
    by: Author,
    text: str = "",
    place: str = "",
    code: str = "",
) -> bool:
    """Record what a person, a file or a program says about the parcel with a tracking number; return whether it is new.

    Raises `OrderError` for a number that no shipment or several shipments have, an unknown status, an instant without a
    time zone or more than a day ahead.
    """
    number = number.strip()
    if status not in ParcelStatus.values:
        raise OrderError(_("“%s” is no status of a parcel.") % status)
    if timezone.is_naive(at) or at > timezone.now() + timedelta(days=1):
        raise OrderError(_("The time must have a time zone and must not be in the future."))
    rows = Shipment.objects.live().filter(tracking_number=number) if number else Shipment.objects.none()
    found = list(rows.values_list("pk", flat=True)[:2])
    if not found:
        raise OrderError(_("No shipment has the tracking number “%s”.") % number)
    if len(found) > 1:
        raise OrderError(_("Several shipments have the tracking number “%s”.") % number)
    one = ParcelEventRecord(code or f"SAID_{status.upper()}", at, ParcelState(status), text, place)
    return record(shipment_id=found[0], events=[one], source=source, by=by) > 0


def _promised(order_state: OrderState, parcel: Parcel) -> datetime | None:
    """Return the end of the day by which a parcel under way is to be delivered, by the days that its carrier needs."""
    shipment = next((row for row in order_state.shipments if row.pk == parcel.shipment_id), None)
    if shipment is None or shipment.carrier is None or RANK[parcel.state] == 0:
        return None
    day = shipment.carrier.due_on(timezone.localtime(parcel.state_at).date())
    return timezone.make_aware(datetime.combine(day, time(23, 59))) if day else None


def _apply(unit: UnitOfWork, order_state: OrderState, parcel: Parcel) -> None:
    """Move the order to where its parcel is; what cannot be done yet is done later (`apply_waiting`)."""
    shipment = next((row for row in order_state.shipments if row.pk == parcel.shipment_id), None)
    if shipment is None or parcel.applied == parcel.state:
        return
    if shipment.state not in MOVABLE:
        return
    words = P(parcel.state).label
    carrier = str(shipment.carrier or _("the carrier"))
    if RANK[parcel.state] > 0 and shipment.state != ShipmentState.HANDED_OVER:
        text = _("%(carrier)s has the parcel: %(state)s") % {"carrier": carrier, "state": words}
        wms_shipping.hand_over(unit, order_state, shipment, text)
        order_state.settle()
    order_state.add_event(
        "parcel", _("Parcel S%(number)s: %(state)s") % {"number": shipment.number, "state": words}
    )
    if parcel.state == P.DELIVERED:
        _deliver(order_state, shipment, parcel.state_at)
    elif parcel.state == P.RETURNED:
        order_state.open_problem(
            problem_codes.PARCEL_RETURNED,
            _("%(carrier)s returns parcel %(number)s to the sender.")
            % {"carrier": carrier, "number": shipment.tracking_number},
            key=str(shipment.pk),
        )
    elif parcel.state == P.LOST:
        order_state.open_problem(
            problem_codes.PARCEL_LOST,
            _("Parcel %(number)s of %(carrier)s is lost.")
            % {"carrier": carrier, "number": shipment.tracking_number},
            key=str(shipment.pk),
        )
    if parcel.state not in (P.LOST, P.RETURNED):
        order_state.close_problem(problem_codes.PARCEL_LOST, _("The parcel was found."), key=str(shipment.pk))
    parcel.applied = parcel.state


def _deliver(order_state: OrderState, shipment: Shipment, at: datetime) -> None:
    """Mark a shipment as delivered, and the order with its last one; not where only the channel may do that (R-ORD-14)."""
    if order_state.connection.spec.delivers_alone:
        return
    others = [row for row in order_state.live_shipments if row is not shipment]
    is_last = all(row.state == ShipmentState.DELIVERED for row in others)
    if is_last and refusal(order_state, "mark_delivered") is None:
        domain_shipments.record_delivery(order_state, at)
        if may_send(order_state.connection, FulfilmentEvent.DELIVERED):
            order_state.send_event(FulfilmentEvent.DELIVERED, "delivered:{order}", shipment)
        order_state.add_event("mark_delivered", _("Delivered by %s") % (shipment.carrier or _("the carrier")))
    else:
        shipment.state, shipment.delivered_at = ShipmentState.DELIVERED, at


def plan_next(shipment_id: int) -> None:
    """Set when the carrier is asked about a parcel again: never after its end, or when nothing is heard any more."""
    parcel = Parcel.objects.select_related("account__connection").filter(shipment=shipment_id).first()
    if parcel is None:
        return
    now = timezone.now()
    account = parcel.account
    is_over = parcel.state in PARCEL_ENDED or parcel.heard_at < now - GIVE_UP
    can_poll = account is not None and account.spec.can(CarrierCapability.TRACK)
    following = None if is_over or not can_poll else now + POLL.get(P(parcel.state), POLL_OTHER)
    Parcel.objects.filter(pk=parcel.pk).update(poll_at=following)


# ---------------------------------------------------------------- each minute, and webhooks


def ask_due() -> int:
    """Write the messages that ask for the parcels which are due; return how many. Their carrier is called by the outbox."""
    now = timezone.now()
    rows = Parcel.objects.filter(
        poll_at__lte=now, account__connection__state=Connection.State.ACTIVE, account__isnull=False
    )
    due = list(rows.order_by("poll_at").values_list("account", "shipment")[:BATCH_SIZE])
    if due:
        with transaction.atomic():
            # A message that is lost is written again then; the answer sets an earlier time.
            Parcel.objects.filter(pk__in=[pk for _account, pk in due]).update(poll_at=now + POLL_OTHER)
            outbox.touch(Topic.CARRIER_TRACKING, due)
    return len(due)


def have_news(connection: Connection, numbers: Sequence[str]) -> None:
    """Ask a carrier now for the parcels with these numbers, because its webhook named them."""
    rows = LabelPurchase.objects.filter(
        account=connection.pk, tracking_number__in=list(numbers), state=LabelState.BOUGHT, is_return=False
    )
    outbox.touch(
        Topic.CARRIER_TRACKING, [(connection.pk, pk) for pk in rows.values_list("shipment", flat=True)]
    )


def apply_waiting() -> int:
    """Move orders whose parcel had news before their shipment could be moved; return how many."""
    rows = Parcel.objects.exclude(applied=F("state")).exclude(state=P.READY)
    rows = rows.filter(shipment__state__in=MOVABLE)
    found = list(rows.values_list("pk", "shipment__order")[:BATCH_SIZE])
    for parcel_id, order_id in found:
        with transaction.atomic():
            unit = UnitOfWork.load([order_id])
            parcel = Parcel.objects.get(pk=parcel_id)
            _apply(unit, unit.order_states[0], parcel)
            parcel.applied = parcel.state
            parcel.save(update_fields=["applied"])
            unit.flush(SYSTEM)
    return len(found)

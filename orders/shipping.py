"""The verbs of the packing table: release, pack, ready to ship, tracking, manifest, delivered, completed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from secrets import token_hex

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.base import Capability
from channels.models import Connection
from channels.records import FulfilmentEvent
from channels.wanted import want_orders
from inventory.models import Warehouse
from oms.kit.actors import SYSTEM, Author
from orders import codes, parcels
from orders.carriers import carrier_key, chosen_for
from orders.choices import OrderStatus, ShipmentState
from orders.desk import MoveOutcome, end_as_cancelled, move
from orders.errors import OrderError
from orders.models import Carrier, Manifest, Order, OrderSettings, Shipment
from orders.told import is_left_to_people, may_tell
from orders.transitions import refusal, untold
from orders.work import Work
from orders.workset import WorkSet

ACTION_WINDOW_DAYS = 14  # as OrderSettings' default, for stores that have no row of their own


def _with_reason(text: str, work: Work, name: str) -> str:
    """A sentence of the timeline with the reason why the channel does not hear of it, where it does not."""
    why = untold(work, name)
    return f"{text}. {why}" if why else text


def release_work(work: Work, work_set: WorkSet, carrier: Carrier | None) -> None:
    """New → ready for fulfilment: one parcel per warehouse that serves the order."""
    parcels.plan(work, work_set.now, carrier, home=work_set.home_of(work))
    work.say("release", _("Released for packing"))


def release(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """New → ready for fulfilment, when every unit is held (design §3)."""
    carriers: dict[int, Carrier] = {}

    def act(work_set: WorkSet, work: Work) -> str:
        if not carriers:
            carriers.update(chosen_for(work_set.works))
        release_work(work, work_set, carriers.get(id(work)))
        return ""

    return move(order_ids, "release", act, by=by)


def take_back(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """From packing back to New; the units stay held. One that the channel cancelled meanwhile is cancelled now.

    One whose lines were changed there meanwhile is read again, so that they follow (R-ORD-15).
    """

    def act(work_set: WorkSet, work: Work) -> str:
        parcels.unplan(work)
        if work.mend(codes.LATE_CANCEL, _("Taken back from packing.")):
            order = work.order
            order.cancel_asked_by = order.cancel_asked_by or "buyer"
            order.cancel_asked_at = order.cancel_asked_at or work_set.now
            end_as_cancelled(work, work_set)
            work.say("take_back", _("Taken back from packing and cancelled, as on the channel"))
            return _("The channel has cancelled this order: it is cancelled here now, too.")
        is_changed = work.mend(codes.LATE_CHANGE, _("Taken back from packing."))
        work.say("take_back", _("Taken back from packing"))
        if not is_changed:
            return ""
        # What the channel said of its lines was not taken over while it was packed, and it does not say it again.
        work.order.remote_hash = ""
        store, external_id = work.connection, work.order.external_id
        transaction.on_commit(lambda: want_orders(store, [external_id]), robust=True)
        return _("Its lines are read again from %(store)s now: look at them before it is released.") % {
            "store": store.name
        }

    return move(order_ids, "take_back", act, by=by)


def pack_work(work: Work, work_set: WorkSet) -> None:
    for shipment in work.open_shipments:
        if shipment.state == ShipmentState.PLANNED:
            shipment.state, shipment.packed_at = ShipmentState.PACKED, work_set.now
    work.say("pack", _("Packed"))


def pack(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Ready for fulfilment → packed: from here on a cancellation is too late (R-ORD-11)."""

    def act(work_set: WorkSet, work: Work) -> str:
        pack_work(work, work_set)
        return ""

    return move(order_ids, "pack", act, by=by)


def mark_ready_to_ship(
    order_ids: Collection[int], *, by: Author, tracking: Mapping[int, tuple[int | None, str]] | None = None
) -> list[MoveOutcome]:
    """Packed → ready to ship, and the channel is told at once (R-SHIP-03).

    `tracking` is order id -> (carrier id or None, tracking number). The carrier is that one, else the parcel's,
    else the store's default, else the shop's own shipping method; an order with none of them gets a problem.
    """
    given = dict(tracking or {})
    named = Carrier.objects.in_bulk({carrier_id for carrier_id, _number in given.values() if carrier_id})
    chosen: dict[int, Carrier] = {}

    def act(work_set: WorkSet, work: Work) -> str:
        if not chosen:
            chosen.update(chosen_for(work_set.works))
        carrier_id, number = given.get(work.order.pk, (None, ""))
        carrier = named.get(carrier_id) if carrier_id else None
        ready = work.open_shipments
        if any(carrier is None and row.carrier_id is None and id(work) not in chosen for row in ready):
            work.fault(
                codes.NO_CARRIER,
                _("No carrier is chosen: choose one for the parcel, or a default carrier for the store."),
            )
            work.settle()
            raise OrderError(
                _("No carrier is chosen: choose one for the parcel, or a default carrier for the store.")
            )
        for shipment in ready:
            shipment.carrier = carrier or shipment.carrier or chosen.get(id(work))
            shipment.tracking_number = number.strip()[:120] or shipment.tracking_number
            shipment.state, shipment.ready_at = ShipmentState.READY, work_set.now
        work.mend(codes.NO_CARRIER, _("A carrier was chosen."))
        work.say("ready_to_ship", _with_reason(_("Ready to ship"), work, "ready_to_ship"))
        _tell_parcels(work, ready, FulfilmentEvent.READY_TO_SHIP)
        work.order.dispatch_to_do = is_left_to_people(work.connection, FulfilmentEvent.READY_TO_SHIP)
        return untold(work, "ready_to_ship")

    return move(order_ids, "ready_to_ship", act, by=by)


def _tell_parcels(work: Work, shipments: Collection[Shipment], event: FulfilmentEvent) -> None:
    """Tell the channel of each parcel, or once of the whole order where it knows no parcels (split_shipments)."""
    if not shipments or not may_tell(work.connection, event):
        return
    if work.connection.spec.supports(Capability.SPLIT_SHIPMENTS):
        for shipment in shipments:
            work.tell(event, f"{event}:{{shipment}}:{_turn(shipment)}", shipment)
    else:
        last = max(shipments, key=lambda shipment: shipment.number)
        work.tell(event, f"{event}:{{shipment}}:{_turn(last)}", last)


def _turn(shipment: Shipment) -> int:
    """A parcel becomes ready once; the number keeps keys apart should that ever change."""
    return shipment.number


def set_tracking(*, shipment: Shipment, carrier: Carrier | None, number: str, by: Author) -> MoveOutcome:
    """Carrier and tracking number of a parcel; after ready to ship the channel is told too (R-SHIP-07)."""
    number = number.strip()
    if len(number) > 120:
        raise OrderError(_("A tracking number has at most 120 characters."))
    said, ok = "", True
    with transaction.atomic():
        work_set = WorkSet.load([shipment.order_id])
        for work in work_set.works:
            row = next(row for row in work.shipments if row.pk == shipment.pk)
            if row.state in (ShipmentState.CANCELLED, ShipmentState.DELIVERED):
                said, ok = _("This parcel is closed: its tracking number stays as it is."), False
                continue
            if (row.carrier_id, row.tracking_number) == (carrier.pk if carrier else None, number):
                continue
            row.carrier, row.tracking_number = carrier, number
            if carrier is not None:
                work.mend(codes.NO_CARRIER, _("A carrier was chosen."))
            text = _("Tracking: %(carrier)s %(number)s") % {"carrier": carrier or "–", "number": number}
            if row.state in (ShipmentState.READY, ShipmentState.HANDED_OVER) and number:
                from orders.told import why_untold

                said = why_untold(work.connection, FulfilmentEvent.TRACKING)
                if is_left_to_people(work.connection, FulfilmentEvent.TRACKING):
                    work.order.dispatch_to_do = True
                if may_tell(work.connection, FulfilmentEvent.TRACKING):
                    work.tell(
                        FulfilmentEvent.TRACKING, f"tracking:{row.pk}:{work_set.now.timestamp():.3f}", row
                    )
            work.say("tracking", f"{text}. {said}" if said else text, shipment=row.number)
        work_set.flush(by)
    return MoveOutcome(shipment.order_id, ok, said)


# ------------------------------------------------ handing over


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A manifest, and what came of each order asked for; `manifest` is None when every parcel was left off."""

    manifest: Manifest | None
    outcomes: list[MoveOutcome] = field(default_factory=list)


def create_manifest(
    *, carrier: Carrier, warehouse: Warehouse, by: Author, shipment_ids: Collection[int] | None = None
) -> HandedOver:
    """Put ready parcels of one carrier at one warehouse on a manifest and hand them over (R-SHIP-04).

    Their units leave the shelves, their orders are in transit, the channel is told. Parcels that may not leave
    (cancelled meanwhile, on hold, with a problem, another carrier or warehouse) are left off, each with its
    sentence. `shipment_ids` None = every parcel that is ready there.
    """
    outcomes: list[MoveOutcome] = []
    with transaction.atomic():
        wanted = (
            Shipment.objects.filter(pk__in=shipment_ids)
            if shipment_ids is not None
            else (
                Shipment.objects.filter(
                    state=ShipmentState.READY, manifest=None, carrier=carrier, warehouse=warehouse
                )
            )
        )
        pairs = dict(wanted.values_list("pk", "order"))
        work_set = WorkSet.load(set(pairs.values()))
        leaving: list[tuple[Work, list[Shipment]]] = []
        for work in work_set.works:
            rows = [row for row in work.shipments if row.pk in pairs]
            said = refusal(work, "hand_over") or _why_not(rows, carrier, warehouse)
            if said:
                outcomes.append(MoveOutcome(work.order.pk, False, said, work.order.number))
            else:
                leaving.append((work, rows))
        manifest = None
        if leaving:
            manifest = Manifest.objects.create(
                number=token_hex(12), carrier=carrier, warehouse=warehouse, author_id=by.user_id
            )
            # The key's sequence gives the number: two manifests made at once never share one.
            manifest.number = f"M{manifest.pk:06d}"
            manifest.save(update_fields=["number"])
        for work, rows in leaving:
            short = 0
            for row in rows:
                row.manifest = manifest
                short += parcels.hand_over(work, row, work_set.ledger(), work_set.now)
            if short:
                work.fault(
                    codes.SHIPPED_SHORT,
                    _("%(units)d units left in its parcel that are not in stock here: count the stock.")
                    % {"units": short},
                    units=short,
                )
            whole = not work.open_shipments
            text = _("Handed over to %(carrier)s on manifest %(manifest)s") % {
                "carrier": carrier,
                "manifest": manifest,
            }
            work.say("hand_over", _with_reason(text, work, "hand_over"))
            if whole or work.connection.spec.supports(Capability.SPLIT_SHIPMENTS):
                _tell_parcels(work, rows, FulfilmentEvent.SHIPPED)
            outcomes.append(MoveOutcome(work.order.pk, True, untold(work, "hand_over"), work.order.number))
        work_set.flush(by)
    return HandedOver(manifest, outcomes)


def _why_not(rows: Collection[Shipment], carrier: Carrier, warehouse: Warehouse) -> str:
    for row in rows:
        if row.state != ShipmentState.READY or row.manifest_id is not None:
            return _("This parcel is not waiting to be handed over.")
        if row.carrier_id != carrier.pk:
            return _("This parcel goes with another carrier.")
        if row.warehouse_id not in (warehouse.pk, None):
            return _("This parcel leaves from another warehouse.")
    return ""


def mark_delivered(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """In transit → delivered, by a carrier's word or by hand; the action window begins (R-ORD-12).

    Refused where the channel alone says so (R-ORD-14); where it cannot be told, the order is put on the list of those
    that somebody notes there.
    """

    def act(work_set: WorkSet, work: Work) -> str:
        parcels.deliver(work, work_set.now)
        work.say("mark_delivered", _("Delivered"))
        return ""

    return move(order_ids, "mark_delivered", act, by=by)


def note_delivered(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Tick off delivered orders that somebody has noted at a channel which cannot be told (R-ORD-14)."""

    def act(work_set: WorkSet, work: Work) -> str:
        work.order.delivery_to_do = False
        work.say("note_delivered", _("Noted at %(store)s as delivered") % {"store": work.connection.name})
        return ""

    return move(order_ids, "note_delivered", act, by=by)


def note_dispatched(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Tick off orders whose carrier and number somebody has entered at a channel that does not take them (R-SHIP-03)."""

    def act(work_set: WorkSet, work: Work) -> str:
        work.order.dispatch_to_do = False
        work.say("note_dispatched", _("Entered at %(store)s by hand") % {"store": work.connection.name})
        return ""

    return move(order_ids, "note_dispatched", act, by=by)


def complete(order_ids: Collection[int], *, by: Author, why: str = "") -> list[MoveOutcome]:
    """Delivered → completed: nothing comes back any more."""

    def act(work_set: WorkSet, work: Work) -> str:
        work.order.completed_at = work_set.now
        if may_tell(work.connection, FulfilmentEvent.COMPLETED):
            work.tell(FulfilmentEvent.COMPLETED, "completed:{order}")
        work.say("complete", _with_reason(why or _("Completed"), work, "complete"))
        return untold(work, "complete")

    return move(order_ids, "complete", act, by=by)


def complete_due(limit: int = 200) -> int:
    """Delivered orders whose store's action window has ended become completed (R-ORD-12); returns how many."""
    now = timezone.now()
    days = dict(OrderSettings.objects.values_list("connection", "action_window_days"))
    due = Q(pk__in=[])
    for store_id in Connection.objects.values_list("pk", flat=True):
        since = now - timedelta(days=days.get(store_id, ACTION_WINDOW_DAYS))
        due |= Q(connection=store_id, delivered_at__lte=since)
    rows = Order.objects.filter(due, status=OrderStatus.DELIVERED).order_by("delivered_at")
    ids = list(rows.values_list("pk", flat=True)[:limit])
    done = complete(ids, by=SYSTEM, why=_("Completed: the action window has ended")) if ids else []
    return sum(outcome.ok for outcome in done)


@transaction.atomic
def save_carrier(*, name: str, tracking_url: str = "", by: Author) -> Carrier:
    """A carrier added by hand (R-SHIP-01); one of that name that is there already is taken and updated."""
    if not name.strip():
        raise OrderError(_("A carrier needs a name."))
    if tracking_url and not tracking_url.startswith(("https://", "http://")):
        raise OrderError(_("The tracking link must begin with https://."))
    carrier, _made = Carrier.objects.get_or_create(
        key=carrier_key(name), defaults={"name": name.strip()[:120]}
    )
    if tracking_url:
        carrier.tracking_url = tracking_url.strip()
    carrier.is_own = carrier.is_active = True
    carrier.save()
    return carrier

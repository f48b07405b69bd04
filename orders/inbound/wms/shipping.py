"""What the picking, packing and dispatch of a warehouse system mean for a shipment: ready to ship, handed over, short."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.records.orders import FulfilmentEvent
from channels.contract.spec import Capability
from channels.models import OutboxMessage
from oms.kit import problems
from oms.kit.authors.actors import SYSTEM
from orders import problem_codes
from orders.choices import HandoverState, ShipmentState
from orders.domain import shipments as domain_shipments
from orders.domain.allocation import release_from_item
from orders.domain.announcing import announce_shipments, with_reason
from orders.domain.carriers import carrier_key, carriers_by_name, carriers_for
from orders.domain.lifecycle import auto_release
from orders.errors import OrderError
from orders.models import Handover, Shipment
from orders.unit_of_work.announcements import is_entered_by_hand, may_send
from orders.unit_of_work.handovers import announce
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from orders.inbound.wms.facts import Parcel, PickedLine

NOT_READY = (ShipmentState.PLANNED, ShipmentState.PACKED)
BATCH_SIZE = 100


def as_stored(parcels: Iterable[Parcel]) -> list[dict[str, Any]]:
    """Return parcels as they are stored with the hand-over."""
    return [
        {
            "tracking_number": each.tracking_number,
            "carrier": each.carrier,
            "service": each.service,
            "weight_grams": each.weight_grams,
            "size_mm": list(each.size_mm),
            "lines": dict(each.lines),
        }
        for each in parcels
    ]


def use_parcels(
    order_state: OrderState, shipment: Shipment, parcels: Sequence[Parcel], now: datetime
) -> None:
    """Use the carrier and the tracking numbers that a WMS has given; several numbers are separated by commas.

    After “ready to ship” the channel is sent a changed number, too (R-SHIP-07).
    """
    numbers = ", ".join(dict.fromkeys(each.tracking_number for each in parcels if each.tracking_number))
    name = next((each.carrier for each in parcels if each.carrier.strip()), "")
    service = next((each.service for each in parcels if each.service.strip()), "")
    if name:
        shipment.carrier = carriers_by_name([name])[carrier_key(name)]
        order_state.close_problem(problem_codes.NO_CARRIER, _("The warehouse named the carrier."))
    shipment.service = service[:120] or shipment.service
    if numbers and numbers[:120] != shipment.tracking_number:
        shipment.tracking_number = numbers[:120]
        is_ready = shipment.state == ShipmentState.READY
        if is_ready and may_send(order_state.connection, FulfilmentEvent.TRACKING):
            key = f"tracking:{shipment.pk}:{now.timestamp():.3f}"
            order_state.send_event(FulfilmentEvent.TRACKING, key, shipment)


def make_ready(unit: UnitOfWork, order_state: OrderState, shipment: Shipment) -> str:
    """Make a picked shipment ready to ship, here and on the channel; return why not, "" when it is (R-SHIP-03).

    Unlike the move that staff make it is for one shipment: the others of the order may be in another warehouse. A channel
    without split shipments is sent “ready to ship” when the last one is ready.
    """
    if shipment.state not in NOT_READY:
        return ""
    if shipment.carrier is None:
        shipment.carrier = carriers_for([order_state]).get(id(order_state))
    if reason := _why_not_ready(order_state, shipment):
        return reason
    shipment.packed_at = shipment.packed_at or unit.now
    shipment.state, shipment.ready_at = ShipmentState.READY, unit.now
    order_state.close_problem(problem_codes.NO_CARRIER, _("A carrier was chosen."))
    order_state.add_event("ready_to_ship", with_reason(_("Ready to ship"), order_state, "ready_to_ship"))
    rest = [each for each in order_state.open_shipments if each.state in NOT_READY]
    if not rest or order_state.connection.spec.supports(Capability.SPLIT_SHIPMENTS):
        announce_shipments(order_state, [shipment], FulfilmentEvent.READY_TO_SHIP)
    if is_entered_by_hand(order_state.connection, FulfilmentEvent.READY_TO_SHIP):
        order_state.order.dispatch_to_do = True
    return ""


def _why_not_ready(order_state: OrderState, shipment: Shipment) -> str:
    """Return why a picked shipment cannot be made ready to ship; opens the problem “No carrier” where that is why."""
    if order_state.order.cancel_asked_by or order_state.is_ended:
        return _("The order is being cancelled, or has ended.")
    hold = next((hold for hold in order_state.holds if hold.lifted_at is None), None)
    if hold is not None:
        return _("On hold: %(reason)s") % {"reason": hold.reason}
    codes = [code for code in order_state.open_codes if code != problem_codes.NO_CARRIER]
    blocked = problems.blocked_moves(codes)
    if title := blocked.get("pack") or blocked.get("ready_to_ship"):
        return _("Resolve “%(problem)s” first.") % {"problem": title}
    if shipment.carrier is None:
        words = _("No carrier. Choose one for the shipment, or a default carrier for the store.")
        order_state.open_problem(problem_codes.NO_CARRIER, words)
        return words
    if order_state.settings.require_tracking and not shipment.tracking_number:
        return _("No tracking number. This store requires one: enter it first.")
    return ""


def hand_over(unit: UnitOfWork, order_state: OrderState, shipment: Shipment, text: str = "") -> None:
    """Record that a shipment has left the warehouse: its units leave the stock, and the channel is sent “shipped”.

    A shipment that was handed over before (on a manifest, or on the channel) changes nothing. `text` is the sentence of
    the timeline.
    """
    if shipment.state in (ShipmentState.HANDED_OVER, ShipmentState.DELIVERED):
        return
    is_first = shipment.state in NOT_READY  # the channel was not sent “ready to ship” yet
    shipment.packed_at = shipment.packed_at or unit.now
    shipment.ready_at = shipment.ready_at or unit.now
    if shipment.carrier is None:
        shipment.carrier = carriers_for([order_state]).get(id(order_state))
    short = domain_shipments.hand_over(order_state, shipment, unit.stock(), unit.now)
    order_state.close_problem(problem_codes.NO_CARRIER, _("The shipment has left."))
    if short:
        order_state.open_problem(
            problem_codes.SHIPPED_SHORT,
            _("%(units)d units were shipped that are not in stock in Manifold. Count the stock.")
            % {"units": short},
            units=short,
        )
    order_state.add_event(
        "hand_over",
        with_reason(text or _("Dispatched by the warehouse: %s") % shipment, order_state, "hand_over"),
    )
    is_split = order_state.connection.spec.supports(Capability.SPLIT_SHIPMENTS)
    if is_split or not order_state.open_shipments:
        if is_first:
            announce_shipments(order_state, [shipment], FulfilmentEvent.READY_TO_SHIP)
        announce_shipments(order_state, [shipment], FulfilmentEvent.SHIPPED)
    if order_state.rest_waits:
        auto_release(unit, [order_state])


# ---------------------------------------------------------------- short picks


def missing_units(order_state: OrderState, shipment: Shipment, lines: Sequence[PickedLine]) -> dict[str, int]:
    """Return the units that were not picked, by SKU. SKUs that are not named were picked.

    Raises `OrderError` for a SKU that is not in the shipment, more units than it has, or when nothing is missing.
    """
    wanted: dict[str, int] = {}
    for row in order_state.lines_of(shipment):
        sku = row.line.variant.sku if row.line.variant else row.line.sku
        wanted[sku] = wanted.get(sku, 0) + row.quantity
    missing: dict[str, int] = {}
    for line in lines:
        if line.sku not in wanted:
            raise OrderError(_("The SKU “%s” is not in this shipment.") % line.sku)
        if line.sku in missing or line.picked > wanted[line.sku]:
            raise OrderError(_("More units of “%s” are named than the shipment has.") % line.sku)
        missing[line.sku] = wanted[line.sku] - line.picked
    missing = {sku: units for sku, units in missing.items() if units}
    if not missing:
        raise OrderError(_("Name at least one SKU of which fewer units were picked."))
    return missing


def take_off(
    unit: UnitOfWork,
    order_state: OrderState,
    shipment: Shipment,
    missing: Mapping[str, int],
    lines: Sequence[PickedLine],
) -> None:
    """Release units that the warehouse did not find, and take them off its stock: no other order may get them."""
    stock = unit.stock()
    reasons = {line.sku: line.reason for line in lines}
    for line in order_state.lines:
        sku = line.variant.sku if line.variant else line.sku
        if sku not in missing or line.variant_id is None or not line.is_counted:
            continue
        for item in stock.by_variant.get(line.variant_id, ()):
            if item.warehouse_id != shipment.warehouse_id:
                continue
            units = release_from_item(order_state, stock, unit.now, stock_item_id=item.pk, units=missing[sku])
            if units:
                why = _("Short pick of order %(order)s: %(reason)s") % {
                    "order": order_state.order,
                    "reason": reasons[sku] or _("missing"),
                }
                stock.remove(item.pk, units, why)
        missing = {key: units for key, units in missing.items() if key != sku}


# ---------------------------------------------------------------- each minute


def retry_ready() -> int:
    """Make picked shipments ready whose reason against it has gone (a hold was lifted, a carrier chosen).

    Return how many became ready; a random part of those that wait, so that some that cannot do not block the others.
    """
    rows = Handover.objects.filter(
        state__in=(HandoverState.PICKED, HandoverState.PACKED), shipment__state__in=NOT_READY
    )
    order_ids = list(rows.order_by("?").values_list("shipment__order", flat=True)[:BATCH_SIZE])
    return _retry(set(order_ids)) if order_ids else 0


def _retry(order_ids: Collection[int]) -> int:
    count = 0
    with transaction.atomic():
        unit = UnitOfWork.load(order_ids)
        for order_state in unit.order_states:
            for row in order_state.handovers:
                if row.state in (HandoverState.PICKED, HandoverState.PACKED):
                    waits = row.shipment.state in NOT_READY
                    count += waits and not make_ready(unit, order_state, row.shipment)
        unit.flush(SYSTEM)
    return count


def accept_skipped() -> int:
    """Send the tracking numbers of shipments whose message to the channel was skipped or not needed; return how many."""
    sent = OutboxMessage.objects.filter(
        group=OuterRef("shipment__order"), topic=str(FulfilmentEvent.READY_TO_SHIP)
    )
    waiting = sent.filter(wanted__gt=F("sent"), skipped_at=None)
    rows = Handover.objects.open().filter(accepted_at=None, shipment__state=ShipmentState.READY)
    found = list(rows.filter(Exists(sent)).exclude(Exists(waiting)).order_by("pk")[:BATCH_SIZE])
    if found:
        with transaction.atomic():
            Handover.objects.filter(pk__in=[row.pk for row in found]).update(accepted_at=timezone.now())
            announce(found)
    return len(found)

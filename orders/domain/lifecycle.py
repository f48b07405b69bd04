"""Steps of an order in memory, which several services share: release, pack, end."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from channels.contract.records.orders import FulfilmentEvent
from orders import problem_codes
from orders.choices import CancelParty, ShipmentState
from orders.domain import shipments as domain_shipments
from orders.domain.allocation import release_stock
from orders.domain.carriers import carriers_for
from orders.domain.moves import refusal
from orders.models import Carrier
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork


def end_as_cancelled(work: OrderState, work_set: UnitOfWork) -> int:
    """The order is over: its units go back, its parcels are put away. Returns the units given back."""
    given = release_stock(work, work_set.stock(), work_set.now)
    if work.order.cancel_asked_by == CancelParty.SELLER or work.shipments:
        work.withdrawn_topics |= set(FulfilmentEvent)
    for shipment in work.open_shipments:
        shipment.state = ShipmentState.CANCELLED
    work.end_holds(work_set.now)
    for line in work.lines:
        line.cancelled = line.quantity - line.shipped
    for code in (
        problem_codes.UNKNOWN_SKU,
        problem_codes.NO_CARRIER,
        problem_codes.ADDRESS_MISSING,
        problem_codes.ADDRESS_WITHHELD,
        problem_codes.PARTLY_REFUNDED,
        problem_codes.LATE_CANCEL,
        problem_codes.LATE_CHANGE,
    ):
        work.close_problem(code, _("The order was cancelled."))
    work.order.cancelled_at = work_set.now
    return given


def release_order(work: OrderState, work_set: UnitOfWork, carrier: Carrier | None) -> None:
    """New → ready for fulfilment: one parcel per warehouse that serves the order."""
    domain_shipments.plan_shipments(work, work_set.now, carrier, home=work_set.home_of(work))
    work.add_event("release", _("Released for packing"))


def pack_order(work: OrderState, work_set: UnitOfWork) -> None:
    for shipment in work.open_shipments:
        if shipment.state == ShipmentState.PLANNED:
            shipment.state, shipment.packed_at = ShipmentState.PACKED, work_set.now
    work.add_event("pack", _("Packed"))


def auto_release(work_set: UnitOfWork, works: Iterable[OrderState]) -> None:
    """New → ready for fulfilment for the stores that want it so (`auto_release`), where nothing blocks it."""

    ready = [work for work in works if work.settings.auto_release and refusal(work, "release") is None]
    if ready:
        carriers = carriers_for(ready)
        for work in ready:
            release_order(work, work_set, carriers.get(id(work)))

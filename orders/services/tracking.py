"""Set the carrier and the tracking number of a shipment."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.utils.translation import gettext as _

from channels.contract.carriers.tracking_numbers import fault_of
from channels.contract.records.orders import FulfilmentEvent
from channels.models import Connection
from oms.kit.authors.actors import Author
from orders import problem_codes
from orders.choices import OrderStatus, ShipmentState
from orders.errors import OrderError
from orders.models import Carrier, Shipment
from orders.services.apply_moves import MoveOutcome
from orders.unit_of_work.announcements import is_entered_by_hand, may_send, reason_not_sent
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork


def expects_tracking(connection: Connection, carrier: Carrier | None) -> bool:
    """Return whether a shipment should have a tracking number: its carrier can be tracked, or the channel wants one."""
    return connection.spec.wants_tracking or bool(carrier and carrier.tracking_url)


def without_tracking(order_ids: Collection[int]) -> set[int]:
    """Return the packed orders (ids) among these that should have a tracking number and have none."""
    rows = Shipment.objects.filter(
        order__in=list(order_ids),
        order__status=OrderStatus.PACKED,
        state=ShipmentState.PACKED,
        tracking_number="",
    ).select_related("carrier", "order__connection__order_settings__default_carrier")
    found = set()
    for row in rows:
        store = row.order.connection
        settings = getattr(store, "order_settings", None)
        if expects_tracking(store, row.carrier or (settings.default_carrier if settings else None)):
            found.add(row.order_id)
    return found


def use_number(
    unit: UnitOfWork, order_state: OrderState, row: Shipment, carrier: Carrier | None, number: str
) -> str:
    """Set carrier and number of a loaded shipment, and send them from Ready to ship on; return why not, or ""."""
    message = ""
    row.carrier, row.tracking_number = carrier, number
    if carrier is not None:
        order_state.close_problem(problem_codes.NO_CARRIER, _("A carrier was chosen."))
    text = _("Tracking: %(carrier)s %(number)s") % {"carrier": carrier or "–", "number": number}
    if row.state in (ShipmentState.READY, ShipmentState.HANDED_OVER) and number:
        is_shipped = row.state == ShipmentState.HANDED_OVER
        message = reason_not_sent(order_state.connection, FulfilmentEvent.TRACKING, is_shipped=is_shipped)
        if is_entered_by_hand(order_state.connection, FulfilmentEvent.TRACKING):
            order_state.order.dispatch_to_do = True
        if may_send(order_state.connection, FulfilmentEvent.TRACKING, is_shipped=is_shipped):
            key = f"tracking:{row.pk}:{unit.now.timestamp():.3f}"
            order_state.send_event(FulfilmentEvent.TRACKING, key, row)
    order_state.add_event("tracking", f"{text}. {message}" if message else text, shipment=row.number)
    return message


def set_tracking(*, shipment: Shipment, carrier: Carrier | None, number: str, by: Author) -> MoveOutcome:
    """Set the carrier and the tracking number of a shipment.

    From Ready to ship on the channel is sent them, too (R-SHIP-07). A number that does not look like one of its carrier is
    saved; the message says what is expected. Raises `OrderError` for a number of more than 120
    characters.
    """
    number = number.strip()
    if len(number) > 120:
        raise OrderError(_("A tracking number has at most 120 characters."))
    message, ok = "", True
    with transaction.atomic():
        unit = UnitOfWork.load([shipment.order_id])
        for order_state in unit.order_states:
            row = next(row for row in order_state.shipments if row.pk == shipment.pk)
            if row.state in (ShipmentState.CANCELLED, ShipmentState.DELIVERED):
                message, ok = _("The shipment is delivered or cancelled. It cannot be changed."), False
                continue
            if (row.carrier_id, row.tracking_number) == (carrier.pk if carrier else None, number):
                continue
            message = use_number(unit, order_state, row, carrier, number)
            fault = fault_of(number, carrier.name if carrier else "")
            message = " ".join(filter(None, [fault, message]))
        unit.flush(by)
    return MoveOutcome(shipment.order_id, ok, message)

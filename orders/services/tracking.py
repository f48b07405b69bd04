"""Set the carrier and the tracking number of a shipment."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from channels.contract.records.orders import FulfilmentEvent
from oms.kit.actors import Author
from orders import problem_codes
from orders.choices import ShipmentState
from orders.errors import OrderError
from orders.models import Carrier, Shipment
from orders.services.apply_moves import MoveOutcome
from orders.unit_of_work.announcements import is_entered_by_hand, may_send, reason_not_sent
from orders.unit_of_work.unit_of_work import UnitOfWork


def set_tracking(*, shipment: Shipment, carrier: Carrier | None, number: str, by: Author) -> MoveOutcome:
    """Carrier and tracking number of a parcel; after ready to ship the channel is told too (R-SHIP-07)."""
    number = number.strip()
    if len(number) > 120:
        raise OrderError(_("A tracking number has at most 120 characters."))
    said, ok = "", True
    with transaction.atomic():
        work_set = UnitOfWork.load([shipment.order_id])
        for work in work_set.works:
            row = next(row for row in work.shipments if row.pk == shipment.pk)
            if row.state in (ShipmentState.CANCELLED, ShipmentState.DELIVERED):
                said, ok = _("This parcel is closed: its tracking number stays as it is."), False
                continue
            if (row.carrier_id, row.tracking_number) == (carrier.pk if carrier else None, number):
                continue
            row.carrier, row.tracking_number = carrier, number
            if carrier is not None:
                work.close_problem(problem_codes.NO_CARRIER, _("A carrier was chosen."))
            text = _("Tracking: %(carrier)s %(number)s") % {"carrier": carrier or "–", "number": number}
            if row.state in (ShipmentState.READY, ShipmentState.HANDED_OVER) and number:
                said = reason_not_sent(work.connection, FulfilmentEvent.TRACKING)
                if is_entered_by_hand(work.connection, FulfilmentEvent.TRACKING):
                    work.order.dispatch_to_do = True
                if may_send(work.connection, FulfilmentEvent.TRACKING):
                    work.tell(
                        FulfilmentEvent.TRACKING, f"tracking:{row.pk}:{work_set.now.timestamp():.3f}", row
                    )
            work.add_event("tracking", f"{text}. {said}" if said else text, shipment=row.number)
        work_set.flush(by)
    return MoveOutcome(shipment.order_id, ok, said)

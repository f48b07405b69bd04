"""Send that an order is shipped: once, because each call sends the buyer an e-mail (`etsy.md` §7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels.connectors.etsy import carriers
from channels.connectors.etsy.channel import SPEC
from channels.connectors.etsy.orders import OrderReader, status_id
from channels.connectors.etsy.reference_data import ShopFacts
from channels.connectors.etsy.statuses import CANCELED, REFUNDED
from channels.contract.errors import ChannelError, NotSupported, Rejected
from channels.contract.records.orders import FulfilmentEvent
from channels.contract.records.updates import Outcome, ShipmentUpdate
from channels.contract.spec import Capability

BY_HAND = gettext_lazy(
    "Etsy takes no tracking numbers from this shop (it restricts its country): enter the number in Etsy's shop "
    "manager; the order continues in Manifold."
)


class Fulfilment:
    """Sends the fulfilment events of one shop."""

    def __init__(self, facts: ShopFacts, orders: OrderReader) -> None:
        self.facts = facts
        self.client = facts.client
        self.orders = orders

    def push(self, update: ShipmentUpdate) -> Outcome:
        """Send carrier and number at ready to ship: Etsy completes the order and e-mails the buyer.

        A number that Etsy has already is never sent twice: each call is another e-mail and cannot be undone.
        """
        if update.event not in (FulfilmentEvent.READY_TO_SHIP, FulfilmentEvent.TRACKING):
            raise NotSupported(str(SPEC.reason(_CAPABILITY[update.event])))
        row = self.orders.receipt(update.order_external_id)
        if reason := _OVER.get(status_id(row, is_delivered=False)):
            return Outcome(update.ref, Rejected(str(reason), code="canceled"))
        missing = _unsent(update, row)
        if not missing and row["is_shipped"]:
            known, note = _shipment_id(update, row), _("Etsy has it already.")
            return Outcome(update.ref, external_id=known, note=note, is_written=False)
        for place, number in enumerate(missing or [""]):
            body = _shipment(update, number)
            try:
                row = self.client.json(
                    "POST",
                    self.facts.path(f"receipts/{update.order_external_id}/tracking"),
                    body,
                    repeatable=False,
                )
            except Rejected as error:
                if place:  # the order is complete with the numbers before it
                    return Outcome(
                        update.ref, external_id=_shipment_id(update, row), note=f"{number}: {error.message}"
                    )
                return Outcome(update.ref, self._refusal(error))
        return Outcome(update.ref, external_id=_shipment_id(update, row), note=_not_shown(update, row))

    def _refusal(self, error: Rejected) -> ChannelError:
        if error.code != "restricted":
            return error
        self.facts.context.note_not_offered(Capability.PUSH_READY_TO_SHIP, str(BY_HAND))
        return NotSupported(str(BY_HAND), code="restricted", detail=error.detail)

    def look_up(self, update: ShipmentUpdate) -> Outcome | None:
        """Return the outcome of an earlier call whose answer was lost, or None when it was not carried out."""
        try:
            row = self.orders.receipt(update.order_external_id)
        except Rejected as error:
            if error.code == "not_found":
                return None
            raise
        if not row["is_shipped"] or _unsent(update, row):
            return None
        return Outcome(update.ref, external_id=_shipment_id(update, row))


_OVER = {
    CANCELED: gettext_lazy("The order is cancelled at Etsy; nothing was sent."),
    REFUNDED: gettext_lazy("The order was refunded in full at Etsy before it was shipped; nothing was sent."),
}
_CAPABILITY = {
    FulfilmentEvent.SHIPPED: Capability.PUSH_SHIPPED,
    FulfilmentEvent.DELIVERED: Capability.PUSH_DELIVERED,
    FulfilmentEvent.COMPLETED: Capability.PUSH_COMPLETED,
    FulfilmentEvent.CANCELLED: Capability.PUSH_SELLER_CANCEL,
}


def _numbers(update: ShipmentUpdate) -> list[str]:
    return [number.strip() for number in update.tracking_number.split(",") if number.strip()]


def _unsent(update: ShipmentUpdate, row: Mapping[str, Any]) -> list[str]:
    known = {str(shipment["tracking_code"] or "").casefold() for shipment in row["shipments"]}
    return [number for number in _numbers(update) if number.casefold() not in known]


def _not_shown(update: ShipmentUpdate, row: Mapping[str, Any]) -> str:
    """Return a note about numbers that Etsy took and does not show: sending them again would be another e-mail."""
    if not (numbers := _unsent(update, row)):
        return ""
    return _(
        "Etsy completed the order and does not show %(numbers)s: check Etsy's shop manager, and enter the number there if it is "
        "missing."
    ) % {"numbers": ", ".join(numbers)}


def _shipment(update: ShipmentUpdate, number: str) -> dict[str, Any]:
    """Return the body of `createReceiptShipment`; without a number and a carrier it only marks the order as shipped."""
    if not number:
        return {}
    return {"tracking_code": number, "carrier_name": carriers.sent(update.carrier_code, update.carrier_name)}


def _shipment_id(update: ShipmentUpdate, row: Mapping[str, Any]) -> str:
    numbers = {number.casefold() for number in _numbers(update)}
    for shipment in row["shipments"]:
        if not numbers or str(shipment["tracking_code"]).casefold() in numbers:
            return str(shipment["receipt_shipping_id"] or "")
    return ""

"""Telling Etsy that an order is shipped: once, for each call is an e-mail to the buyer (`etsy.md` §7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from channels.connectors.etsy import carriers, mapping
from channels.connectors.etsy.listings import Listings
from channels.connectors.etsy.statuses import CANCELED, REFUNDED
from channels.contract.errors import ChannelError, NotSupported, Rejected
from channels.contract.records.orders import FulfilmentEvent
from channels.contract.records.updates import Outcome, ShipmentUpdate
from channels.contract.spec import Capability

BY_HAND = (
    "Etsy takes no tracking numbers from this shop (it restricts its country): enter the number in Etsy's shop "
    "manager; the order goes on here."
)


class Fulfilment(Listings):
    """The part of Etsy's adapter that ships orders."""

    def receipt(self, receipt_id: str) -> Any:
        return self.client.get(f"/shops/{self.shop_id}/receipts/{receipt_id}")

    def push_fulfilment(self, update: ShipmentUpdate) -> Outcome:
        """Ready to ship: carrier and number go to Etsy, which completes the order and writes to the buyer.

        What Etsy has already is never sent twice: each call is another e-mail and cannot be taken back.
        """
        if update.event not in (FulfilmentEvent.READY_TO_SHIP, FulfilmentEvent.TRACKING):
            raise NotSupported(str(self.spec.reason(_CAPABILITY[update.event])))
        row = self.receipt(update.order_external_id)
        if words := _OVER.get(mapping.status_id(row, is_delivered=False)):
            return Outcome(update.ref, Rejected(words, code="canceled"))
        missing = _unsent(update, row)
        if not missing and row["is_shipped"]:
            return Outcome(update.ref, external_id=_shipment_id(update, row), note="Etsy has it already.")
        for place, number in enumerate(missing or [""]):
            body = _shipment(update, number)
            try:
                row = self.client.json(
                    "POST",
                    f"/shops/{self.shop_id}/receipts/{update.order_external_id}/tracking",
                    body,
                    repeatable=False,
                )
            except Rejected as error:
                if place:  # the order is complete with the numbers before it: that was told
                    return Outcome(
                        update.ref, external_id=_shipment_id(update, row), note=f"{number}: {error.message}"
                    )
                return Outcome(update.ref, self._refusal(error))
        return Outcome(update.ref, external_id=_shipment_id(update, row), note=_not_shown(update, row))

    def _refusal(self, error: Rejected) -> ChannelError:
        if error.code != "restricted":
            return error
        self.context.note_not_offered(Capability.PUSH_READY_TO_SHIP, BY_HAND)
        return NotSupported(BY_HAND, code="restricted", detail=error.detail)

    def look_up(self, update: ShipmentUpdate) -> Outcome | None:
        """Whether an earlier call whose answer was lost was carried out."""
        try:
            row = self.receipt(update.order_external_id)
        except Rejected as error:
            if error.code == "not_found":
                return None
            raise
        if not row["is_shipped"] or _unsent(update, row):
            return None
        return Outcome(update.ref, external_id=_shipment_id(update, row))


_OVER = {
    CANCELED: "The order is cancelled at Etsy; nothing was sent.",
    REFUNDED: "The order was refunded in full at Etsy before it was shipped; nothing was sent.",
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
    """What the seller should know of numbers that Etsy took and does not show: sending them again is another e-mail."""
    if not (numbers := _unsent(update, row)):
        return ""
    return (
        f"Etsy completed the order and does not show {', '.join(numbers)}: look in Etsy's shop manager, and enter the "
        "number there if it is missing."
    )


def _shipment(update: ShipmentUpdate, number: str) -> dict[str, Any]:
    """The body of `createReceiptShipment`; without a number and a carrier it only marks the order as shipped."""
    if not number:
        return {}
    return {"tracking_code": number, "carrier_name": carriers.told(update.carrier_code, update.carrier_name)}


def _shipment_id(update: ShipmentUpdate, row: Mapping[str, Any]) -> str:
    numbers = {number.casefold() for number in _numbers(update)}
    for shipment in row["shipments"]:
        if not numbers or str(shipment["tracking_code"]).casefold() in numbers:
            return str(shipment["receipt_shipping_id"] or "")
    return ""

"""Send fulfilment events: shipments first, then the status (`bigcommerce.md` §5 and §10).

Mode "a" sends the shipment at ready to ship and resets the status that BigCommerce then sets to Awaiting Shipment; mode
"b" sends it at the manifest. The comment of a shipment that Manifold made is the event's reference, by which one whose
answer was lost is found again. Where BigCommerce deducts stock at shipping (§7), each step that may do so returns that
the stock figure must be sent again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from channels.connectors.bigcommerce import carriers
from channels.connectors.bigcommerce.orders import MARK
from channels.connectors.bigcommerce.reference_data import StoreFacts
from channels.connectors.bigcommerce.statuses import ALREADY, BEFORE, EVENTS, PARTIALLY_SHIPPED, SHIPPED
from channels.contract.errors import Rejected
from channels.contract.records.orders import FulfilmentEvent
from channels.contract.records.updates import Outcome, ShipmentUpdate
from oms.kit.numbers import is_whole_number

E = FulfilmentEvent


def left_to_ship(line: Mapping[str, Any]) -> int:
    """Return the units of a line that are still to be shipped: no downloads, nothing that is collected or refunded."""
    if line.get("type", "physical") != "physical" or line.get("order_pickup_method_id"):
        return 0
    done = int(line.get("quantity_shipped") or 0) + int(line.get("quantity_refunded") or 0)
    return max(int(line["quantity"]) - done, 0)


def shipment_bodies(update: ShipmentUpdate, lines: list[Any], *, country: str = "") -> list[dict[str, Any]]:
    """Return the bodies of the shipments that are still to be made, one for each delivery address."""
    by_address: dict[int, list[dict[str, int]]] = defaultdict(list)
    for line in lines:
        asked = update.lines.get(str(line["id"]), 0) if update.lines else int(line["quantity"])
        units = min(asked, left_to_ship(line))
        if units > 0 and line.get("order_address_id"):
            by_address[int(line["order_address_id"])].append(
                {"order_product_id": int(line["id"]), "quantity": units}
            )
    return [
        {
            "order_address_id": place,
            "items": items,
            "comments": f"{MARK}{update.ref}",
            **_tracking(update, country),
        }
        for place, items in by_address.items()
    ]


def _tracking(update: ShipmentUpdate, country: str) -> dict[str, str]:
    number = update.tracking_number.strip()
    if len(number) > 50:
        raise Rejected(
            _("BigCommerce takes tracking numbers of up to 50 characters."), field="tracking_number"
        )
    named = carriers.fields(
        name=update.carrier_name,
        code=update.carrier_code,
        tracking_url=update.tracking_url,
        country=country,
    )
    return {"tracking_number": number, **named}


class Fulfilment:
    """Sends the fulfilment events of one store, in its shipping mode ("a" or "b")."""

    def __init__(self, facts: StoreFacts) -> None:
        self.facts = facts
        self.client = facts.client
        self.deducts_at_shipping = facts.deducts_at_shipping  # asked before anything is sent
        self.mode = str(facts.connection.option("shipping_mode") or "a")

    # ------------------------------------------------ reading
    def order(self, order_id: str) -> Any:
        return self.client.get(f"/v2/orders/{order_id}")

    def lines(self, order_id: str) -> list[Any]:
        return self.client.v2_all(f"/v2/orders/{order_id}/products")

    def shipments(self, order_id: str) -> list[Any]:
        return self.client.v2_all(f"/v2/orders/{order_id}/shipments")

    # ------------------------------------------------ sending
    def push(self, update: ShipmentUpdate) -> Outcome:
        """Send one event; raise `Rejected` where the order's status does not allow it."""
        current = str(self.order(update.order_external_id)["status_id"])
        is_begun = (
            current == SHIPPED and update.event == E.READY_TO_SHIP and bool(self._own_shipments(update))
        )
        if current in ALREADY[update.event] and not is_begun:
            note = _("The order is already in status “%(status)s” in BigCommerce.")
            return Outcome(update.ref, note=note % {"status": self.name(current)}, is_written=False)
        if current not in BEFORE[update.event] and not is_begun:
            raise Rejected(
                _("The order is in status “%(status)s” in BigCommerce, so it was not changed.")
                % {"status": self.name(current)},
                code="status_conflict",
            )
        if update.event == E.TRACKING:
            return self._tracking_alone(update)
        made, note = "", ""
        if self._ships(update.event):
            made, note = self._ship(update)
        self._set_status(update)
        return Outcome(update.ref, external_id=made, note=note, moves_stock=self._moves_stock(update.event))

    def _moves_stock(self, event: FulfilmentEvent) -> bool:
        return self.deducts_at_shipping and (event == E.COMPLETED or self._ships(event))

    def look_up(self, update: ShipmentUpdate) -> Outcome | None:
        """Return what came of an earlier, unanswered event, or None; one that stopped after its shipment is finished."""
        if update.event == E.TRACKING:
            return None  # sending the number again changes nothing
        current = str(self.order(update.order_external_id)["status_id"])
        if self._ships(update.event):
            own = self._own_shipments(update)
            if not own and current not in ALREADY[update.event] | {self._wanted(update)}:
                return None
            if not own and update.event == E.READY_TO_SHIP:
                return None
            if own and self._missing(update, own):
                return None  # of several addresses, some have no shipment yet
            if current in BEFORE[update.event] or (own and current == SHIPPED):
                self._set_status(update)
            return Outcome(update.ref, external_id=_ids(own), moves_stock=self._moves_stock(update.event))
        done = ALREADY[update.event] | {update.native_status or EVENTS[update.event]}
        if current not in done:
            return None
        return Outcome(update.ref, moves_stock=self._moves_stock(update.event))

    def _ships(self, event: FulfilmentEvent) -> bool:
        """Whether this event makes a shipment. At the manifest a missing one is made in either mode."""
        return event == E.SHIPPED or (event == E.READY_TO_SHIP and self.mode == "a")

    def _own_shipments(self, update: ShipmentUpdate) -> list[Any]:
        """Return the BigCommerce shipments of this shipment: made for this event, or for the one before it (by the saved ids)."""
        mark, saved = f"{MARK}{update.ref}", update.shipment_external_id.split(",")
        rows = self.shipments(update.order_external_id)
        return [r for r in rows if str(r["id"]) in saved or str(r.get("comments") or "").strip() == mark]

    def _missing(self, update: ShipmentUpdate, own: Sequence[Any]) -> list[dict[str, Any]]:
        """Return the bodies of the shipments that are not in BigCommerce yet.

        An address that has its shipment gets no second one: the other units are in another shipment.
        """
        done = {int(row["order_address_id"]) for row in own}
        wanted = shipment_bodies(update, self.lines(update.order_external_id), country=self.facts.country)
        return [body for body in wanted if body["order_address_id"] not in done]

    def _ship(self, update: ShipmentUpdate) -> tuple[str, str]:
        rows = self._own_shipments(update)
        for body in self._missing(update, rows):
            rows.append(self.client.post(f"/v2/orders/{update.order_external_id}/shipments", body))
        if rows or update.event == E.SHIPPED:
            return _ids(rows), ""
        return "", _("Nothing is to be shipped: it is collected, downloaded, or already shipped.")

    def _set_status(self, update: ShipmentUpdate) -> None:
        """Read the status again, since a shipment changes it, and send the wanted one where it differs."""
        wanted = self._wanted(update)
        current = str(self.order(update.order_external_id)["status_id"])
        if current == wanted:
            return
        if update.event == E.SHIPPED and wanted == SHIPPED:
            # Parts of it may still be unshipped: read back as Shipped, they would count as shipped.
            is_part = update.leaves_rest or any(map(left_to_ship, self.lines(update.order_external_id)))
            wanted = PARTIALLY_SHIPPED if is_part else wanted
            if current == wanted:
                return
        self.client.put_once(f"/v2/orders/{update.order_external_id}", {"status_id": int(wanted)})

    def _wanted(self, update: ShipmentUpdate) -> str:
        wanted = update.native_status or EVENTS[update.event]
        if not is_whole_number(wanted):
            raise Rejected(
                _("“%(status)s” is no status of BigCommerce. Correct the store's status map.")
                % {"status": wanted}
            )
        return wanted

    def _tracking_alone(self, update: ShipmentUpdate) -> Outcome:
        """Send a number that was added or changed later to its own shipment, never to another one."""
        rows = self.shipments(update.order_external_id)
        if update.shipment_external_id:
            saved = update.shipment_external_id.split(",")
            rows = [row for row in rows if str(row["id"]) in saved]
        else:  # its id is not known: if it is the whole order, it is any shipment of Manifold's
            rows = [
                r for r in rows if update.is_whole_order and str(r.get("comments") or "").startswith(MARK)
            ]
        if not rows:
            note = _("BigCommerce has no shipment yet: the number is sent with it.")
            return Outcome(update.ref, note=note, is_written=False)
        # The former carrier is removed: provider, slug and link must not contradict each other.
        tracking = {"tracking_carrier": "", "tracking_link": "", **_tracking(update, self.facts.country)}
        for row in rows:
            self.client.put(f"/v2/orders/{update.order_external_id}/shipments/{row['id']}", tracking)
        return Outcome(update.ref, external_id=_ids(rows))

    def name(self, status_id: str) -> str:
        """Return the seller's own name of a status."""
        return self.facts.status_names.get(status_id, status_id)


def _ids(rows: Iterable[Any]) -> str:
    return ",".join(str(row["id"]) for row in rows)

"""Telling BigCommerce of an order's progress: shipments first, the status second (`bigcommerce.md` §5 and §10).

Mode A sends the shipment at ready to ship and puts the status that BigCommerce then sets back to Awaiting Shipment;
mode B sends it at the manifest. A shipment of ours carries our event's reference in its comment, so that one whose
answer was lost is found again. Where BigCommerce takes units off at shipping (§7), each step that may do so says that
our figure must be told again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from channels.connectors.bigcommerce import carriers
from channels.connectors.bigcommerce.client import BigCommerceClient
from channels.connectors.bigcommerce.mapping import MARK
from channels.connectors.bigcommerce.statuses import ALREADY, BEFORE, EVENTS, PARTIALLY_SHIPPED, SHIPPED
from channels.contract.errors import Rejected
from channels.contract.records.orders import FulfilmentEvent
from channels.contract.records.updates import Outcome, ShipmentUpdate

E = FulfilmentEvent


def left_to_ship(line: Mapping[str, Any]) -> int:
    """Units of a line that still go into a parcel: no downloads, nothing that is collected or refunded."""
    if line.get("type", "physical") != "physical" or line.get("order_pickup_method_id"):
        return 0
    gone = int(line.get("quantity_shipped") or 0) + int(line.get("quantity_refunded") or 0)
    return max(int(line["quantity"]) - gone, 0)


def parcels(update: ShipmentUpdate, lines: list[Any], *, country: str = "") -> list[dict[str, Any]]:
    """The shipments that are still to be made, one for each delivery address."""
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
        raise Rejected("BigCommerce takes tracking numbers of up to 50 characters.", field="tracking_number")
    named = carriers.fields(
        name=update.carrier_name,
        code=update.carrier_code,
        tracking_url=update.tracking_url,
        country=country,
    )
    return {"tracking_number": number, **named}


class Fulfilment:
    """The events of one store, in its mode."""

    def __init__(
        self,
        client: BigCommerceClient,
        *,
        mode: str,
        names: Mapping[str, str],
        deducts_at_shipping: bool,
        country: str = "",
    ) -> None:
        self.client = client
        self.mode = mode
        self.names = names
        self.deducts_at_shipping = deducts_at_shipping
        self.country = country

    # ------------------------------------------------ reading
    def order(self, order_id: str) -> Any:
        return self.client.get(f"/v2/orders/{order_id}")

    def lines(self, order_id: str) -> list[Any]:
        return self.client.v2_all(f"/v2/orders/{order_id}/products")

    def shipments(self, order_id: str) -> list[Any]:
        return self.client.v2_all(f"/v2/orders/{order_id}/shipments")

    # ------------------------------------------------ telling
    def push(self, update: ShipmentUpdate) -> Outcome:
        """Tell one event; raises `Rejected` where the order stands where it must not be written."""
        stands = str(self.order(update.order_external_id)["status_id"])
        is_begun = stands == SHIPPED and update.event == E.READY_TO_SHIP and bool(self._mine(update))
        if stands in ALREADY[update.event] and not is_begun:
            return Outcome(update.ref, note=f"The order already stands in “{self.name(stands)}” there.")
        if stands not in BEFORE[update.event] and not is_begun:
            raise Rejected(
                f"The order stands in “{self.name(stands)}” in BigCommerce, so it was left as it is there.",
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
        """Whether the event was carried out; one that stopped after its shipment is brought to its end."""
        if update.event == E.TRACKING:
            return None  # writing the number again changes nothing
        stands = str(self.order(update.order_external_id)["status_id"])
        if self._ships(update.event):
            mine = self._mine(update)
            if not mine and stands not in ALREADY[update.event] | {self._wanted(update)}:
                return None
            if not mine and update.event == E.READY_TO_SHIP:
                return None
            if mine and self._missing(update, mine):
                return None  # of several addresses, not all were told
            if stands in BEFORE[update.event] or (mine and stands == SHIPPED):
                self._set_status(update)
            return Outcome(update.ref, external_id=_ids(mine), moves_stock=self._moves_stock(update.event))
        done = ALREADY[update.event] | {update.native_status or EVENTS[update.event]}
        if stands not in done:
            return None
        return Outcome(update.ref, moves_stock=self._moves_stock(update.event))

    def _ships(self, event: FulfilmentEvent) -> bool:
        """Whether a shipment goes with this event. At the manifest one that is missing is made up for, in either mode."""
        return event == E.SHIPPED or (event == E.READY_TO_SHIP and self.mode == "a")

    def _mine(self, update: ShipmentUpdate) -> list[Any]:
        """The shipments of this parcel: made for this event, or for the one before it (by the ids that were kept)."""
        mark, kept = f"{MARK}{update.ref}", update.shipment_external_id.split(",")
        rows = self.shipments(update.order_external_id)
        return [r for r in rows if str(r["id"]) in kept or str(r.get("comments") or "").strip() == mark]

    def _missing(self, update: ShipmentUpdate, mine: Sequence[Any]) -> list[dict[str, Any]]:
        """What of the parcel BigCommerce has not been told. An address that has its shipment gets no second one: units
        of its lines that are left go into another parcel."""
        told = {int(row["order_address_id"]) for row in mine}
        wanted = parcels(update, self.lines(update.order_external_id), country=self.country)
        return [body for body in wanted if body["order_address_id"] not in told]

    def _ship(self, update: ShipmentUpdate) -> tuple[str, str]:
        rows = self._mine(update)
        for body in self._missing(update, rows):
            rows.append(self.client.post(f"/v2/orders/{update.order_external_id}/shipments", body))
        if rows or update.event == E.SHIPPED:
            return _ids(rows), ""
        return "", "There is nothing to send: it is collected, downloaded, or on its way already."

    def _set_status(self, update: ShipmentUpdate) -> None:
        """Read again, since a shipment moves the order by itself, and write only what differs."""
        wanted = self._wanted(update)
        stands = str(self.order(update.order_external_id)["status_id"])
        if stands == wanted:
            return
        if update.event == E.SHIPPED and wanted == SHIPPED:
            # Parts of it may still be here: read as Shipped, they would count as gone.
            is_part = update.leaves_rest or any(map(left_to_ship, self.lines(update.order_external_id)))
            wanted = PARTIALLY_SHIPPED if is_part else wanted
            if stands == wanted:
                return
        self.client.tell(f"/v2/orders/{update.order_external_id}", {"status_id": int(wanted)})

    def _wanted(self, update: ShipmentUpdate) -> str:
        wanted = update.native_status or EVENTS[update.event]
        if not wanted.isdigit():
            raise Rejected(f"“{wanted}” is no status of BigCommerce: correct the store's status map.")
        return wanted

    def _tracking_alone(self, update: ShipmentUpdate) -> Outcome:
        """A number that came or changed later goes into the parcel's own shipment, never into another parcel's."""
        rows = self.shipments(update.order_external_id)
        if update.shipment_external_id:
            kept = update.shipment_external_id.split(",")
            rows = [row for row in rows if str(row["id"]) in kept]
        else:  # its id is not known: of a parcel that is the whole order, ours can be no other
            rows = [
                r for r in rows if update.is_whole_order and str(r.get("comments") or "").startswith(MARK)
            ]
        if not rows:
            return Outcome(update.ref, note="BigCommerce has no shipment yet: the number goes with it.")
        # The carrier of before is taken out: provider, slug and link must not contradict each other.
        tracking = {"tracking_carrier": "", "tracking_link": "", **_tracking(update, self.country)}
        for row in rows:
            self.client.put(f"/v2/orders/{update.order_external_id}/shipments/{row['id']}", tracking)
        return Outcome(update.ref, external_id=_ids(rows))

    def name(self, status_id: str) -> str:
        return self.names.get(status_id, status_id)


def _ids(rows: Iterable[Any]) -> str:
    return ",".join(str(row["id"]) for row in rows)

"""The sheet of tracking numbers: the file of a carrier's own program moves the orders to Ready to ship (R-SHIP-07).

A row is one parcel. What the packing table does with a scanned number happens with a number of the file: the order is
packed and marked ready to ship. From there on the number and the carrier are set, and the channel is sent them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from oms.kit.bulk import among
from oms.kit.imports import kinds
from oms.kit.imports.kinds import Draft, RowsRefused, Session
from orders.choices import OrderStatus, ShipmentState
from orders.domain.carriers import carrier_key
from orders.domain.moves import SHIP, WORK
from orders.models import Carrier, Order, Shipment
from orders.services import moves, tracking
from orders.services.station.ship import Parcel, ship, wrong_numbers
from orders.sheets.tracking import TRACKING

#: Orders that the number moves to Ready to ship.
TO_SHIP = (OrderStatus.NEW, OrderStatus.READY_FOR_FULFILMENT, OrderStatus.PACKED)
LEFT = (ShipmentState.READY, ShipmentState.HANDED_OVER)


class TrackingPart:
    """Tracking numbers of orders that exist."""

    name = "tracking"

    def check(self, drafts: Sequence[Draft], session: Session) -> None:
        if "carriers" not in session.memory:
            session.memory["carriers"] = {
                row.key: row for row in Carrier.objects.filter(is_active=True).only("key", "name")
            }
        carriers: dict[str, Carrier] = session.memory["carriers"]
        found = _orders(str(draft.record.values.get("order") or "").lstrip("#") for draft in drafts)
        parcels: dict[int, tuple[Draft, Parcel]] = {}
        for draft in drafts:
            values = draft.record.values
            draft.name = str(values.get("order") or "").lstrip("#")
            order = self._order(draft, found.get(draft.name, []))
            carrier = carriers.get(carrier_key(str(values.get("carrier") or "")))
            if values.get("carrier") and carrier is None:
                text = _("There is no active carrier “%s”. Add it under Carriers.") % values["carrier"]
                draft.reject("carrier", "carrier-unknown", text)
            if order is None or draft.is_rejected:
                continue
            if order.pk in parcels:
                text = _("The file has several numbers for this order. Enter them on the page of the order.")
                draft.reject("order", "several-parcels", text)
                continue
            draft.subject_id = order.pk
            parcels[order.pk] = draft, Parcel(str(values["tracking"]), carrier.pk if carrier else None)
        self._settle(parcels, {order.pk: order for rows in found.values() for order in rows})

    @staticmethod
    def _order(draft: Draft, rows: Sequence[Order]) -> Order | None:
        if len(rows) == 1:
            return rows[0]
        text = _("There is no order with this number.")
        if rows:
            text = _("Several stores have an order with this number: %s.")
            text %= ", ".join(sorted(row.connection.name for row in rows))
        draft.reject("order", "order-unknown", text)
        return None

    def _settle(self, parcels: Mapping[int, tuple[Draft, Parcel]], orders: Mapping[int, Order]) -> None:
        """Say of each row what it changes, or why it cannot be applied."""
        wrong = wrong_numbers({pk: parcel for pk, (_draft, parcel) in parcels.items()})
        packed = [pk for pk in parcels if orders[pk].status == OrderStatus.PACKED]
        unpacked = [pk for pk in parcels if orders[pk].status in TO_SHIP and pk not in packed]
        outcomes = [*moves.try_move("ready_to_ship", packed), *moves.try_move("pack", unpacked)]
        impossible = {one.order_id: str(one.message) for one in outcomes if not one.ok}
        shipments = _shipments(parcels)
        for pk, (draft, parcel) in parcels.items():
            rows = shipments.get(pk, [])
            old = ", ".join(row.tracking_number for row in rows if row.tracking_number)
            if any(row.tracking_number == parcel.number for row in rows) and orders[pk].status not in TO_SHIP:
                continue  # the same file again changes nothing
            if pk in wrong:
                draft.reject("tracking", "tracking-wrong", wrong[pk][1])
            elif pk in impossible:
                draft.reject("order", "move-impossible", impossible[pk])
            elif len(rows) > 1:
                text = _("The order has %d parcels. Enter a number for each on its page.") % len(rows)
                draft.reject("order", "several-parcels", text)
            elif orders[pk].status not in TO_SHIP and not (rows and rows[0].state in LEFT):
                text = _("An order with the status “%s” cannot be shipped.") % orders[pk].get_status_display()
                draft.reject("order", "move-impossible", text)
            else:
                draft.change("tracking", old, parcel.number)
                draft.data[self.name] = {"number": parcel.number, "carrier": parcel.carrier_id}

    def verify(self, rows: Sequence[Any], session: Session, *, undo: bool) -> Mapping[int, str]:
        if undo:
            text = _(
                "A tracking number is not undone: the channel may have it. Change it on the page of the order."
            )
            return {row.pk: text for row in rows if self.name in row.data}
        return {}

    def apply(self, rows: Sequence[Any], session: Session) -> None:
        mine = {row.subject_id: row.data[self.name] for row in rows if self.name in row.data}
        orders = Order.objects.in_bulk(mine)
        to_ship = {
            pk: Parcel(each["number"], each["carrier"])
            for pk, each in mine.items()
            if pk in orders and orders[pk].status in TO_SHIP
        }
        outcomes = ship(to_ship, by=session.by, may_release=True)
        carriers = Carrier.objects.in_bulk({each["carrier"] for each in mine.values() if each["carrier"]})
        shipments = _shipments(mine)
        for pk, each in mine.items():
            if pk in to_ship:
                continue
            if len(shipments.get(pk, [])) != 1:
                raise RowsRefused(_("The order or its parcels changed meanwhile."))
            (shipment,) = shipments[pk]
            carrier = carriers.get(each["carrier"]) or shipment.carrier
            outcome = tracking.set_tracking(
                shipment=shipment, carrier=carrier, number=each["number"], by=session.by
            )
            outcomes.append(outcome)
        for outcome in outcomes:
            if not outcome.ok:
                raise RowsRefused(str(outcome.message))

    def undo(self, rows: Sequence[Any], session: Session) -> None:
        """Do nothing: `verify` refuses every row."""


def _orders(numbers: Any) -> dict[str, list[Order]]:
    """Return number → the orders of all stores that have it."""
    found: dict[str, list[Order]] = {}
    rows = Order.objects.filter(number__in={number for number in numbers if number})
    for order in rows.select_related("connection").only("number", "status", "connection__name"):
        found.setdefault(order.number, []).append(order)
    return found


def _shipments(order_ids: Any) -> dict[int, list[Shipment]]:
    """Return order → its shipments that are not cancelled, oldest first."""
    found: dict[int, list[Shipment]] = {}
    rows = (
        Shipment.objects.filter(order__in=among(set(order_ids)))
        .live()
        .select_related("carrier")
        .order_by("pk")
    )
    for row in rows:
        found.setdefault(row.order_id, []).append(row)
    return found


def rows() -> Iterator[dict[str, Any]]:
    """Yield the orders that wait for their number, for the program of a carrier."""
    found = _waiting().select_related("carrier").order_by("placed_at", "pk").only("number", "carrier__name")
    for order in found.iterator(chunk_size=2_000):
        yield {"order": order.number, "carrier": order.carrier.name if order.carrier else ""}


def _waiting() -> Any:
    return Order.objects.filter(status__in=(OrderStatus.READY_FOR_FULFILMENT, OrderStatus.PACKED))


def register() -> None:
    """Register the kind of import and export."""
    kinds.register(
        kinds.ImportKind(
            sheet=TRACKING,
            permissions=(SHIP, WORK),
            export_permission="orders.export_order",
            parts=[TrackingPart()],
            export=rows,
            export_count=lambda: _waiting().count(),
            not_stored=frozenset({"service", "date"}),
            help=gettext_lazy(
                "Tracking numbers, such as the file of a carrier's program: one row for each parcel."
            ),
        )
    )

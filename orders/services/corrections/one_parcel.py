"""Orders of one buyer to one address: offer them for one parcel. Each channel is still sent about its own order."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from channels.contract.personal import REMOVED
from oms.kit.authors.actors import Author
from orders.choices import OPEN_SHIPMENT_STATES, OrderStatus
from orders.errors import OrderError
from orders.models import Order, OrderEvent, Shipment
from orders.services.tracking import set_tracking

#: Orders that may still go into a parcel of another one, and how many are offered at most.
TOGETHER = (OrderStatus.NEW, OrderStatus.READY_FOR_FULFILMENT, OrderStatus.PACKED)
MOST = 10


def same_parcel(order: Order) -> list[Order]:
    """Return the other open orders of the same buyer (e-mail address) to the same address, oldest first; one statement.

    Nothing is guessed: an order without an e-mail address or without street and postcode has none.
    """
    if order.status not in TOGETHER or not order.customer_email or order.customer_name == REMOVED:
        return []
    wanted = _address(order.ship_to)
    if wanted is None:
        return []
    rows = Order.objects.filter(customer_email=order.customer_email, status__in=TOGETHER, holds_open=0)
    rows = rows.exclude(pk=order.pk).select_related("connection").order_by("placed_at", "pk")
    return [row for row in rows[: MOST * 5] if _address(row.ship_to) == wanted][:MOST]


def _address(ship_to: dict[str, Any]) -> tuple[str, ...] | None:
    """Return the parts of an address that must be equal; None where street or postcode is missing."""
    parts = ("name", "company", "line1", "line2", "city", "postcode", "country")
    found = tuple(" ".join(str(ship_to.get(part) or "").casefold().split()) for part in parts)
    return found if found[2] and found[5] else None


def ship_in_one_parcel(*, order_id: int, others: Collection[int], by: Author) -> str:
    """Give other orders the carrier and the tracking number of this order's parcel; return what was done.

    Each channel is sent the number for its own order, when that order is marked ready to ship. Raises `OrderError` when no
    order is chosen, when this order has no single parcel with a tracking number, and when a chosen order is not one of
    `same_parcel` any more or has no single parcel of its own. Nothing is changed then.
    """
    with transaction.atomic():
        order = Order.objects.get(pk=order_id)
        offered = {row.pk: row for row in same_parcel(order)}
        chosen = [offered[pk] for pk in dict.fromkeys(others) if pk in offered]
        if not others:
            raise OrderError(_("Choose the orders that go into this parcel."))
        if len(chosen) != len(set(others)):
            raise OrderError(_("An order has changed since you opened this page. Choose again."))
        parcel = _only_parcel(order)
        if not parcel.tracking_number:
            raise OrderError(_("Enter the tracking number of the shipment of this order first."))
        for row in chosen:
            set_tracking(
                shipment=_only_parcel(row), carrier=parcel.carrier, number=parcel.tracking_number, by=by
            )
            _note(row, order, by)
            _note(order, row, by)
    numbers = ", ".join(str(row) for row in chosen)
    return _("In one parcel with %(order)s: %(numbers)s. Each channel is sent about its own order.") % {
        "order": order,
        "numbers": numbers,
    }


def _only_parcel(order: Order) -> Shipment:
    """Return the only shipment of an order that has not left. Raises `OrderError` where it has none or several."""
    found = list(
        Shipment.objects.filter(order=order, state__in=OPEN_SHIPMENT_STATES).select_related("carrier")[:2]
    )
    if len(found) != 1:
        raise OrderError(
            _("%s has no shipment yet. Release it first.") % order
            if not found
            else _("%s has several shipments. Enter their tracking numbers on its page.") % order
        )
    return found[0]


def _note(order: Order, other: Order, by: Author) -> None:
    """Add to the timeline of an order with which one it shares its parcel."""
    OrderEvent.objects.create(
        order=order,
        kind="one_parcel",
        text=_("In one parcel with %(order)s of %(store)s") % {"order": other, "store": other.connection},
        actor=by.kind,
        author_id=by.user_id,
    )

"""Ship orders from the packing table in one step: release, pack and mark them ready to ship, each as far as it needs.

Every move is made by its service (`orders.services.packing`), with the rules of the table of moves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count
from django.utils.translation import gettext as _

from oms.kit.authors.actors import Author
from orders.choices import OrderStatus, ShipmentState
from orders.models import Order, OrderSettings, Shipment
from orders.services import packing
from orders.services.apply_moves import MoveOutcome

MOST_NUMBER = 120


@dataclass(frozen=True, slots=True)
class Parcel:
    """What was entered for one order: the tracking number, and a carrier (id) for one that has none."""

    number: str = ""
    carrier_id: int | None = None


def ship(parcels: Mapping[int, Parcel], *, by: Author, may_release: bool = False) -> list[MoveOutcome]:
    """Move orders (ids) to Ready to ship; return one outcome for each, in the order given.

    Each order is moved completely or not at all: one that cannot make the last move stays where it was. `may_release`
    is the right of the person to release New orders; only stores without a pick step allow it here.
    """
    refused = {
        pk: MoveOutcome(pk, False, text, number) for pk, (number, text) in wrong_numbers(parcels).items()
    }
    left = {pk: parcel for pk, parcel in parcels.items() if pk not in refused}
    done: dict[int, MoveOutcome] = {}
    while left:
        with transaction.atomic():
            outcomes = _move(left, by, may_release)
            failed = {outcome.order_id: outcome for outcome in outcomes if not outcome.ok}
            if failed:  # nothing half done: the others are moved again without them
                transaction.set_rollback(True)
        refused |= failed
        if not failed:
            done = {outcome.order_id: outcome for outcome in outcomes}
            break
        left = {pk: parcel for pk, parcel in left.items() if pk not in failed}
    return [done.get(pk) or refused[pk] for pk in parcels]


def wrong_numbers(parcels: Mapping[int, Parcel]) -> dict[int, tuple[str, str]]:
    """Return (order number, sentence) for each order whose tracking number is too long or belongs to another order."""
    numbers = {pk: parcel.number.strip() for pk, parcel in parcels.items() if parcel.number.strip()}
    names = dict(Order.objects.filter(pk__in=list(parcels)).values_list("pk", "number"))
    used: dict[str, dict[int, str]] = {}
    rows = Shipment.objects.filter(tracking_number__in=set(numbers.values())).live()
    for tracking, pk, name in rows.values_list("tracking_number", "order_id", "order__number"):
        used.setdefault(tracking, {})[pk] = name
    times = Counter(numbers.values())
    found: dict[int, tuple[str, str]] = {}
    for pk, number in numbers.items():
        others = [name for other, name in used.get(number, {}).items() if other != pk]
        if len(number) > MOST_NUMBER:
            text = _("A tracking number has at most 120 characters.")
        elif times[number] > 1:
            text = _("The number %s was entered for more than one order.") % number
        elif others:
            text = _("The number %(number)s is already that of order #%(order)s.") % {
                "number": number,
                "order": others[0],
            }
        else:
            continue
        found[pk] = (names.get(pk, ""), text)
    return found


def _move(parcels: Mapping[int, Parcel], by: Author, may_release: bool) -> list[MoveOutcome]:
    """Make the moves that each order needs; the orders are locked together, by primary key."""
    rows = Order.objects.filter(pk__in=list(parcels)).order_by("pk").select_for_update(of=("self",))
    status = {pk: (state, store) for pk, state, store in rows.values_list("pk", "status", "connection_id")}
    failed: dict[int, MoveOutcome] = {}
    new = [pk for pk, (state, _store) in status.items() if state == OrderStatus.NEW]
    if new:
        open_stores = set(
            OrderSettings.objects.filter(
                connection__in={status[pk][1] for pk in new}, has_pick_step=False
            ).values_list("connection_id", flat=True)
        )
        allowed = [pk for pk in new if may_release and status[pk][1] in open_stores]
        if allowed:
            _keep_failed(failed, packing.release(allowed, by=by))
        # The others get the sentence of the table: “Release the order first.”
        _keep_failed(failed, packing.pack([pk for pk in new if pk not in allowed], by=by))
    unpacked = [
        pk
        for pk, (state, _store) in status.items()
        if state in (OrderStatus.NEW, OrderStatus.READY_FOR_FULFILMENT) and pk not in failed
    ]
    if unpacked:
        _keep_failed(failed, packing.pack(unpacked, by=by))
    _refuse_shared_numbers(failed, parcels)
    rest = {pk: (parcel.carrier_id, parcel.number) for pk, parcel in parcels.items() if pk not in failed}
    outcomes = packing.mark_ready_to_ship(list(rest), by=by, tracking=rest) if rest else []
    return [*failed.values(), *outcomes]


def _keep_failed(failed: dict[int, MoveOutcome], outcomes: Collection[MoveOutcome]) -> None:
    failed |= {outcome.order_id: outcome for outcome in outcomes if not outcome.ok}


def _refuse_shared_numbers(failed: dict[int, MoveOutcome], parcels: Mapping[int, Parcel]) -> None:
    """Refuse orders with several parcels for which one number was entered: each parcel has its own."""
    numbered = [pk for pk, parcel in parcels.items() if parcel.number.strip() and pk not in failed]
    rows = Shipment.objects.filter(order__in=numbered, state=ShipmentState.PACKED).order_by()
    counted = rows.values("order_id", "order__number").annotate(count=Count("pk")).filter(count__gt=1)
    for row in counted:
        text = _("The order has %d parcels. Enter a number for each on its page.") % row["count"]
        failed[row["order_id"]] = MoveOutcome(row["order_id"], False, text, row["order__number"])

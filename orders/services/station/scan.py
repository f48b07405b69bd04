"""Pack an order by scanning its items: a wrong or surplus item is refused, the last item packs the order (R-PLUS-18)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from catalogue.models import Variant, sku_key
from oms.kit.authors.actors import person
from orders.choices import OrderStatus, ShipmentState
from orders.domain.moves import refusal
from orders.errors import OrderError
from orders.models import Order, OrderLine, OrderSettings, PackingSession, Shipment, ShipmentLine
from orders.services import packing
from orders.services.station.waves import totes_with
from orders.unit_of_work.unit_of_work import UnitOfWork

#: “100482/1”, “100482-S1”: a shipment of an order.
_SHIPMENT = re.compile(r"^(?P<order>.+?)[\s/-]+S?\d{1,3}$", re.IGNORECASE)


class TakenError(OrderError):
    """Somebody else packs the order; it can be taken over."""


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the order that is packed: `needed` units, of which `scanned` are in the parcel."""

    line: OrderLine
    needed: int
    scanned: int

    @property
    def is_complete(self) -> bool:
        """Whether all of its units are scanned."""
        return self.scanned >= self.needed


@dataclass(frozen=True, slots=True)
class Scanned:
    """The answer to one scan. `kind`: "ok", "wrong" (not of this order), "surplus", "weigh", "packed", or "refused"."""

    kind: str
    text: str
    items: Sequence[Item] = field(default_factory=tuple)


def find_orders(text: str) -> list[Order]:
    """Return the orders that a scanned code names: by order number, shipment number, tracking number or tote (“W12-3”)."""
    code = "".join(one for one in text.strip().lstrip("#") if one.isprintable())[:120]
    if not code:
        return []
    rows = Order.objects.select_related("connection").order_by("-placed_at", "-pk")
    found = list(rows.filter(number=code)[:5])
    if not found and (match := _SHIPMENT.match(code)):
        found = list(rows.filter(number=match["order"].strip())[:5])
    if not found:
        parcels = Shipment.objects.filter(tracking_number=code).live().values_list("order_id", flat=True)
        found = list(rows.filter(pk__in=list(parcels[:5])))
    return found or list(rows.filter(pk__in=totes_with(code)))


def begin(order_id: int, *, user: Any, may_release: bool = False, take_over: bool = False) -> PackingSession:
    """Begin, or go on, to pack an order. A New order of a store without a pick step is released first.

    Raises `TakenError` when another person packs it and has scanned something in the last 15 minutes, unless
    `take_over`; `OrderError` when the order cannot be packed.
    """
    with transaction.atomic():
        order = Order.objects.select_for_update(of=("self",)).filter(pk=order_id).first()
        if order is None:
            raise OrderError(_("This order no longer exists."))
        if order.status == OrderStatus.NEW and may_release and _has_no_pick_step(order):
            outcome = packing.release([order.pk], by=person(user))[0]
            if not outcome.ok:
                raise OrderError(str(outcome.message))
        (order_state,) = UnitOfWork.load([order.pk]).order_states
        if reason := refusal(order_state, "pack"):
            raise OrderError(reason)
        session, is_new = PackingSession.objects.select_related("author").get_or_create(
            order=order, defaults={"author": user}
        )
        if session.author_id != user.pk:
            if not (take_over or session.is_idle):
                raise TakenError(
                    _("%(name)s is packing this order and has scanned %(units)d units.")
                    % {"name": session.author, "units": sum(session.scanned.values())}
                )
            session.author, session.scanned, session.started_at = user, {}, timezone.now()
        if not is_new:
            session.seen_at = timezone.now()
            session.save()
        return session


def _has_no_pick_step(order: Order) -> bool:
    return OrderSettings.objects.filter(connection=order.connection_id, has_pick_step=False).exists()


def items_of(order_id: int, scanned: dict[str, int]) -> list[Item]:
    """Return the lines that are still to be packed, with their units. Two statements at most."""
    rows = ShipmentLine.objects.filter(shipment__order=order_id, shipment__state=ShipmentState.PLANNED)
    needed: dict[int, int] = {}
    for line_id, quantity in rows.order_by("line__position", "line_id").values_list("line_id", "quantity"):
        needed[line_id] = needed.get(line_id, 0) + quantity
    lines = OrderLine.objects.select_related("variant__product").in_bulk(list(needed))
    return [Item(lines[pk], units, min(scanned.get(str(pk), 0), units)) for pk, units in needed.items()]


def scan(order_id: int, code: str, *, user: Any) -> Scanned:
    """Count one scanned item (SKU or barcode) of an order that this person packs; the last one packs the order."""
    with transaction.atomic():
        session = _mine(order_id, user)
        if session is None:
            return Scanned("refused", _("You are not packing this order any more. Scan its number again."))
        items = items_of(order_id, session.scanned)
        if not items:
            return Scanned("refused", _("This order has nothing to pack any more. Somebody has moved it."))
        matching = [item for item in items if _is(item.line, code)]
        if not matching:
            return Scanned("wrong", _not_of_order(code), items)
        item = next((one for one in matching if not one.is_complete), None)
        if item is None:
            total = sum(one.needed for one in matching)
            text = _("%(sku)s is complete: %(units)d of %(units)d. Remove this one.") % {
                "sku": _name(matching[0].line),
                "units": total,
            }
            return Scanned("surplus", text, items)
        session.scanned[str(item.line.pk)] = item.scanned + 1
        session.seen_at = timezone.now()
        session.save(update_fields=["scanned", "seen_at"])
        items = items_of(order_id, session.scanned)
        if all(one.is_complete for one in items):
            if expected := expected_weight(order_id, items):
                return Scanned(
                    "weigh", _("All items are scanned. Weigh the parcel: about %d g.") % expected, items
                )
            return _pack(session, items, user)
        text = _("%(sku)s: %(scanned)d of %(needed)d.") % {
            "sku": _name(item.line),
            "scanned": item.scanned + 1,
            "needed": item.needed,
        }
        return Scanned("ok", text, items)


def expected_weight(order_id: int, items: Sequence[Item]) -> int:
    """Return the grams that the items weigh together; 0 where the store checks no weight, or a SKU has none."""
    if not items or tolerance_of(order_id) is None:
        return 0
    weights = [(item.line.variant.weight_grams if item.line.variant else None, item.needed) for item in items]
    return (
        sum((grams or 0) * units for grams, units in weights)
        if all(grams for grams, _units in weights)
        else 0
    )


def tolerance_of(order_id: int) -> int | None:
    """Return the tolerance (%) of the weight check of the order's store; None where no weight is checked."""
    rows = OrderSettings.objects.filter(connection__orders=order_id)
    return rows.values_list("weight_tolerance", flat=True).first()


def weigh(order_id: int, grams: int, *, reason: str = "", user: Any) -> Scanned:
    """Compare the weight of a parcel whose items are all scanned with what they weigh; a right one packs the order.

    A weight outside the store's tolerance is refused, unless a `reason` is given: the timeline then has both weights
    and the reason.
    """
    with transaction.atomic():
        session = _mine(order_id, user)
        if session is None:
            return Scanned("refused", _("You are not packing this order any more. Scan its number again."))
        items = items_of(order_id, session.scanned)
        if not items or not all(one.is_complete for one in items):
            return Scanned("refused", _("Scan all items before you weigh the parcel."), items)
        expected = expected_weight(order_id, items)
        allowed = expected * (tolerance_of(order_id) or 0) / 100
        if expected and abs(grams - expected) > allowed:
            facts = {"grams": grams, "expected": expected}
            if not reason.strip():
                text = (
                    _("The parcel weighs %(grams)d g, expected are %(expected)d g. Check its items.") % facts
                )
                return Scanned("wrong", text, items)
            unit = UnitOfWork.load([order_id])
            unit.order_states[0].add_event(
                "weight",
                _("Packed with %(grams)d g, expected were %(expected)d g: %(reason)s")
                % {**facts, "reason": reason.strip()},
                **facts,
            )
            unit.flush(person(user))
        return _pack(session, items, user)


def restart(order_id: int, *, user: Any) -> None:
    """Forget what was scanned of an order that this person packs."""
    PackingSession.objects.filter(order=order_id, author=user).update(scanned={}, seen_at=timezone.now())


def leave(order_id: int, *, user: Any) -> None:
    """Leave an order to others; what was scanned is forgotten."""
    PackingSession.objects.filter(order=order_id, author=user).delete()


def _mine(order_id: int, user: Any) -> PackingSession | None:
    """Return the locked session of this person, None where there is none; the order is locked before it."""
    if not Order.objects.select_for_update(of=("self",)).filter(pk=order_id).exists():
        return None
    rows = PackingSession.objects.select_for_update(of=("self",))
    return rows.filter(order=order_id, author=user).first()


def _pack(session: PackingSession, items: Sequence[Item], user: Any) -> Scanned:
    outcome = packing.pack([session.order_id], by=person(user))[0]
    if not outcome.ok:
        return Scanned("refused", str(outcome.message), items)
    session.delete()
    return Scanned("packed", _("Order #%s is packed.") % outcome.number, items)


def _is(line: OrderLine, code: str) -> bool:
    """Whether a code is the SKU or the barcode of a line."""
    key = sku_key(code)
    if not key:
        return False
    variant = line.variant
    if variant is not None and (
        variant.sku_key == key or (variant.barcode and variant.barcode == code.strip())
    ):
        return True
    return sku_key(line.sku) == key


def _name(line: OrderLine) -> str:
    return line.variant.sku if line.variant else line.sku or line.title


def _not_of_order(code: str) -> str:
    shown = "".join(one for one in code.strip() if one.isprintable())[:60]
    key = sku_key(code)
    by_code = Variant.objects.filter(barcode=shown).exclude(barcode="") if shown else Variant.objects.none()
    variant = Variant.objects.filter(sku_key=key).first() if key else None
    variant = variant or by_code.first()
    if variant is not None:
        return _("%s is not in this order. Remove it.") % variant.sku
    return _("No item of this order has the code “%s”.") % shown

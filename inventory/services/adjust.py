"""The verbs of stock, for screens, commands and the layers above. One transaction each, all or nothing.

What they stand on: `shelves` (lock, change, tell), `opening` (first stock of a SKU), `offers` (what a store may
show), `selling` (stop, holiday, policy), `mapping` (which warehouses serve a store).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from catalogue.models import Variant
from inventory import callbacks
from inventory.errors import QuantityError, Short, StockChanged, StockError
from inventory.models import StockItem, StockMovement, Warehouse
from inventory.parsing import whole
from inventory.services.opening_stock import (
    settle_doubt,
)
from inventory.stock_changes import StockChange, apply, shelves_for
from oms.kit.actors import Author

Kind = StockMovement.Kind


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One shelf to be changed by `delta` units, or counted as `set_to`; exactly one of the two."""

    variant_id: int
    warehouse_id: int
    delta: int | None = None
    set_to: int | None = None
    reason: str = ""
    kind: str = Kind.ADJUSTMENT
    reference_kind: str = ""
    reference_id: int | None = None
    was: int | None = None


def adjust(
    *,
    variant: Variant,
    warehouse: Warehouse,
    delta: Any = None,
    set_to: Any = None,
    reason: str,
    by: Author,
    kind: str = Kind.ADJUSTMENT,
    was: Any = None,
    take_back: bool = True,
) -> StockItem:
    """Change what is on a shelf, by `delta` units or to `set_to`, and say why; returns the shelf.

    Promised units that a lower count takes away are given back by their orders first (youngest first).
    Raises `StockError` / `QuantityError`, nothing changed, for a quantity that is not whole or below zero, no
    reason, or promises that cannot be taken back. With `take_back` False promised units are left alone: a count below
    them raises. `was` is the figure that the person saw: `StockChanged` when the shelf has another one now.
    """
    if (delta is None) == (set_to is None):
        raise QuantityError(_("Say either by how many units the stock changes or how many there are."))
    one = Adjustment(
        variant_id=variant.pk,
        warehouse_id=warehouse.pk,
        delta=None if delta is None else whole(delta, least=None),
        set_to=None if set_to is None else whole(set_to),
        reason=reason,
        kind=kind,
        was=None if was is None else whole(was),
    )
    return adjust_many([one], by=by, take_back=take_back)[0]


def receive(*, variant: Variant, warehouse: Warehouse, quantity: Any, reason: str, by: Author) -> StockItem:
    """Goods have come in: `quantity` is at least 1."""
    return adjust(
        variant=variant,
        warehouse=warehouse,
        delta=whole(quantity, least=1),
        reason=reason,
        by=by,
        kind=Kind.RECEIPT,
    )


def adjust_many(adjustments: Sequence[Adjustment], *, by: Author, take_back: bool = True) -> list[StockItem]:
    """Change many shelves at once, all or none; returns their rows in the order given. Constant queries.

    Shelves that do not exist yet are made. See `adjust` for what is raised.
    """
    for one in adjustments:
        if not one.reason.strip():
            raise StockError(_("Say why the stock changes."))
    try:
        with transaction.atomic():
            return _adjust(adjustments, by)
    except Short as short:
        if not take_back:
            raise StockError(_promised(short.missing)) from None
        # The orders' locks come before the shelves', so the first attempt gave its shelves back (rolled back).
        with transaction.atomic():
            callbacks.reclaim(short.missing)
            try:
                return _adjust(adjustments, by)
            except Short as still:
                raise StockError(_promised(still.missing)) from None


def _adjust(adjustments: Sequence[Adjustment], by: Author) -> list[StockItem]:
    shelves = shelves_for([(one.variant_id, one.warehouse_id) for one in adjustments])
    at = {(item.variant_id, item.warehouse_id): item for row in shelves.values() for item in row}
    on_hand = {key: item.on_hand for key, item in at.items()}
    changes: list[StockChange] = []
    for one in adjustments:
        key = (one.variant_id, one.warehouse_id)
        if one.was is not None and one.was != on_hand[key]:
            raise StockChanged(on_hand[key])
        delta = one.delta if one.delta is not None else (one.set_to or 0) - on_hand[key]
        on_hand[key] += delta
        if on_hand[key] < 0:
            raise QuantityError(
                _(
                    "%(sku)s in %(warehouse)s has %(on_hand)d on hand: %(delta)+d would leave less than nothing."
                )
                % {
                    "sku": at[key].variant.sku,
                    "warehouse": at[key].warehouse.name,
                    "on_hand": on_hand[key] - delta,
                    "delta": delta,
                }
            )
        if delta:
            changes.append(
                StockChange(
                    at[key].pk,
                    on_hand=delta,
                    kind=one.kind,
                    reason=one.reason,
                    reference_kind=one.reference_kind,
                    reference_id=one.reference_id,
                )
            )
    missing = {
        at[key].pk: at[key].allocated - units for key, units in on_hand.items() if units < at[key].allocated
    }
    if missing:
        raise Short(missing)
    apply(changes, shelves=shelves, by=by)
    counted = {one.variant_id for one in adjustments if one.set_to is not None}
    if counted:
        settle_doubt(counted)
    return [at[one.variant_id, one.warehouse_id] for one in adjustments]


def _promised(missing: Mapping[int, int]) -> str:
    item = StockItem.objects.select_related("variant", "warehouse").get(pk=min(missing))
    return _("%(held)d of %(sku)s in %(warehouse)s are promised to orders: take them back there first.") % {
        "held": item.allocated,
        "sku": item.variant.sku,
        "warehouse": item.warehouse.name,
    }

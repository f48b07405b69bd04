"""Adjust stock: change it by a number of units, count it, or receive goods. One transaction each, all or nothing.

`inventory.stock_changes` does the writing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from catalogue.models import Variant
from inventory import callbacks
from inventory.errors import BelowAllocated, QuantityError, StockChanged, StockError
from inventory.models import StockItem, StockMovement, Warehouse
from inventory.parsing import whole
from inventory.services.difference_decisions import close_counted
from inventory.services.opening_stock import resolve_uncertain
from inventory.stock_changes import StockChange, apply, ensure_stock_items, kit_has_no_stock
from oms.kit.authors.actors import Author

Kind = StockMovement.Kind


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A change of one stock item by `delta` units, or a count of `set_to` units; exactly one of the two is given.

    `was` are the units that the person saw.
    """

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
    release_allocated: bool = True,
) -> StockItem:
    """Change the stock of a variant in a warehouse by `delta` units, or set it to `set_to`; return the stock item.

    If fewer units are on hand than are allocated, allocated units are released first, from the newest orders. With
    `release_allocated` False an error is raised instead. `was` are the units on hand that the person saw.

    Raises `QuantityError` for a quantity that is not whole or is below zero, `StockChanged` when `was` is no longer
    true, `StockError` without a reason or when allocated units cannot be released. Nothing is changed then.
    """
    if (delta is None) == (set_to is None):
        raise QuantityError(_("Enter either the change in units or the new total."))
    one = Adjustment(
        variant_id=variant.pk,
        warehouse_id=warehouse.pk,
        delta=None if delta is None else whole(delta, least=None),
        set_to=None if set_to is None else whole(set_to),
        reason=reason,
        kind=kind,
        was=None if was is None else whole(was),
    )
    return adjust_many([one], by=by, release_allocated=release_allocated)[0]


def receive(*, variant: Variant, warehouse: Warehouse, quantity: Any, reason: str, by: Author) -> StockItem:
    """Add received goods to the stock; `quantity` is at least 1. Raises like `adjust`."""
    return adjust(
        variant=variant,
        warehouse=warehouse,
        delta=whole(quantity, least=1),
        reason=reason,
        by=by,
        kind=Kind.RECEIPT,
    )


def adjust_many(
    adjustments: Sequence[Adjustment], *, by: Author, release_allocated: bool = True
) -> list[StockItem]:
    """Change many stock items, all or none; return them in the order given. A constant number of statements.

    Stock items that do not exist are created. Raises like `adjust`.
    """
    for one in adjustments:
        if not one.reason.strip():
            raise StockError(_("Enter the reason of the change."))
    try:
        with transaction.atomic():
            return _adjust(adjustments, by)
    except BelowAllocated as below:
        if not release_allocated:
            raise StockError(_is_allocated(below.missing)) from None
        # Orders are locked before stock items: the first attempt was rolled back, so it holds no lock.
        with transaction.atomic():
            callbacks.reclaim(below.missing)
            try:
                return _adjust(adjustments, by)
            except BelowAllocated as still:
                raise StockError(_is_allocated(still.missing)) from None


def _adjust(adjustments: Sequence[Adjustment], by: Author) -> list[StockItem]:
    wanted = [(one.variant_id, one.warehouse_id) for one in adjustments]
    stock_items = ensure_stock_items(wanted, note_differences=True)
    item_at = {(item.variant_id, item.warehouse_id): item for row in stock_items.values() for item in row}
    on_hand = {key: item.on_hand for key, item in item_at.items()}
    changes: list[StockChange] = []
    for one in adjustments:
        key = (one.variant_id, one.warehouse_id)
        if item_at[key].merged_into:
            raise StockError(
                _("%(sku)s was merged into %(target)s. Change the stock of %(target)s.")
                % {"sku": item_at[key].variant.sku, "target": item_at[key].merged_into}
            )
        if one.was is not None and one.was != on_hand[key]:
            raise StockChanged(on_hand[key])
        delta = one.delta if one.delta is not None else (one.set_to or 0) - on_hand[key]
        if delta > 0 and item_at[key].of_kit:
            raise StockError(kit_has_no_stock(item_at[key].variant.sku))
        on_hand[key] += delta
        if on_hand[key] < 0:
            raise QuantityError(
                _("%(sku)s in %(warehouse)s has %(on_hand)d on hand. A change of %(delta)+d is not possible.")
                % {
                    "sku": item_at[key].variant.sku,
                    "warehouse": item_at[key].warehouse.name,
                    "on_hand": on_hand[key] - delta,
                    "delta": delta,
                }
            )
        if delta:
            changes.append(
                StockChange(
                    item_at[key].pk,
                    on_hand=delta,
                    kind=one.kind,
                    reason=one.reason,
                    reference_kind=one.reference_kind,
                    reference_id=one.reference_id,
                )
            )
    missing = {
        item_at[key].pk: item_at[key].allocated - units
        for key, units in on_hand.items()
        if units < item_at[key].allocated
    }
    if missing:
        raise BelowAllocated(missing)
    apply(changes, stock_items=stock_items, by=by)
    counted = {
        one.variant_id for one in adjustments if one.set_to is not None or one.reference_kind == "stock_count"
    }
    if counted:
        resolve_uncertain(counted)
    # A person has looked: an older figure of a store says less than this. Goods received say nothing about it.
    looked_at = {one.variant_id for one in adjustments if one.kind not in (Kind.RECEIPT, Kind.RETURN)}
    differing = {pk for pk in looked_at if any(item.has_difference for item in stock_items[pk])}
    if differing:
        close_counted(differing)
    return [item_at[one.variant_id, one.warehouse_id] for one in adjustments]


def _is_allocated(missing: Mapping[int, int]) -> str:
    """Return the sentence for units that are allocated and could not be released."""
    item = StockItem.objects.select_related("variant", "warehouse").get(pk=min(missing))
    return _(
        "%(allocated)d of %(sku)s in %(warehouse)s are allocated to orders. Release them on the orders first."
    ) % {
        "allocated": item.allocated,
        "sku": item.variant.sku,
        "warehouse": item.warehouse.name,
    }

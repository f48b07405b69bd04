"""The stock's part of merging two SKUs: units move from one SKU to the other inside their warehouses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import F
from django.utils.translation import gettext as _

from inventory.models import StockDifference, StockItem, StockMovement
from inventory.stock_changes import StockChange, apply, availability_changed, ensure_stock_items
from oms.kit.authors.actors import Author


@dataclass(frozen=True, slots=True)
class Units:
    """Units of one warehouse that move to the other SKU; `allocated` is the part of `on_hand` that belongs to orders."""

    on_hand: int = 0
    allocated: int = 0
    unusable: int = 0


def lock_both(source_id: int, target_id: int) -> dict[int, tuple[StockItem, StockItem]]:
    """Lock the stock items of both variants; return warehouse id -> (item of source, item of target), made where missing."""
    variants = (source_id, target_id)
    warehouses = StockItem.objects.filter(variant__in=variants).values_list("warehouse", flat=True)
    wanted = [(variant, warehouse) for warehouse in sorted(set(warehouses)) for variant in variants]
    rows = ensure_stock_items(wanted) if wanted else {}
    items = {variant: {item.warehouse_id: item for item in rows.get(variant, ())} for variant in variants}
    return {warehouse: (item, items[target_id][warehouse]) for warehouse, item in items[source_id].items()}


def move_units(
    pairs: Mapping[int, tuple[StockItem, StockItem]],
    units: Mapping[int, Units],
    *,
    reasons: tuple[str, str],
    reference_id: int,
    by: Author,
) -> None:
    """Move units from the first to the second stock item of each warehouse; `pairs` are locked by `lock_both`.

    `reasons` are the texts of the two movements, out and in. The caller moves the allocations. Raises `StockError`
    when a figure would be below zero or more would be allocated than is on hand.
    """
    changes: list[StockChange] = []
    for warehouse, moved in sorted(units.items()):
        for item, sign, reason in zip(pairs[warehouse], (-1, 1), reasons, strict=True):
            if moved.on_hand or moved.allocated:
                changes.append(
                    StockChange(
                        item.pk,
                        on_hand=sign * moved.on_hand,
                        allocated=sign * moved.allocated,
                        kind=StockMovement.Kind.TRANSFER,
                        reason=reason,
                        reference_kind="sku_merge",
                        reference_id=reference_id,
                    )
                )
            if moved.unusable:
                StockItem.objects.filter(pk=item.pk).update(unusable=F("unusable") + sign * moved.unusable)
    locked: dict[int, Sequence[StockItem]] = {}
    for item in (item for pair in pairs.values() for item in pair):
        locked[item.variant_id] = [*locked.get(item.variant_id, ()), item]
    if changes:
        apply(changes, stock_items=locked, by=by)


def forget_differences(variant_id: int) -> None:
    """Remove the open differences of a variant whose figure has become another one; imports compare again."""
    StockDifference.objects.filter(listing_variant__variant=variant_id, decided_at=None).delete()


def figures_changed(*variant_ids: int) -> None:
    """Enqueue the stock of these variants for every store that lists them, and start a refill of waiting orders."""
    availability_changed(variant_ids)


def out_and_in(source: str, target: str) -> tuple[str, str]:
    """Return the reasons of the two movements of a merge of SKU `source` into SKU `target`."""
    return _("Merged into %s") % target, _("Merged from %s") % source

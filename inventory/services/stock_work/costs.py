"""The moving average cost of a SKU: every receipt with a cost changes it, and the change is recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from django.db.models import Sum

from catalogue.models import Variant
from inventory.models import CostChange, StockItem


def average(on_hand: int, cost: Decimal | None, units: int, unit_cost: Decimal) -> Decimal:
    """Return the cost of one unit after `units` at `unit_cost` were added to `on_hand` units at `cost`.

    Without units on hand, or without a cost until now, it is that of the receipt. Four decimal places, as the column has.
    """
    if cost is None or on_hand <= 0:
        return unit_cost
    total = on_hand * cost + units * unit_cost
    return (total / (on_hand + units)).quantize(Decimal("0.0001"))


def receive_at_cost(
    received: Sequence[tuple[int, int, Decimal]], *, before: Mapping[int, int], delivery_id: int
) -> None:
    """Change the costs of variants: `received` is (variant id, units, cost of one unit), `before` the units on hand then.

    The units are those of all warehouses. Call it in the transaction of the receipt, with the stock items locked: then no
    other receipt computes with the same figures.
    """
    variants = {row.pk: row for row in Variant.objects.filter(pk__in=[one[0] for one in received])}
    changes = []
    for variant_id, units, unit_cost in received:
        variant = variants[variant_id]
        after = average(before.get(variant_id, 0), variant.cost, units, unit_cost)
        if after != variant.cost:
            changes.append(
                CostChange(
                    variant=variant,
                    before=variant.cost,
                    after=after,
                    reference_kind="delivery",
                    reference_id=delivery_id,
                )
            )
            variant.cost = after
    CostChange.objects.bulk_create(changes)
    Variant.objects.bulk_update([change.variant for change in changes], ["cost"])


def units_on_hand(variant_ids: Sequence[int]) -> dict[int, int]:
    """Return the units on hand of these variants in all warehouses; one statement."""
    rows = StockItem.objects.filter(variant__in=variant_ids).order_by().values_list("variant")
    return dict(rows.annotate(units=Sum("on_hand")))

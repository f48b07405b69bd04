"""A SKU becomes a kit while a stock change waits for its stock items (R-INV-04)."""

from __future__ import annotations

import pytest

from catalogue.models import Variant
from inventory.errors import StockError
from inventory.models import StockItem, StockMovement
from inventory.stock_changes import StockChange, apply, lock_stock_items
from tests.orders.desk import DESK, stocked

pytestmark = [pytest.mark.db, pytest.mark.django_db, pytest.mark.req("R-INV-04")]


def test_units_for_a_sku_that_became_a_kit_meanwhile_are_refused_and_nothing_is_written() -> None:
    mug, cup = stocked("MUG", leeds=0), stocked("CUP", leeds=3)
    items = lock_stock_items([mug.pk, cup.pk])
    Variant.objects.filter(pk=mug.pk).update(is_kit=True)
    movements = StockMovement.objects.count()
    changes = [
        StockChange(items[one.pk][0].pk, on_hand=2, kind="adjustment", reason="found") for one in (mug, cup)
    ]

    with pytest.raises(StockError, match="MUG"):
        apply(changes, stock_items=items, by=DESK)

    assert list(StockItem.objects.order_by("variant__sku").values_list("on_hand", flat=True)) == [3, 0]
    assert StockMovement.objects.count() == movements
    assert [items[one.pk][0].on_hand for one in (mug, cup)] == [0, 3]


def test_taking_units_off_a_sku_that_became_a_kit_is_not_refused() -> None:
    mug = stocked("MUG", leeds=3)
    items = lock_stock_items([mug.pk])
    Variant.objects.filter(pk=mug.pk).update(is_kit=True)

    apply(
        [StockChange(items[mug.pk][0].pk, on_hand=-3, kind="adjustment", reason="lost")],
        stock_items=items,
        by=DESK,
    )

    assert StockItem.objects.get().on_hand == 0

"""SKUs that are components of kits are merged and unmerged while kits are sold: nothing is lost or doubled (R-CAT-04, R-INV-06)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.extra.django import TestCase

from catalogue.errors import CatalogueError
from catalogue.models import SkuMerge, Variant
from inventory.models import StockItem
from oms.kit import doctor
from orders.models import Order, OrderLine
from orders.services import packing
from orders.services.stock import sku_merging
from tests.kits.desk import a_shop
from tests.orders.desk import DESK, comes, line, record, stocked

pytestmark = pytest.mark.django_db

SKUS = ("MUG", "BOX", "SPARE", "GIFT")
CHECKS = [name for name in doctor.names() if name.startswith(("stock_", "order_", "listed_", "skus_", "kit"))]


class AnyMergesWithKits(TestCase):
    """Merges, their undoing, orders of kits and of single SKUs, packing: in any order."""

    @pytest.mark.req("R-CAT-04", "R-PLUS-01")
    @settings(max_examples=10, deadline=None)
    @given(
        steps=some.lists(
            some.tuples(
                some.sampled_from(["merge", "undo", "order", "pack"]),
                some.integers(0, 3),
                some.integers(0, 3),
            ),
            min_size=2,
            max_size=7,
        )
    )
    def test_the_stock_and_the_money_stay(self, steps: list[tuple[str, int, int]]) -> None:
        shop = a_shop()
        stocked("SPARE", leeds=3)
        rows = {row.sku: row for row in Variant.objects.filter(sku__in=SKUS)}
        before = sum(StockItem.objects.values_list("on_hand", flat=True))
        sold = 0
        for what, one, other in steps:
            source, target = rows[SKUS[one]], rows[SKUS[other]]
            try:
                if what == "merge":
                    sku_merging.merge(source, target, by=DESK)
                elif what == "undo":
                    merge = SkuMerge.objects.filter(undone_at=None).order_by("-pk").first()
                    if merge is not None:
                        sku_merging.unmerge(merge, by=DESK)
                elif what == "order":
                    sold += 1
                    comes(shop, record(str(sold), lines=(line(f"{sold}-1", source.sku, other + 1, "9"),)))
                else:
                    waiting = list(Order.objects.filter(status="new").values_list("pk", flat=True)[:1])
                    packing.release(waiting, by=DESK)
                    packing.pack(waiting, by=DESK)
            except CatalogueError:
                pass
        assert sum(StockItem.objects.values_list("on_hand", flat=True)) == before
        assert OrderLine.objects.filter(parent=None).count() == Order.objects.count() == sold
        assert [result for result in doctor.run(CHECKS) if not result.ok] == []

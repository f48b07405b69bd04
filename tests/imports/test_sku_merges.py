"""SKUs are merged by a sheet, by the rules of the page, and unmerged by undo (R-CAT-04)."""

from __future__ import annotations

import pytest

from catalogue.models import SkuMerge, Variant
from inventory.models import StockItem
from orders.services.stock import sku_merging
from tests import factories
from tests.imports.flow import ANNA, applied, checked, confirm, reasons, undone

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("var_dir"),
    pytest.mark.req("R-CAT-04", "R-USE-02", "R-PLUS-15"),
]

HEADINGS = ["SKU", "Merge into"]


def on_hand(sku: str) -> int:
    return sum(StockItem.objects.filter(variant__sku=sku).values_list("on_hand", flat=True))


def test_rows_are_merged_and_the_same_file_again_changes_nothing() -> None:
    factories.stocked("MUG-OLD", leeds=4)
    factories.stocked("CUP-OLD", leeds=2)
    factories.stocked("MUG", leeds=1)

    found = applied("sku-merges", HEADINGS, ["mug-old", "MUG"], ["CUP-OLD", "MUG"])

    assert found.counts == {"created": 0, "updated": 2, "unchanged": 0, "rejected": 0}
    assert (on_hand("MUG"), on_hand("MUG-OLD"), on_hand("CUP-OLD")) == (7, 0, 0)
    again = checked("sku-merges", HEADINGS, ["MUG-OLD", "MUG"], ["CUP-OLD", "MUG"])
    assert again.counts == {"created": 0, "updated": 0, "unchanged": 2, "rejected": 0}
    assert SkuMerge.objects.count() == 2


def test_rows_that_cannot_be_merged_come_back_and_the_others_go_in() -> None:
    factories.stocked("MUG-OLD", leeds=4)
    factories.stocked("MUG", leeds=1)
    factories.variant("FREE", is_counted=False)

    found = applied(
        "sku-merges", HEADINGS, ["MUG-OLD", "MUG"], ["NONE", "MUG"], ["MUG", "MUG"], ["FREE", "MUG"]
    )

    assert {row: codes[0] for row, codes in reasons(found).items()} == {
        3: "sku-unknown",
        4: "merge-impossible",
        5: "merge-impossible",
    }
    assert on_hand("MUG") == 5
    assert list(Variant.objects.exclude(merged_into=None).values_list("sku", flat=True)) == ["MUG-OLD"]


def test_undo_unmerges() -> None:
    factories.stocked("MUG-OLD", leeds=4)
    factories.stocked("MUG", leeds=1)
    found = applied("sku-merges", HEADINGS, ["MUG-OLD", "MUG"])

    undone(found)

    assert (on_hand("MUG"), on_hand("MUG-OLD")) == (1, 4)
    assert SkuMerge.objects.filter(undone_at=None).count() == 0


def test_a_row_that_was_merged_since_the_check_is_refused_and_the_others_go_in() -> None:
    for sku in ("MUG-OLD", "CUP-OLD", "MUG", "BOX"):
        factories.stocked(sku, leeds=1)
    found = checked("sku-merges", HEADINGS, ["MUG-OLD", "MUG"], ["CUP-OLD", "MUG"])
    old, box = Variant.objects.get(sku="MUG-OLD"), Variant.objects.get(sku="BOX")
    sku_merging.merge(old, box, by=ANNA)

    confirm(found)

    states = dict(found.staged.values_list("name", "state"))
    assert states == {"MUG-OLD": "refused", "CUP-OLD": "applied"}
    old.refresh_from_db()
    assert old.merged_into_id == box.pk

"""Stock counts: the difference is against the moment of counting, and is applied once (R-INV-05)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from inventory import doctor_checks
from inventory.errors import StockError
from inventory.models import StockCount, StockItem, StockMovement
from inventory.services.adjust import adjust
from inventory.services.stock_work import counts
from inventory.services.stock_work.count_scopes import _classed
from oms.kit.authors.actors import Author
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-INV-05")]

ANNA = Author("person", None, "anna")


def on_hand(sku: str) -> int:
    return StockItem.objects.get(variant__sku=sku, warehouse__code="leeds").on_hand


def line_of(document: Any, sku: str) -> Any:
    return document.lines.get(variant__sku=sku)


def counting(*skus: str, **fields: Any) -> StockCount:
    fields.setdefault("scope", "chosen")
    return counts.start(warehouse=factories.warehouse(), skus="\n".join(skus), by=ANNA, **fields)


def test_a_difference_is_against_the_moment_of_counting():
    mug = factories.stocked("MUG", leeds=10)
    made = counting("MUG")
    counts.enter(count_id=made.pk, counted={line_of(made, "MUG").pk: 8}, by=ANNA)  # 2 are missing
    adjust(variant=mug, warehouse=factories.warehouse(), delta=-3, reason="shipped", by=ANNA, kind="shipment")
    counts.submit(count_id=made.pk, by=ANNA)
    assert on_hand("MUG") == 7

    assert counts.approve(count_id=made.pk, by=ANNA) == 1

    assert on_hand("MUG") == 5  # not 8: three were shipped since
    assert StockMovement.objects.filter(kind="count").values_list("quantity", "reference_id").get() == (
        -2,
        made.pk,
    )
    assert doctor_checks.movements_add_up().ok


def test_a_count_that_is_entered_later_is_compared_with_the_figure_at_its_time():
    mug = factories.stocked("MUG", leeds=10)
    StockMovement.objects.update(at=timezone.now() - timedelta(days=5))
    made = counting("MUG")
    StockCount.objects.update(created_at=timezone.now() - timedelta(hours=3))
    adjust(variant=mug, warehouse=factories.warehouse(), delta=-3, reason="shipped", by=ANNA, kind="shipment")
    at = timezone.now() - timedelta(hours=1)

    counts.enter(count_id=made.pk, counted={line_of(made, "MUG").pk: 10}, at=at, by=ANNA)

    assert (line_of(made, "MUG").on_hand, line_of(made, "MUG").difference) == (10, 0)
    with pytest.raises(StockError, match="between the start of the count and now"):
        counts.enter(
            count_id=made.pk,
            counted={line_of(made, "MUG").pk: 9},
            at=timezone.now() + timedelta(hours=1),
            by=ANNA,
        )


def test_a_count_is_applied_once():
    factories.stocked("MUG", leeds=10)
    made = counting("MUG")
    counts.enter(count_id=made.pk, counted={line_of(made, "MUG").pk: 12}, by=ANNA)
    counts.submit(count_id=made.pk, by=ANNA)
    counts.approve(count_id=made.pk, by=ANNA)

    with pytest.raises(StockError, match=r"is approved\. It cannot be changed"):
        counts.approve(count_id=made.pk, by=ANNA)

    assert on_hand("MUG") == 12


def test_a_line_that_was_not_counted_stays_as_it_is():
    factories.stocked("MUG", leeds=10)
    factories.stocked("CUP", leeds=4)
    made = counting("MUG", "CUP")
    counts.enter(
        count_id=made.pk,
        counted={line_of(made, "MUG").pk: 0, line_of(made, "CUP").pk: None},
        by=ANNA,
    )
    counts.submit(count_id=made.pk, by=ANNA)
    counts.approve(count_id=made.pk, by=ANNA)

    assert (on_hand("MUG"), on_hand("CUP")) == (0, 4)


def test_scans_add_up_and_a_sku_that_moves_meanwhile_starts_again():
    mug = factories.stocked("MUG", leeds=10)
    made = counting("MUG")
    counts.scan(count_id=made.pk, code="MUG", units=4, by=ANNA)
    assert counts.scan(count_id=made.pk, code="mug", units=1, by=ANNA).counted == 5

    adjust(variant=mug, warehouse=factories.warehouse(), delta=-1, reason="shipped", by=ANNA, kind="shipment")
    assert counts.scan(count_id=made.pk, code="MUG", units=1, by=ANNA).counted is None
    assert line_of(made, "MUG").counted is None
    counts.scan(count_id=made.pk, code="MUG", units=9, by=ANNA)

    assert line_of(made, "MUG").difference == 0


def test_a_finished_count_needs_a_figure_and_a_change_opens_it_again():
    factories.stocked("MUG", leeds=10)
    made = counting("MUG")
    with pytest.raises(StockError, match="Nothing was counted yet"):
        counts.submit(count_id=made.pk, by=ANNA)
    with pytest.raises(StockError, match="Finish the count first"):
        counts.approve(count_id=made.pk, by=ANNA)
    mug = line_of(made, "MUG")
    counts.enter(count_id=made.pk, counted={mug.pk: 9}, by=ANNA)
    counts.submit(count_id=made.pk, by=ANNA)
    counts.count_again(count_id=made.pk, line_ids=[mug.pk], by=ANNA)

    made.refresh_from_db()
    assert (made.state, line_of(made, "MUG").counted) == ("open", None)
    counts.cancel(count_id=made.pk, by=ANNA)
    assert on_hand("MUG") == 10


def test_the_scopes_of_a_count():
    factories.stocked("MUG", leeds=10)
    factories.stocked("CUP", leeds=4)
    factories.stocked("ELSEWHERE", lyon=4)
    cup = StockItem.objects.get(variant__sku="CUP")
    StockMovement.objects.create(
        stock_item=cup, kind="shipment", quantity=-5, before=9, after=4, reason="sold"
    )

    def skus(scope: str) -> list[str]:
        return list(counting(scope=scope).lines.order_by("pk").values_list("variant__sku", flat=True))

    assert (skus("whole"), skus("A"), skus("C")) == (["CUP", "MUG"], ["CUP"], ["MUG"])
    with pytest.raises(StockError, match="No SKU of this choice has stock in Leeds"):
        counting(scope="B")


def test_classes_by_the_share_of_shipped_units():
    assert _classed([(80, 1), (10, 2), (6, 3), (4, 4)]) == {1: "A", 2: "B", 3: "B", 4: "C"}

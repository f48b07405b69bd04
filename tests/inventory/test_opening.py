"""The first stock of a SKU is right whatever the order in which products and orders arrive (R-INV-06)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from catalogue.callbacks import Imported
from catalogue.models import Variant
from channels.models import Connection
from inventory import callbacks, doctor_checks
from inventory.errors import StaleFigure, StockError
from inventory.models import OpeningStock, StockDifference, StockItem, StockMovement
from inventory.services import adjust, difference_decisions, opening_stock
from inventory.services.opening_stock import OpenUnits
from oms.kit.authors.actors import SYSTEM
from oms.kit.models import Problem
from tests import factories

NOW = timezone.now()


@pytest.fixture(autouse=True)
def _without_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_more", "_short", "_holders", "_deducted"):
        monkeypatch.setattr(callbacks, name, [])


def minutes(number: int) -> datetime:
    return NOW + timedelta(minutes=number)


def line(
    of: Variant, *, units: int = 2, placed: int = -60, changed: int | None = None, line_id: int = 1
) -> OpenUnits:
    return OpenUnits(
        line_id, of.pk, units, minutes(placed), minutes(placed if changed is None else changed), "#1001"
    )


def opened(connection: Connection, of: Variant, quantity: int = 5) -> None:
    """The figure was read between minute 0 and minute 2."""
    opening_stock.opening_stock(connection, {of.pk: quantity}, read_from=minutes(0), read_at=minutes(2))


def on_hand(of: Variant) -> int:
    return StockItem.objects.get(variant=of).on_hand


@pytest.mark.django_db
@pytest.mark.req("R-INV-06")
@pytest.mark.parametrize(
    ("placed", "changed", "expected", "in_doubt"),
    [
        (-60, -60, 7, []),  # deducted long before the figure was read
        (-60, 1, 5, [1]),  # its status changed while it was being read
        (1, 1, 5, [1]),
        (-60, 30, 5, [1]),  # changed since: what it was then is not known
        (3, 3, 5, []),  # placed afterwards: the figure contained its units
    ],
)
def test_which_orders_count(placed: int, changed: int, expected: int, in_doubt: list[int]) -> None:
    shop = factories.store(maps={"leeds": 1})
    mug = factories.variant("MUG")
    opened(shop, mug)
    added = opening_stock.add_to_opening(shop, [line(mug, placed=placed, changed=changed)])
    assert (on_hand(mug), list(added.uncertain)) == (expected, in_doubt)
    assert Problem.objects.filter(code="opening_in_doubt").count() == len(in_doubt)


@pytest.mark.django_db
@pytest.mark.req("R-INV-06", "R-INV-05")
def test_the_movement_names_the_order_and_a_repetition_changes_nothing() -> None:
    shop = factories.store(maps={"leeds": 1})
    mug = factories.variant("MUG")
    opened(shop, mug, 0)
    assert opening_stock.add_to_opening(shop, [line(mug)]).units == {1: 2}
    assert opening_stock.add_to_opening(shop, [line(mug)]).units == {}
    movement = StockMovement.objects.get()
    assert movement.reason == "Opening stock from Shop: order #1001 was already deducted"
    assert (movement.kind, movement.reference_kind, movement.reference_id) == ("opening", "order_line", 1)
    assert on_hand(mug) == 2


@pytest.mark.django_db
@pytest.mark.req("R-INV-06")
def test_another_stores_orders_and_skus_made_here_get_nothing_added() -> None:
    shop, other = factories.store(maps={"leeds": 1}), factories.store("Other", maps={"leeds": 1})
    mug, cup = factories.variant("MUG"), factories.stocked("CUP", leeds=3)
    opened(shop, mug)
    opening_stock.add_to_opening(other, [line(mug)])
    opening_stock.add_to_opening(shop, [line(cup)])
    assert (on_hand(mug), on_hand(cup)) == (5, 3)


@pytest.mark.django_db
@pytest.mark.req("R-INV-06")
def test_a_sku_is_opened_once() -> None:
    shop, other = factories.store(maps={"leeds": 1}), factories.store("Other", maps={"york": 1})
    mug = factories.variant("MUG")
    opened(shop, mug, 5)
    opened(other, mug, 9)
    opened(shop, mug, 7)
    assert (on_hand(mug), StockMovement.objects.count(), OpeningStock.objects.get().connection) == (
        5,
        1,
        shop,
    )


@pytest.mark.django_db
def test_a_doubt_is_settled_by_a_count() -> None:
    shop = factories.store(maps={"leeds": 1})
    mug = factories.variant("MUG")
    opened(shop, mug)
    opening_stock.add_to_opening(shop, [line(mug, changed=1)])
    assert Problem.objects.get().message == (
        "Order #1001 changed during the first import of the stock of Shop. Count this SKU: there may be 2 more units."
    )
    leeds = factories.warehouse()
    adjust.adjust(variant=mug, warehouse=leeds, delta=1, reason="found", by=SYSTEM)
    assert Problem.objects.get().resolved_at is None
    adjust.adjust(variant=mug, warehouse=leeds, set_to=7, reason="count", by=SYSTEM, kind="count")
    assert Problem.objects.get().resolved_at is not None


class OpeningProperties(TestCase):
    """A shop whose shelf is known exactly: orders come and go, it is read, its orders come in afterwards."""

    @given(
        physical=st.integers(min_value=20, max_value=60),
        orders=st.lists(
            st.tuples(
                st.integers(min_value=-50, max_value=50),  # placed, in minutes; the figure is read at 0 to 2
                st.integers(min_value=1, max_value=3),  # units
                st.booleans(),  # the channel deducts at once (else never, as OpenCart while pending)
            ),
            max_size=5,
        ),
        order_of_arrival=st.permutations(range(5)),
        times=st.integers(min_value=1, max_value=3),
    )
    def test_on_hand_is_what_lies_on_the_shelf(
        self, physical: int, orders: list[tuple[int, int, bool]], order_of_arrival: list[int], times: int
    ) -> None:
        shop = factories.store(f"Shop {Connection.objects.count()}", maps={"leeds": 1})
        mug = factories.variant(f"MUG-{Variant.objects.count()}")
        before = [units for placed, units, deducts in orders if deducts and placed < 0]
        doubtful = [units for placed, units, deducts in orders if deducts and 0 <= placed < 2]
        shown = physical - sum(before) - sum(doubtful)
        opened(shop, mug, shown)
        lines = [
            line(mug, units=units, placed=placed, line_id=number)
            for number, (placed, units, deducts) in enumerate(orders, start=10_000 * mug.pk)
            if deducts
        ]
        for _time in range(times):
            for place in order_of_arrival:
                opening_stock.add_to_opening(shop, lines[place : place + 1])
        assert on_hand(mug) == physical - sum(doubtful)  # never more than there is
        assert doctor_checks.movements_add_up().ok
        assert doctor_checks.movements_without_gap().ok


# ------------------------------------------------------------------------------------ differences


def met(connection: Connection, of: Variant, quantity: int, at: datetime = NOW) -> StockDifference:
    """The store shows `quantity` of a SKU that we know."""
    row = of.listing_variants.filter(connection=connection).first() or factories.listed(of, connection)
    with transaction.atomic():
        opening_stock.on_imported(connection, [Imported(of.pk, row.pk, quantity, False, True)], at, at)
    return StockDifference.objects.get(listing_variant=row)


@pytest.mark.django_db
@pytest.mark.req("R-INV-06")
def test_a_difference_is_taken_over_with_what_the_stores_own_orders_hold() -> None:
    shop = factories.store(maps={"leeds": 1})
    mug = factories.stocked("MUG", leeds=4)
    StockItem.objects.update(allocated=3)
    difference = met(shop, mug, 9, timezone.now())
    assert (difference.ours, difference.theirs) == (1, 9)
    callbacks.register_deducted(lambda store, ids, before: {mug.pk: 1} if store == shop.pk else {})
    adjust.receive(variant=mug, warehouse=factories.warehouse(), quantity=2, reason="receipt", by=SYSTEM)
    difference_decisions.use_store_figure(difference, SYSTEM)
    difference.refresh_from_db()
    assert (on_hand(mug), difference.taken_over) == (9 + 1 + 2, True)
    with pytest.raises(StockError, match="already resolved"):
        difference_decisions.use_store_figure(difference, SYSTEM)


@pytest.mark.django_db
@pytest.mark.req("R-INV-06")
def test_a_difference_can_stand() -> None:
    shop = factories.store(maps={"leeds": 1})
    mug = factories.stocked("MUG", leeds=4)
    difference = met(shop, mug, 9)
    difference_decisions.keep_own_figure(difference)
    difference.refresh_from_db()
    assert (on_hand(mug), difference.taken_over) == (4, False)


@pytest.mark.django_db
@pytest.mark.req("R-INV-06")
@pytest.mark.fault("F-04")
def test_a_figure_that_is_too_old_is_not_taken_over() -> None:
    shop = factories.store(maps={"leeds": 1})
    mug = factories.stocked("MUG", leeds=4)
    difference = met(shop, mug, 9, timezone.now())
    item = StockItem.objects.get()
    StockMovement.objects.create(
        stock_item=item, kind="shipment", quantity=-1, before=4, after=3, reason="#5"
    )
    with pytest.raises(StaleFigure, match="Units of MUG were shipped since the import from Shop"):
        difference_decisions.use_store_figure(difference, SYSTEM)
    StockMovement.objects.filter(kind="shipment").delete()
    StockDifference.objects.update(seen_at=timezone.now() - timedelta(minutes=20))
    with pytest.raises(StaleFigure, match="The figure of MUG in Shop is older than 10 minutes"):
        difference_decisions.use_store_figure(difference, SYSTEM)
    assert on_hand(mug) == 4


@pytest.mark.django_db
def test_a_later_pull_refreshes_an_open_question_and_closes_one_that_is_none_any_more() -> None:
    shop = factories.store(maps={"leeds": 1})
    mug = factories.stocked("MUG", leeds=4)
    row = met(shop, mug, 9).listing_variant
    again: list[Any] = [Imported(mug.pk, row.pk, 8, False, False)]
    opening_stock.on_imported(shop, again, NOW, NOW)
    assert StockDifference.objects.get().theirs == 8
    opening_stock.on_imported(shop, [Imported(mug.pk, row.pk, 4, False, False)], NOW, NOW)
    assert not StockDifference.objects.exists()

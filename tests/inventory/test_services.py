"""Shelves and their ledger: what a change writes, whom it tells, and what it refuses."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from channels.models import OutboxMessage
from inventory import callbacks, doctor_checks, stock_changes
from inventory.errors import QuantityError, StockError
from inventory.models import StockItem, StockMovement, Warehouse, WarehouseMapping
from inventory.services import adjust, warehouse_mapping
from oms.kit.authors.actors import SYSTEM, person
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _without_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_more", "_short", "_holders"):
        monkeypatch.setattr(callbacks, name, [])


def told() -> list[tuple[str, int, int]]:
    return list(OutboxMessage.objects.order_by("pk").values_list("connection__name", "subject", "wanted"))


@pytest.mark.req("R-INV-01", "R-INV-05")
def test_an_adjustment_is_a_line_of_the_ledger_and_reaches_every_store_that_lists_the_sku() -> None:
    shop, other = factories.store(maps={"leeds": 1}), factories.store("Other", maps={"leeds": 1})
    mug = factories.stocked("MUG", connection=shop, leeds=4)
    here, there = mug.listing_variants.get(), factories.listed(mug, other)
    anna = factories.user("anna")
    item = adjust.adjust(
        variant=mug, warehouse=factories.warehouse(), delta="3", reason="found", by=person(anna)
    )
    assert (item.on_hand, item.allocated, item.available) == (7, 0, 7)
    line = StockMovement.objects.get(reason="found")
    assert (line.kind, line.quantity, line.before, line.after) == ("adjustment", 3, 4, 7)
    assert (line.author, line.actor) == (anna, "anna")
    assert told() == [("Shop", here.pk, 1), ("Other", there.pk, 1)]


@pytest.mark.req("R-INV-05")
def test_a_count_writes_the_difference_and_a_count_that_agrees_writes_nothing() -> None:
    mug = factories.stocked("MUG", leeds=4)
    leeds = factories.warehouse()
    adjust.adjust(variant=mug, warehouse=leeds, set_to=1, reason="count", by=SYSTEM, kind="count")
    adjust.adjust(variant=mug, warehouse=leeds, set_to=1, reason="count", by=SYSTEM, kind="count")
    assert list(StockMovement.objects.filter(kind="count").values_list("quantity", "before", "after")) == [
        (-3, 4, 1)
    ]


def test_a_shelf_that_is_not_there_yet_is_made() -> None:
    mug = factories.variant("MUG")
    item = adjust.receive(
        variant=mug, warehouse=factories.warehouse("york"), quantity=2, reason="PO 1", by=SYSTEM
    )
    assert (item.on_hand, item.movements.get().kind) == (2, "receipt")


@pytest.mark.req("R-INV-01")
def test_stores_that_cannot_be_sent_to_are_left_out() -> None:
    shop = factories.store(maps={"leeds": 1})
    gone = factories.store("Gone", maps={"leeds": 1}, state="disconnected")
    unable = factories.store("Unable", account={"offered": {"push_stock": "This plan has no stock."}})
    mug = factories.stocked("MUG", connection=shop, leeds=4)
    factories.listed(mug, gone)
    factories.listed(mug, unable)
    blocked = factories.listed(factories.stocked("CUP", leeds=1), shop)
    blocked.listing.stock_blocked = "shared"
    blocked.listing.save()
    stock_changes.availability_changed([mug.pk, blocked.variant_id])
    assert told() == [("Shop", mug.listing_variants.get(connection=shop).pk, 1)]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("1.5", "“1.5” is not a whole number of units."),
        (1.5, "“1.5” is not a whole number of units."),
        (Decimal("0.1"), "“0.1” is not a whole number of units."),
        ("many", "“many” is not a whole number of units."),
        ("", "“” is not a whole number of units."),
        (True, "“True” is not a whole number of units."),
        (-1, "A quantity cannot be below 0: “-1”."),
        (3_000_000_000, "“3000000000” is too large. Enter a smaller number."),
    ],
)
def test_what_is_not_a_quantity_gets_one_sentence_and_changes_nothing(value: Any, sentence: str) -> None:
    mug = factories.stocked("MUG", leeds=4)
    with pytest.raises(QuantityError) as error:
        adjust.adjust(variant=mug, warehouse=factories.warehouse(), set_to=value, reason="x", by=SYSTEM)
    assert str(error.value) == sentence
    assert (StockItem.objects.get().on_hand, StockMovement.objects.count()) == (4, 1)


def test_more_cannot_be_taken_than_there_is() -> None:
    mug = factories.stocked("MUG", leeds=4)
    with pytest.raises(QuantityError, match=r"MUG in Leeds has 4 on hand\. A change of -5 is not possible"):
        adjust.adjust(variant=mug, warehouse=factories.warehouse(), delta=-5, reason="lost", by=SYSTEM)
    assert StockItem.objects.get().on_hand == 4


def test_a_reason_is_needed() -> None:
    mug = factories.stocked("MUG", leeds=4)
    with pytest.raises(StockError, match="Enter the reason of the change"):
        adjust.adjust(variant=mug, warehouse=factories.warehouse(), delta=1, reason=" ", by=SYSTEM)
    assert StockItem.objects.get().on_hand == 4


def hold(units: int) -> None:
    StockItem.objects.update(allocated=units)


@pytest.mark.req("R-INV-04")
def test_a_count_below_what_is_promised_is_refused_when_nobody_gives_anything_back() -> None:
    mug = factories.stocked("MUG", leeds=4)
    hold(3)
    with pytest.raises(StockError, match="3 of MUG in Leeds are allocated to orders"):
        adjust.adjust(variant=mug, warehouse=factories.warehouse(), set_to=1, reason="count", by=SYSTEM)
    assert (StockItem.objects.get().on_hand, StockMovement.objects.count()) == (4, 1)


@pytest.mark.req("R-INV-04")
def test_a_count_below_what_is_promised_has_the_promises_taken_back_first() -> None:
    mug = factories.stocked("MUG", leeds=4)
    hold(3)
    asked: list[dict[int, int]] = []

    def give_back(missing: Any) -> None:
        asked.append(dict(missing))
        hold(1)

    callbacks.on_short(give_back)
    item = adjust.adjust(variant=mug, warehouse=factories.warehouse(), set_to=1, reason="count", by=SYSTEM)
    assert asked == [{item.pk: 2}]
    assert (item.on_hand, item.allocated) == (1, 1)


@pytest.mark.req("R-INV-04")
def test_apply_refuses_to_promise_more_than_there_is() -> None:
    mug = factories.stocked("MUG", leeds=4)
    with transaction.atomic():
        shelves = stock_changes.lock_stock_items([mug.pk])
        change = stock_changes.StockChange(shelves[mug.pk][0].pk, allocated=5)
        with pytest.raises(
            StockError, match=r"MUG in Leeds has 4 on hand and 0 allocated: \+5 allocated is not possible"
        ):
            stock_changes.apply([change], stock_items=shelves, by=SYSTEM)
    assert StockItem.objects.get().allocated == 0


def test_apply_tells_only_of_what_is_available_now_and_was_not() -> None:
    shop = factories.store(maps={"leeds": 1})
    mug = factories.stocked("MUG", connection=shop, leeds=4)
    cup = factories.stocked("CUP", connection=shop, leeds=4)
    hold(2)
    more: list[list[int]] = []
    callbacks.on_more(lambda ids: more.append(sorted(ids)))
    with transaction.atomic():
        shelves = stock_changes.lock_stock_items([mug.pk, cup.pk])
        sent, freed = shelves[mug.pk][0], shelves[cup.pk][0]
        stock_changes.apply(
            [
                stock_changes.StockChange(sent.pk, on_hand=-1, allocated=-1, kind="shipment", reason="#1"),
                stock_changes.StockChange(freed.pk, allocated=-2),
            ],
            stock_items=shelves,
            by=SYSTEM,
        )
    assert (sent.on_hand, sent.allocated, freed.on_hand, freed.allocated) == (3, 1, 4, 0)
    assert told() == [("Shop", cup.listing_variants.get().pk, 1)]  # what left was promised already
    assert more == [[cup.pk]]


def test_several_changes_of_one_shelf_are_a_chain_in_the_ledger() -> None:
    mug = factories.stocked("MUG", leeds=4)
    with transaction.atomic():
        shelves = stock_changes.lock_stock_items([mug.pk])
        pk = shelves[mug.pk][0].pk
        changes = [stock_changes.StockChange(pk, on_hand=n, kind="receipt", reason="x") for n in (2, -5, 1)]
        stock_changes.apply(changes, stock_items=shelves, by=SYSTEM)
    assert list(StockMovement.objects.order_by("pk").values_list("before", "after"))[1:] == [
        (4, 6),
        (6, 1),
        (1, 2),
    ]
    assert all(
        check().ok
        for check in (
            doctor_checks.movements_add_up,
            doctor_checks.allocated_within_on_hand,
            doctor_checks.movements_without_gap,
        )
    )


def test_the_doctor_sees_what_is_wrong() -> None:
    mug = factories.stocked("MUG", leeds=4)
    StockItem.objects.update(on_hand=5)
    adjust.receive(variant=mug, warehouse=factories.warehouse(), quantity=1, reason="x", by=SYSTEM)
    assert doctor_checks.movements_add_up().detail == "on hand is not the sum of its movements: MUG in Leeds"
    assert doctor_checks.movements_without_gap().ok is False
    assert doctor_checks.allocated_within_on_hand().ok is True


@pytest.mark.req("R-INV-03")
def test_a_store_without_warehouse_gets_the_first_and_an_empty_house_gets_one() -> None:
    shop = factories.store()
    mapping = warehouse_mapping.ensure_default_mapping(shop)
    assert (mapping.warehouse.code, mapping.is_default) == ("MAIN", True)
    assert warehouse_mapping.ensure_default_mapping(shop) == mapping
    assert warehouse_mapping.serving_warehouses(shop) == [(mapping.warehouse_id, 10, True)]
    assert Warehouse.objects.count() == 1


@pytest.mark.req("R-INV-03")
def test_the_nearest_warehouse_becomes_the_default_when_there_is_none() -> None:
    shop = factories.store(maps={"leeds": 2, "york": 1})
    WarehouseMapping.objects.update(is_default=False)
    assert warehouse_mapping.ensure_default_mapping(shop).warehouse.code == "york"


@pytest.mark.req("R-INV-08")
def test_what_is_low() -> None:
    mug, cup = factories.stocked("MUG", leeds=2, york=2), factories.stocked("CUP", leeds=2, york=2)
    mug.reorder_point, cup.reorder_point = 4, 3
    mug.save()
    cup.save()
    assert {item.variant.sku for item in StockItem.objects.low()} == {"MUG"}


@pytest.mark.req("R-INV-01")
def test_a_single_change_costs_few_statements() -> None:
    """W3c: outgoing rows for all listings of the SKU; the doorbell rings after the commit."""
    shops = [factories.store(f"Shop {n}", maps={"leeds": 1}) for n in range(4)]
    mug = factories.stocked("MUG", leeds=4)
    for shop in shops:
        factories.listed(mug, shop)
    leeds = factories.warehouse()
    with CaptureQueriesContext(database) as queries:
        adjust.adjust(variant=mug, warehouse=leeds, delta=1, reason="found", by=SYSTEM)
    assert len(told()) == 4
    begin_and_end = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")  # of `adjust`, inside the test's transaction
    statements = [q["sql"] for q in queries.captured_queries]
    assert len([sql for sql in statements if not sql.startswith(begin_and_end)]) == 4
    assert len(statements) == 6


def test_moment_is_kept() -> None:
    mug = factories.stocked("MUG", leeds=1)
    before = timezone.now()
    adjust.adjust(variant=mug, warehouse=factories.warehouse(), delta=1, reason="x", by=SYSTEM)
    assert StockMovement.objects.latest("pk").at >= before

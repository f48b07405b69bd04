"""Deliveries, counts, transfers, unusable stock: what they change, and what they refuse (R-INV-03, R-INV-05)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from channels.models import OutboxMessage
from inventory import doctor_checks
from inventory.errors import StockError
from inventory.models import (
    CostChange,
    Delivery,
    StockItem,
    StockMovement,
    Supplier,
    SupplierSku,
    Transfer,
)
from inventory.offers.compute import offer_of
from inventory.reports.ageing import ageing
from inventory.reports.reorder import purchase_lines, reorder_list
from inventory.reports.value import values_at
from inventory.services.stock_work import deliveries, transfers
from inventory.services.stock_work.costs import average
from inventory.services.stock_work.entered import read_lines
from inventory.services.stock_work.unusable import Move, move
from oms.kit.authors.actors import Author
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-INV-05")]

ANNA = Author("person", None, "anna")


def figures(sku: str, code: str = "leeds") -> tuple[int, int, int]:
    """On hand, allocated, unusable."""
    row = StockItem.objects.get(variant__sku=sku, warehouse__code=code)
    return row.on_hand, row.allocated, row.unusable


def on_hand(sku: str, code: str = "leeds") -> int:
    return figures(sku, code)[0]


def allocate(sku: str, units: int, code: str = "leeds") -> None:
    StockItem.objects.filter(variant__sku=sku, warehouse__code=code).update(allocated=units)


def delivery(text: str, **fields: Any) -> Delivery:
    supplier = Supplier.objects.get_or_create(name="Potters")[0]
    fields.setdefault("warehouse", factories.warehouse())
    return deliveries.expect(supplier=supplier, lines=read_lines(text), by=ANNA, **fields)


def line_of(document: Any, sku: str) -> Any:
    return document.lines.get(variant__sku=sku)


def holds() -> None:
    """The ledger and the transfers add up."""
    for check in (
        doctor_checks.movements_add_up,
        doctor_checks.movements_without_gap,
        doctor_checks.in_transit_is_open_transfers,
    ):
        assert check().ok, check().detail


# --- deliveries ---


def test_a_delivery_is_received_in_parts_short_and_over():
    factories.stocked("MUG", leeds=2)
    factories.variant("CUP")
    made = delivery("MUG\t5\t2.00\nCUP\t3")
    mug, cup = line_of(made, "MUG"), line_of(made, "CUP")

    assert (made.state, on_hand("MUG")) == ("expected", 2)
    deliveries.receive(delivery_id=made.pk, units={mug.pk: 3, cup.pk: 0}, by=ANNA)
    made.refresh_from_db()
    assert (made.state, on_hand("MUG")) == ("part", 5)
    assert not StockItem.objects.filter(variant__sku="CUP").exists()

    deliveries.receive(delivery_id=made.pk, units={cup.pk: 4}, by=ANNA)
    deliveries.close(delivery_id=made.pk, by=ANNA)

    made.refresh_from_db()
    assert (made.state, on_hand("CUP")) == ("closed", 4)
    assert (line_of(made, "MUG").open_units, line_of(made, "CUP").over) == (2, 1)
    moves = StockMovement.objects.filter(reference_kind="delivery", reference_id=made.pk)
    assert sorted(moves.values_list("kind", "quantity", "actor")) == [
        ("receipt", 3, "anna"),
        ("receipt", 4, "anna"),
    ]
    holds()


def test_a_complete_delivery_closes_itself_and_takes_no_more():
    factories.variant("MUG")
    made = delivery("MUG 2")
    mug = line_of(made, "MUG")
    deliveries.receive(delivery_id=made.pk, units={mug.pk: 2}, by=ANNA)

    with pytest.raises(StockError, match=r"is received\. No more units"):
        deliveries.receive(delivery_id=made.pk, units={mug.pk: 1}, by=ANNA)

    assert (Delivery.objects.get().state, on_hand("MUG")) == ("closed", 2)


def test_a_scan_receives_by_sku_or_barcode_and_other_skus_only_when_accepted():
    factories.variant("MUG", barcode="5012345678900")
    factories.variant("CUP")
    made = delivery("MUG 2")

    line = deliveries.scan(delivery_id=made.pk, code="5012345678900", units=1, by=ANNA)
    assert (line.received, on_hand("MUG")) == (1, 1)
    with pytest.raises(StockError, match="CUP is not expected in D"):
        deliveries.scan(delivery_id=made.pk, code="cup", units=1, by=ANNA)
    with pytest.raises(StockError, match="No SKU or barcode is “nothing”"):
        deliveries.scan(delivery_id=made.pk, code="nothing", units=1, by=ANNA)
    other = deliveries.scan(delivery_id=made.pk, code="cup", units=3, by=ANNA, accepts_others=True)

    assert (other.quantity, other.over, on_hand("CUP")) == (0, 3, 3)


def test_a_closed_delivery_of_which_nothing_came_is_cancelled():
    factories.variant("MUG")
    made = delivery("MUG 2")
    assert deliveries.close(delivery_id=made.pk, by=ANNA).state == "cancelled"
    assert StockMovement.objects.count() == 0


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "Enter at least one SKU"),
        ("NO 5", "Line 1: no product has the SKU “NO”"),
        ("MUG 1.5", "Line 1: “1.5” is not a whole number"),
        ("MUG", "Line 1: “” is not a whole number"),
        ("MUG 0", "Line 1: A quantity cannot be below 1"),
        ("MUG;1;cheap", "Line 1: “cheap” is not a cost"),
        ("MUG;1;NaN", "Line 1: “NaN” is not a cost"),
        ("MUG;1;-2", "Line 1: “-2” is not a cost"),
    ],
)
def test_a_wrong_line_is_one_sentence(text, error):
    factories.variant("MUG")
    with pytest.raises(StockError, match=error):
        read_lines(text)


def test_the_same_sku_twice_is_one_line():
    factories.variant("MUG")
    (one,) = read_lines("mug 2\nMUG\t3\t1,50\n")
    assert (one.units, one.cost) == (5, Decimal("1.5000"))


@pytest.mark.req("R-INV-08")
def test_a_receipt_moves_the_average_cost_and_the_value_of_a_past_day_keeps_the_old_one():
    mug = factories.stocked("MUG", leeds=6, lyon=4)
    StockMovement.objects.update(at=timezone.now() - timedelta(days=5))
    mug.cost = Decimal("2.00")
    mug.save()
    made = delivery("MUG;10;3.00")
    deliveries.receive(delivery_id=made.pk, units={line_of(made, "MUG").pk: 10}, by=ANNA)

    mug.refresh_from_db()
    assert mug.cost == Decimal("2.5000")
    assert list(CostChange.objects.values_list("before", "after")) == [(Decimal(2), Decimal("2.5"))]
    today = timezone.localdate()
    worth = {one.warehouse: one.worth["GBP"] for one in values_at(today)}
    assert worth == {"Leeds": Decimal(40), "Lyon": Decimal(10)}
    before = {one.warehouse: one.worth["GBP"] for one in values_at(today - timedelta(days=2))}
    assert before == {"Leeds": Decimal(12), "Lyon": Decimal(8)}


@pytest.mark.parametrize(
    ("on_hand_before", "cost", "expected"),
    [(10, Decimal(2), "2.3333"), (0, Decimal(9), "3"), (10, None, "3"), (-2, Decimal(9), "3")],
)
def test_average_cost(on_hand_before, cost, expected):
    assert average(on_hand_before, cost, 5, Decimal(3)) == Decimal(expected)


# --- transfers ---


def transfer(text: str) -> Transfer:
    return transfers.plan(
        source=factories.warehouse("leeds"),
        destination=factories.warehouse("lyon"),
        lines=read_lines(text),
        by=ANNA,
    )


@pytest.mark.req("R-INV-03")
def test_units_in_transit_are_in_no_warehouse_and_offered_by_no_store():
    store = factories.store(maps={"leeds": 1, "lyon": 2})
    mug = factories.stocked("MUG", connection=store, leeds=10)
    listed = mug.listing_variants.get()
    made = transfer("MUG 6")
    assert offer_of(listed).quantity == 10

    transfers.ship(transfer_id=made.pk, by=ANNA)
    assert (on_hand("MUG"), offer_of(listed).quantity, transfers.in_transit()) == (4, 4, {mug.pk: 6})
    assert OutboxMessage.objects.filter(topic="stock", subject=listed.pk).exists()
    holds()

    line = line_of(made, "MUG")
    transfers.receive(transfer_id=made.pk, units={line.pk: 4}, by=ANNA)
    assert (on_hand("MUG", "lyon"), transfers.in_transit()) == (4, {mug.pk: 2})
    holds()

    transfers.receive(transfer_id=made.pk, units={line.pk: 1}, lost={line.pk: 1}, by=ANNA)
    made.refresh_from_db()
    assert (made.state, on_hand("MUG", "lyon"), transfers.in_transit()) == ("closed", 5, {})
    assert offer_of(listed).quantity == 9
    holds()


def test_a_transfer_takes_only_what_is_available():
    factories.stocked("MUG", leeds=10)
    factories.stocked("CUP", leeds=10)
    allocate("MUG", 7)
    made = transfer("CUP 2\nMUG 4")

    with pytest.raises(StockError) as error:
        transfers.ship(transfer_id=made.pk, by=ANNA)

    assert str(error.value) == (
        "MUG has 3 available units in Leeds (7 are allocated to orders): 4 cannot be sent."
    )
    made.refresh_from_db()
    assert (made.state, figures("MUG"), figures("CUP")) == ("draft", (10, 7, 0), (10, 0, 0))


def test_a_transfer_is_shipped_once_and_receives_no_more_than_is_in_transit():
    factories.stocked("MUG", leeds=10)
    made = transfer("MUG 2")
    line = line_of(made, "MUG")
    with pytest.raises(StockError, match="Ship T"):
        transfers.receive(transfer_id=made.pk, units={line.pk: 1}, by=ANNA)
    transfers.ship(transfer_id=made.pk, by=ANNA)
    with pytest.raises(StockError, match="is in transit"):
        transfers.ship(transfer_id=made.pk, by=ANNA)
    with pytest.raises(StockError, match="is in transit"):
        transfers.cancel(transfer_id=made.pk, by=ANNA)
    with pytest.raises(StockError, match="Only 2 units of MUG are in transit"):
        transfers.receive(transfer_id=made.pk, units={line.pk: 2}, lost={line.pk: 1}, by=ANNA)

    assert (on_hand("MUG"), StockItem.objects.filter(warehouse__code="lyon").count()) == (8, 0)


def test_one_warehouse_is_no_transfer():
    factories.stocked("MUG", leeds=10)
    leeds = factories.warehouse()
    with pytest.raises(StockError, match="two different warehouses"):
        transfers.plan(source=leeds, destination=leeds, lines=read_lines("MUG 1"), by=ANNA)


def test_doctor_finds_units_that_no_transfer_explains():
    factories.stocked("MUG", leeds=10)
    made = transfer("MUG 2")
    transfers.ship(transfer_id=made.pk, by=ANNA)
    holds()
    made.lines.update(received=1)

    found = doctor_checks.in_transit_is_open_transfers()

    assert (found.ok, found.detail) == (
        False,
        f"units in transit are not those of the open transfers: {made.number}",
    )


# --- unusable ---


def test_unusable_units_are_not_offered_and_come_back_or_are_written_off():
    store = factories.store(maps={"leeds": 1})
    mug = factories.stocked("MUG", connection=store, leeds=10)
    listed, leeds = mug.listing_variants.get(), factories.warehouse()

    def go(units: object, what: Move) -> None:
        move(variant=mug, warehouse=leeds, units=units, what=what, reason="damaged", by=ANNA)

    go(4, Move.SET_ASIDE)
    assert (figures("MUG"), offer_of(listed).quantity) == ((6, 0, 4), 6)
    go(1, Move.RESTORE)
    go(2, Move.WRITE_OFF)
    assert (figures("MUG"), offer_of(listed).quantity) == ((7, 0, 1), 7)
    with pytest.raises(StockError, match="MUG has 1 unusable units in Leeds"):
        go(2, Move.RESTORE)
    with pytest.raises(StockError, match="A change of -8 is not possible"):
        go(8, Move.SET_ASIDE)

    assert figures("MUG") == (7, 0, 1)
    holds()


# --- reports ---


@pytest.mark.req("R-INV-08")
def test_the_reorder_list_counts_sales_lead_time_and_what_is_coming():
    mug = factories.stocked("MUG", leeds=10)
    supplier = Supplier.objects.create(name="Potters", lead_days=10, cover_days=30)
    SupplierSku.objects.create(variant=mug, supplier=supplier)
    sold(mug, 60, days_ago=5)
    sold(mug, 60, days_ago=60)
    factories.stocked("NEVER-SOLD", leeds=3)

    (row,) = reorder_list(30)
    assert (row.sku, row.sold, row.cover, row.is_due, row.suggested) == ("MUG", 60, Decimal("5.0"), True, 70)
    (row,) = reorder_list(90)
    assert (row.sold, row.cover, row.suggested) == (120, Decimal("7.5"), 44)

    delivery("MUG 100")
    (row,) = reorder_list(30)
    assert (row.coming, row.cover, row.is_due, row.suggested) == (100, Decimal("55.0"), False, 0)
    assert purchase_lines(supplier.pk) == []


@pytest.mark.req("R-INV-08")
def test_ageing_takes_the_units_that_came_last_as_the_ones_left():
    mug = factories.stocked("MUG", leeds=10)
    StockMovement.objects.update(at=timezone.now() - timedelta(days=200))
    made = delivery("MUG 4")
    deliveries.receive(delivery_id=made.pk, units={line_of(made, "MUG").pk: 4}, by=ANNA)
    sold(mug, 5, days_ago=1)
    StockItem.objects.update(on_hand=9)

    (row,) = ageing()

    assert (row.units, row.oldest) == ((4, 0, 0, 5, 0), 5)


def sold(variant: Any, units: int, days_ago: int) -> None:
    StockMovement.objects.create(
        stock_item=variant.stock_items.get(),
        kind="shipment",
        quantity=-units,
        before=units,
        after=0,
        reason="sold",
        at=timezone.now() - timedelta(days=days_ago),
    )

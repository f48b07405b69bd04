"""New orders: in once, read by the store's map, allocated oldest first, with their faults in sight."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from channels.contract.records.orders import AddressRecord, RemoteState
from channels.models import StatusMapEntry
from inventory.models import StockMovement
from inventory.services.opening_stock import opening_stock
from oms.kit.models import Problem
from orders.models import Allocation, Carrier, CarrierMap, Order, OrderEvent, OrderLine, Shipment
from orders.services import decisions, packing
from orders.services import problems as problems_services
from orders.services.stock import backorders, sku_mapping, unpaid_stock
from tests.orders.desk import (
    DESK,
    NOW,
    comes,
    counters,
    fingerprint,
    line,
    means,
    path,
    problems,
    record,
    serves,
    shelf,
    status,
    stocked,
    store,
)

pytestmark = pytest.mark.django_db
S = RemoteState


@pytest.mark.req("R-ORD-06", "R-ORD-09", "R-CONN-08")
def test_a_new_order_is_kept_as_the_channel_gave_it_and_holds_its_stock():
    shop = store()
    stocked("MUG", leeds=5)
    given = record("77", MUG=2)

    counts = comes(shop, given)

    order = Order.objects.get()
    assert (counts.new, counts.changed, counts.same) == (1, 0, 0)
    assert (order.number, order.status, order.allocation, order.units) == ("77", "new", "full", 2)
    assert (order.total, order.currency, order.customer_email) == (Decimal(20), "GBP", "jo@example.com")
    assert order.ship_to["postcode"] == "LS1 1AA"
    assert order.remote_hash == given.content_hash()
    assert json.loads(zlib.decompress(order.native.document)) == given.native
    assert counters(order) == [(2, 2, 0, 0)]
    assert shelf("MUG") == (5, 2)
    assert path(order) == [("placed", "", "new")]
    assert problems(order) == []
    assert list(CarrierMap.objects.values_list("external_id", "carrier__name")) == [
        ("Royal Mail", "Royal Mail")
    ]
    assert not Carrier.objects.get().is_own


@pytest.mark.req("R-ORD-06")
def test_the_same_page_again_writes_nothing():
    shop = store()
    stocked("MUG", leeds=5)
    page = [record("1", MUG=2), record("2", MUG=4)]
    comes(shop, *page)
    before = fingerprint()

    with CaptureQueriesContext(
        database,
    ) as asked:
        counts = comes(shop, *page)

    assert (counts.new, counts.changed, counts.same) == (0, 0, 2)
    assert fingerprint() == before
    assert not [row["sql"] for row in asked if row["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]


@pytest.mark.req("R-ORD-06")
def test_an_order_twice_in_one_page_enters_once_with_its_newest_words():
    shop = store()
    stocked("MUG", leeds=5)

    comes(shop, record("1", MUG=1, minutes=5, state=S.CANCELLED), record("1", MUG=1))

    assert list(Order.objects.values_list("external_id", "status")) == [("1", "cancelled")]
    assert shelf("MUG") == (5, 0)


@pytest.mark.req("R-ORD-09")
def test_the_oldest_order_of_a_page_is_served_first_and_the_rest_is_partial():
    shop = store()
    stocked("MUG", leeds=3)
    young, old = record("1", MUG=2), replace(record("2", MUG=2), placed_at=NOW - timedelta(hours=1))

    comes(shop, young, old)

    assert dict(Order.objects.values_list("number", "status")) == {"1": "partial", "2": "new"}
    assert dict(Order.objects.values_list("number", "allocation")) == {"1": "part", "2": "full"}
    assert shelf("MUG") == (3, 3)


@pytest.mark.req("R-ORD-07")
def test_an_unknown_sku_keeps_the_order_in_sight_until_it_is_mapped():
    shop = store()
    stocked("MUG", leeds=5)
    cup = stocked("CUP", leeds=5)
    comes(shop, record("1", MUG=1, ODD=2))
    order = Order.objects.get()

    assert (order.status, order.allocation, order.problems_open) == ("new", "part", 1)
    assert problems(order) == ["unknown_sku"]
    [refused] = packing.release([order.pk], by=DESK)
    assert (refused.ok, status(order)) == (False, "new")

    odd = OrderLine.objects.get(sku="ODD")
    outcome = sku_mapping.map_lines({odd.pk: cup.pk}, by=DESK)

    assert outcome[0].ok
    order.refresh_from_db()
    assert (order.status, order.allocation, order.problems_open) == ("new", "full", 0)
    assert shelf("CUP") == (5, 2)
    assert packing.release([order.pk], by=DESK)[0].ok


@pytest.mark.req("R-ORD-08")
def test_an_unknown_status_is_a_problem_and_never_a_guess():
    shop = store()
    stocked("MUG", leeds=5)

    comes(shop, record("1", S.UNKNOWN, MUG=1))

    order = Order.objects.get()
    assert (order.status, problems(order)) == ("new", ["unknown_status"])
    assert Problem.objects.get().data == {"status_id": "99"}
    listed = StatusMapEntry.objects.values_list("external_id", "name", "remote_state", "is_edited")
    assert list(listed) == [("99", order.remote_status_name, "unknown", False)]
    assert not packing.release([order.pk], by=DESK)[0].ok


@pytest.mark.req("R-ORD-08")
def test_the_sellers_own_map_wins_and_a_mapped_status_is_read_again():
    shop = store()
    stocked("MUG", leeds=5)
    comes(shop, record("1", S.UNKNOWN, MUG=1))
    means(shop, "99", S.COMPLETED, name="Archived")
    comes(shop, record("2", S.UNKNOWN, MUG=1))

    done, _more = problems_services.apply_status_map(connection_id=shop.pk, by=DESK)

    assert done == 1
    assert dict(Order.objects.values_list("number", "status")) == {"1": "completed", "2": "completed"}
    assert list(Order.objects.values_list("is_history", flat=True)) == [True, True]
    assert shelf("MUG") == (5, 0)
    assert Problem.objects.open().count() == 0
    assert problems_services.apply_status_map(connection_id=shop.pk, by=DESK) == (0, False)


@pytest.mark.req("R-ORD-16")
@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (S.SHIPPED, "in_transit"),
        (S.DELIVERED, "delivered"),
        (S.COMPLETED, "completed"),
        (S.CANCELLED, "cancelled"),
        (S.RETURNED, "returned"),
    ],
)
def test_what_was_over_when_it_was_first_read_is_history_and_moves_no_stock(state, expected):
    shop = store()
    stocked("MUG", leeds=5)

    comes(shop, record("1", state, MUG=2))

    order = Order.objects.get()
    assert (order.status, order.is_history) == (expected, True)
    assert shelf("MUG") == (5, 0)
    assert not Allocation.objects.exists()
    assert StockMovement.objects.count() == 1
    assert problems(order) == []


def test_an_unfinished_checkout_is_not_an_order():
    shop = store()

    counts = comes(shop, record("1", S.IGNORED, MUG=2))

    assert (counts.same, counts.left_out) == (0, {"orders with a status that the status map ignores": 1})

    assert not Order.objects.exists()


@pytest.mark.req("R-ORD-10")
def test_a_draft_holds_its_units_while_it_waits_and_nobody_else_is_sold_them():
    shop = store()
    stocked("MUG", leeds=5)
    comes(shop, record("1", S.DRAFT, MUG=2))
    order = Order.objects.get()
    assert (order.status, shelf("MUG")) == ("draft", (5, 2))
    comes(shop, record("2", S.NEW, MUG=4))
    assert (status(Order.objects.get(number="2")), shelf("MUG")) == ("partial", (5, 5))
    decisions.cancel([Order.objects.get(number="2").pk], reason="sold out", by=DESK)
    comes(shop, record("2", S.CANCELLED, minutes=5, MUG=4))

    assert decisions.approve([order.pk], by=DESK)[0].ok

    assert (status(order), shelf("MUG")) == ("new", (5, 2))


@pytest.mark.req("R-ORD-10")
def test_an_unpaid_order_holds_stock_no_longer_than_the_stores_setting(settings):
    shop = store(settings={"unpaid_hold_hours": 24 * 365 * 10})
    stocked("MUG", leeds=5)
    comes(shop, record("1", S.UNPAID, MUG=2))
    order = Order.objects.get()
    assert (order.status, shelf("MUG")) == ("unpaid", (5, 2))
    assert unpaid_stock.release_unpaid() == 0

    Order.objects.update(hold_stock_until=NOW)

    assert unpaid_stock.release_unpaid() == 1
    assert (status(order), shelf("MUG")) == ("unpaid", (5, 0))
    assert unpaid_stock.release_unpaid() == 0
    assert backorders.refill() == 0
    assert decisions.mark_paid([order.pk], by=DESK)[0].ok
    assert (status(order), shelf("MUG")) == ("new", (5, 2))


def test_a_store_may_let_unpaid_orders_hold_nothing():
    shop = store(settings={"unpaid_hold_hours": 0})
    stocked("MUG", leeds=5)

    comes(shop, record("1", S.UNPAID, MUG=2))

    assert shelf("MUG") == (5, 0)


@pytest.mark.req("R-ORD-09")
def test_a_store_can_release_by_itself():
    shop = store(settings={"auto_release": True})
    stocked("MUG", leeds=3)

    comes(shop, record("1", MUG=2), record("2", MUG=2))

    assert dict(Order.objects.values_list("number", "status")) == {"1": "rfp", "2": "partial"}
    shipment = Shipment.objects.get()
    assert (shipment.state, shipment.warehouse.name, shipment.carrier.name) == (  # type: ignore[union-attr]
        "planned",
        "Leeds",
        "Royal Mail",
    )


def test_sums_that_do_not_close_are_a_problem_and_not_a_crash():
    shop = store()
    stocked("MUG", leeds=5)

    comes(shop, replace(record("1", MUG=1), total=Decimal("12.00")))

    order = Order.objects.get()
    assert (order.total, problems(order)) == (Decimal("12.0000"), ["money_mismatch"])
    assert packing.release([order.pk], by=DESK)[0].ok  # it blocks nothing


def test_a_currency_that_the_store_does_not_have_is_a_problem():
    shop = store(account={"currencies": ["EUR"]})
    stocked("MUG", leeds=5)

    comes(shop, replace(record("1", MUG=1), currency="USD"), replace(record("2", MUG=1), currency="EUR"))

    assert problems(Order.objects.get(number="1")) == ["unknown_currency"]
    assert problems(Order.objects.get(number="2")) == []
    assert not packing.release([Order.objects.get(number="1").pk], by=DESK)[0].ok


def test_an_order_without_an_address_cannot_be_released():
    shop = store()
    stocked("MUG", leeds=5)

    comes(shop, replace(record("1", MUG=1), ship_to=AddressRecord()))

    order = Order.objects.get()
    assert problems(order) == ["address_missing"]
    assert not packing.release([order.pk], by=DESK)[0].ok


def test_a_quantity_that_is_none_refuses_its_order_and_not_its_neighbours():
    shop = store()
    stocked("MUG", leeds=5)

    counts = comes(shop, record("1", lines=(line("a", "MUG", -1),)), record("2", MUG=1))

    assert (counts.new, [row.external_id for row in counts.refused]) == (1, ["1"])
    assert "-1" in counts.refused[0].reason
    assert list(Order.objects.values_list("number", flat=True)) == ["2"]


def test_odd_orders_come_in_too():
    shop = store()
    nothing = record("1", lines=())
    download = record("2", lines=(line("a", "EBOOK", 1, needs_stock=False),))
    twice = record("3", lines=(line("a", "MUG", 1), line("a", "MUG", 2)))
    stocked("MUG", leeds=5)

    assert comes(shop, nothing, download, twice).new == 3

    assert dict(Order.objects.values_list("number", "status")) == {"1": "new", "2": "new", "3": "new"}
    assert list(OrderLine.objects.filter(order__number="3").values_list("external_id", flat=True)) == [
        "a",
        "a#2",
    ]
    assert not packing.release([Order.objects.get(number="1").pk], by=DESK)[0].ok
    assert packing.release([Order.objects.get(number="2").pk], by=DESK)[0].ok
    assert shelf("MUG") == (5, 3)


@pytest.mark.req("R-INV-06")
def test_units_that_the_channel_had_deducted_before_the_opening_are_put_back_first():
    shop = store()
    mug = stocked("MUG")
    opening_stock(shop, {mug.pk: 4}, read_from=NOW + timedelta(hours=1), read_at=NOW + timedelta(hours=2))
    assert shelf("MUG") == (4, 0)

    comes(
        shop,
        record("1", MUG=3),
        replace(record("2", MUG=2), stock_deducted=False),
        replace(record("3", MUG=1), placed_at=NOW + timedelta(hours=3), changed_at=NOW + timedelta(hours=3)),
        record("4", S.COMPLETED, MUG=9),
    )

    assert shelf("MUG") == (7, 6)  # 4 shown there + 3 of order 1; 2 and 3 are taken from what was shown
    assert path(Order.objects.get(number="1")) == [("placed", "", "new")]
    assert StockMovement.objects.filter(kind="opening").count() == 2
    comes(shop, record("1", MUG=3, minutes=1))
    assert shelf("MUG") == (7, 6)


@pytest.mark.req("R-INV-06")
def test_an_unknown_status_is_added_to_the_opening_when_it_turns_out_open():
    shop = store()
    mug = stocked("MUG")
    opening_stock(shop, {mug.pk: 4}, read_from=NOW + timedelta(hours=1), read_at=NOW + timedelta(hours=2))
    comes(shop, record("1", S.UNKNOWN, MUG=3))
    assert shelf("MUG") == (4, 3)

    means(shop, "99", S.NEW)
    problems_services.apply_status_map(connection_id=shop.pk, by=DESK)

    assert shelf("MUG") == (7, 3)


@pytest.mark.req("R-INV-03")
def test_one_warehouse_that_has_everything_is_preferred():
    shop = store()
    serves(shop, "Leeds", "Lyon")
    stocked("MUG", leeds=1, lyon=5)
    stocked("CUP", leeds=5, lyon=5)

    comes(shop, record("1", MUG=2, CUP=1))

    assert (shelf("MUG"), shelf("CUP")) == ((1, 0), (5, 0))
    assert (shelf("MUG", "Lyon"), shelf("CUP", "Lyon")) == ((5, 2), (5, 1))


def test_every_new_order_has_exactly_one_event():
    shop = store()
    stocked("MUG", leeds=50)

    comes(shop, *(record(str(number), MUG=1) for number in range(1, 21)))

    assert OrderEvent.objects.count() == 20
    assert set(OrderEvent.objects.values_list("actor", "kind")) == {("channel", "placed")}

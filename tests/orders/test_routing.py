"""Which warehouse serves an order and why; moving by hand; who gets stock first (R-INV-03, R-ORD-09)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from channels.contract.records.orders import AddressRecord
from inventory.models import StockItem, Warehouse
from inventory.services import adjust
from orders.choices import Routing
from orders.errors import OrderError
from orders.models import Order
from orders.services import packing
from orders.services.stock import backorders
from orders.services.stock.rerouting import move_to_warehouse, set_priority
from orders.unit_of_work.routing import way_to
from orders.unit_of_work.stock_session import Place
from tests.orders.desk import DESK, an_order, comes, record, serves, shelf, status, stocked, store

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-INV-03")]


@pytest.fixture
def shop():
    made = store("Shop")
    serves(made, "Leeds", "Lyon", "Bern")
    stocked("MUG", leeds=5, lyon=5, bern=5)
    stocked("TEE", leeds=0, lyon=5, bern=0)
    return made


def nearest(shop) -> None:
    shop.order_settings.routing = Routing.NEAREST
    shop.order_settings.save()
    for code, country in (("LEEDS", "GB"), ("LYON", "FR"), ("BERN", "CH")):
        Warehouse.objects.filter(code=code).update(country=country)


def shipped_to(shop, country: str, postcode: str = "", **skus: Any) -> Order:
    address = AddressRecord(name="Jo", line1="1 Street", city="Town", postcode=postcode, country=country)
    given = replace(record(**skus), ship_to=address)
    comes(shop, given)
    return Order.objects.get(external_id=given.external_id)


def places(order: Order) -> dict[str, list[str]]:
    """SKU -> the warehouses that have its units."""
    rows = order.lines.filter(allocations__state="open").values_list(
        "sku", "allocations__stock_item__warehouse__name"
    )
    found: dict[str, list[str]] = {}
    for sku, name in rows.order_by("pk", "allocations__pk"):
        found.setdefault(sku, []).append(name)
    return found


@pytest.mark.parametrize(
    ("skus", "where", "why"),
    [
        ({"MUG": 1}, {"MUG": ["Leeds"]}, "The first warehouse of the store, by priority."),
        (
            {"MUG": 1, "TEE": 1},
            {"MUG": ["Lyon"], "TEE": ["Lyon"]},
            "The first warehouse of the store, by priority, that has these units.",
        ),
        (
            {"MUG": 6, "TEE": 1},
            {"MUG": ["Leeds", "Lyon"], "TEE": ["Lyon"]},
            "No warehouse has the whole order: they serve it together, by their priority.",
        ),
    ],
)
def test_one_warehouse_serves_before_the_order_is_split(shop, skus, where, why):
    order = an_order(shop, **skus)
    assert places(order) == where
    assert order.warehouse_reason == why


def test_a_store_with_one_warehouse_says_so(shop):
    serves(shop, "Lyon")
    assert an_order(shop, MUG=1).warehouse_reason == "The only warehouse that the store sells from."


def test_the_nearest_by_country_and_postcode(shop):
    nearest(shop)
    Warehouse.objects.filter(code="BERN").update(serves_countries="LI, at")
    Warehouse.objects.filter(code="LYON").update(serves_postcodes="69, 30000-39999")
    swiss, austrian = shipped_to(shop, "CH", "3001", MUG=1), shipped_to(shop, "AT", "1010", MUG=1)
    assert places(swiss) == places(austrian) == {"MUG": ["Bern"]}
    assert swiss.warehouse_reason == "The nearest warehouse: serves the country CH."
    assert shipped_to(shop, "FR", "38000", MUG=1).warehouse_reason == (
        "The nearest warehouse: serves the postcodes 30000-39999."
    )
    far = shipped_to(shop, "US", "38000", MUG=1)
    assert (places(far), far.warehouse_reason) == (
        {"MUG": ["Leeds"]},
        "The nearest warehouse: none is nearer by country or postcode.",
    )
    split = shipped_to(shop, "CH", "3001", MUG=1, TEE=1)
    assert places(split) == {"MUG": ["Lyon"], "TEE": ["Lyon"]}
    assert split.warehouse_reason == "The nearest warehouse that has these units."


@pytest.mark.parametrize(
    ("place", "ship_to", "rank", "reason"),
    [
        (
            Place("A", "GB", "", "LS, BD"),
            {"country": "GB", "postcode": "ls1 4ap"},
            0,
            "serves the postcodes LS",
        ),
        (Place("A", "GB", "", "L"), {"country": "GB", "postcode": "LS1 4AP"}, 1, "serves the country GB"),
        (
            Place("A", "GB", "", "LS"),
            {"country": "FR", "postcode": "LS1"},
            2,
            "none is nearer by country or postcode",
        ),
        (
            Place("A", "DE", "AT", "10000-19999"),
            {"country": "DE", "postcode": "20000"},
            1,
            "serves the country DE",
        ),
        (
            Place("A", "DE", "", "10000-19999"),
            {"country": "DE", "postcode": "19999"},
            0,
            "serves the postcodes 10000-19999",
        ),
        (
            Place("A", "GB", "", "", Decimal("53.8"), Decimal("-1.55")),
            {"country": "GB", "latitude": "51.5", "longitude": "-0.12"},
            1,
            "273 km away",
        ),
        (Place("A", "GB"), {"country": "GB", "latitude": "x", "longitude": None}, 1, "serves the country GB"),
        (Place("A", ""), {}, 2, "none is nearer by country or postcode"),
    ],
)
def test_how_near_a_warehouse_is(place, ship_to, rank, reason):
    way = way_to(place, ship_to)
    assert (way.rank, way.reason) == (rank, reason)


def test_the_places_of_warehouses_are_read_once_and_only_for_the_nearest(shop):
    comes(shop, record(MUG=1))

    def reads() -> int:
        with CaptureQueriesContext(database) as asked:
            comes(shop, record(MUG=1), record(MUG=1))
        return sum('"inventory_warehouse"."serves_postcodes"' in query["sql"] for query in asked)

    assert reads() == 0
    nearest(shop)
    assert reads() == 1


# ---------------------------------------------------------------- by hand


def test_an_order_is_moved_by_hand_with_its_reason(shop):
    order = an_order(shop, MUG=2)
    packing.release([order.pk], by=DESK)
    lyon = Warehouse.objects.get(code="LYON")
    text = move_to_warehouse(order_id=order.pk, warehouse_id=lyon.pk, reason="Leeds is closed", by=DESK)
    assert text == "Moved to Lyon: 2 units. Leeds is closed"
    assert (status(order), places(order)) == ("new", {"MUG": ["Lyon"]})
    assert (order.warehouse, order.warehouse_reason) == (lyon, "Chosen by hand: Leeds is closed")
    assert (shelf("MUG"), shelf("MUG", "Lyon")) == ((5, 0), (5, 2))
    event = order.events.filter(kind="warehouse").get()
    assert (event.actor, event.from_status, event.to_status) == ("person", "rfp", "new")
    packing.release([order.pk], by=DESK)
    assert order.shipments.exclude(state="cancelled").get().warehouse == lyon


def test_one_line_is_moved(shop):
    order = an_order(shop, MUG=2, TEE=1)
    line = order.lines.get(sku="MUG")
    bern = Warehouse.objects.get(code="BERN")
    move_to_warehouse(order_id=order.pk, warehouse_id=bern.pk, line_id=line.pk, reason="damaged", by=DESK)
    assert places(order) == {"MUG": ["Bern"], "TEE": ["Lyon"]}
    order.refresh_from_db()
    assert (order.warehouse, order.warehouse_reason) == (None, "A line was moved by hand: damaged")


@pytest.mark.parametrize(
    ("code", "reason", "sentence"),
    [
        ("LYON", " ", "Enter the reason of the correction."),
        (
            "ROME",
            "x",
            "Shop does not sell from this warehouse. Choose another one, or add it on the page of the store.",
        ),
        ("BERN", "x", "Bern has 0 of the 1 units of TEE available. Nothing was moved."),
        ("LYON", "x", "Lyon is the chosen warehouse of this order already."),
    ],
)
def test_a_move_that_is_not_possible_changes_nothing(shop, code, reason, sentence):
    Warehouse.objects.create(code="ROME", name="Rome")
    order = an_order(shop, MUG=2, TEE=1)
    lyon = Warehouse.objects.get(code="LYON")
    move_to_warehouse(order_id=order.pk, warehouse_id=lyon.pk, reason="first", by=DESK)
    before, events = places(order), order.events.count()
    with pytest.raises(OrderError) as refused:
        move_to_warehouse(
            order_id=order.pk, warehouse_id=Warehouse.objects.get(code=code).pk, reason=reason, by=DESK
        )
    assert str(refused.value) == sentence
    assert (places(order), order.events.count()) == (before, events)


def test_a_packed_order_is_not_moved(shop):
    order = an_order(shop, MUG=1)
    packing.release([order.pk], by=DESK)
    packing.pack([order.pk], by=DESK)
    with pytest.raises(OrderError, match="This order is already packed"):
        move_to_warehouse(
            order_id=order.pk, warehouse_id=Warehouse.objects.get(code="LYON").pk, reason="x", by=DESK
        )


# ---------------------------------------------------------------- who gets stock first


@pytest.mark.req("R-ORD-09")
def test_a_raised_priority_gets_stock_before_an_older_order(shop):
    late = stocked("LATE", leeds=0)
    old = an_order(shop, LATE=1)
    young = an_order(shop, LATE=1)
    Order.objects.filter(pk=young.pk).update(placed_at=young.placed_at + timedelta(days=1))
    (outcome,) = set_priority([young.pk], priority=2, by=DESK)
    assert (outcome.ok, outcome.message) == (True, "Priority: Urgent")
    assert young.events.get(kind="priority").text == "Priority: Normal → Urgent"
    item = StockItem.objects.get(variant=late, warehouse__code="LEEDS")
    adjust.adjust(variant=late, warehouse=item.warehouse, delta=1, reason="came", by=DESK)
    backorders.refill(limit=1)
    assert (status(young), status(old)) == ("new", "partial")
    adjust.adjust(variant=late, warehouse=item.warehouse, delta=1, reason="came", by=DESK)
    backorders.refill()
    assert status(old) == "new"


@pytest.mark.req("R-ORD-09")
def test_a_lower_count_takes_stock_from_the_order_with_the_lowest_priority(shop):
    serves(shop, "Leeds")
    urgent, normal = an_order(shop, MUG=3), an_order(shop, MUG=2)
    set_priority([urgent.pk], priority=1, by=DESK)
    item = StockItem.objects.get(variant__sku="MUG", warehouse__code="LEEDS")
    adjust.adjust(variant=item.variant, warehouse=item.warehouse, set_to=4, reason="count", by=DESK)
    assert (status(urgent), status(normal)) == ("new", "partial")


def test_the_priority_of_an_ended_order_changes_nothing(shop):
    from orders.services import decisions

    order = an_order(shop, MUG=1)
    decisions.cancel([order.pk], reason="x", by=DESK)
    Order.objects.filter(pk=order.pk).update(cancelled_at=order.placed_at)
    (outcome,) = set_priority([order.pk], priority=2, by=DESK)
    assert (outcome.ok, outcome.message) == (
        False,
        "This order has left or has ended. Its priority changes nothing.",
    )

# long because: one file has every way of an order with kits.
"""Orders of kits: the sold line has the money, its components have the stock (R-CAT, R-INV-04)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from catalogue.errors import CatalogueError
from catalogue.models import Variant
from channels.contract.records.orders import RemoteState, ShipmentRecord
from channels.models import Connection, OutboxMessage
from inventory.models import Warehouse
from inventory.services import adjust
from oms.kit.models import AuditEntry
from orders.domain.rules.facts import facts_of
from orders.errors import OrderError
from orders.models import Order, OrderLine, Return, ReturnLine
from orders.outbound.kit_shipments import joined
from orders.services import packing
from orders.services.corrections.lines import correct_lines
from orders.services.corrections.parcels import values_of_parcels
from orders.services.corrections.part_cancel import cancel_units
from orders.services.returns.receipt import Grade, receive
from orders.services.returns.requests import approve, request_return
from orders.services.stock import sku_merging
from orders.services.stock.backorders import refill
from orders.services.stock.kits import split_waiting
from orders.services.stock.sku_mapping import map_line, map_lines, unmap_lines
from tests.kits.desk import a_shop, counts, kit, sound
from tests.orders.desk import DESK, an_order, comes, line, problems, record, serves, shelf, status, stocked
from tests.orders.test_moves import manifest, ok, to_ready
from tests.orders.test_push import Channel, send

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-INV-04")]


@pytest.fixture
def shop() -> Connection:
    return a_shop()


def sold(shop: Connection, *, minutes: int = 0, **skus: int) -> Order:
    """The order 1 of the shop, as it is there now."""
    rows = tuple(line(f"1-{sku}", sku, units) for sku, units in skus.items())
    comes(shop, record("1", minutes=minutes, lines=rows))
    return Order.objects.get()


def test_the_components_are_allocated_and_the_sold_line_has_the_money(shop: Connection) -> None:
    order = an_order(shop, GIFT=2, MUG=1)

    parent = order.lines.get(sku="GIFT")
    rows = parent.components.order_by("pk").values_list("sku", "quantity", "allocated", "kit_units", "total")
    assert list(rows) == [("MUG", 4, 4, 2, Decimal(0)), ("BOX", 2, 2, 1, Decimal(0))]
    assert (parent.total, parent.needs_stock, order.units) == (Decimal(20), False, 3)
    assert (shelf("MUG"), shelf("BOX")) == ((10, 5), (10, 2))
    assert (status(order), order.allocation) == ("new", "full")
    sound()


def test_a_component_that_is_short_makes_the_order_partial_and_stock_that_comes_serves_it() -> None:
    shop = a_shop(mugs=3, boxes=5)
    order = an_order(shop, GIFT=2)
    assert (status(order), counts(order)["MUG"], counts(order)["BOX"]) == (
        "partial",
        (4, 3, 0, 0),
        (2, 2, 0, 0),
    )

    mug, leeds = Variant.objects.get(sku="MUG"), Warehouse.objects.get(name="Leeds")
    adjust.receive(variant=mug, warehouse=leeds, quantity=1, reason="came", by=DESK)
    assert refill() == 1
    assert (status(order), counts(order)["MUG"]) == ("new", (4, 4, 0, 0))
    sound()


def test_a_later_change_of_the_kit_changes_no_order(shop: Connection) -> None:
    order = an_order(shop, GIFT=1)
    kit("GIFT", MUG=5)
    comes(shop, replace(record(order.number, minutes=5, GIFT=1), native={"again": 1}))
    assert counts(order) == {"GIFT": (1, 0, 0, 0), "MUG": (2, 2, 0, 0), "BOX": (1, 1, 0, 0)}
    second = an_order(shop, GIFT=1)
    assert counts(second) == {"GIFT": (1, 0, 0, 0), "MUG": (5, 5, 0, 0)}
    sound()


def test_the_channel_changes_the_quantity_and_the_components_follow(shop: Connection) -> None:
    order = sold(shop, GIFT=1, BOX=1)
    order = sold(shop, minutes=5, GIFT=3, BOX=1)
    assert counts(order)["MUG"] == (6, 6, 0, 0)
    order = sold(shop, minutes=6, GIFT=2, BOX=1)
    assert (counts(order)["MUG"], shelf("MUG"), shelf("BOX")) == ((4, 4, 0, 0), (10, 4), (10, 3))
    assert order.units == 3
    order = sold(shop, minutes=7, BOX=1)
    gift = order.lines.get(sku="GIFT")
    assert (gift.cancelled, shelf("MUG"), shelf("BOX"), order.units) == (2, (10, 0), (10, 1), 1)
    assert list(gift.components.values_list("quantity", "cancelled")) == [(4, 4), (2, 2)]
    sound()


def test_other_goods_in_place_of_a_kit_and_a_kit_in_place_of_them(shop: Connection) -> None:
    stocked("CUP", leeds=4)
    order = sold(shop, GIFT=1)
    order = sold(shop, minutes=5, CUP=2)
    assert (order.lines.get(sku="CUP").allocated, shelf("MUG"), shelf("BOX")) == (2, (10, 0), (10, 0))
    order = sold(shop, minutes=6, TRIO=3)
    assert (shelf("CUP"), shelf("MUG"), shelf("BOX"), order.units) == ((4, 0), (10, 3), (10, 3), 3)
    sound()


def test_it_ships_by_component_and_the_channel_is_sent_the_sold_line(shop: Connection) -> None:
    order = an_order(shop, GIFT=2, MUG=1)
    to_ready(order)
    manifest()

    assert (status(order), shelf("MUG"), shelf("BOX")) == ("in_transit", (5, 0), (8, 0))
    assert order.lines.get(sku="GIFT").shipped == 2
    channel = Channel()
    send(shop, channel, *OutboxMessage.objects.filter(topic="ready_to_ship"))
    ids = dict(order.lines.filter(parent=None).values_list("sku", "external_id"))
    (update,) = channel.told
    assert (dict(update.lines), update.is_whole_order) == ({ids["GIFT"]: 2, ids["MUG"]: 1}, True)
    sound()


def test_a_kit_from_two_warehouses_is_sent_with_its_last_shipment() -> None:
    shop = a_shop(mugs=4, boxes=0)
    stocked("BOX", york=2)
    serves(shop, "Leeds", "York")
    order = an_order(shop, GIFT=2)
    assert status(order) == "new"
    to_ready(order)
    channel = Channel()
    outcomes = send(shop, channel, *OutboxMessage.objects.filter(topic="ready_to_ship").order_by("pk"))

    (update,) = channel.told
    assert (dict(update.lines), update.is_whole_order) == ({order.lines.get(sku="GIFT").external_id: 2}, True)
    assert [outcome.is_written for outcome in outcomes] == [False, True]
    assert "components of a kit" in outcomes[0].note
    told = list(order.events.filter(kind="told").order_by("pk").values_list("text", flat=True))
    assert told[0].startswith("Nothing was sent to Shop for “Ready to ship”: It has components of a kit")
    assert told[1] == "Sent to Shop: Ready to ship"
    manifest(warehouse="Leeds")
    gift = order.lines.get(sku="GIFT")
    assert (gift.shipped, list(gift.components.values_list("shipped", flat=True))) == (0, [4, 0])
    manifest(warehouse="York")
    gift.refresh_from_db()
    assert (gift.shipped, status(order)) == (2, "in_transit")
    sound()


@pytest.mark.parametrize("channel", ["bigcommerce", "onbuy", "opencart", "etsy"])
def test_the_tracking_numbers_of_all_shipments_of_a_kit_are_sent(channel: str) -> None:
    """Also of those that completed no line: they are sent with the last one, as the numbers of its parcels."""
    shop = a_shop(mugs=4, boxes=0, channel=channel)
    stocked("BOX", york=2)
    serves(shop, "Leeds", "York")
    order = an_order(shop, GIFT=2)
    ok(packing.release([order.pk], by=DESK))
    ok(packing.pack([order.pk], by=DESK))
    numbers = {"Leeds": "AA111111111GB", "York": "BB222222222GB"}
    for name, number in numbers.items():
        order.shipments.filter(warehouse__name=name).update(tracking_number=number)
    ok(packing.mark_ready_to_ship([order.pk], by=DESK))
    for name in numbers:
        manifest(warehouse=name)
    told = Channel()
    send(shop, told)

    with_lines = [update for update in told.told if update.lines]
    assert with_lines
    assert {update.tracking_number for update in with_lines} == {"AA111111111GB, BB222222222GB"}


def test_as_many_tracking_numbers_are_sent_as_the_channel_takes() -> None:
    numbers = ["A" * 20, "B" * 20, "C" * 20]
    assert joined(numbers, 50) == f"{'B' * 20}, {'C' * 20}"
    assert joined(numbers, 10) == "C" * 20
    assert joined(numbers, 0) == ", ".join(numbers)
    assert joined([], 50) == ""


def test_what_the_channel_shipped_itself_leaves_by_component_once(shop: Connection) -> None:
    order = an_order(shop, GIFT=3)
    key = order.lines.get(sku="GIFT").external_id
    given = replace(
        record(order.number, minutes=5, GIFT=3),
        shipments=(ShipmentRecord("s1", lines={key: 1}),),
        native={"part": 1},
    )
    for minutes in (0, 1):
        comes(shop, replace(given, native={"part": minutes}))
    assert counts(order) == {"GIFT": (3, 0, 1, 0), "MUG": (6, 4, 2, 0), "BOX": (3, 2, 1, 0)}
    assert (shelf("MUG"), shelf("BOX")) == ((8, 4), (9, 2))
    comes(shop, replace(record(order.number, RemoteState.SHIPPED, minutes=9, GIFT=3), native={"all": 1}))
    assert (status(order), shelf("MUG"), shelf("BOX")) == ("in_transit", (4, 0), (7, 0))
    sound()


def test_a_cancelled_order_releases_its_components_and_is_reopened_with_them(shop: Connection) -> None:
    order = an_order(shop, GIFT=2)
    comes(shop, record(order.number, RemoteState.CANCELLED, minutes=5, GIFT=2))
    assert (status(order), shelf("MUG"), shelf("BOX")) == ("cancelled", (10, 0), (10, 0))
    comes(shop, record(order.number, minutes=6, GIFT=2))
    assert (status(order), shelf("MUG"), shelf("BOX")) == ("new", (10, 4), (10, 2))
    sound()


def test_units_of_a_kit_are_cancelled_and_a_component_alone_is_not(shop: Connection) -> None:
    order = an_order(shop, GIFT=3)
    gift = order.lines.get(sku="GIFT")
    cancel_units(order_id=order.pk, units={gift.pk: 1}, reason="asked", by=DESK)
    assert counts(order) == {"GIFT": (3, 0, 0, 1), "MUG": (6, 4, 0, 2), "BOX": (3, 2, 0, 1)}
    assert (shelf("MUG"), shelf("BOX")) == ((10, 4), (10, 2))
    mug = order.lines.get(sku="MUG")
    with pytest.raises(OrderError, match="Cancel units of the kit"):
        cancel_units(order_id=order.pk, units={mug.pk: 1}, reason="asked", by=DESK)
    order.refresh_from_db()
    assert order.units == 2
    sound()


def test_corrections_change_add_and_replace_kits(shop: Connection) -> None:
    stocked("CUP", leeds=9)
    order = an_order(shop, GIFT=2, CUP=1)
    ids = dict(order.lines.filter(parent=None).values_list("sku", "pk"))

    def corrects(**more: Any) -> None:
        given: dict[str, Any] = {"units": {}, "skus": {}, "added": ()}
        correct_lines(order_id=order.pk, reason="asked", by=DESK, **(given | more))

    corrects(units={ids["GIFT"]: 1})
    assert (shelf("MUG"), shelf("BOX")) == ((10, 2), (10, 1))
    corrects(units={ids["GIFT"]: 3})  # one that was cancelled, and one more
    assert (shelf("MUG"), shelf("BOX")) == ((10, 6), (10, 3))
    corrects(skus={ids["CUP"]: "TRIO"})
    assert (shelf("CUP"), shelf("MUG"), shelf("BOX")) == ((9, 0), (10, 7), (10, 4))
    corrects(skus={ids["CUP"]: "CUP"})
    assert (shelf("CUP"), shelf("MUG"), shelf("BOX")) == ((9, 1), (10, 6), (10, 3))
    corrects(added=[("TRIO", 1)])
    assert (shelf("MUG"), shelf("BOX")) == ((10, 7), (10, 4))
    order.refresh_from_db()
    assert (order.units, status(order)) == (5, "new")
    sound()


def test_returns_come_back_by_component_and_their_value_adds_up(shop: Connection) -> None:
    given = record("1", lines=(line("1-1", "GIFT", 1, "10"),))
    comes(shop, given)
    order = Order.objects.get()
    to_ready(order)
    manifest()
    gift, mug, box = (order.lines.get(sku=sku) for sku in ("GIFT", "MUG", "BOX"))
    with pytest.raises(OrderError, match="components"):
        request_return(order_id=order.pk, units={gift.pk: 1}, reason="damaged", by=DESK)

    made = request_return(order_id=order.pk, units={mug.pk: 2, box.pk: 1}, reason="damaged", by=DESK)
    approve(return_id=made.pk, by=DESK)
    rows = {row.sku: row for row in ReturnLine.objects.filter(of=made)}
    leeds = order.shipments.get().warehouse
    assert leeds is not None
    receive(return_id=made.pk, grades={rows["MUG"].pk: Grade(usable=1)}, warehouse=leeds, by=DESK)
    gift.refresh_from_db()
    assert (gift.returned, shelf("MUG"), status(order)) == (0, (9, 0), "in_transit")
    grades = {rows["MUG"].pk: Grade(unusable=1), rows["BOX"].pk: Grade(usable=1)}
    receive(return_id=made.pk, grades=grades, warehouse=leeds, by=DESK)
    gift.refresh_from_db()
    assert (gift.returned, shelf("MUG"), shelf("BOX"), status(order)) == (1, (9, 0), (10, 0), "returned")
    assert sum(ReturnLine.objects.filter(of=made).values_list("amount", flat=True)) == Decimal(10)
    assert sorted(ReturnLine.objects.values_list("amount", flat=True)) == [Decimal("3.33"), Decimal("6.67")]
    sound()


def test_a_return_that_the_channel_reports_names_the_components(shop: Connection) -> None:
    order = an_order(shop, GIFT=2)
    to_ready(order)
    manifest()
    rows = (line(order.lines.get(sku="GIFT").external_id, "GIFT", 2, refunded=1),)
    comes(shop, replace(record(order.number, RemoteState.RETURNED, minutes=9, lines=rows), native={"r": 1}))
    found = Return.objects.get().lines.values_list("sku", "quantity")
    assert sorted(found) == [("BOX", 1), ("MUG", 2)]
    sound()


def test_a_sku_that_becomes_a_kit_serves_the_orders_that_wait_for_it(shop: Connection) -> None:
    stocked("SET")
    order = an_order(shop, SET=2)
    unknown = an_order(shop, NEWSET=1)
    assert (status(order), problems(unknown)) == ("partial", ["unknown_sku"])
    kit("SET", MUG=3)
    assert (status(order), shelf("MUG")) == ("new", (10, 6))
    map_line(line=unknown.lines.get(), variant=Variant.objects.get(sku="SET"), remember=False, by=DESK)
    assert (status(unknown), shelf("MUG"), problems(unknown)) == ("new", (10, 9), [])
    components = OrderLine.objects.filter(parent__isnull=False).order_by("pk")
    assert list(components.values_list("quantity", "kit_units")) == [(6, 3), (3, 3)]
    sound()


def test_a_mapping_to_a_kit_is_undone_and_made_again(shop: Connection) -> None:
    order = an_order(shop, SOLD=2)
    line_id = order.lines.get().pk
    gift = Variant.objects.get(sku="GIFT")
    map_lines({line_id: gift.pk}, by=DESK)
    assert (status(order), shelf("MUG")) == ("new", (10, 4))
    unmap_lines([line_id], by=DESK)
    assert (problems(order), shelf("MUG"), shelf("BOX")) == (["unknown_sku"], (10, 0), (10, 0))
    map_lines({line_id: gift.pk}, by=DESK)
    assert (status(order), shelf("MUG"), shelf("BOX"), order.units) == ("new", (10, 4), (10, 2), 2)
    sound()


def test_an_order_that_was_stored_while_its_kit_was_made_is_found_by_the_sweep(shop: Connection) -> None:
    late = stocked("SET")
    order = an_order(shop, SET=2)
    kit("SET", BOX=1)
    order.lines.filter(parent__isnull=False).update(allocated=0)
    order.lines.filter(parent=None).update(needs_stock=True)
    order.lines.get(parent__isnull=False).allocations.all().delete()
    order.lines.filter(parent__isnull=False).delete()
    adjust.adjust_many([], by=DESK)
    shelf_row = Warehouse.objects.get(name="Leeds").stock_items.get(variant__sku="BOX")
    shelf_row.allocated = 0
    shelf_row.save()
    assert split_waiting() == 1
    assert (status(order), shelf("BOX"), late.order_lines.count()) == ("new", (10, 2), 1)
    sound()


def test_merging_a_component_and_merging_a_kit(shop: Connection) -> None:
    stocked("MUG-OLD", leeds=3)
    kit("DUO", **{"MUG-OLD": 1, "BOX": 2})
    kit("PAIR", **{"MUG-OLD": 1, "MUG": 1})
    waiting = an_order(shop, DUO=1)
    old, mug = (Variant.objects.get(sku=sku) for sku in ("MUG-OLD", "MUG"))
    row = sku_merging.merge(old, mug, by=DESK)
    duo, pair = (Variant.objects.get(sku=sku) for sku in ("DUO", "PAIR"))
    assert dict(duo.components.values_list("component__sku", "quantity")) == {"MUG": 1, "BOX": 2}
    assert dict(pair.components.values_list("component__sku", "quantity")) == {"MUG": 2}
    assert (shelf("MUG"), shelf("MUG-OLD"), shelf("BOX")) == ((13, 1), (0, 0), (10, 2))
    sound()
    sku_merging.unmerge(row, by=DESK)
    assert dict(duo.components.values_list("component__sku", "quantity")) == {"MUG-OLD": 1, "BOX": 2}
    assert dict(pair.components.values_list("component__sku", "quantity")) == {"MUG-OLD": 1, "MUG": 1}
    assert (shelf("MUG"), shelf("MUG-OLD")) == ((10, 0), (3, 1))

    stocked("DUO-2")
    comes(shop, record("later", lines=(line("later-1", "DUO-2", 1),)))
    later = Order.objects.get(external_id="later")
    row = sku_merging.merge(Variant.objects.get(sku="DUO-2"), duo, by=DESK)
    assert (status(later), shelf("BOX"), shelf("MUG-OLD")) == ("new", (10, 4), (3, 2))
    sku_merging.unmerge(row, by=DESK)
    assert later.lines.get(parent=None).variant == Variant.objects.get(sku="DUO-2")
    assert status(waiting) == "new"
    sound()


@pytest.mark.parametrize(
    ("source", "target", "why"),
    [("MUG", "GIFT", "contains"), ("GIFT", "MUG", "contains"), ("CUP", "GIFT", "stock")],
)
def test_a_merge_that_would_put_a_kit_into_itself_or_stock_into_a_kit_is_refused(
    shop: Connection, source: str, target: str, why: str
) -> None:
    stocked("CUP", leeds=1)
    with pytest.raises(CatalogueError, match=why):
        sku_merging.merge(Variant.objects.get(sku=source), Variant.objects.get(sku=target), by=DESK)
    assert not AuditEntry.objects.filter(action="sku.merged").exists()


def test_rules_see_one_line_with_the_skus_and_the_weight_of_its_components(shop: Connection) -> None:
    Variant.objects.filter(sku="MUG").update(weight_grams=300)
    Variant.objects.filter(sku="BOX").update(weight_grams=50)
    order = an_order(shop, GIFT=2)
    (found,) = facts_of([(order, "bigcommerce", list(order.lines.all()))], {"weight", "sku"})
    assert (found.lines, found.units, found.weight) == (1, 2, 1300)
    assert found.skus == {"gift", "mug", "box"}


def test_the_money_of_a_kit_is_shared_among_the_parcels_of_its_components(shop: Connection) -> None:
    comes(shop, record("1", lines=(line("1-1", "GIFT", 1, "9"), line("1-2", "MUG", 1, "4"))))
    order = Order.objects.get()
    rows = {row.sku: row.pk for row in order.lines.filter(parent__isnull=False)}
    alone = order.lines.get(sku="MUG", parent=None).pk
    parcels = [{rows["MUG"]: 2}, {rows["BOX"]: 1, alone: 1}]
    assert values_of_parcels(order, parcels) == [Decimal(6), Decimal(7), Decimal(0)]


def test_history_takes_no_stock(shop: Connection) -> None:
    order = an_order(shop, RemoteState.COMPLETED, GIFT=1)
    assert counts(order) == {"GIFT": (1, 0, 1, 0), "MUG": (2, 0, 2, 0), "BOX": (1, 0, 1, 0)}
    assert (shelf("MUG"), shelf("BOX")) == ((10, 0), (10, 0))
    sound()


def test_packing_is_undone_with_its_components(shop: Connection) -> None:
    order = an_order(shop, GIFT=1)
    ok(packing.release([order.pk], by=DESK))
    ok(packing.pack([order.pk], by=DESK))
    ok(packing.undo_packing([order.pk], by=DESK))
    assert (status(order), shelf("MUG")) == ("new", (10, 2))
    sound()

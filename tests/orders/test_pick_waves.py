"""Pick waves, short picks and the weight of a parcel (R-PLUS-18)."""

from __future__ import annotations

import pytest

from catalogue.models import Variant
from inventory.models import StockItem, StockMovement, Warehouse
from inventory.services.bins import set_bin
from orders.errors import OrderError
from orders.models import Order, OrderEvent, OrderSettings, PackingSession, WaveTote
from orders.services import packing
from orders.services.station import scan as scanning
from orders.services.station import waves
from tests.orders.desk import DESK, an_order, serves, shelf, status, stocked, store
from tests.orders.test_invariants import healthy

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-PLUS-18")]


@pytest.fixture
def shop():
    made = store("Shop")
    for sku, place in (("MUG", "A1-3"), ("TEE", "A1-1"), ("CUP", "B2-1")):
        stocked(sku, leeds=9)
        set_bin(StockItem.objects.get(variant__sku=sku).pk, place)
    return made


def released(shop, **skus) -> Order:
    order = an_order(shop, **skus)
    assert packing.release([order.pk], by=DESK)[0].ok
    return order


def leeds() -> int:
    return Warehouse.objects.get(name="Leeds").pk


def in_totes(wave) -> list[tuple[int, int]]:
    return list(wave.totes.order_by("number").values_list("number", "shipment__order"))


def test_one_line_orders_come_first_each_into_its_own_tote_by_bin(shop):
    two = released(shop, MUG=2, TEE=1)
    one = released(shop, CUP=1)
    an_order(shop, MUG=1)  # it is not released

    wave = waves.make_wave(warehouse_id=leeds(), totes=12, by=DESK)

    assert in_totes(wave) == [(1, one.pk), (2, two.pk)]
    rows = [
        (row.bin_code, row.line.sku, row.units, [(tote.number, units) for tote, units in row.totes])
        for row in waves.pick_rows(wave)
    ]
    assert rows == [
        ("A1-1", "TEE", 1, [(2, 1)]),
        ("A1-3", "MUG", 2, [(2, 2)]),
        ("B2-1", "CUP", 1, [(1, 1)]),
    ]


def test_a_zone_has_only_orders_of_which_every_sku_is_there(shop):
    inside = released(shop, MUG=1, TEE=1)
    released(shop, MUG=1, CUP=1)

    wave = waves.make_wave(warehouse_id=leeds(), zone=" a1", totes=12, by=DESK)

    assert in_totes(wave) == [(1, inside.pk)]


def test_a_shipment_is_in_one_wave_until_that_wave_is_ended(shop):
    first, second = released(shop, MUG=1), released(shop, MUG=1)
    wave = waves.make_wave(warehouse_id=leeds(), totes=1, by=DESK)

    other = waves.make_wave(warehouse_id=leeds(), totes=12, by=DESK)

    assert (in_totes(wave), in_totes(other)) == ([(1, first.pk)], [(1, second.pk)])
    with pytest.raises(OrderError, match="No released order waits to be picked in this warehouse"):
        waves.make_wave(warehouse_id=leeds(), totes=12, by=DESK)
    assert waves.end_wave(wave.pk) == 1
    assert in_totes(waves.make_wave(warehouse_id=leeds(), totes=12, by=DESK)) == [(1, first.pk)]


@pytest.mark.parametrize("totes", [0, 61, -1])
def test_a_wave_has_at_most_sixty_totes(shop, totes):
    released(shop, MUG=1)

    with pytest.raises(OrderError, match="A wave has 1 to 60 totes"):
        waves.make_wave(warehouse_id=leeds(), totes=totes, by=DESK)
    assert not WaveTote.objects.exists()


def test_the_code_of_a_tote_opens_its_order_and_a_packed_order_is_done(shop):
    order = released(shop, MUG=1)
    wave = waves.make_wave(warehouse_id=leeds(), totes=12, by=DESK)

    assert scanning.find_orders(f"w{wave.pk}-1") == [order]
    assert scanning.find_orders(f"W{wave.pk}-2") == []
    packing.pack([order.pk], by=DESK)
    assert waves.progress_of([wave]) == {wave.pk: (1, 1)}
    assert waves.pick_rows(wave) == []


def test_a_short_pick_makes_the_order_partial_and_takes_the_units_off_the_stock(shop):
    order = released(shop, MUG=2, TEE=1)
    line = order.lines.get(sku="MUG")
    StockItem.objects.filter(variant__sku="MUG").update(on_hand=2)

    text = waves.short_pick(order_id=order.pk, line_id=line.pk, units=1, reason="broken", by=DESK)

    assert text == "The order is Partial now. Release its available part, or wait for stock."
    assert (status(order), shelf("MUG"), shelf("TEE")) == ("partial", (1, 1), (9, 1))
    movement = StockMovement.objects.get(kind="adjustment")
    assert (movement.quantity, movement.reason) == (-1, f"Short pick of order {order}: broken")
    assert packing.release_part([order.pk], by=DESK)[0].ok
    assert status(order) == "rfp"


def test_a_short_pick_is_served_by_another_warehouse_that_has_the_units(shop):
    serves(shop, "Leeds", "Lyon")
    order = released(shop, MUG=2)
    line = order.lines.get()
    StockItem.objects.filter(variant__sku="MUG").update(on_hand=2)
    lyon = Warehouse.objects.get(name="Lyon")
    assert line.variant is not None
    StockItem.objects.create(variant=line.variant, warehouse=lyon, on_hand=5)

    text = waves.short_pick(order_id=order.pk, line_id=line.pk, units=1, reason="gone", by=DESK)

    assert text == "Another warehouse has the units. The order was released again."
    assert (status(order), shelf("MUG"), shelf("MUG", "Lyon")) == ("rfp", (1, 1), (5, 1))
    assert sorted(order.shipments.filter(state="planned").values_list("warehouse__name", flat=True)) == [
        "Leeds",
        "Lyon",
    ]


@pytest.mark.parametrize(
    ("units", "reason", "sentence"),
    [
        (3, "x", "Enter how many units are missing, at most as many as the order needs."),
        (0, "x", "Enter how many units are missing, at most as many as the order needs."),
        (1, " ", "Enter why the units are missing."),
    ],
)
def test_a_short_pick_of_more_than_the_order_has_changes_nothing(shop, units, reason, sentence):
    order = released(shop, MUG=2)

    with pytest.raises(OrderError, match=sentence):
        waves.short_pick(order_id=order.pk, line_id=order.lines.get().pk, units=units, reason=reason, by=DESK)
    assert (status(order), shelf("MUG")) == ("rfp", (9, 2))
    healthy()


# --- the weight of a parcel ---


@pytest.fixture
def packer(shop, django_user_model):
    OrderSettings.objects.filter(connection=shop).update(weight_tolerance=10)
    Variant.objects.filter(sku="MUG").update(weight_grams=400)
    return django_user_model.objects.create_superuser("anna")


def all_scanned(shop, packer) -> Order:
    order = released(shop, MUG=2)
    scanning.begin(order.pk, user=packer)
    assert scanning.scan(order.pk, "MUG", user=packer).kind == "ok"
    answer = scanning.scan(order.pk, "MUG", user=packer)
    assert (answer.kind, answer.text) == ("weigh", "All items are scanned. Weigh the parcel: about 800 g.")
    assert status(order) == "rfp"
    return order


@pytest.mark.parametrize("grams", [720, 800, 880])
def test_a_weight_within_the_tolerance_packs_the_order(shop, packer, grams):
    order = all_scanned(shop, packer)

    assert scanning.weigh(order.pk, grams, user=packer).kind == "packed"

    assert (status(order), PackingSession.objects.count()) == ("packed", 0)
    assert not OrderEvent.objects.filter(kind="weight").exists()


@pytest.mark.parametrize("grams", [719, 881])
def test_a_wrong_weight_is_refused_and_accepted_with_a_reason(shop, packer, grams):
    order = all_scanned(shop, packer)

    answer = scanning.weigh(order.pk, grams, user=packer)

    assert (answer.kind, answer.text, status(order)) == (
        "wrong",
        f"The parcel weighs {grams} g, expected are 800 g. Check its items.",
        "rfp",
    )
    assert scanning.weigh(order.pk, grams, reason="wet box", user=packer).kind == "packed"
    assert status(order) == "packed"
    assert (
        OrderEvent.objects.get(kind="weight").text == f"Packed with {grams} g, expected were 800 g: wet box"
    )


def test_no_weight_is_asked_where_a_sku_has_none_or_the_store_checks_none(shop, packer):
    order = released(shop, TEE=1)
    scanning.begin(order.pk, user=packer)
    assert scanning.scan(order.pk, "TEE", user=packer).kind == "packed"
    OrderSettings.objects.update(weight_tolerance=None)
    order = released(shop, MUG=1)
    scanning.begin(order.pk, user=packer)
    assert scanning.scan(order.pk, "MUG", user=packer).kind == "packed"


def test_a_weight_before_all_items_are_scanned_is_refused(shop, packer):
    order = released(shop, MUG=2)
    scanning.begin(order.pk, user=packer)

    answer = scanning.weigh(order.pk, 800, user=packer)

    assert (answer.kind, status(order)) == ("refused", "rfp")

"""The available part of a Partial order leaves alone; the rest waits for stock and leaves later (R-ORD-13)."""

from __future__ import annotations

import pytest

from channels.contract.records.orders import RemoteState
from channels.models import OutboxMessage
from inventory.models import StockItem, StockMovement
from orders.models import Order, OrderEvent, OrderSettings, Shipment
from orders.services import carriers, decisions, packing
from orders.services.corrections.part_cancel import cancel_units
from orders.services.moves import make_move
from orders.services.stock.backorders import refill
from tests.orders.desk import (
    DESK,
    an_order,
    comes,
    counters,
    path,
    problems,
    record,
    shelf,
    status,
    stocked,
    store,
    told,
)
from tests.orders.test_invariants import healthy
from tests.orders.test_moves import manifest, ok

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-ORD-13")]


def shop_of(channel: str, **settings):
    made = store("Shop", channel=channel, settings=settings)
    royal = carriers.save_carrier(name="Royal Mail", tracking_url="", by=DESK)
    OrderSettings.objects.filter(connection=made).update(default_carrier=royal)
    stocked("MUG", leeds=2)
    stocked("CUP", leeds=0)
    return made


def arrives(sku: str, units: int) -> None:
    item = StockItem.objects.get(variant__sku=sku)
    item.on_hand += units
    item.save()
    StockMovement.objects.create(
        stock_item=item, kind="receipt", quantity=units, before=item.on_hand - units, after=item.on_hand
    )
    refill()


def part_leaves(order: Order, number: str) -> None:
    ok(packing.pack([order.pk], by=DESK))
    ok(packing.mark_ready_to_ship([order.pk], by=DESK, tracking={order.pk: (None, number)}))
    manifest()


def parcels(order: Order) -> list[tuple[str, dict[str, int]]]:
    rows = order.shipments.order_by("number")
    return [(row.state, dict(row.lines.values_list("line__sku", "quantity"))) for row in rows]


SENT = {
    "bigcommerce": ["ready_to_ship", "shipped", "ready_to_ship", "shipped"],
    "onbuy": ["ready_to_ship", "ready_to_ship"],
    "etsy": ["ready_to_ship", "ready_to_ship"],
    "opencart": ["ready_to_ship", "shipped"],
}
ANSWER = {
    "bigcommerce": "Shop is sent this part with its own tracking number.",
    "onbuy": "Shop is sent this part with its own tracking number.",
    "etsy": "Shop completes the order with its first shipment. The rest is known in Manifold only.",
    "opencart": "OpenCart takes no part shipments: it is sent the order with the last part.",
    "offline": "",
}


@pytest.mark.parametrize("channel", list(ANSWER))
def test_the_part_leaves_and_the_rest_leaves_when_its_stock_has_arrived(channel):
    shop = shop_of(channel)
    order = an_order(shop, MUG=2, CUP=1)
    assert status(order) == "partial"

    (outcome,) = make_move("release_part", [order.pk], by=DESK)

    assert (outcome.ok, outcome.message) == (True, ANSWER[channel])
    assert (status(order), parcels(order)) == ("rfp", [("planned", {"MUG": 2})])
    part_leaves(order, "T1")
    assert (status(order), counters(order), shelf("MUG")) == (
        "partial",
        [(2, 0, 2, 0), (1, 0, 0, 0)],
        (0, 0),
    )
    order.refresh_from_db()
    assert order.shipped_at is None
    sent = SENT.get(channel, [])
    assert told(order) == ([] if channel == "opencart" else sent[: len(sent) // 2])
    arrives("CUP", 1)
    assert status(order) == "new"
    ok(packing.release([order.pk], by=DESK))
    part_leaves(order, "T2")

    assert (status(order), told(order)) == ("in_transit", sent)
    assert parcels(order) == [("handed_over", {"MUG": 2}), ("handed_over", {"CUP": 1})]
    assert list(order.shipments.order_by("number").values_list("tracking_number", flat=True)) == ["T1", "T2"]
    healthy()


def test_stock_that_arrives_while_the_part_is_packed_is_allocated_and_released_after_it():
    shop = shop_of("bigcommerce", auto_release=True)
    order = an_order(shop, MUG=2, CUP=1)
    ok(make_move("release_part", [order.pk], by=DESK))
    ok(packing.pack([order.pk], by=DESK))

    arrives("CUP", 1)

    assert (status(order), shelf("CUP")) == ("packed", (1, 1))
    assert parcels(order) == [("packed", {"MUG": 2})]
    ok(packing.mark_ready_to_ship([order.pk], by=DESK))
    manifest()
    assert (status(order), parcels(order)) == (
        "rfp",
        [("handed_over", {"MUG": 2}), ("planned", {"CUP": 1})],
    )
    healthy()


def test_undo_of_the_release_makes_the_order_partial_again_with_its_stock():
    order = an_order(shop_of("opencart"), MUG=2, CUP=1)
    ok(make_move("release_part", [order.pk], by=DESK))

    ok(packing.undo_packing([order.pk], by=DESK))

    order.refresh_from_db()
    assert (order.status, order.is_part_released, shelf("MUG")) == ("partial", False, (2, 2))
    assert path(order)[-2:] == [("release_part", "partial", "rfp"), ("undo_packing", "rfp", "partial")]
    arrives("CUP", 1)
    ok(packing.release([order.pk], by=DESK))
    assert parcels(order)[-1] == ("planned", {"MUG": 2, "CUP": 1})


def test_an_order_of_which_nothing_is_in_stock_is_refused_and_unchanged():
    order = an_order(shop_of("opencart"), CUP=1)

    (outcome,) = make_move("release_part", [order.pk], by=DESK)

    assert (outcome.ok, outcome.message) == (
        False,
        "No unit of this order is in stock. The order continues automatically when stock arrives.",
    )
    assert (status(order), order.shipments.count()) == ("partial", 0)


def test_an_order_on_hold_is_refused():
    order = an_order(shop_of("opencart"), MUG=2, CUP=1)
    ok(decisions.hold([order.pk], reason="wait", by=DESK))

    (outcome,) = make_move("release_part", [order.pk], by=DESK)

    assert (outcome.ok, outcome.message, status(order)) == (False, "On hold: wait", "partial")


def test_the_rest_is_cancelled_alone_and_the_part_stays_shipped():
    order = an_order(shop_of("offline"), MUG=2, CUP=1)
    ok(make_move("release_part", [order.pk], by=DESK))
    part_leaves(order, "T1")

    ok(decisions.cancel([order.pk], reason="no more cups", by=DESK))

    assert counters(order) == [(2, 0, 2, 0), (1, 0, 0, 1)]
    assert parcels(order) == [("handed_over", {"MUG": 2})]
    healthy()


@pytest.mark.parametrize("state", [RemoteState.SHIPPED, RemoteState.DELIVERED])
def test_etsy_completes_with_the_first_part_and_the_rest_still_waits(state):
    shop = shop_of("etsy")
    order = an_order(shop, MUG=2, CUP=1)
    ok(make_move("release_part", [order.pk], by=DESK))
    part_leaves(order, "T1")
    OutboxMessage.objects.filter(group=order.pk).update(sent=1)

    comes(shop, record(order.external_id, state, minutes=9, MUG=2, CUP=1))

    assert (status(order), counters(order)[1]) == ("partial", (1, 0, 0, 0))
    assert (Shipment.objects.count(), problems(order)) == (1, [])
    assert not OrderEvent.objects.filter(order=order, kind__in=("ship", "mark_delivered")).exists()
    arrives("CUP", 1)
    ok(packing.release([order.pk], by=DESK))
    part_leaves(order, "T2")
    assert status(order) == "in_transit"
    (outcome,) = make_move("mark_delivered", [order.pk], by=DESK)
    assert (outcome.ok, status(order)) == (
        (True, "delivered") if state == RemoteState.DELIVERED else (False, "in_transit")
    )
    healthy()


def test_a_rest_that_the_channel_removed_is_a_problem_and_is_cancelled_by_a_person():
    shop = shop_of("bigcommerce")
    order = an_order(shop, MUG=2, CUP=1)
    ok(make_move("release_part", [order.pk], by=DESK))
    part_leaves(order, "T1")

    comes(shop, record(order.external_id, minutes=9, MUG=2))

    assert (status(order), problems(order)) == ("partial", ["late_change"])
    cup = order.lines.get(sku="CUP")
    cancel_units(order_id=order.pk, units={cup.pk: 1}, reason="refunded", by=DESK)
    assert (status(order), counters(order)) == ("in_transit", [(2, 0, 2, 0), (1, 0, 0, 1)])
    healthy()

"""What the channel says about an order that we know: forward or cancelled, never backwards; echoes change nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from channels.contract.records.orders import FulfilmentEvent, RemoteState, ShipmentRecord
from channels.contract.registry import specs
from channels.models import OutboxMessage
from inventory.models import StockMovement
from orders.models import Order, OrderEvent, Shipment
from orders.ops import doctor_checks
from orders.services import decisions, packing
from orders.services.stock import backorders, sku_mapping
from tests.orders.desk import (
    DESK,
    an_order,
    comes,
    counters,
    fingerprint,
    line,
    path,
    problems,
    record,
    shelf,
    status,
    stocked,
    store,
    told,
)
from tests.orders.test_moves import manifest, ok, to_ready

pytestmark = pytest.mark.django_db
S = RemoteState


def says(order: Order, state: S, *, minutes: int = 5, **more):
    """The channel gives the order again, in this state."""
    skus: dict[str, Any] = {row.sku: row.quantity for row in order.lines.all()}
    return comes(order.connection, replace(record(order.number, state, minutes=minutes, **skus), **more))


@pytest.mark.req("R-ORD-11")
def test_cancelled_there_before_packing_is_cancelled_here_and_frees_the_stock():
    shop = store()
    stocked("MUG", leeds=3)
    order, waiting = an_order(shop, MUG=2), an_order(shop, MUG=2)
    ok(packing.release([order.pk], by=DESK))

    says(order, S.CANCELLED)
    assert backorders.refill() == 1

    order.refresh_from_db()
    assert (order.status, order.cancel_asked_by, counters(order)) == ("cancelled", "buyer", [(2, 0, 0, 2)])
    assert [shipment.state for shipment in order.shipments.all()] == ["cancelled"]
    assert (status(waiting), shelf("MUG")) == ("new", (3, 2))
    assert told(order) == []
    assert path(order)[-1] == ("cancel", "rfp", "cancelled")


@pytest.mark.req("R-ORD-11")
def test_cancelled_there_after_packing_is_a_problem_and_nothing_else():
    shop = store()
    stocked("MUG", leeds=3)
    order = an_order(shop, MUG=2)
    to_ready(order)

    says(order, S.CANCELLED)

    assert (status(order), problems(order), shelf("MUG")) == ("rts", ["late_cancel"], (3, 2))
    assert path(order)[-1] == ("ready_to_ship", "packed", "rts")
    says(order, S.CANCELLED, minutes=6)
    assert problems(order) == ["late_cancel"]
    ok(packing.undo_packing([order.pk], by=DESK))
    assert (status(order), problems(order), shelf("MUG")) == ("cancelled", [], (3, 0))


@pytest.mark.req("R-ORD-16")
def test_shipped_there_not_by_us_uses_up_the_stock_in_an_external_parcel():
    shop = store()
    stocked("MUG", leeds=3)
    order = an_order(shop, MUG=2)

    says(order, S.SHIPPED, shipments=(ShipmentRecord("s1", "DPD", "D1"),))

    assert (status(order), shelf("MUG"), counters(order)) == ("in_transit", (1, 0), [(2, 0, 2, 0)])
    shipment = Shipment.objects.get()
    assert (shipment.is_external, shipment.state, shipment.warehouse.name) == (True, "handed_over", "Leeds")  # type: ignore[union-attr]
    assert (shipment.carrier.name, shipment.tracking_number) == ("DPD", "D1")  # type: ignore[union-attr]
    assert StockMovement.objects.get(kind="shipment").reference_id == shipment.pk
    assert told(order) == []
    says(order, S.SHIPPED, minutes=6)
    assert (Shipment.objects.count(), shelf("MUG")) == (1, (1, 0))


@pytest.mark.req("R-ORD-16")
def test_shipped_there_with_our_parcel_packed_hands_that_parcel_over():
    shop = store()
    stocked("MUG", leeds=3)
    order = an_order(shop, MUG=2)
    to_ready(order)

    says(order, S.SHIPPED)

    assert (status(order), shelf("MUG")) == ("in_transit", (1, 0))
    assert list(Shipment.objects.values_list("state", "is_external")) == [("handed_over", False)]


@pytest.mark.req("R-ORD-16")
def test_shipped_there_without_stock_here_never_goes_below_nothing():
    shop = store()
    stocked("MUG", leeds=3)
    first, order = an_order(shop, MUG=2), an_order(shop, MUG=4)

    says(order, S.SHIPPED)

    assert (status(order), shelf("MUG"), problems(order)) == ("in_transit", (2, 2), ["shipped_short"])
    assert (status(first), counters(order)) == ("new", [(4, 0, 4, 0)])


@pytest.mark.req("R-ORD-12")
@pytest.mark.parametrize(("state", "expected"), [(S.DELIVERED, "delivered"), (S.COMPLETED, "completed")])
def test_further_there_is_further_here(state, expected):
    shop = store()
    stocked("MUG", leeds=3)
    order = an_order(shop, MUG=2)

    says(order, state)

    assert (status(order), shelf("MUG"), told(order)) == (expected, (1, 0), [])


@pytest.mark.req("R-ORD-10")
def test_paid_there_is_paid_here_and_asks_for_stock():
    shop = store(settings={"unpaid_hold_hours": 0})
    stocked("MUG", leeds=3)
    order = an_order(shop, S.UNPAID, MUG=2)
    assert (status(order), shelf("MUG")) == ("unpaid", (3, 0))

    says(order, S.NEW)

    assert (status(order), shelf("MUG")) == ("new", (3, 2))
    assert path(order)[-1] == ("mark_paid", "unpaid", "new")


@pytest.mark.req("R-ORD-10")
def test_approved_there_is_approved_here():
    shop = store()
    stocked("MUG", leeds=3)
    order = an_order(shop, S.DRAFT, MUG=2)

    says(order, S.NEW)

    assert (status(order), shelf("MUG")) == ("new", (3, 2))


@pytest.mark.req("R-ORD-08")
@pytest.mark.parametrize("state", [S.NEW, S.UNPAID, S.DRAFT, S.UNKNOWN, S.IGNORED])
def test_a_poll_never_moves_an_order_backwards(state):
    shop = store()
    stocked("MUG", leeds=3)
    order = an_order(shop, MUG=2)
    to_ready(order)
    manifest()
    before = (path(order), shelf("MUG"), told(order))

    says(order, state)

    assert status(order) == "in_transit"
    assert (path(order), shelf("MUG"), told(order)) == before


@pytest.mark.req("R-ORD-08")
def test_an_echo_of_our_own_write_changes_nothing_but_the_channels_words():
    shop = store()
    stocked("MUG", leeds=3)
    order = an_order(shop, MUG=2)
    to_ready(order)
    manifest()
    events, moved = OrderEvent.objects.count(), StockMovement.objects.count()

    says(order, S.SHIPPED, own_refs=("1-shipped",))

    order.refresh_from_db()
    assert (order.status, order.remote_state) == ("in_transit", "shipped")
    assert (OrderEvent.objects.count(), StockMovement.objects.count()) == (events, moved)
    assert Shipment.objects.count() == 1


def test_processed_there_is_packed_here_unless_something_stands_in_the_way():
    shop = store()
    stocked("MUG", leeds=3)
    fine, short = an_order(shop, MUG=2), an_order(shop, MUG=2)

    says(fine, S.READY)
    says(short, S.READY)

    assert (status(fine), status(short)) == ("packed", "partial")
    assert path(fine)[1:] == [("release", "new", "rfp"), ("pack", "rfp", "packed")]


@pytest.mark.req("R-ORD-11")
def test_our_cancellation_is_settled_when_it_is_seen_there():
    shop = store()
    stocked("MUG", leeds=3)
    order = an_order(shop, MUG=2)
    ok(decisions.cancel([order.pk], reason="sold out", by=DESK))

    says(order, S.NEW)
    assert (status(order), shelf("MUG")) == ("seller_cancel_in_process", (3, 2))
    says(order, S.CANCELLED, minutes=6)

    assert (status(order), shelf("MUG")) == ("cancelled_by_seller", (3, 0))


def test_an_order_that_comes_back_to_life_there_after_a_part_has_left_is_a_problem():
    shop = store()
    stocked("MUG", leeds=3)
    order = an_order(shop, MUG=2)
    one = (ShipmentRecord("s1", lines={order.lines.get().external_id: 1}),)
    says(order, S.NEW, shipments=one)
    says(order, S.CANCELLED, minutes=6, shipments=one)

    says(order, S.NEW, minutes=7, shipments=one)

    assert (status(order), problems(order), shelf("MUG")) == (
        "cancelled",
        ["late_cancel", "reopened_there"],
        (2, 0),
    )
    ok(decisions.reopen([order.pk], by=DESK))
    assert (status(order), problems(order), counters(order)) == ("new", [], [(2, 1, 1, 0)])


def test_refunded_there_moves_no_stock_and_stops_the_parcel():
    shop = store()
    stocked("MUG", leeds=3)
    order = an_order(shop, MUG=2)

    says(order, S.RETURNED)

    assert (status(order), problems(order), shelf("MUG")) == ("new", ["refunded_there"], (3, 2))
    assert not packing.release([order.pk], by=DESK)[0].ok


@pytest.mark.req("R-ORD-15")
def test_lines_follow_the_channel_until_packing():
    shop = store()
    stocked("MUG", leeds=9)
    stocked("CUP", leeds=9)
    order = an_order(shop, MUG=4, CUP=2)
    ok(packing.release([order.pk], by=DESK))
    mug, _cup = order.lines.all()

    comes(
        shop,
        record(order.number, minutes=5, lines=(line(mug.external_id, "MUG", 3), line("new", "ODD", 1))),
    )

    assert status(order) == "new"
    assert counters(order) == [(3, 3, 0, 0), (2, 0, 0, 2), (1, 0, 0, 0)]
    assert (shelf("MUG"), shelf("CUP"), problems(order)) == ((9, 3), (9, 0), ["unknown_sku"])
    order.refresh_from_db()
    assert order.units == 4


@pytest.mark.req("R-ORD-15")
def test_lines_that_change_after_packing_are_a_problem():
    shop = store()
    stocked("MUG", leeds=9)
    order = an_order(shop, MUG=4)
    ok(packing.release([order.pk], by=DESK))
    ok(packing.pack([order.pk], by=DESK))
    mug = order.lines.get()

    comes(shop, record(order.number, minutes=5, lines=(line(mug.external_id, "MUG", 3),)))

    assert (status(order), counters(order), problems(order)) == ("packed", [(4, 4, 0, 0)], ["late_change"])
    assert not packing.mark_ready_to_ship([order.pk], by=DESK)[0].ok


def test_what_people_did_here_is_not_reset_by_a_pull():
    shop = store()
    mug = stocked("MUG", leeds=9)
    order = an_order(shop, ODD=1)
    sku_mapping.map_line(line=order.lines.get(), variant=mug, remember=False, by=DESK)
    ok(decisions.hold([order.pk], reason="call", by=DESK))

    says(order, S.NEW, buyer_note="Please ring twice")

    order.refresh_from_db()
    assert (order.buyer_note, order.holds_open, order.problems_open) == ("Please ring twice", 1, 0)
    assert order.lines.get().variant == mug
    assert problems(order) == []


def test_a_word_of_no_consequence_makes_no_event():
    shop = store()
    stocked("MUG", leeds=9)
    order = an_order(shop, MUG=1)
    before = fingerprint()

    says(order, S.NEW)

    after = fingerprint()
    assert {key: after[key] == before[key] for key in before if key != "orders"} == {
        "shelves": True,
        "held": True,
        "events": True,
        "problems": True,
        "messages": True,
    }


@pytest.mark.req("R-SHIP-03", "R-SHIP-04")
def test_a_channel_that_completes_at_ready_to_ship_leaves_the_order_ready_here_until_its_manifest(
    monkeypatch,
):
    """Etsy's way: our tracking number completes the order there, but it still lies on our desk."""
    spec = specs()["opencart"]
    words = {**spec.events, FulfilmentEvent.READY_TO_SHIP: "3"}
    monkeypatch.setitem(specs(), "opencart", replace(spec, events=words))
    shop = store()
    stocked("MUG", leeds=5)
    order, untold = an_order(shop, MUG=2), an_order(shop, MUG=1)
    to_ready(order)
    OutboxMessage.objects.filter(group=order.pk).update(sent=1)

    says(order, S.SHIPPED)
    says(untold, S.SHIPPED)

    assert (status(order), status(untold)) == ("rts", "in_transit")
    assert order.shipments.filter(is_external=True).count() == 0
    manifest()
    assert status(order) == "in_transit"
    assert shelf("MUG") == (2, 0)


@pytest.mark.fault("F-21")
@pytest.mark.parametrize("left", [{"MUG": 3}, {"MUG": 2, "CUP": 2}, {"MUG": 5, "CUP": 2}])
def test_an_edit_and_then_a_cancellation_are_no_alarm_of_the_doctor(left):
    shop = store()
    stocked("MUG", leeds=9)
    stocked("CUP", leeds=9)
    comes(shop, record("1", MUG=3, CUP=2))
    comes(shop, record("1", minutes=1, **left))
    comes(shop, record("1", S.CANCELLED, minutes=2, **left))

    order = Order.objects.get()
    assert (status(order), order.units) == ("cancelled", sum(left.values()))
    assert doctor_checks.units_are_those_of_the_lines().ok

    Order.objects.update(units=9)  # more than were ever sold
    assert not doctor_checks.units_are_those_of_the_lines().ok
    Order.objects.update(units=sum(left.values()), cancelled_at=None)
    assert not doctor_checks.units_are_those_of_the_lines().ok

"""Parts of an order shipped on the channel, in any state: their units leave once, the rest stays open (R-ORD-16)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from channels.contract.records.orders import RemoteState, ShipmentRecord
from channels.models import Connection, OutboxMessage
from inventory.models import StockMovement
from inventory.services.opening_stock import opening_stock
from orders.models import Order, OrderEvent, Shipment, ShipmentLine
from orders.services import carriers, decisions, packing
from tests.orders.desk import (
    DESK,
    NOW,
    an_order,
    comes,
    counters,
    fingerprint,
    path,
    problems,
    record,
    serves,
    shelf,
    status,
    stocked,
    store,
    told,
)
from tests.orders.test_invariants import healthy
from tests.orders.test_moves import manifest, ok, to_ready

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-ORD-16")]
S = RemoteState


def part(key: str, order: Order, tracking: str = "", carrier: str = "", **skus: int) -> ShipmentRecord:
    """A shipment made there, of so many units of each SKU."""
    ids = dict(order.lines.values_list("sku", "external_id"))
    return ShipmentRecord(key, carrier, tracking, lines={ids[sku]: units for sku, units in skus.items()})


def says(order: Order, *parts: ShipmentRecord, state: S = S.NEW, minutes: int = 5, **more: Any) -> Any:
    """The channel gives the order again, with these shipments."""
    skus: dict[str, Any] = {row.sku: row.quantity for row in order.lines.all()}
    given = record(order.number, state, minutes=minutes, **skus)
    native = {**given.native, "parts": [repr(one) for one in parts]}
    return comes(order.connection, replace(given, shipments=parts, native=native, **more))


def parcels(order: Order) -> list[tuple[str, bool, Mapping[str, int]]]:
    """(state, made there, units by SKU) of each parcel."""
    return [
        (row.state, row.is_external, dict(row.lines.values_list("line__sku", "quantity")))
        for row in order.shipments.order_by("number")
    ]


def test_a_part_takes_its_units_and_leaves_the_rest_open():
    shop = store()
    stocked("MUG", leeds=5)
    stocked("CUP", leeds=5)
    order = an_order(shop, MUG=3, CUP=1)

    says(order, part("s1", order, "D1", "DPD", MUG=2))

    assert (status(order), counters(order)) == ("new", [(3, 1, 2, 0), (1, 1, 0, 0)])
    assert (shelf("MUG"), shelf("CUP")) == ((3, 1), (5, 1))
    assert parcels(order) == [("handed_over", True, {"MUG": 2})]
    made = Shipment.objects.get()
    assert (made.external_id, made.tracking_number, made.carrier.name) == ("s1", "D1", "DPD")  # type: ignore[union-attr]
    assert StockMovement.objects.get(kind="shipment").quantity == -2
    assert [row.text for row in OrderEvent.objects.filter(kind="ship_part")] == [
        "2 units shipped on Shop, outside Manifold"
    ]
    assert (told(order), problems(order)) == ([], [])
    healthy()


def test_the_same_part_by_page_webhook_and_poll_moves_nothing_twice():
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=3)
    one = part("s1", order, MUG=2)
    says(order, one)
    before = fingerprint()

    says(order, one)  # the same page
    assert fingerprint() == before
    says(order, one, minutes=6)  # changed in something else
    says(order, replace(one, external_id="other-id"), minutes=7)  # a channel that makes up its ids anew

    after = fingerprint()
    assert {
        key: after[key] == before[key] for key in ("shelves", "held", "events", "problems", "messages")
    } == {
        "shelves": True,
        "held": True,
        "events": True,
        "problems": True,
        "messages": True,
    }
    assert Shipment.objects.count() == 1


def test_an_id_whose_units_grow_is_news_of_the_difference():
    """OnBuy tells dispatched units per line, under one made-up id."""
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=3)
    says(order, part("s1", order, MUG=1))

    says(order, part("s1", order, MUG=2), minutes=6)

    assert (counters(order), shelf("MUG")) == ([(3, 1, 2, 0)], (3, 1))
    assert parcels(order) == [("handed_over", True, {"MUG": 1}), ("handed_over", True, {"MUG": 1})]


@pytest.mark.parametrize("state", [S.NEW, S.READY, S.UNPAID, S.SHIPPED])
def test_an_order_shipped_whole_by_parts_is_in_transit(state):
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=3)
    first = part("s1", order, MUG=1)
    says(order, first)

    says(order, first, part("s2", order, MUG=2), state=state, minutes=6)

    assert (status(order), counters(order), shelf("MUG")) == ("in_transit", [(3, 0, 3, 0)], (2, 0))
    assert path(order)[-1] == ("ship", "new", "in_transit")
    assert told(order) == []
    healthy()


def test_the_rest_goes_its_way_here_and_the_channel_is_sent_only_that():
    shop = parcel_shop()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=3)
    says(order, part("s1", order, MUG=1))

    to_ready(order)
    manifest()

    assert (status(order), counters(order), shelf("MUG")) == ("in_transit", [(3, 0, 3, 0)], (2, 0))
    assert parcels(order) == [("handed_over", True, {"MUG": 1}), ("handed_over", False, {"MUG": 2})]
    own = Shipment.objects.get(is_external=False)
    assert set(OutboxMessage.objects.filter(kind="event").values_list("subject", flat=True)) == {own.pk}
    healthy()


def test_ready_there_with_a_part_gone_does_not_pack_the_rest():
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=3)

    says(order, part("s1", order, MUG=1), state=S.READY)

    assert (status(order), parcels(order)) == ("new", [("handed_over", True, {"MUG": 1})])


def test_parts_that_had_left_when_the_order_was_first_read_move_no_stock():
    shop = store()
    stocked("MUG", leeds=5)
    given = record("7", MUG=3)
    gone = ShipmentRecord("s1", "DPD", "D1", lines={"7-1": 1})

    comes(shop, replace(given, shipments=(gone,)))

    order = Order.objects.get()
    assert (status(order), counters(order), shelf("MUG")) == ("new", [(3, 2, 1, 0)], (5, 2))
    assert not StockMovement.objects.filter(kind="shipment").exists()
    says(order, gone, ShipmentRecord("s2", lines={"7-1": 2}))
    assert (status(order), shelf("MUG")) == ("in_transit", (3, 0))
    healthy()


def test_opening_stock_counts_only_what_has_not_left():
    shop = store()
    mug = stocked("MUG")
    opening_stock(shop, {mug.pk: 4}, read_from=NOW.replace(hour=14), read_at=NOW.replace(hour=15))

    comes(shop, replace(record("7", MUG=3), shipments=(ShipmentRecord("s1", lines={"7-1": 1}),)))

    assert (shelf("MUG"), counters(Order.objects.get())) == ((6, 2), [(3, 2, 1, 0)])
    healthy()


def test_more_than_was_ordered_is_never_shipped():
    shop = store()
    stocked("MUG", leeds=9)
    order = an_order(shop, MUG=2)

    says(order, part("s1", order, MUG=7), ShipmentRecord("s2", lines={"unknown": 4}))

    assert (counters(order), shelf("MUG"), status(order)) == ([(2, 0, 2, 0)], (7, 0), "in_transit")


def test_a_part_without_stock_here_is_a_problem_and_never_below_nothing():
    shop = store()
    stocked("MUG", leeds=1)
    order = an_order(shop, MUG=3)
    assert status(order) == "partial"

    says(order, part("s1", order, MUG=2))

    assert (status(order), counters(order), shelf("MUG")) == ("partial", [(3, 0, 2, 0)], (0, 0))
    assert problems(order) == ["shipped_short"]
    healthy()


def test_a_shipment_without_lines_says_nothing_of_parts():
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=3)

    says(order, ShipmentRecord("s1", tracking_number="D1"))

    assert (status(order), shelf("MUG"), Shipment.objects.count()) == ("new", (5, 3), 0)


def test_a_number_that_comes_later_is_kept():
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=3)
    says(order, part("s1", order, MUG=1))

    says(order, part("s1", order, "D1", "DPD", MUG=1), minutes=6)

    made = Shipment.objects.get()
    assert (made.tracking_number, made.carrier.name) == ("D1", "DPD")  # type: ignore[union-attr]


# ------------------------------------------------ our own parcels


def parcel_shop() -> Connection:
    """A store whose channel knows parcels, with a carrier of its own."""
    carrier = carriers.save_carrier(name="Royal Mail", by=DESK)
    return store(channel="bigcommerce", settings={"default_carrier": carrier})


def sent(order: Order) -> OutboxMessage:
    """The channel was told that the order's parcel is ready."""
    message = OutboxMessage.objects.get(group=order.pk, topic="ready_to_ship")
    message.attempts = 1
    message.save()
    return message


def test_an_echo_of_our_own_parcel_changes_nothing():
    shop = parcel_shop()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=3)
    to_ready(order)
    sent(order)
    before = fingerprint()

    says(order, part("77", order, MUG=3), state=S.READY)

    assert (status(order), shelf("MUG"), Shipment.objects.count()) == ("rts", (5, 3), 1)
    after = fingerprint()
    assert [key for key in before if after[key] != before[key]] == ["orders"]  # the channel's words alone
    manifest()
    says(order, part("77", order, MUG=3), state=S.SHIPPED, minutes=6)
    assert (status(order), shelf("MUG"), Shipment.objects.count()) == ("in_transit", (2, 0), 1)


def test_the_reference_of_a_parked_message_shows_that_it_was_carried_out():
    shop = parcel_shop()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=3)
    to_ready(order)
    message = sent(order)
    OutboxMessage.objects.filter(pk=message.pk).update(parked_at=NOW)

    says(order, part("77", order, MUG=3), state=S.READY, own_refs=(f"{shop.birthmark}-{message.key}",))
    assert (status(order), shelf("MUG")) == ("rts", (5, 3))
    says(
        order, part("77", order, MUG=3), state=S.READY, minutes=6
    )  # without it: somebody did it by hand there

    assert (status(order), shelf("MUG")) == ("in_transit", (2, 0))


def test_our_parcel_that_is_just_what_was_shipped_there_is_handed_over():
    shop = parcel_shop()
    serves(shop, "Leeds", "Lyon")
    stocked("MUG", leeds=2)
    stocked("CUP", lyon=2)
    order = an_order(shop, MUG=2, CUP=1)
    ok(packing.release([order.pk], by=DESK))
    ok(packing.pack([order.pk], by=DESK))

    says(order, part("s1", order, "D1", MUG=2))

    assert parcels(order) == [("handed_over", False, {"MUG": 2}), ("packed", False, {"CUP": 1})]
    assert (status(order), shelf("MUG"), shelf("CUP", "Lyon")) == ("packed", (0, 0), (2, 1))
    assert problems(order) == []
    healthy()


def test_units_of_a_planned_parcel_are_taken_out_of_it():
    shop = store()
    stocked("MUG", leeds=5)
    stocked("CUP", leeds=5)
    order = an_order(shop, MUG=3, CUP=1)
    ok(packing.release([order.pk], by=DESK))

    says(order, part("s1", order, MUG=1, CUP=1))

    assert parcels(order) == [("planned", False, {"MUG": 2}), ("handed_over", True, {"MUG": 1, "CUP": 1})]
    assert (status(order), shelf("MUG"), shelf("CUP"), problems(order)) == ("rfp", (4, 2), (4, 0), [])
    healthy()


def test_units_of_a_packed_parcel_are_for_a_person_to_look_at_and_nothing_goes_backwards():
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=3)
    ok(packing.release([order.pk], by=DESK))
    ok(packing.pack([order.pk], by=DESK))

    says(order, part("s1", order, MUG=1))

    assert (status(order), shelf("MUG"), problems(order)) == ("packed", (4, 2), ["late_change"])
    assert parcels(order) == [("packed", False, {"MUG": 2}), ("handed_over", True, {"MUG": 1})]
    assert not packing.mark_ready_to_ship([order.pk], by=DESK)[0].ok
    healthy()
    ok(packing.undo_packing([order.pk], by=DESK))
    assert (status(order), problems(order)) == ("new", [])
    assert ShipmentLine.objects.filter(shipment__state="handed_over").count() == 1
    healthy()


# ------------------------------------------------ and the rest of the story


@pytest.mark.req("R-ORD-11")
def test_cancelled_there_after_a_part_has_left_frees_the_rest_and_asks_for_a_return():
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=3)
    says(order, part("s1", order, MUG=1))

    says(order, part("s1", order, MUG=1), state=S.CANCELLED, minutes=6)

    assert (status(order), counters(order), shelf("MUG")) == ("cancelled", [(3, 0, 1, 2)], (4, 0))
    assert problems(order) == ["late_cancel"]
    healthy()


def test_a_draft_and_an_unpaid_order_lose_only_what_has_left():
    shop = store(settings={"unpaid_hold_hours": 0})
    stocked("MUG", leeds=5)
    unpaid, draft = an_order(shop, S.UNPAID, MUG=2), an_order(shop, S.DRAFT, MUG=2)

    says(unpaid, part("s1", unpaid, MUG=1), state=S.UNPAID)
    says(draft, part("s1", draft, MUG=1), state=S.DRAFT)

    assert (status(unpaid), status(draft)) == ("unpaid", "draft")
    assert (counters(unpaid), counters(draft), shelf("MUG")) == ([(2, 0, 1, 0)], [(2, 1, 1, 0)], (3, 1))


def test_history_and_what_is_cancelled_here_lose_nothing():
    shop = store()
    stocked("MUG", leeds=5)
    over, ours = an_order(shop, S.SHIPPED, MUG=2), an_order(shop, MUG=2)
    ok(decisions.cancel([ours.pk], reason="sold out", by=DESK))
    says(ours, state=S.CANCELLED)

    says(over, part("s1", over, MUG=2), state=S.SHIPPED, minutes=6)
    says(ours, part("s2", ours, MUG=1), minutes=6)

    assert shelf("MUG") == (5, 0)
    assert (problems(over), problems(ours)) == ([], ["reopened_there"])

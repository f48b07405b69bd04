"""What BigCommerce is told of an order, in both modes, once (`bigcommerce.md` §5, §10)."""

from __future__ import annotations

import json

import pytest
from django.core.cache import cache

from channels.errors import NotSupported, Rejected, Uncertain
from channels.records import (
    Outcome,
)
from tests.channels.bigcommerce import E, connected, native, product, sent, told


@pytest.fixture
def running(serve_bigcommerce):
    return serve_bigcommerce()


@pytest.fixture(autouse=True)
def _nothing_believed():
    cache.clear()


# ---------------------------------------------------------------- fulfilment


@pytest.mark.req("R-SHIP-03", "R-SHIP-04")
def test_mode_a_ships_at_ready_to_ship_and_puts_the_status_back(running):
    product(running)
    order = running.sandbox.place_order()
    adapter = connected(running)

    outcome = adapter.push_fulfilment(told(E.READY_TO_SHIP, order))
    row = native(running, order)

    assert (outcome.external_id, row["status_id"]) == ("1", 9)
    assert (row["shipments"][0]["tracking_number"], row["shipments"][0]["shipping_provider"]) == (
        "RM1GB",
        "royalmail",
    )
    assert adapter.push_fulfilment(told(E.SHIPPED, order, "ev-2")).ok
    assert (row["status_id"], len(row["shipments"])) == (2, 1)


@pytest.mark.req("R-SHIP-03", "R-SHIP-04")
def test_mode_b_ships_at_the_manifest(running):
    product(running)
    order = running.sandbox.place_order()
    adapter = connected(running, options={"shipping_mode": "b"})
    row = native(running, order)

    assert adapter.push_fulfilment(told(E.READY_TO_SHIP, order)).ok
    assert (row["status_id"], row["shipments"]) == (9, [])
    assert adapter.push_fulfilment(told(E.SHIPPED, order, "ev-2")).ok
    assert (row["status_id"], row["shipments"][0]["tracking_number"]) == (2, "RM1GB")
    writes = [c for c in sent(running, "PUT", "/v2/orders/") if b'"status_id":2' in c["body"]]
    assert writes == []  # the shipment itself has done it


def test_a_store_whose_shipments_move_nothing_gets_the_status_too(serve_bigcommerce):
    running = serve_bigcommerce(ship_moves_status=False)
    product(running)
    order = running.sandbox.place_order()

    assert connected(running, options={"shipping_mode": "b"}).push_fulfilment(told(E.SHIPPED, order)).ok

    assert native(running, order)["status_id"] == 2


def test_a_shipment_whose_answer_was_lost_is_not_made_twice(running):
    product(running)
    order = running.sandbox.place_order()
    adapter = connected(running)
    running.sandbox.inject("no_answer", match="/shipments", method="POST")
    with pytest.raises(Uncertain):
        adapter.push_fulfilment(told(E.READY_TO_SHIP, order))
    row = native(running, order)
    assert (row["status_id"], len(row["shipments"])) == (2, 1)

    assert adapter.look_up(told(E.READY_TO_SHIP, order)) == Outcome("ev-1", external_id="1")

    assert (row["status_id"], len(row["shipments"])) == (9, 1)


@pytest.mark.req("R-SHIP-03")
def test_parts_of_an_order_go_one_after_the_other(running):
    row = product(running)
    order = running.sandbox.place_order([{"product_id": row["id"], "quantity": 3}])
    line = str(native(running, order)["lines"][0]["id"])
    adapter = connected(running, options={"shipping_mode": "b"})

    assert adapter.push_fulfilment(told(E.SHIPPED, order, "e1", lines={line: 1}, is_whole_order=False)).ok
    assert native(running, order)["status_id"] == 3
    assert adapter.push_fulfilment(told(E.SHIPPED, order, "e2", lines={line: 2}, is_whole_order=False)).ok
    assert native(running, order)["status_id"] == 2
    assert [s["items"][0]["quantity"] for s in native(running, order)["shipments"]] == [1, 2]


def test_several_addresses_get_a_shipment_each_and_pickups_none(running):
    row = product(running)
    order = running.sandbox.place_order(
        [{"product_id": row["id"], "address": 0}, {"product_id": row["id"], "address": 1}, {"product_id": row["id"], "pickup": 2}],
        addresses=2,
    )  # fmt: skip

    assert connected(running).push_fulfilment(told(E.READY_TO_SHIP, order)).ok

    shipments = native(running, order)["shipments"]
    assert len({s["order_address_id"] for s in shipments}) == len(shipments) == 2


@pytest.mark.req("R-SHIP-07")
def test_a_number_that_comes_later_goes_into_the_shipment(running):
    product(running)
    order = running.sandbox.place_order()
    adapter = connected(running)
    before = adapter.push_fulfilment(told(E.TRACKING, order, "t0"))
    adapter.push_fulfilment(told(E.READY_TO_SHIP, order, tracking_number=""))

    after = adapter.push_fulfilment(told(E.TRACKING, order, "t1", tracking_number="RM2GB"))

    assert "no shipment yet" in before.note
    assert after.ok
    assert native(running, order)["shipments"][0]["tracking_number"] == "RM2GB"
    assert native(running, order)["status_id"] == 9


@pytest.mark.req("R-ORD-11")
def test_cancel_before_it_left_and_not_after(running):
    product(running)
    order, gone = running.sandbox.place_order(), running.sandbox.place_order()
    running.sandbox.set_status(gone["order_id"], 2)
    adapter = connected(running)

    assert adapter.push_fulfilment(told(E.CANCELLED, order)).ok
    assert native(running, order)["status_id"] == 5
    assert "already stands" in adapter.push_fulfilment(told(E.CANCELLED, order)).note
    with pytest.raises(Rejected, match="left as it is there"):
        adapter.push_fulfilment(told(E.CANCELLED, gone))
    with pytest.raises(Rejected, match="left as it is there"):
        adapter.push_fulfilment(told(E.READY_TO_SHIP, order))
    assert native(running, gone)["status_id"] == 2


def test_completed_is_off_until_the_store_allows_it(running):
    product(running)
    order = running.sandbox.place_order()
    with pytest.raises(NotSupported):
        connected(running).push_fulfilment(told(E.COMPLETED, order))

    assert connected(running, options={"push_completed": True}).push_fulfilment(told(E.COMPLETED, order)).ok
    assert native(running, order)["status_id"] == 10


def test_no_write_of_an_order_ever_carries_products(running):
    product(running)
    order = running.sandbox.place_order()
    adapter = connected(running)
    adapter.push_fulfilment(told(E.READY_TO_SHIP, order))
    adapter.push_fulfilment(told(E.SHIPPED, order, "e2"))

    assert {tuple(json.loads(c["body"])) for c in sent(running, "PUT", "/v2/orders/")} == {("status_id",)}

"""What BigCommerce is told of an order, in both modes, once (`bigcommerce.md` §5, §10)."""

from __future__ import annotations

import json

import pytest
from django.core.cache import cache

from channels.contract.errors import NotSupported, Rejected, Uncertain
from channels.contract.records.updates import Outcome
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


def test_an_address_whose_shipment_failed_gets_it_at_the_next_try(running):
    row = product(running)
    goods = [{"product_id": row["id"], "address": place} for place in (0, 1)]
    order = running.sandbox.place_order(goods, addresses=2)
    adapter = connected(running)
    running.sandbox.inject("no_answer", match="/shipments", method="POST")
    with pytest.raises(Uncertain):
        adapter.push_fulfilment(told(E.READY_TO_SHIP, order))
    assert (native(running, order)["status_id"], len(native(running, order)["shipments"])) == (3, 1)

    assert adapter.look_up(told(E.READY_TO_SHIP, order)) is None  # not all of it was told
    outcome = adapter.push_fulfilment(told(E.READY_TO_SHIP, order))

    shipments = native(running, order)["shipments"]
    assert (outcome.external_id, native(running, order)["status_id"]) == ("1,2", 9)
    assert [s["order_address_id"] for s in shipments] == [
        a["id"] for a in native(running, order)["addresses"]
    ]
    assert adapter.look_up(told(E.READY_TO_SHIP, order)) == Outcome("ev-1", external_id="1,2")


@pytest.mark.req("R-SHIP-04", "R-ORD-13")
def test_the_manifest_of_a_parcel_ships_no_unit_of_another(running):
    """One line in two parcels: the second unit is still here when the first parcel leaves."""
    row = product(running)
    order = running.sandbox.place_order([{"product_id": row["id"], "quantity": 2}])
    part = {"lines": {str(native(running, order)["lines"][0]["id"]): 1}, "is_whole_order": False}
    adapter = connected(running)
    first = adapter.push_fulfilment(told(E.READY_TO_SHIP, order, "r1", **part))

    gone = told(E.SHIPPED, order, "s1", shipment_external_id=first.external_id, **part)
    assert adapter.push_fulfilment(gone).ok

    assert (native(running, order)["status_id"], len(native(running, order)["shipments"])) == (3, 1)
    second = told(E.READY_TO_SHIP, order, "r2", tracking_number="RM2GB", **part)
    assert adapter.push_fulfilment(second).external_id == "2"
    assert [
        (s["tracking_number"], s["items"][0]["quantity"]) for s in native(running, order)["shipments"]
    ] == [
        ("RM1GB", 1),
        ("RM2GB", 1),
    ]


@pytest.mark.req("R-SHIP-04")
def test_partly_shipped_by_the_stores_own_status_map_too(running):
    """The map names a status for each event; the default one gives way to the facts, the seller's own does not."""
    row = product(running)
    order, other = (running.sandbox.place_order([{"product_id": row["id"], "quantity": 2}]) for _ in "ab")
    adapter = connected(running, options={"shipping_mode": "b"})
    for placed, ref, native_status, expected in ((order, "s1", "2", 3), (other, "s2", "10", 10)):
        part = {"lines": {str(native(running, placed)["lines"][0]["id"]): 1}, "is_whole_order": False}
        update = told(E.SHIPPED, placed, ref, native_status=native_status, leaves_rest=True, **part)
        assert adapter.push_fulfilment(update).ok
        assert native(running, placed)["status_id"] == expected


@pytest.mark.req("R-SHIP-07")
def test_a_number_never_goes_into_another_parcels_shipment(running):
    row = product(running)
    order = running.sandbox.place_order([{"product_id": row["id"], "quantity": 2}])
    part = {"lines": {str(native(running, order)["lines"][0]["id"]): 1}, "is_whole_order": False}
    adapter = connected(running, options={"shipping_mode": "b"})
    adapter.push_fulfilment(told(E.SHIPPED, order, "s1", **part))

    waiting = adapter.push_fulfilment(told(E.TRACKING, order, "t2", tracking_number="RM2GB", **part))

    assert "no shipment yet" in waiting.note
    assert [s["tracking_number"] for s in native(running, order)["shipments"]] == ["RM1GB"]
    adapter.push_fulfilment(told(E.SHIPPED, order, "s2", tracking_number="RM2GB", **part))
    adapter.push_fulfilment(
        told(E.TRACKING, order, "t3", tracking_number="RM3GB", shipment_external_id="2", **part)
    )
    assert [s["tracking_number"] for s in native(running, order)["shipments"]] == ["RM1GB", "RM3GB"]


@pytest.mark.req("R-SHIP-07")
def test_another_carrier_takes_the_place_of_the_one_before(running):
    product(running)
    order = running.sandbox.place_order()
    adapter = connected(running)
    adapter.push_fulfilment(told(E.READY_TO_SHIP, order, carrier_name="DPD"))
    [shipment] = native(running, order)["shipments"]
    assert shipment["tracking_carrier"] == "dpd-uk"

    assert adapter.push_fulfilment(told(E.TRACKING, order, "t1")).ok
    assert (shipment["shipping_provider"], shipment["tracking_carrier"]) == ("royalmail", "")

    van = {"carrier_name": "Our van", "tracking_url": "https://van.example.com/1"}
    assert adapter.push_fulfilment(told(E.TRACKING, order, "t2", **van)).ok
    assert (shipment["shipping_provider"], shipment["tracking_link"]) == ("", "https://van.example.com/1")


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
    assert "already in status" in adapter.push_fulfilment(told(E.CANCELLED, order)).note
    with pytest.raises(Rejected, match="not changed"):
        adapter.push_fulfilment(told(E.CANCELLED, gone))
    with pytest.raises(Rejected, match="not changed"):
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

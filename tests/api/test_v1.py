"""The operations of `/api/v1/`: what they answer, and that they go through the services of the screens."""

from __future__ import annotations

import pytest

from oms.kit.models import Job
from orders.models import OrderEvent, Shipment
from tests import factories
from tests.api.caller import Caller
from tests.orders.desk import an_order, status, stocked, store, told

pytestmark = pytest.mark.django_db


@pytest.mark.req("R-ORD-08", "R-SHIP-03")
def test_a_program_brings_an_order_to_ready_to_ship_like_a_person():
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)
    caller = Caller("orders:read", "orders:write", name="ERP")

    early = caller.post("/orders/moves", {"move": "pack", "orders": [order.pk]}).json()
    assert early == [
        {"order": order.pk, "number": order.number, "ok": False, "message": "Release the order first."}
    ]
    for move in ("release", "pack"):
        assert caller.post("/orders/moves", {"move": move, "orders": [order.pk]}).json()[0]["ok"]
    body = {
        "move": "ready_to_ship",
        "orders": [order.pk],
        "tracking": [{"order": order.pk, "number": "AB1"}],
    }
    assert caller.post("/orders/moves", body, key="r").json()[0]["ok"]
    assert caller.post("/orders/moves", body, key="r")["Idempotent-Replayed"] == "true"

    assert (status(order), told(order)) == ("rts", ["ready_to_ship"])
    assert Shipment.objects.get().tracking_number == "AB1"
    last = OrderEvent.objects.filter(order=order, kind="ready_to_ship").get()
    assert (last.actor, last.actor_name, last.author_id) == ("api", "API ERP", None)
    read = caller.get(f"/orders/{order.pk}").json()
    assert (read["status"], read["total"], read["lines"][0]["sku"]) == ("rts", "20.0000", "MUG")
    assert read["shipments"][0]["tracking_number"] == "AB1"
    assert [row["id"] for row in caller.get("/orders", status="rts").json()["items"]] == [order.pk]
    assert caller.get("/orders", status="packed").json()["items"] == []


def test_a_move_that_does_not_exist_and_an_order_that_does_not_exist():
    caller = Caller("orders:write")
    assert caller.post("/orders/moves", {"move": "explode", "orders": [1]}).status_code == 422
    outcome = caller.post("/orders/moves", {"move": "pack", "orders": [987]}).json()
    assert outcome == [{"order": 987, "number": "", "ok": False, "message": "This order no longer exists."}]


def test_cancel_needs_a_reason_here_too():
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)
    caller = Caller("orders:write")
    answer = caller.post("/orders/moves", {"move": "cancel", "orders": [order.pk]}).json()[0]
    assert (answer["ok"], answer["message"]) == (False, "Enter the reason of the cancellation.")
    assert status(order) == "new"


def test_the_list_of_orders_has_a_constant_number_of_queries(django_assert_num_queries):
    shop = store()
    stocked("MUG", leeds=50)
    for _order in range(6):
        an_order(shop, MUG=1)
    caller = Caller("orders:read", "orders:write")
    ids = [row["id"] for row in caller.get("/orders").json()["items"]]
    caller.post("/orders/moves", {"move": "release", "orders": ids})
    with django_assert_num_queries(8):  # key and its count, savepoints apart: orders and what belongs to them
        assert len(caller.get("/orders").json()["items"]) == 6


def test_products_prices_and_stock():
    shop = factories.store(maps={"leeds": 1})
    mug = factories.stocked("MUG", connection=shop, leeds=4)
    caller = Caller("catalogue:read", "stock:read", "stores:read")
    product = caller.get("/products", sku="mug").json()["items"][0]
    assert (product["id"], product["variants"][0]["sku"]) == (mug.product_id, "MUG")
    assert caller.get(f"/products/{mug.product_id}").json() == product
    price = caller.get("/prices", store=shop.pk).json()["items"][0]
    assert (price["sku"], price["price"], price["currency"]) == ("MUG", "10.0000", "GBP")
    stock = caller.get("/stock", sku="MUG", warehouse="leeds").json()["items"][0]
    assert (stock["on_hand"], stock["available"], stock["warehouse"]) == (4, 4, "leeds")
    assert [row["code"] for row in caller.get("/warehouses").json()["items"]] == ["leeds"]
    found = caller.get("/stores").json()["items"][0]
    assert (found["name"], found["channel"], found["is_read_only"]) == ("Shop", "opencart", False)
    assert "credentials" not in found


def test_a_key_of_one_warehouse_sees_and_changes_no_other():
    factories.stocked("MUG", leeds=4, lyon=7)
    leeds = factories.warehouse("leeds")
    caller = Caller("stock:read", "stock:write", warehouse_id=leeds.pk)
    assert [row["warehouse"] for row in caller.get("/stock").json()["items"]] == ["leeds"]
    assert [row["code"] for row in caller.get("/warehouses").json()["items"]] == ["leeds"]
    body = {"sku": "MUG", "warehouse": "lyon", "delta": 1, "reason": "x"}
    assert caller.post("/stock/adjustments", body).status_code == 404


def test_a_count_of_stock_that_has_changed_is_refused():
    factories.stocked("MUG", leeds=4)
    caller = Caller("stock:write")
    body = {"sku": "MUG", "warehouse": "leeds", "quantity": 9, "was": 5, "reason": "count"}
    assert caller.put("/stock/counts", body).status_code == 409
    assert caller.put("/stock/counts", {**body, "was": 4}).json()["on_hand"] == 9


def test_jobs_are_read():
    job = Job.objects.create(kind="orders.move", title="Pack: 2 orders", total=2)
    caller = Caller("jobs:read")
    assert caller.get("/jobs").json()["items"][0]["title"] == "Pack: 2 orders"
    assert caller.get(f"/jobs/{job.pk}").json()["total"] == 2
    assert caller.get("/jobs/987").status_code == 404

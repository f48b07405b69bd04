"""Orders of OnBuy through the house: read by its streams, moved at the desk, told over HTTP (`onbuy.md` §8, §9)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from catalogue.models import ListingVariant
from channels.connectors.onbuy.sandbox import make_sandbox, market
from channels.models import Connection, OutboxMessage, SyncStream
from channels.sandbox.server import Response, Running
from channels.stores import connect, services, status_map
from inventory.models import StockItem
from oms.kit.authors.actors import SYSTEM
from oms.kit.models import Problem
from orders.models import Order, OrderEvent, Shipment
from orders.services import carriers, decisions, packing, problems, tracking
from orders.services.handing_over import manifests
from tests.channels.onbuy import asked, sent
from tests.support.workers import work

pytestmark = pytest.mark.django_db


@pytest.fixture
def running() -> Iterator[Running]:
    """A small account: two SKUs, no orders."""
    sandbox = make_sandbox(seed="empty")
    for place, (name, sku, price, units) in enumerate(
        (("Chef's Knife, 20 cm", "KNF-20", "79.00", 38), ("Rolling Pin, Beech", "PIN-B", "13.50", 63))
    ):
        sandbox.market.add_listing(sandbox.market.add_product(name, [f"40{place:011d}"]), sku, price, units)
    with sandbox.serve() as served:
        yield served


@pytest.fixture
def store(running: Running) -> Connection:
    cache.clear()
    made = connect.connect(channel="onbuy", name="OnBuy", credentials=running.credentials)
    work()
    services.switch_on(connection=made)
    work()
    running.sandbox.exchanges.clear()
    running.sandbox.requests.clear()
    return Connection.objects.get(pk=made.pk)


def poll(store: Connection) -> None:
    """The next run of both order streams."""
    for name in ("orders.new", "orders.changed"):
        services.refresh_now(connection=store, stream=name)
    work()


def bought(running: Running, store: Connection, **skus: int) -> tuple[Order, dict[str, Any]]:
    placed = running.sandbox.place_order({sku.replace("_", "-"): n for sku, n in skus.items()})
    poll(store)
    order = Order.objects.get(connection=store, external_id=placed["order_id"])
    return order, running.sandbox.market.orders[placed["order_id"]]


def shelf(sku: str) -> tuple[int, int]:
    item = StockItem.objects.get(variant__sku=sku)
    return item.on_hand, item.allocated


def again(order: Order) -> Order:
    return Order.objects.get(pk=order.pk)


def ready(order: Order, number: str = "RM1", carrier: str = "Royal Mail") -> None:
    made = carriers.save_carrier(name=carrier, by=SYSTEM)
    packing.release([order.pk], by=SYSTEM)
    packing.pack([order.pk], by=SYSTEM)
    outcomes = packing.mark_ready_to_ship([order.pk], tracking={order.pk: (made.pk, number)}, by=SYSTEM)
    assert [one.ok for one in outcomes] == [True]
    work()


def dispatches(running: Running) -> list[Any]:
    return [row for body in sent(running, "PUT", "/orders/dispatch") for row in body["orders"]]


@pytest.mark.req("R-ORD-06", "R-ORD-01")
def test_an_order_in_two_polls_is_one_order_and_nothing_is_marked_as_exported(running, store):
    order, _there = bought(running, store, KNF_20=2)
    before = shelf("KNF-20")
    poll(store)
    poll(store)
    assert Order.objects.filter(connection=store, external_id=order.external_id).count() == 1
    assert shelf("KNF-20") == before
    targets = asked(running, "/orders")
    assert targets
    assert not [target for target in targets if "previously_exported" in target]
    assert all("filter[status]=" in target for target in targets)


@pytest.mark.req("R-ORD-16", "R-ORD-13")
def test_a_part_dispatched_in_onbuys_panel_leaves_the_shelf_and_the_rest_is_sent_from_here(running, store):
    order, there = bought(running, store, KNF_20=2, PIN_B=1)
    knife, pin = (line["onbuy_internal_reference"] for line in there["products"])
    on_hand, held = shelf("KNF-20")
    running.sandbox.dispatch_in_panel(order.external_id, knife, 1, "AB1")
    poll(store)
    assert shelf("KNF-20") == (on_hand - 1, held - 1)
    assert again(order).status == "new"
    assert again(order).shipped_at is None
    made = Shipment.objects.get(order=order, is_external=True)
    assert (made.tracking_number, made.carrier.name) == ("AB1", "Royal Mail")  # type: ignore[union-attr]
    poll(store)
    assert shelf("KNF-20") == (on_hand - 1, held - 1)

    ready(order, "RM2")
    [row] = dispatches(running)
    assert row["products"] == [{"sku": "KNF-20", "quantity": 1}, {"sku": "PIN-B", "quantity": 1}]
    assert row["tracking"] == {"supplier_name": "Royal Mail", "number": "RM2"}
    assert there["status"] == "Dispatched"
    assert [line["quantity_dispatched"] for line in there["products"]] == [2, 1]
    assert pin
    poll(store)  # what we told comes back
    assert Shipment.objects.filter(order=order).count() == 2
    assert again(order).status == "rts"
    assert not Problem.objects.filter(resolved_at=None, subject_kind="order", subject_id=order.pk).exists()


@pytest.mark.req("R-ORD-16")
def test_an_order_dispatched_in_the_panel_unit_by_unit_is_in_transit(running, store):
    order, there = bought(running, store, KNF_20=2)
    knife = there["products"][0]["onbuy_internal_reference"]
    on_hand, _held = shelf("KNF-20")
    for number in ("AB1", "AB2"):
        running.sandbox.dispatch_in_panel(order.external_id, knife, 1, number)
        poll(store)
    assert again(order).status == "in_transit"
    assert shelf("KNF-20")[0] == on_hand - 2
    assert dispatches(running) == []


@pytest.mark.req("R-SHIP-03", "R-ORD-08")
def test_ready_to_ship_is_the_dispatch_and_its_echo_is_no_news(running, store):
    order, there = bought(running, store, KNF_20=1)
    assert there["status"] == "Awaiting Dispatch"
    ready(order)
    assert dispatches(running) == [
        {"order_id": order.external_id, "tracking": {"supplier_name": "Royal Mail", "number": "RM1"}}
    ]
    assert there["status"] == "Dispatched"
    poll(store)
    assert again(order).status == "rts"
    assert not again(order).shipments.filter(is_external=True).exists()


@pytest.mark.req("R-SHIP-07")
def test_a_tracking_number_that_comes_later(running, store):
    """OnBuy was seen to take none after the dispatch: the order says so; an account that does take it is told."""
    order, there = bought(running, store, KNF_20=1)
    carrier = carriers.save_carrier(name="Royal Mail", by=SYSTEM)
    packing.release([order.pk], by=SYSTEM)
    packing.pack([order.pk], by=SYSTEM)
    packing.mark_ready_to_ship([order.pk], tracking={order.pk: (carrier.pk, "")}, by=SYSTEM)
    work()
    assert dispatches(running) == [{"order_id": order.external_id}]
    shipment = Shipment.objects.get(order=order)
    tracking.set_tracking(shipment=shipment, carrier=carrier, number="RM9", by=SYSTEM)
    work()
    message = OutboxMessage.objects.get(topic="tracking", group=order.pk)
    assert message.parked_at is not None
    assert "Enter it in the seller panel" in message.last_error
    assert OrderEvent.objects.filter(order=order, kind="told", text__contains="seller panel").exists()
    assert there["tracking"] is None
    running.sandbox.configure(takes_late_tracking=True)
    OutboxMessage.objects.filter(pk=message.pk).update(parked_at=None, not_before=None, attempts=0)
    work()
    kept = running.sandbox.market.orders[order.external_id]
    assert kept["tracking"]["tracking_number"] == "RM9"


@pytest.mark.req("R-SHIP-03")
def test_an_order_that_onbuy_does_not_answer_is_looked_at_and_sent_again(running, store, monkeypatch):
    """HTTP 200 and `success` without a word about the order: it was not dispatched."""
    order, there = bought(running, store, KNF_20=1)
    calls, dispatch = running.sandbox.calls, running.sandbox.calls.dispatch
    monkeypatch.setattr(calls, "dispatch", lambda body: {"success": True, "results": {}})
    ready(order)
    message = OutboxMessage.objects.get(topic="ready_to_ship", group=order.pk)
    assert (message.sent, message.parked_at, message.is_uncertain) == (0, None, True)
    assert there["status"] == "Awaiting Dispatch"
    assert not OrderEvent.objects.filter(order=order, kind="told").exists()
    monkeypatch.setattr(calls, "dispatch", dispatch)
    OutboxMessage.objects.update(not_before=None)
    work()
    message.refresh_from_db()
    assert (message.sent, there["status"], len(dispatches(running))) == (1, "Dispatched", 2)


@pytest.mark.fault("F-18")
@pytest.mark.req("R-SHIP-07", "R-SHIP-03")
def test_a_number_before_the_manifest_waits_for_it_where_the_store_dispatches_then(running, store):
    store.options = {**store.options, "push_shipped": True}
    store.save()
    order, there = bought(running, store, KNF_20=1)
    ready(order, number="")
    shipment = Shipment.objects.get(order=order)
    outcome = tracking.set_tracking(
        shipment=shipment, carrier=shipment.carrier, number="RB123456785GB", by=SYSTEM
    )
    work()
    assert not OutboxMessage.objects.filter(group=order.pk).exists()
    why = (
        "Not sent to OnBuy: the order is dispatched on OnBuy at the manifest, as set in the store's settings."
    )
    events = list(OrderEvent.objects.filter(order=order).values_list("kind", "text"))
    assert ("ready_to_ship", f"Ready to ship. {why}") in events
    assert ("tracking", f"Tracking: Royal Mail RB123456785GB. {why}") in events
    assert (outcome.message, [kind for kind, _text in events if kind == "told"]) == (why, [])
    assert (dispatches(running), there["status"]) == ([], "Awaiting Dispatch")
    assert shipment.carrier is not None
    assert shipment.warehouse is not None
    manifests.create_manifest(carrier=shipment.carrier, warehouse=shipment.warehouse, by=SYSTEM)
    work()
    [row] = dispatches(running)
    assert row["tracking"] == {"supplier_name": "Royal Mail", "number": "RB123456785GB"}
    assert there["status"] == "Dispatched"


@pytest.mark.fault("F-18")
def test_a_setting_that_changes_before_the_message_left_is_obeyed_and_nothing_is_said_to_be_sent(
    running, store
):
    order, _there = bought(running, store, KNF_20=1)
    ready(order)
    assert len(dispatches(running)) == 1
    store.options = {**store.options, "push_shipped": True}
    store.save()
    OutboxMessage.objects.filter(group=order.pk).update(sent=0, sent_at=None)  # as if it were still to leave
    OrderEvent.objects.filter(order=order, kind="told").delete()
    work()
    message = OutboxMessage.objects.get(topic="ready_to_ship", group=order.pk)
    assert (message.sent, message.is_written, "at the manifest" in message.last_error) == (1, False, True)
    assert len(dispatches(running)) == 1
    assert not OrderEvent.objects.filter(order=order, text__startswith="Sent to").exists()


@pytest.mark.req("R-ORD-11")
@pytest.mark.parametrize(
    ("reason", "number"), [("Out of stock", 1), ("Buyer changed their mind", 2), ("Lost in the warehouse", 5)]
)
def test_a_cancellation_goes_out_with_its_reason_and_frees_the_stock(running, store, reason, number):
    order, there = bought(running, store, KNF_20=1)
    on_hand, held = shelf("KNF-20")
    decisions.cancel([order.pk], reason=reason, by=SYSTEM)
    work()
    [row] = [row for body in sent(running, "PUT", "/orders/cancel") for row in body["orders"]]
    assert row["order_cancellation_reason_id"] == number
    assert row["cancel_order_additional_info"] == reason
    assert there["status"] == "Cancelled By Seller"
    assert again(order).cancelled_at is not None
    assert shelf("KNF-20") == (on_hand, held - 1)
    poll(store)
    assert not Problem.objects.filter(resolved_at=None, subject_kind="order", subject_id=order.pk).exists()


@pytest.mark.req("R-ORD-11")
def test_a_cancellation_that_onbuy_does_not_show_yet_stays_in_process_and_is_not_sent_twice(running, store):
    order, _there = bought(running, store, KNF_20=1)
    running.sandbox.configure(confirms_cancel=False)
    decisions.cancel([order.pk], reason="Out of stock", by=SYSTEM)
    work()
    assert again(order).cancelled_at is None
    assert again(order).status.endswith("in_process")
    running.sandbox.set_status(order.external_id, "cancelled_by_seller")  # now it shows
    before = len(sent(running, "PUT", "/orders/cancel"))
    OutboxMessage.objects.update(not_before=None)
    work()
    assert len(sent(running, "PUT", "/orders/cancel")) == before
    assert again(order).cancelled_at is not None


@pytest.mark.req("R-ORD-11")
def test_a_cancellation_by_the_buyer_before_packing_frees_the_stock_and_after_it_is_a_problem(running, store):
    early, _there = bought(running, store, KNF_20=1)
    on_hand, held = shelf("KNF-20")
    running.sandbox.set_status(early.external_id, "cancelled_by_buyer")
    poll(store)
    assert (again(early).status, shelf("KNF-20")) == ("cancelled", (on_hand, held - 1))

    late, _there = bought(running, store, KNF_20=1)
    packing.release([late.pk], by=SYSTEM)
    packing.pack([late.pk], by=SYSTEM)
    running.sandbox.set_status(late.external_id, "cancelled_by_buyer")
    poll(store)
    [problem] = Problem.objects.filter(resolved_at=None, subject_kind="order", subject_id=late.pk)
    assert problem.code == "late_cancel"
    assert again(late).status == "packed"
    outcomes = decisions.cancel([late.pk], reason="Out of stock", by=SYSTEM)
    assert not outcomes[0].ok
    assert sent(running, "PUT", "/orders/cancel") == []


@pytest.mark.req("R-ORD-08")
def test_money_refunded_is_known_and_a_refund_before_dispatch_ends_the_order(running, store):
    order, there = bought(running, store, KNF_20=1, PIN_B=1)
    running.sandbox.refund_in_panel(order.external_id, "5.00")
    poll(store)
    assert str(again(order).refunded_total) in ("5.00", "5.0000")
    assert again(order).cancelled_at is None
    running.sandbox.set_status(order.external_id, "refunded")
    poll(store)
    assert again(order).status == "cancelled"
    assert there["price_total"] == f"{again(order).refunded_total:.2f}"


@pytest.mark.req("R-ORD-08", "R-ORD-16")
def test_a_part_of_the_money_back_ships_nothing_that_is_still_here(running, store):
    order, there = bought(running, store, KNF_20=2, PIN_B=1)
    on_hand, pins = shelf("KNF-20")[0], shelf("PIN-B")
    running.sandbox.dispatch_in_panel(
        order.external_id, there["products"][0]["onbuy_internal_reference"], 1, "A"
    )
    running.sandbox.refund_in_panel(order.external_id, "5.00")
    poll(store)
    assert again(order).remote_status_name == "Partially Refunded"
    assert (again(order).status, again(order).shipped_at) == ("new", None)
    assert (shelf("KNF-20")[0], shelf("PIN-B")) == (on_hand - 1, pins)
    assert list(order.lines.order_by("pk").values_list("quantity", "shipped")) == [(2, 1), (1, 0)]


@pytest.mark.req("R-ORD-08")
def test_a_status_that_onbuy_has_invented_can_be_said_what_it_means(running, store, monkeypatch):
    """Its slug may be none that the filter knows: then all orders are asked for, and none is kept out by a refusal."""
    monkeypatch.setitem(market.LABELS, "held_for_review", "Held For Review")
    order, _there = bought(running, store, KNF_20=1)
    running.sandbox.set_status(order.external_id, "held_for_review")
    poll(store)
    [problem] = Problem.objects.filter(resolved_at=None, subject_kind="order", subject_id=order.pk)
    assert problem.code == "unknown_status"
    monkeypatch.delitem(market.LABELS, "held_for_review")  # the filter refuses it
    status_map.edit(connection=store, external_id="held_for_review", remote_state="new")
    problems.apply_status_map(connection_id=store.pk, by=SYSTEM)
    assert not Problem.objects.filter(resolved_at=None, subject_kind="order", subject_id=order.pk).exists()
    assert again(order).remote_state == "new"
    other, _there = bought(running, store, PIN_B=1)
    assert again(other).status == "new"
    assert SyncStream.objects.get(connection=store, name="orders.new").failures == 0


def test_an_order_whose_last_change_onbuy_does_not_show_is_not_left_out(running, store):
    """It was placed before the window and changed in it, which only OnBuy's own filter knows."""
    handle = running.sandbox.handle

    def silent(request: Any) -> Response:
        response = handle(request)
        return Response(
            response.status, response.body.replace(b'"updated_at"', b'"edited"'), response.headers
        )

    running.sandbox.handle = silent
    number = running.sandbox.place_order({"KNF-20": 1})["order_id"]
    running.sandbox.market.orders[number]["date"] = "2026-01-05 10:00:00"
    poll(store)
    assert Order.objects.get(external_id=number).status == "new"
    running.sandbox.set_status(number, "cancelled_by_buyer")
    poll(store)
    assert Order.objects.get(external_id=number).cancelled_at is not None


def test_two_lines_of_one_sku_are_distinguished_by_onbuys_own_number(running, store):
    placed = running.sandbox.place_order({"KNF-20": 2})
    there = running.sandbox.market.orders[placed["order_id"]]
    [line] = there["products"]
    there["products"].append(
        {**line, "onbuy_internal_reference": 990001, "quantity": 1, "total_price": "79.00"}
    )
    running.sandbox.touch()
    poll(store)
    order = Order.objects.get(external_id=placed["order_id"])
    assert order.lines.count() == 2
    running.sandbox.dispatch_in_panel(order.external_id, 990001, 1)
    poll(store)
    ready(order)
    [row] = dispatches(running)
    assert row["products"] == [{"onbuy_internal_reference": line["onbuy_internal_reference"], "quantity": 2}]
    assert there["status"] == "Dispatched"


def test_stock_that_was_bought_on_onbuy_is_not_put_up_again(running, store):
    """The listing's own figure fell at OnBuy; what we send is ours, after the order."""
    row = ListingVariant.objects.get(external_sku="KNF-20")
    before = running.sandbox.market.listing("KNF-20")["stock"]
    bought(running, store, KNF_20=2)
    assert running.sandbox.market.listing("KNF-20")["stock"] == before - 2
    row.refresh_from_db()
    assert row.sent_quantity == before - 2
    assert row.sent_at is not None
    assert timezone.now() > row.sent_at

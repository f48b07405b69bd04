"""A shipment on its way: released to the WMS, picked, ready to ship on the channel, labelled, dispatched."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from channels.models import OutboxMessage
from channels.stores import services
from inventory.models import StockMovement, Warehouse
from orders.models import Handover, Order, OrderEvent, OrderSettings, Shipment
from orders.services import packing
from tests.orders.desk import DESK, an_order, serves, shelf, status, stocked, store, told
from tests.wms.site import AT, accepted_by_channel, site

pytestmark = pytest.mark.django_db


@pytest.mark.req("R-WMS-01", "R-WMS-02", "R-SHIP-03")
def test_from_released_to_dispatched():
    with site() as here:
        order = here.released()
        assert here.send() == ["shipment.released"]
        row = here.handover(order)
        given = here.sandbox.shipments[str(row.uuid)]
        assert (given["order"]["number"], given["version"], given["label"]) == (order.number, 1, None)
        assert given["lines"] == [
            {"sku": "MUG", "barcode": "", "title": "The MUG", "quantity": 2, "personalisation": ""}
        ]
        assert (given["ship_to"]["city"], given["warehouse"]) == ("Leeds", "LEEDS")

        answer = here.api.post(f"/shipments/{row.uuid}/acknowledge", {"reference": "W-7"})
        assert (answer.status_code, answer.json()["state"]) == (200, "received")
        assert here.report(order, "shipment.picking_started").json()["state"] == "picking"
        assert status(order) == "rfp"

        parcel = {"tracking_number": "D1", "carrier": "DPD", "weight_grams": 400}
        assert here.report(order, "shipment.picked", parcels=[parcel]).status_code == 200
        assert (status(order), told(order), shelf("MUG")) == ("rts", ["ready_to_ship"], (5, 2))
        assert here.send() == ["shipment.released"]  # the channel has not accepted it yet

        accepted_by_channel(order)
        assert here.send() == ["shipment.released", "shipment.label_ready"]
        label = here.api.get(f"/shipments/{row.uuid}").json()["label"]
        assert (label["carrier"], label["tracking_number"]) == ("DPD", "D1")

        assert here.report(order, "shipment.packed", parcels=[parcel]).json()["state"] == "packed"
        assert here.report(order, "shipment.dispatched").json()["state"] == "dispatched"
        assert (status(order), shelf("MUG")) == ("in_transit", (3, 0))
        assert told(order) == ["ready_to_ship", "shipped"]
        moved = StockMovement.objects.get(kind="shipment")
        assert (moved.quantity, moved.actor) == (-2, "WMS Leeds WMS")
        event = OrderEvent.objects.get(order=order, kind="hand_over")
        assert (event.actor, event.actor_name) == ("wms", "WMS Leeds WMS")


@pytest.mark.req("R-WMS-02")
def test_a_wms_may_report_only_the_dispatch_and_twice():
    with site() as here:
        order = here.released()
        here.send()
        parcels = [{"tracking_number": "D1", "carrier": "Evri"}, {"tracking_number": "D2"}]
        assert here.report(order, "shipment.dispatched", parcels=parcels).status_code == 200
        again = here.report(order, "shipment.dispatched", parcels=parcels)  # another call, the same fact
        assert (again.status_code, again.json()["state"]) == (200, "dispatched")
        assert (status(order), shelf("MUG")) == ("in_transit", (3, 0))
        assert StockMovement.objects.filter(kind="shipment").count() == 1
        assert told(order) == ["ready_to_ship", "shipped"]
        shipment = Shipment.objects.get()
        assert (str(shipment.carrier), shipment.tracking_number) == ("Evri", "D1, D2")


@pytest.mark.req("R-WMS-02")
def test_a_late_fact_is_refused_and_changes_nothing():
    with site() as here:
        order = here.released()
        here.report(order, "shipment.packed")
        late = here.report(order, "shipment.picking_started")
        assert (late.status_code, late["Content-Type"]) == (422, "application/problem+json")
        assert late.json()["detail"] == (
            "The shipment is further already: Packed. “shipment.picking_started” comes too late."
        )
        assert here.handover(order).state == "packed"


def test_the_same_call_again_is_answered_and_records_one_fact():
    with site() as here:
        order = here.released()
        first = here.report(order, "shipment.picked", key="k", message="m")
        again = here.report(order, "shipment.picked", key="k", message="m")
        assert again.json() == first.json()
        assert here.report(order, "shipment.packed", key="other", message="m").status_code == 409
        assert here.handover(order).facts.count() == 1


@pytest.mark.req("R-WMS-02")
def test_a_shipment_of_another_warehouse_does_not_exist():
    with site() as here:
        order = here.released()
        lyon = Warehouse.objects.create(code="LYON", name="Lyon", wms=here.wms)
        here.api = here.key_of(lyon)
        assert here.report(order, "shipment.picked").status_code == 404
        assert here.api.get(f"/shipments/{here.handover(order).uuid}").status_code == 404
        assert here.api.get("/shipments", status="all").json()["items"] == []
        nobody = Warehouse.objects.create(code="YORK", name="York")
        here.api = here.key_of(nobody)
        assert here.api.get("/shipments").status_code == 403
        assert here.handover(order).state == "released"


@pytest.mark.parametrize(
    "change",
    [{"webhook-signature": "v1,AAAA"}, {"webhook-signature": ""}, {"webhook-timestamp": "1614265330"}],
)
@pytest.mark.req("R-WMS-02")
def test_a_call_that_is_signed_wrongly_changes_nothing(change):
    with site() as here:
        order = here.released()
        body = {"type": "shipment.picked", "occurred_at": AT}
        answer = here.api.post(f"/shipments/{here.handover(order).uuid}/events", body, **change)
        assert (answer.status_code, here.handover(order).state) == (401, "released")


def test_a_second_reference_is_refused():
    with site() as here:
        order = here.released()
        path = f"/shipments/{here.handover(order).uuid}/acknowledge"
        assert here.api.post(path, {"reference": "W-7"}).status_code == 200
        assert here.api.post(path, {"reference": "W-7"}).status_code == 200
        assert here.api.post(path, {"reference": "W-8"}).status_code == 409
        assert here.handover(order).reference == "W-7"


@pytest.mark.req("R-WMS-01")
def test_a_changed_address_is_a_new_version():
    with site() as here:
        order = here.released()
        here.send()
        from orders.unit_of_work.unit_of_work import UnitOfWork

        unit = UnitOfWork.load([order.pk])
        unit.order_states[0].order.ship_to = {**order.ship_to, "city": "York"}
        unit.flush(DESK)
        assert here.send() == ["shipment.released", "shipment.changed"]
        given = here.sandbox.shipments[str(here.handover(order).uuid)]
        assert (given["version"], given["ship_to"]["city"]) == (2, "York")
        assert here.send() == ["shipment.released", "shipment.changed"]


@pytest.mark.req("R-WMS-02")
def test_a_call_without_an_answer_is_repeated_with_the_same_id():
    with site() as here:
        order = here.released()
        here.sandbox.inject("no_answer", 1, "/hook")
        here.send()
        message = OutboxMessage.objects.get(topic="wms.shipment")
        assert message.not_before is not None
        assert (message.sent, message.parked_at, message.not_before > timezone.now()) == (0, None, True)
        assert (message.sent, message.parked_at) == (0, None)
        assert message.not_before is not None
        assert message.not_before > timezone.now()
        OutboxMessage.objects.update(not_before=None)
        type(here.wms).objects.update(blocked_until=None)
        here.send()
        message.refresh_from_db()
        assert message.sent == message.wanted
        assert list(here.sandbox.calls.values()) == ["shipment.released"]  # taken once
        assert here.handover(order).sent["content"]


def test_a_wms_that_wants_no_more_calls_is_stopped():
    with site() as here:
        here.released()
        here.sandbox.inject("server_error", 1, "/hook", status=410)
        here.send()
        here.wms.refresh_from_db()
        assert here.wms.state == "needs_seller"
        assert "410" in here.wms.state_reason


@pytest.mark.req("R-WMS-02")
def test_a_read_only_or_paused_wms_is_sent_nothing_until_it_is_live():
    with site() as here:
        services.set_read_only(connection=here.wms)
        order = here.released()
        assert here.send() == []
        services.switch_on(connection=here.wms)
        services.pause(connection=here.wms)
        assert here.send() == []
        assert here.report(order, "shipment.received").status_code == 200  # facts are recorded all the same
        services.resume(connection=here.wms)
        assert here.send() == ["shipment.released"]


def test_a_wms_can_pull_its_shipments():
    with site() as here:
        services.set_read_only(connection=here.wms)
        order = here.released()
        page = here.api.get("/shipments").json()
        assert [row["order"]["number"] for row in page["items"]] == [order.number]
        assert here.handover(order).offered_at is not None
        here.report(order, "shipment.received")
        assert here.api.get("/shipments").json()["items"] == []
        assert len(here.api.get("/shipments", status="open").json()["items"]) == 1


@pytest.mark.req("R-WMS-01")
def test_only_warehouses_with_a_wms_hand_over():
    with site() as here:
        other = store("Other")
        serves(other, "Lyon")
        stocked("POT", lyon=3)
        order = an_order(other, POT=1)
        packing.release([order.pk], by=DESK)
        assert Handover.objects.count() == 0
        assert here.send() == []


def test_a_hold_delays_ready_to_ship_and_the_sweep_makes_up_for_it():
    from orders.inbound.wms import shipping
    from orders.services import decisions

    with site() as here:
        order = here.released()
        decisions.hold([order.pk], reason="call the buyer", by=DESK)
        assert here.report(order, "shipment.picked").json()["state"] == "picked"
        assert (status(order), told(order)) == ("rfp", [])
        assert OrderEvent.objects.filter(order=order, text__contains="On hold: call the buyer").exists()
        assert shipping.retry_ready() == 0
        decisions.lift_hold([order.pk], by=DESK)
        assert shipping.retry_ready() == 1
        assert (status(order), told(order)) == ("rts", ["ready_to_ship"])
        assert shipping.retry_ready() == 0


def test_a_message_that_was_skipped_does_not_hold_back_the_label():
    from orders.inbound.wms import shipping

    with site() as here:
        order = here.released()
        here.report(order, "shipment.picked", parcels=[{"tracking_number": "D1"}])
        assert shipping.accept_skipped() == 0
        OutboxMessage.objects.filter(topic="ready_to_ship").update(skipped_at=timezone.now())
        assert shipping.accept_skipped() == 1
        assert "shipment.label_ready" in here.send()


def test_an_offline_store_needs_no_channel():
    with site(channel="offline") as here:
        stocked("MUG", leeds=5)
        order = an_order(here.shop, MUG=2)
        packing.release([order.pk], by=DESK)
        here.send()
        here.report(order, "shipment.picked", parcels=[{"tracking_number": "D1"}])
        assert here.send() == ["shipment.released", "shipment.label_ready"]


def test_the_clock_of_the_wms_may_be_wrong_about_the_event():
    with site() as here:
        order = here.released()
        old = (timezone.now() - timedelta(days=30)).isoformat()
        assert here.report(order, "shipment.picked", occurred_at=old).status_code == 200
        assert here.report(order, "shipment.packed", occurred_at="1950-01-01T00:00:00Z").status_code == 422
        assert Order.objects.get().status == "rts"


@pytest.mark.req("R-WMS-01")
def test_orders_that_are_released_by_themselves_are_handed_over_too():
    with site() as here:
        OrderSettings.objects.filter(connection=here.shop).update(auto_release=True)
        stocked("MUG", leeds=5)
        orders = [an_order(here.shop, MUG=1) for _order in range(2)]
        assert [status(order) for order in orders] == ["rfp", "rfp"]
        assert here.send() == ["shipment.released"] * 2
        numbers = {row["order"]["number"] for row in here.sandbox.shipments.values()}
        assert numbers == {order.number for order in orders}


@pytest.mark.req("R-WMS-01")
def test_an_order_from_two_warehouses_is_ready_when_both_are():
    with site() as here:
        serves(here.shop, "Leeds", "Lyon")
        stocked("MUG", leeds=2, lyon=0)
        stocked("POT", lyon=1)
        order = an_order(here.shop, MUG=2, POT=1)
        assert packing.release([order.pk], by=DESK)[0].ok
        assert here.send() == ["shipment.released"]  # that of Leeds; Lyon has no WMS
        here.report(order, "shipment.picked", parcels=[{"tracking_number": "D1", "carrier": "DPD"}])
        states = list(Shipment.objects.order_by("warehouse__code").values_list("state", flat=True))
        assert (states, status(order), told(order)) == (["ready", "planned"], "rfp", [])
        packing.pack([order.pk], by=DESK)
        assert packing.mark_ready_to_ship([order.pk], by=DESK)[0].ok
        assert (status(order), told(order)) == ("rts", ["ready_to_ship"])

"""What carriers say moves parcels and orders (R-SHIP-06); duplicates, late and unordered news change nothing twice."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from channels.contract.carriers.records import ParcelEventRecord, ParcelState
from channels.models import OutboxMessage, WebhookEvent
from channels.stores import webhooks
from orders.inbound import parcels
from orders.models import Parcel, ParcelEvent, Shipment
from orders.services import completion, packing
from tests.api.caller import Caller
from tests.carriers.desk import desk
from tests.imports.flow import applied
from tests.orders.desk import DESK, problems, shelf, status, told

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-SHIP-06")]
P = ParcelState
START = datetime(2026, 11, 21, 9, tzinfo=UTC)


def event(state: ParcelState | None, hours: int = 0, code: str = "") -> ParcelEventRecord:
    return ParcelEventRecord(code or str(state).upper(), START + timedelta(hours=hours), state)


def ready(here: Any) -> Shipment:
    """A shipment that is ready to ship, with a label."""
    shipment: Shipment = here.packed()
    here.buy(shipment)
    assert packing.mark_ready_to_ship([shipment.order_id], by=DESK)[0].ok
    return shipment


def hears(shipment: Shipment, *events: ParcelEventRecord) -> int:
    return parcels.record(shipment_id=shipment.pk, events=events, source="test", by=DESK)


def test_the_carriers_scans_move_the_order_from_ready_to_delivered_and_completed():
    with desk() as here:
        shipment = ready(here)
        hears(shipment, event(P.IN_TRANSIT))
        assert (status(shipment.order), shelf("MUG")) == ("in_transit", (98, 0))
        assert "shipped" in told(shipment.order)
        hears(shipment, event(P.OUT_FOR_DELIVERY, 1), event(P.DELIVERED, 2))
        assert status(shipment.order) == "delivered"
        assert shipment.order.delivered_at == START + timedelta(hours=2)
        assert Shipment.objects.get(pk=shipment.pk).delivered_at == START + timedelta(hours=2)
        shipment.order.delivered_at = timezone.now() - timedelta(days=15)
        shipment.order.save()
        assert completion.complete_due() == 1
        assert status(shipment.order) == "completed"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3)))[1:])
def test_any_sequence_leads_to_the_same_state(order):
    events = [event(P.IN_TRANSIT), event(P.FAILED_ATTEMPT, 1), event(P.DELIVERED, 2)]
    with desk() as here:
        shipment = ready(here)
        for place in order:
            hears(shipment, events[place])
        parcel = Parcel.objects.get(shipment=shipment)
        assert (parcel.state, parcel.state_at) == ("delivered", START + timedelta(hours=2))
        assert status(shipment.order) == "delivered"
        assert told(shipment.order).count("shipped") == 1
        assert shelf("MUG") == (98, 0)


@pytest.mark.parametrize(("states", "expected"), [
    ([P.READY, P.IN_TRANSIT, P.READY], "in_transit"),
    ([P.OUT_FOR_DELIVERY, P.IN_TRANSIT], "out_for_delivery"),
    ([P.FAILED_ATTEMPT, P.IN_TRANSIT], "in_transit"),
    ([P.IN_TRANSIT, P.AT_CUSTOMS], "at_customs"),
    ([P.AT_CUSTOMS, P.IN_TRANSIT], "in_transit"),
    ([P.OUT_FOR_DELIVERY, P.AWAITING_COLLECTION], "awaiting_collection"),
    ([P.DELIVERED, P.IN_TRANSIT, P.RETURNED], "delivered"),
    ([P.LOST, P.IN_TRANSIT], "in_transit"),
    ([P.LOST, P.DELIVERED], "delivered"),
    ([P.RETURNED, P.DELIVERED], "returned"),
    ([None, P.IN_TRANSIT, None], "in_transit"),
])  # fmt: skip
def test_a_parcel_moves_forward_only(states, expected):
    rows = [
        ParcelEvent(code=str(n), state=str(state or ""), at=START + timedelta(hours=n))
        for n, state in enumerate(states)
    ]
    for some in itertools.permutations(rows):
        assert parcels.state_of(some)[0] == expected


def test_the_same_news_twice_changes_nothing():
    with desk() as here:
        shipment = ready(here)
        assert hears(shipment, event(P.DELIVERED), event(P.DELIVERED)) == 1
        before = list(OutboxMessage.objects.values("pk", "wanted")), shipment.order.events.count()
        assert hears(shipment, event(P.DELIVERED)) == 0
        assert (list(OutboxMessage.objects.values("pk", "wanted")), shipment.order.events.count()) == before


def test_a_delivery_before_the_hand_over_hands_over_first():
    with desk() as here:
        shipment = ready(here)
        hears(shipment, event(P.DELIVERED))
        assert (status(shipment.order), shelf("MUG")) == ("delivered", (98, 0))
        assert told(shipment.order)[:2] == ["ready_to_ship", "shipped"]


def test_news_of_a_shipment_that_is_not_packed_waits_for_it():
    with desk() as here:
        shipment = here.packed()
        packing.unpack([shipment.order_id], by=DESK)
        hears(shipment, event(P.IN_TRANSIT))
        assert (status(shipment.order), parcels.apply_waiting()) == ("rfp", 0)
        packing.pack([shipment.order_id], by=DESK)
        assert parcels.apply_waiting() == 1
        assert status(shipment.order) == "in_transit"
        assert parcels.apply_waiting() == 0


def test_etsy_alone_says_that_its_orders_are_delivered():
    with desk(channel="etsy") as here:
        shipment = ready(here)
        hears(shipment, event(P.DELIVERED))
        assert status(shipment.order) == "in_transit"
        assert Parcel.objects.get(shipment=shipment).state == "delivered"


def test_a_delivered_order_of_a_channel_without_that_status_is_on_the_to_do_list():
    with desk(channel="bigcommerce") as here:
        shipment = ready(here)
        hears(shipment, event(P.DELIVERED))
        assert status(shipment.order) == "delivered"
        assert shipment.order.delivery_to_do
        assert "delivered" not in told(shipment.order)


def test_returned_and_lost_parcels_are_problems_and_move_nothing():
    with desk() as here:
        shipment = ready(here)
        hears(shipment, event(P.IN_TRANSIT), event(P.LOST, 1))
        assert (status(shipment.order), problems(shipment.order)) == ("in_transit", ["parcel_lost"])
        hears(shipment, event(P.OUT_FOR_DELIVERY, 2))
        assert problems(shipment.order) == []
        hears(shipment, event(P.RETURNED, 3))
        assert (status(shipment.order), problems(shipment.order)) == ("in_transit", ["parcel_returned"])


def test_a_poll_reads_the_events_and_sets_the_next_one():
    with desk() as here:
        shipment = ready(here)
        label = shipment.labels.get()
        here.sandbox.move(label.tracking_number, "SHIPMENT_ON_ROUTE")
        Parcel.objects.update(poll_at=timezone.now() - timedelta(minutes=1))
        assert parcels.ask_due() == 1
        assert parcels.ask_due() == 0
        here.later()
        assert status(shipment.order) == "in_transit"
        parcel = Parcel.objects.get()
        assert parcel.poll_at is not None
        here.sandbox.move(label.tracking_number, "DELIVERED")
        parcels.have_news(here.account.connection, [label.tracking_number])
        here.later()
        assert (status(shipment.order), Parcel.objects.get().poll_at) == ("delivered", None)


def test_a_webhook_is_stored_once_and_the_parcel_is_read(client):
    with desk() as here:
        shipment = ready(here)
        number = shipment.labels.get().tracking_number
        here.sandbox.move(number, "DELIVERED")
        body, headers = here.sandbox.webhook(number, "DELIVERED")
        url = f"/hooks/sendcloud/{here.account.pk}/"
        answers = [
            client.generic("POST", url, body, headers=headers, content_type="application/json").status_code
            for _twice in range(2)
        ]
        assert answers == [202, 200]
        forged = client.generic("POST", url, body + b" ", headers=headers, content_type="application/json")
        assert forged.status_code == 401
        assert WebhookEvent.objects.get().external_id == number
        webhooks.handle(here.account.pk)
        here.later()
        assert status(shipment.order) == "delivered"


def test_the_order_page_shows_where_the_parcel_is(client, admin_user):
    with desk() as here:
        shipment = ready(here)
        hears(shipment, event(P.AWAITING_COLLECTION))
        client.force_login(admin_user)
        shown = client.get(reverse("admin:orders_order_change", args=[shipment.order_id])).content.decode()
        assert "Awaiting collection" in shown


def test_a_program_reports_events_and_reads_the_parcel():
    with desk() as here:
        shipment = ready(here)
        number = shipment.labels.get().tracking_number
        caller = Caller("orders:read", "orders:write", name="ERP")
        events = [
            {"tracking_number": number, "status": "delivered", "at": "2026-11-22T10:00:00Z"},
            {"tracking_number": number, "status": "in_transit", "at": "2026-11-21T10:00:00+01:00"},
            {"tracking_number": "NOBODY", "status": "delivered", "at": "2026-11-22T10:00:00Z"},
        ]
        answer = caller.post("/parcels/events", {"events": events}).json()
        assert [(row["ok"], row["is_new"]) for row in answer] == [(True, True), (True, True), (False, False)]
        assert answer[2]["message"] == "No shipment has the tracking number “NOBODY”."
        again = caller.post("/parcels/events", {"events": events[:2]}).json()
        assert [row["is_new"] for row in again] == [False, False]
        assert status(shipment.order) == "delivered"
        read = caller.get(f"/parcels/{number}").json()
        assert (read["status"], read["order"], len(read["events"])) == ("delivered", shipment.order_id, 2)
        assert caller.get("/parcels/NOBODY").status_code == 404


@pytest.mark.req("R-USE-02")
def test_a_file_reports_what_happened():
    with desk() as here:
        shipment = ready(here)
        number = shipment.labels.get().tracking_number
        rows = [
            ["Tracking number", "Status", "Date"],
            [number, "Out for delivery", "2026-11-22"],
            [number, "exploded", "2026-11-22"],
            ["NOBODY", "delivered", "2026-11-22"],
        ]
        found = applied("parcel-news", *rows)
        assert found.counts == {"created": 0, "updated": 1, "unchanged": 0, "rejected": 2}
        assert status(shipment.order) == "in_transit"
        assert Parcel.objects.get().state == "out_for_delivery"


def test_a_person_says_that_a_parcel_is_lost(client, admin_user):
    with desk() as here:
        shipment = ready(here)
        hears(shipment, event(P.IN_TRANSIT))
        client.force_login(admin_user)
        url = reverse("admin:parcel_said", args=[shipment.pk])
        answer = client.post(url, {"status": "lost", "text": "Carrier phoned"}, follow=True).content.decode()
        assert "Parcel: Lost." in answer
        assert problems(shipment.order) == ["parcel_lost"]
        row = ParcelEvent.objects.filter(state="lost").get()
        assert (row.text, row.source) == ("Carrier phoned", admin_user.username)
        wrong = client.post(url, {"status": "exploded"}, follow=True).content.decode()
        assert "Choose what happened to the parcel." in wrong

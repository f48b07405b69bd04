"""What the channel is told of an order: the facts of now, once, and its answer in the timeline."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from django.db import connection as database

from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import Rejected, TemporaryError, Uncertain
from channels.contract.records.orders import FulfilmentEvent, RemoteState
from channels.contract.records.updates import Outcome, ShipmentUpdate
from channels.models import OutboxMessage
from channels.push import dispatcher, outbox
from orders.models import Carrier, OrderEvent, OrderSettings, Shipment
from orders.outbound.fulfilment_handler import FulfilmentHandler, reference
from orders.services import carriers, decisions, tracking
from tests.orders.desk import DESK, an_order, counters, means, shelf, status, stocked, store
from tests.orders.test_moves import manifest, ok, to_ready

pytestmark = pytest.mark.django_db


@dataclass
class Channel:
    """An adapter that writes down what it is told."""

    answers: list[Outcome | Exception] = field(default_factory=list)
    found: Outcome | None = None
    told: list[ShipmentUpdate] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)

    def push_fulfilment(self, update: ShipmentUpdate) -> Outcome:
        self.told.append(update)
        answer = self.answers.pop(0) if self.answers else Outcome(update.ref)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def look_up(self, update: ShipmentUpdate) -> Outcome | None:
        self.looked.append(update.ref)
        return self.found


def send(shop, channel: Channel, *messages: OutboxMessage):
    rows = messages or OutboxMessage.objects.filter(kind="event").order_by("pk")
    adapter: ChannelAdapter = channel  # type: ignore[assignment]
    return list(FulfilmentHandler().send(shop, list(rows), adapter))


@pytest.mark.req("R-SHIP-03", "R-SHIP-04", "R-ORD-08")
def test_the_channel_is_sent_the_present_facts():
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)
    carrier = carriers.save_carrier(name="DPD", tracking_url="https://dpd.example/{number}", by=DESK)
    OrderSettings.objects.update(default_carrier=carrier)
    to_ready(order)
    shipment = Shipment.objects.select_related("order").get()
    tracking.set_tracking(shipment=shipment, carrier=carrier, number="D1", by=DESK)
    manifest("DPD")
    means(shop, "2", RemoteState.NEW, edited=False)
    shop.statuses.filter(external_id="2").update(events=["ready_to_ship"])
    channel = Channel()

    outcomes = send(shop, channel)

    assert [outcome.ok for outcome in outcomes] == [True, True, True]
    ready, _tracking, shipped = channel.told
    assert [update.event for update in channel.told] == [
        FulfilmentEvent.READY_TO_SHIP,
        FulfilmentEvent.TRACKING,
        FulfilmentEvent.SHIPPED,
    ]
    assert (ready.order_external_id, ready.native_status, shipped.native_status) == (
        order.external_id,
        "2",
        "",
    )
    assert (ready.carrier_name, ready.tracking_number, ready.tracking_url) == (
        "DPD",
        "D1",
        "https://dpd.example/D1",
    )
    assert (ready.lines, ready.is_whole_order) == ({order.lines.get().external_id: 2}, True)
    assert shipped.shipped_at is not None
    assert len({update.ref for update in channel.told}) == 3
    texts = list(OrderEvent.objects.filter(kind="told").order_by("pk").values_list("text", "actor"))
    assert texts[0] == ("Sent to Shop: Ready to ship", "channel")
    assert len(texts) == 3


@pytest.mark.req("R-ORD-06")
def test_what_may_have_been_sent_is_looked_up_first():
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)
    to_ready(order)
    message = OutboxMessage.objects.get(kind="event")
    message.is_uncertain = True
    ref = reference(shop, message)

    channel = Channel(found=Outcome(ref, external_id="h7"))
    assert send(shop, channel, message)[0].external_id == "h7"
    assert (channel.looked, channel.told) == ([ref], [])
    lost = Channel()
    send(shop, lost, message)
    assert (lost.looked, [update.ref for update in lost.told]) == ([ref], [ref])
    # The worker died between its line in the timeline and its message: the line stands once.
    assert OrderEvent.objects.filter(kind="told").count() == 1


def test_a_refusal_is_said_on_the_order_and_a_silence_is_raised():
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)
    to_ready(order)

    [outcome] = send(shop, Channel([Rejected("The order stands in “Complete” in the shop.")]))

    assert isinstance(outcome.error, Rejected)
    assert "rejected “Ready to ship”: The order stands" in OrderEvent.objects.get(kind="told").text
    with pytest.raises(Uncertain):
        send(shop, Channel([Uncertain("no answer")]))
    with pytest.raises(TemporaryError):
        send(shop, Channel([TemporaryError("maintenance")]))
    assert OrderEvent.objects.filter(kind="told").count() == 1
    assert status(order) == "rts"


@pytest.mark.req("R-ORD-11")
def test_a_cancellation_that_the_channel_accepts_is_settled_and_a_refused_one_stays():
    shop = store(options={"push_seller_cancel": True})
    stocked("MUG", leeds=5)
    yes, no = an_order(shop, MUG=2), an_order(shop, MUG=1)
    ok(decisions.cancel([yes.pk, no.pk], reason="sold out", by=DESK))
    assert shelf("MUG") == (5, 3)
    channel = Channel()
    first, second = OutboxMessage.objects.filter(kind="event").order_by("group")

    send(shop, channel, first)
    send(shop, Channel([Rejected("Too late.")]), second)

    assert channel.told[0].reason == "sold out"
    assert (status(yes), counters(yes)) == ("cancelled_by_seller", [(2, 0, 0, 2)])
    assert (status(no), shelf("MUG")) == ("seller_cancel_in_process", (5, 1))


@pytest.mark.req("R-ORD-11")
def test_a_cancellation_that_was_withdrawn_is_not_sent():
    shop = store(options={"push_seller_cancel": True})
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)
    ok(decisions.cancel([order.pk], reason="sold out", by=DESK))
    ok(decisions.withdraw_cancel([order.pk], by=DESK))
    channel = Channel()

    [outcome] = send(shop, channel)

    assert (outcome.ok, outcome.note, channel.told) == (True, "The cancellation was withdrawn.", [])


def test_the_plan_says_what_would_be_sent():
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)
    to_ready(order)
    Shipment.objects.update(tracking_number="D1")
    [message] = OutboxMessage.objects.filter(kind="event")

    [planned] = FulfilmentHandler().plan(shop, [message])

    assert (planned.message_id, planned.what, planned.old) == (message.pk, f"Order #{order.number}", "New")
    assert planned.new == "Ready to ship, Royal Mail D1"


def test_the_dispatcher_finds_the_handler(monkeypatch):
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)
    to_ready(order)
    channel = Channel()
    monkeypatch.setattr(dispatcher, "adapter_of", lambda connection: channel)

    dispatcher.dispatch(shop.pk, "orders")

    assert OutboxMessage.objects.get(kind="event").sent_at is not None
    assert [update.event for update in channel.told] == ["ready_to_ship"]
    assert all(outbox.handler_for(str(event)) for event in FulfilmentEvent)
    assert not database.needs_rollback
    assert Carrier.objects.count() == 1

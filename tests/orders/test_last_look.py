"""The last look: before parcels leave, the channels say what was cancelled or changed, within seconds (R-PLUS-09)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from channels.contract.registry import specs
from channels.models import Connection
from channels.sandbox.server import Running
from channels.stores import connect, services
from inventory.models import StockItem, Warehouse
from oms.kit.authors.actors import SYSTEM
from orders.models import ChannelCheck, Manifest, Order, OrderSettings, Shipment
from orders.services import carriers, packing
from orders.services.handing_over import last_look, manifests
from tests.orders import desk
from tests.support.workers import work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.req("R-PLUS-09")]

#: The status that each channel gives a cancelled order.
CANCELLED = {"opencart": 7, "bigcommerce": 5, "onbuy": "cancelled", "etsy": "canceled"}


@pytest.fixture
def serve() -> Iterator[Callable[[str], Running]]:
    with ExitStack() as stack:

        def start(channel: str) -> Running:
            make = specs()[channel].make_sandbox
            running: Running = stack.enter_context(make(seed="empty", products=2, orders=0).serve())
            return running

        yield start


def two_parcels(running: Running) -> tuple[Connection, list[Order]]:
    """A live store with two orders of it that are ready to ship."""
    channel = running.sandbox.channel
    store = connect.connect(channel=channel, name=channel.title(), credentials=running.credentials)
    work()
    services.switch_on(connection=store)
    work()
    placed = [str(running.sandbox.place_order()["order_id"]) for _each in range(2)]
    services.refresh_now(connection=store, stream="orders.new")
    work()
    for item in StockItem.objects.all():
        StockItem.objects.filter(pk=item.pk).update(on_hand=500)
    found = list(Order.objects.filter(connection=store, external_id__in=placed).order_by("pk"))
    ids = [order.pk for order in found]
    carrier = carriers.save_carrier(name=f"Carrier {channel}", by=SYSTEM)
    for step in (packing.release, packing.pack):
        assert [outcome.message for outcome in step(ids, by=SYSTEM)] == ["", ""]
    tracking = {pk: (carrier.pk, f"AB12345678{number}GB") for number, pk in enumerate(ids)}
    assert [o.ok for o in packing.mark_ready_to_ship(ids, tracking=tracking, by=SYSTEM)] == [True, True]
    return Connection.objects.get(pk=store.pk), found


@pytest.mark.parametrize("channel", sorted(CANCELLED))
def test_html_and_silence_are_no_answer_and_a_cancelled_order_is_found(
    channel: str, serve: Any, monkeypatch: Any
) -> None:
    running = serve(channel)
    store, (gone, good) = two_parcels(running)
    ids = [gone.pk, good.pk]
    running.sandbox.set_status(gone.external_id, CANCELLED[channel])

    running.sandbox.inject("html", times=None)
    [answer] = last_look.look(ids)
    assert (answer.same, answer.cancelled, answer.changed, answer.unasked) == ([], [], [], ids)
    assert answer.error != ""

    running.sandbox.faults.clear()
    running.sandbox.inject("slow", times=None, seconds=2.0)
    with monkeypatch.context() as patched:
        patched.setattr(last_look, "STORE_SECONDS", 0.3)
        began = time.monotonic()
        [answer] = last_look.look(ids)
    assert time.monotonic() - began < 1.5
    assert (answer.same, answer.unasked, answer.error) == ([], ids, f"{store.name} did not answer in time.")

    running.sandbox.faults.clear()
    [answer] = last_look.look(ids)
    assert (answer.same, answer.cancelled, answer.changed, answer.unasked) == ([good.pk], [gone.pk], [], [])
    assert answer.error == ""

    outcomes = {outcome.order_id: outcome.ok for outcome in manifests.hand_over(ids, by=SYSTEM)}
    assert outcomes == {gone.pk: False, good.pk: True}
    assert Manifest.objects.get().channel_check.answers[0]["cancelled"] == [gone.pk]
    assert list(Shipment.objects.exclude(manifest=None).values_list("order", flat=True)) == [good.pk]


def test_a_store_that_blocks_hands_nothing_over_without_an_answer(serve: Any) -> None:
    running = serve("opencart")
    store, orders = two_parcels(running)
    ids = [order.pk for order in orders]
    OrderSettings.objects.update_or_create(connection=store, defaults={"last_look": "block"})
    running.sandbox.inject("html", times=None)

    outcomes = manifests.hand_over(ids, by=SYSTEM)
    assert [outcome.ok for outcome in outcomes] == [False, False]
    assert f"No answer of {store.name}: " in outcomes[0].message
    assert not Manifest.objects.exists()

    OrderSettings.objects.filter(connection=store).update(last_look="warn")
    assert [outcome.ok for outcome in manifests.hand_over(ids, by=SYSTEM)] == [True, True]
    assert Manifest.objects.get().channel_check.answers[0]["unasked"] == ids


def test_stores_without_time_left_and_paused_stores_are_not_asked(monkeypatch: Any) -> None:
    desk.stocked("MUG", leeds=5)
    store = desk.store()
    order = desk.an_order(store, MUG=1)
    with monkeypatch.context() as patched:
        patched.setattr(last_look, "TOTAL_SECONDS", 0.0)
        patched.setattr(last_look, "ask_orders", None)  # is not called

        [late] = last_look.look([order.pk])
    services.pause(connection=store)
    [paused] = last_look.look([order.pk])

    assert (late.unasked, paused.unasked) == ([order.pk], [order.pk])
    assert late.error == "The time for the last look was over before Shop was asked."
    assert paused.error == "The sync of Shop is paused or stopped."


@pytest.mark.parametrize(("channel", "mode"), [("offline", "warn"), ("opencart", "off")])
def test_stores_that_are_not_to_be_asked_delay_nothing(channel: str, mode: str) -> None:
    desk.stocked("MUG", leeds=5)
    store = desk.store(channel=channel, settings={"last_look": mode})
    order = desk.an_order(store, MUG=1)

    answers = last_look.look([order.pk])

    assert [(row.mode, row.free, row.needs_person) for row in answers] == [("off", [order.pk], False)]
    assert (last_look.reasons(answers), last_look.described(answers)) == ({}, [])


def test_an_old_look_and_one_of_another_carrier_are_not_used() -> None:
    royal = carriers.save_carrier(name="Royal Mail", by=SYSTEM)
    other = carriers.save_carrier(name="DPD", by=SYSTEM)
    desk.store()
    leeds = Warehouse.objects.get()
    check = last_look.record(royal, leeds, [], by=SYSTEM)

    assert last_look.recorded(check.pk, royal, leeds) == check
    assert last_look.recorded(check.pk, other, leeds) is None
    assert last_look.recorded(None, royal, leeds) is None
    ChannelCheck.objects.update(created_at=check.created_at - last_look.VALID)
    assert last_look.recorded(check.pk, royal, leeds) is None

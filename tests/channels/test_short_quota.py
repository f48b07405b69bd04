"""When requests are short: who goes first, who waits for how long, and who must not notice. Over HTTP, by the lanes' own tasks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from catalogue.models import ListingVariant
from catalogue.services import products as catalogue
from channels import tasks
from channels.connectors.onbuy.sandbox import make_sandbox as make_onbuy
from channels.connectors.opencart.sandbox import make_sandbox as make_opencart
from channels.contract import registry
from channels.http import session
from channels.models import Budget, Connection, OutboxMessage, WakeUp
from channels.push import dispatcher, outbox
from channels.push.topics import Topic
from channels.sandbox.server import Running
from channels.stores import connect, services
from channels.workers import enqueue
from inventory.models import StockItem
from inventory.services import adjust as inventory
from oms.kit.authors.actors import SYSTEM
from orders.models import Order
from orders.services import carriers, packing
from tests.support.workers import work

pytestmark = pytest.mark.django_db(transaction=True)

Serve = Callable[..., Running]


class Queue:
    """The broker, by hand: what is rung for, and the appointments that are made."""

    def __init__(self) -> None:
        self.rings: deque[tuple[str, tuple[Any, ...]]] = deque()
        self.appointments: list[tuple[datetime, str]] = []

    def ring(self, function: str, *args: Any, lane: str) -> None:
        self.rings.append((function, args))

    def ring_at(self, lane: str, when: datetime) -> None:
        self.appointments.append((when, lane))

    def work(self) -> None:
        for _ring in range(1000):
            if not self.rings:
                return
            function, args = self.rings.popleft()
            getattr(tasks, function)(*args)
        raise AssertionError("the bells never fell silent")


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda make, **options: stack.enter_context(make(**options).serve())


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    made = Queue()
    monkeypatch.setattr(enqueue, "send_task", made.ring)
    monkeypatch.setattr(enqueue, "enqueue_at", made.ring_at)
    return made


def connected(running: Running, channel: str, name: str) -> Connection:
    """A store after its first sync, pushing, with nothing left to tell and no stream due."""
    store = connect.connect(channel=channel, name=name, credentials=running.credentials)
    work()
    services.switch_on(connection=store)
    work()
    store.streams.update(is_on=False)
    assert not OutboxMessage.objects.unsent().exists()
    return Connection.objects.get(pk=store.pk)


def bucket(store: Connection, tokens: float, **fields: Any) -> None:
    fields = {"capacity": 100.0, "per_second": 0.001, "filled_at": timezone.now(), **fields}
    Budget.objects.filter(pk=store.pk).update(tokens=tokens, **fields)


def waiting(store: Connection) -> set[str]:
    return set(OutboxMessage.objects.unsent().filter(connection=store).values_list("topic", flat=True))


def something_of_everything(running: Running, store: Connection) -> set[str]:
    """An order to be told of, a figure of stock, a price, and a new title; the topics of these."""
    rows = ListingVariant.objects.filter(
        connection=store, listing__remote_kind="single", variant__stock_items__on_hand__gte=10
    )
    sold, other = rows.order_by("pk")[:2]
    placed = running.sandbox.buy(sold.external_id, 1)
    store.streams.filter(name="orders.new").update(is_on=True)
    services.refresh_now(connection=store, stream="orders.new")
    work()
    store.streams.update(is_on=False)
    order = Order.objects.get(connection=store, external_id=str(placed["order_id"]))
    carrier = carriers.save_carrier(name="Royal Mail 48", by=SYSTEM)
    packing.release([order.pk], by=SYSTEM)
    packing.pack([order.pk], by=SYSTEM)
    packing.mark_ready_to_ship([order.pk], tracking={order.pk: (carrier.pk, "RM1")}, by=SYSTEM)
    item = StockItem.objects.get(variant=other.variant)
    inventory.adjust(variant=other.variant, warehouse=item.warehouse, delta=-1, reason="Broken", by=SYSTEM)
    outbox.touch(Topic.PRICE, [(store.pk, other.pk)])
    catalogue.edit_product(other.listing.product, {"title": "Of the new title"})
    found = waiting(store)
    assert {"stock", "price", "listing.update"} < found
    return found


@pytest.mark.req("R-CONN-08")
@pytest.mark.parametrize(
    ("tokens", "told"),
    [(8, 1), (19, 2), (29, 3), (60, 4)],
    ids=["orders alone", "and stock", "and prices", "everything"],
)
def test_orders_before_stock_before_prices_before_the_catalogue(
    serve: Serve, queue: Queue, tokens: float, told: int
) -> None:
    """The less there is, the fewer kinds of work go out, though the lanes are worked in the wrong order."""
    running = serve(make_opencart, seed="empty", products=6)
    store = connected(running, "opencart", "Shop")
    everything = something_of_everything(running, store)
    events = everything - {"stock", "price", "listing.update"}
    assert events
    queue.rings.clear()
    queue.appointments.clear()
    WakeUp.objects.all().delete()
    bucket(store, tokens)

    for lane in ("default", "stock", "orders"):
        tasks.tick(lane)
        queue.work()

    order = [events, {"stock"}, {"price"}, {"listing.update"}]
    assert waiting(store) == set().union(*order[told:])
    assert not OutboxMessage.objects.parked().exists()
    store.refresh_from_db()
    assert (store.blocked_until, store.state) == (None, "active")
    late = {1: {"stock", "default"}, 2: {"stock", "default"}, 3: {"default"}, 4: set()}
    assert {lane for _when, lane in queue.appointments} == late[told]

    bucket(store, 100)
    OutboxMessage.objects.update(not_before=None)
    for lane in ("default", "stock", "orders"):
        tasks.wake(lane)
        queue.work()
    assert waiting(store) == set()


@pytest.mark.req("R-CONN-09")
def test_a_store_without_requests_does_not_keep_the_next_one_of_its_lane(serve: Serve, queue: Queue) -> None:
    poor = connected(serve(make_opencart, seed="empty", products=6), "opencart", "Poor")
    rich = connected(serve(make_opencart, seed="empty", products=6), "opencart", "Rich")
    bucket(poor, 0)
    listed = ListingVariant.objects.filter(connection=rich, variant__listing_variants__connection=poor)
    for row in listed.select_related("variant")[:20]:
        item = StockItem.objects.filter(variant=row.variant)[0]
        inventory.adjust(variant=row.variant, warehouse=item.warehouse, delta=3, reason="Found", by=SYSTEM)
    began = timezone.now()
    tasks.tick("stock")
    queue.work()

    assert (waiting(poor), waiting(rich)) == ({"stock"}, set())
    assert timezone.now() - began < timedelta(seconds=60)  # nobody slept for its thousand
    assert {lane for when, lane in queue.appointments if when > timezone.now()} == {"stock"}
    assert not poor.calls.filter(at__gte=began).exists()
    poor.refresh_from_db()
    assert poor.state == "active"


class Time:
    """A clock of its own for budget, lanes, drain and sandbox: an hour passes at once."""

    def __init__(self) -> None:
        self.moment = timezone.now()

    def now(self) -> datetime:
        return self.moment

    def stamp(self) -> float:
        return self.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@pytest.mark.req("R-CONN-03")
def test_an_hourly_limit_is_used_to_its_end_and_the_lane_wakes_when_it_has_more(
    serve: Serve, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """20 PUTs an hour instead of OnBuy's 240, one listing a call: 70 figures take three and a half hours, to the minute."""
    limit, work_left = 20, 70
    time = Time()
    monkeypatch.setattr(timezone, "now", time.now)
    for module in (session, dispatcher):
        monkeypatch.setattr(module, "_sleep", time.sleep)
    monkeypatch.setattr(dispatcher, "_clock", time.stamp)
    running = serve(make_onbuy, seed="empty", products=work_left, clock=time.stamp)
    store = connected(running, "onbuy", "OnBuy")
    store.options = {**store.options, "puts_per_hour": limit}
    store.save()
    monkeypatch.setitem(registry.specs(), "onbuy", replace(store.spec, batch_sizes={"stock": 1, "price": 1}))
    time.sleep(7200)
    running.sandbox.configure(limits={"PUT": limit})
    running.sandbox.counted.clear()
    queue.rings.clear()
    queue.appointments.clear()
    outbox.touch(Topic.STOCK, [(store.pk, row.pk) for row in ListingVariant.objects.filter(connection=store)])

    idle, begun = 0, time.moment
    queue.work()
    for _wake in range(500):
        if not waiting(store):
            break
        when = min(when for when, _lane in queue.appointments)
        queue.appointments.clear()
        time.moment = max(time.moment, when) + timedelta(seconds=0.02)
        before = len(running.sandbox.counted["PUT"])
        tasks.wake("stock")
        queue.work()
        idle += len(running.sandbox.counted["PUT"]) == before
    assert waiting(store) == set()

    puts = [at - begun.timestamp() for at in running.sandbox.counted["PUT"]]
    assert len(puts) == work_left
    assert running.sandbox.refused == 0
    for hour in range(3):
        assert sum(hour * 3600 <= at < (hour + 1) * 3600 for at in puts) >= limit * 0.9
    assert idle == 0, "every appointment was kept when there was something to send"

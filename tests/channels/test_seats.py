# long because: one suite of the seats of workers.
"""No store's load or slowness makes another wait: seats per store, shared seats of slow stores, slices that give way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.utils import timezone
from django_q import cluster
from django_q.conf import Conf

from channels import tasks
from channels.models import Connection, SyncRun, SyncStream, WakeUp, WebhookEvent
from channels.pull import page_writer, runner
from channels.push import dispatcher, outbox
from channels.push.topics import Topic
from channels.workers import enqueue, hosts, orphaned_leases, seats
from oms.cluster import sentinel
from oms.kit.background import jobs
from oms.kit.models import Job
from tests.channels.conftest import Shelf
from tests.channels.fakes import FakeShop, order, store
from tests.channels.test_outbox import StockHandler
from tests.channels.test_webhooks import send
from tests.support.dead import token_of_the_dead

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("engine"),
    pytest.mark.fault("F-50"),
]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(seats, "_clock", made)
    return made


@pytest.fixture
def at_once(django_capture_on_commit_callbacks: Any) -> Any:
    """What is enqueued in this block is enqueued at its end, as after a commit."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


def workers(settings: Any, number: int, lane: str = "orders") -> None:
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "ALT_CLUSTERS": {lane: {"workers": number}}}


def slow(connection: Connection, lane: str = "orders") -> None:
    WakeUp.objects.create(key=f"pace:{lane}:{connection.pk}", asked_at=timezone.now())


def due(connection: Connection, name: str) -> SyncStream:
    now = timezone.now()
    connection.streams.filter(name=name).update(due_at=now, cursor_at=now - timedelta(days=1), period=300)
    return connection.streams.get(name=name)


def nothing_due() -> None:
    SyncStream.objects.update(due_at=timezone.now() + timedelta(hours=1))


def ask(key: str) -> None:
    assert enqueue._may_enqueue(key)


@pytest.mark.parametrize(
    ("number", "of_a_store", "of_slow_stores"), [(1, 1, 1), (2, 1, 1), (3, 1, 1), (4, 1, 2), (6, 2, 4)]
)
def test_a_store_has_a_third_of_a_lane_and_slow_stores_leave_two_workers(
    settings: Any, number: int, of_a_store: int, of_slow_stores: int
) -> None:
    workers(settings, number)
    assert (seats.store_seats("orders"), seats.slow_seats("orders")) == (of_a_store, of_slow_stores)


@pytest.mark.parametrize(("machines", "of_a_store", "of_slow_stores"), [(1, 1, 2), (2, 2, 6), (3, 4, 10)])
def test_seats_grow_with_the_hosts_of_the_lane(
    monkeypatch: pytest.MonkeyPatch, machines: int, of_a_store: int, of_slow_stores: int
) -> None:
    """With the seats of one host, a second one would add nothing for stores that answer slowly."""
    monkeypatch.setattr(hosts, "alive", lambda: machines)
    assert (seats.store_seats("orders"), seats.slow_seats("orders")) == (of_a_store, of_slow_stores)


def test_the_orders_lane_has_four_workers_and_the_others_two(settings: Any) -> None:
    assert [seats.workers_of(lane) for lane in enqueue.LANES] == [4, 2, 2]


def test_a_pull_without_a_seat_leaves_at_once_and_is_woken_by_who_has_it(
    shop: FakeShop, shelf: Shelf, rings: list[Any], at_once: Any
) -> None:
    connection, other = store(), store("Other", where="shop-2")
    nothing_due()
    changed = due(connection, "orders.changed")
    elsewhere = due(other, "orders.changed")
    with at_once():
        with seats.seat(connection.pk, "orders") as seat:
            assert seat is not None
            tasks.pull(changed.pk)
            assert shop.calls == [], "one seat, and it is taken"
            tasks.pull(elsewhere.pk)
            assert [run.connection for run in SyncRun.objects.all()] == [other], (
                "another store has its own seat"
            )
            with seats.seat(connection.pk, "default") as in_another_lane:
                assert in_another_lane is not None
        assert rings == []
    assert rings == [("pull", changed.pk)]
    rings.clear()
    with at_once():
        tasks.pull(changed.pk)
    assert shop.verbs() == ["pull_orders"]
    assert rings == [], "nobody was refused, so nobody is woken"


def test_sending_jobs_and_webhooks_take_the_same_seat(
    shop: FakeShop, shelf: Shelf, rings: list[Any], at_once: Any
) -> None:
    handler = StockHandler()
    outbox.register_handler(Topic.STOCK, handler)
    connection = store()
    nothing_due()
    worked: list[int] = []

    def step(job: Job) -> bool:
        worked.append(job.pk)
        return False

    jobs.register("t.store", step)
    with at_once():
        outbox.touch(Topic.STOCK, [(connection.pk, 1)])
        job = jobs.start(
            kind="t.store", title="x", lane="stock", subject_kind="connection", subject_id=connection.pk
        )
        send(connection, id="5")
    rings.clear()
    with at_once(), seats.seat(connection.pk, "stock"), seats.seat(connection.pk, "orders"):
        tasks.drain(connection.pk, "stock")
        tasks.work(job.pk)
        tasks.handle_webhooks(connection.pk)
    assert (handler.batches, worked, shop.calls) == ([], [], [])
    assert WebhookEvent.objects.filter(handled_at=None).count() == 1
    assert sorted(rings) == [
        ("drain", connection.pk, "stock"),
        ("handle_webhooks", connection.pk),
        ("work", job.pk),
    ]
    tasks.drain(connection.pk, "stock")
    tasks.work(job.pk)
    tasks.handle_webhooks(connection.pk)
    assert (handler.batches, worked, shop.verbs()) == ([[1]], [job.pk], ["push_stock", "pull_orders"])


def test_a_refusal_between_two_looks_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seat is left after the first try and before the note: the second try gets it."""
    connection = store()
    note = seats._note_refused
    with seats.seat(connection.pk, "orders") as first:
        assert first is not None

        def leave_first(keys: list[str]) -> None:
            seats._leave(first)
            note(keys)

        monkeypatch.setattr(seats, "_note_refused", leave_first)
        with seats.seat(connection.pk, "orders") as second:
            assert second is not None


def test_the_seat_of_a_killed_worker_is_free(rings: list[Any]) -> None:
    connection = store()
    key = f"seat:orders:{connection.pk}:0"
    WakeUp.objects.create(
        key=key, lease_token=token_of_the_dead(), lease_until=timezone.now() + timedelta(minutes=2)
    )
    with seats.seat(connection.pk, "orders") as seat:
        assert seat is None
    orphaned_leases.release()
    with seats.seat(connection.pk, "orders") as seat:
        assert seat is not None


def test_a_slow_step_makes_a_store_slow_in_its_lane(clock: Clock) -> None:
    connection = store()
    with seats.seat(connection.pk, "orders") as seat:
        assert seat is not None
        for _page in range(3):
            clock.now += seats.SLOW_STEP
            seat.must_give_way()
    assert not seats.is_slow(connection.pk, "orders"), "long, in steps that are not"
    with seats.seat(connection.pk, "stock", is_measured=False):
        clock.now += 45
    assert not seats.is_slow(connection.pk, "stock"), "a job has no steps"
    with seats.seat(connection.pk, "orders"):
        clock.now += seats.SLOW_STEP + 0.1
    assert seats.is_slow(connection.pk, "orders")
    assert not seats.is_slow(connection.pk, "stock")
    WakeUp.objects.update(asked_at=timezone.now() - seats.SLOW_FOR)
    assert not seats.is_slow(connection.pk, "orders")


def test_slow_stores_share_their_seats_in_turn(
    shop: FakeShop, shelf: Shelf, rings: list[Any], at_once: Any, settings: Any
) -> None:
    workers(settings, 3)
    stores = [store(f"Store {n}", where=f"shop-{n}") for n in range(4)]
    nothing_due()
    pulls = [due(each, "orders.changed") for each in stores]
    for each in stores[:3]:
        slow(each)
    with at_once(), seats.seat(stores[0].pk, "orders") as seat:
        assert seat is not None
        for waiting in (stores[2], stores[1]):
            with seats.seat(waiting.pk, "orders") as refused:
                assert refused is None
        with seats.seat(stores[3].pk, "orders") as quick:
            assert quick is not None, "a store that answers finds a worker"
    assert rings == [("pull", pulls[2].pk)], "the one that has waited longest"
    assert seat.must_wait
    rings.clear()
    with at_once():
        tasks._continue(seat, lambda: rings.append(("itself",)))
        with seats.seat(stores[2].pk, "orders"):
            pass
    assert rings == [("pull", pulls[1].pk)], (
        "the first store has more work, and waits until the others had a turn"
    )
    rings.clear()
    with at_once(), seats.seat(stores[1].pk, "orders"):
        pass
    assert rings == [("pull", pulls[0].pk)]


def test_a_slow_store_that_waits_without_work_stops_nobody(
    rings: list[Any], at_once: Any, settings: Any
) -> None:
    workers(settings, 3)
    one, idle = store(), store("Idle", where="shop-2")
    nothing_due()
    slow(one)
    slow(idle)
    with seats.seat(one.pk, "orders") as seat:
        assert seat is not None
        with seats.seat(idle.pk, "orders") as refused:
            assert refused is None
    assert seat.must_wait is False
    tasks._continue(seat, lambda: rings.append(("itself",)))
    assert rings == [("itself",)]


def test_a_slice_gives_way_after_3_s_to_another_store_of_its_lane(clock: Clock) -> None:
    mine, other = store(), store("Other", where="shop-2")
    with seats.seat(mine.pk, "orders") as seat:
        assert seat is not None
        ask(enqueue.webhooks_key(mine.pk))
        ask(enqueue.push_key(mine.pk, "orders"))
        ask(enqueue.pull_key(mine.streams.get(name="orders.changed").pk, "orders"))
        ask(enqueue.push_key(other.pk, "stock"))
        clock.now = 3.1
        assert not seat.must_give_way(), "its own work, and other lanes"
        for key in (
            enqueue.webhooks_key(other.pk),
            enqueue.push_key(other.pk, "orders"),
            enqueue.pull_key(other.streams.get(name="orders.changed").pk, "orders"),
        ):
            ask(key)
            clock.now = 2.9
            assert not seat.must_give_way()
            clock.now = 3.1
            assert seat.must_give_way(), key
            enqueue.mark_answered(key)
        assert not seat.must_give_way()


def test_a_slice_gives_way_sooner_to_refused_work_of_its_own_store(clock: Clock) -> None:
    connection = store()
    with seats.seat(connection.pk, "orders") as seat:
        assert seat is not None
        clock.now = 1.1
        assert not seat.must_give_way()
        with seats.seat(connection.pk, "orders") as refused:
            assert refused is None
        assert seat.must_give_way()


def test_a_pull_gives_way_page_by_page(
    shop: FakeShop, shelf: Shelf, rings: list[Any], at_once: Any, clock: Clock
) -> None:
    connection, other = store(), store("Other", where="shop-2")
    nothing_due()
    shop.orders = [order(str(n), timezone.now() - timedelta(minutes=n + 1)) for n in range(10)]
    stream = due(connection, "orders.changed")
    ask(enqueue.webhooks_key(other.pk))
    original = page_writer.PageWriter.store

    def takes_two_seconds(self: Any, *args: Any, **options: Any) -> Any:
        clock.now += 2
        return original(self, *args, **options)

    with pytest.MonkeyPatch.context() as patch, at_once():
        patch.setattr(page_writer.PageWriter, "store", takes_two_seconds)
        tasks.pull(stream.pk)
    assert len(shelf.stored) == 4, "two pages of two"
    assert rings == [("pull", stream.pk)]
    assert not connection.streams.get(pk=stream.pk).lease_token


def test_a_burst_of_webhooks_is_one_task(shop: FakeShop, rings: list[Any], at_once: Any) -> None:
    connection = store()
    for number in range(5):
        with at_once():
            send(connection, event=f"e-{number}", id=str(number))
    assert rings == [("handle_webhooks", connection.pk)]
    rings.clear()
    with at_once():
        tasks.handle_webhooks(connection.pk)
    assert rings == [], "the task imports the records itself"
    with at_once():
        send(connection, event="later", id="9")
    assert rings == [("handle_webhooks", connection.pk)], "the wake-up was answered"


def test_a_burst_for_a_store_whose_seat_is_taken_is_one_task_more(
    shop: FakeShop, rings: list[Any], at_once: Any
) -> None:
    """Each webhook that comes while one is worked would enqueue a task that finds no seat, a hundred a second."""
    connection = store()
    nothing_due()
    with at_once(), seats.seat(connection.pk, "orders"):
        for number in range(5):
            send(connection, event=f"e-{number}", id=str(number))
            database.run_on_commit.pop()[1]()
            if number == 0:
                tasks.handle_webhooks(connection.pk)
        assert rings == [("handle_webhooks", connection.pk)]
        rings.clear()
    assert rings == [("handle_webhooks", connection.pk)], "who leaves the seat enqueues it again"
    with at_once():
        tasks.handle_webhooks(connection.pk)
    assert not WebhookEvent.objects.filter(handled_at=None).exists()


def test_a_new_lane_forgets_the_wake_ups_of_the_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old one had their tasks in memory; otherwise the sweep would skip them for a minute."""
    connection = store()
    stream = connection.streams.get(name="orders.changed")
    keys = [
        enqueue.webhooks_key(connection.pk),
        enqueue.push_key(connection.pk, "orders"),
        enqueue.pull_key(stream.pk, "orders"),
    ]
    elsewhere = enqueue.push_key(connection.pk, "stock")
    for key in [*keys, elsewhere]:
        ask(key)
    monkeypatch.setattr(cluster.Sentinel, "start", lambda self: None)
    monkeypatch.setattr(Conf, "CLUSTER_NAME", "orders")
    guard = sentinel.Sentinel.__new__(sentinel.Sentinel)
    guard.start()
    assert enqueue._may_enqueue(*keys) == set(keys)
    assert not enqueue._may_enqueue(elsewhere)


def test_stock_is_sent_after_the_orders_whatever_seat_is_taken(shop: FakeShop) -> None:
    """An import before stock is sent is no work of the orders lane: a unit would be sold twice if it found no seat."""
    connection = store()
    stream = due(connection, "orders.changed")
    with seats.seat(connection.pk, "orders"):
        runner.run_stream(stream.pk)
    assert shop.verbs() == ["pull_orders"]
    assert dispatcher.dispatch(connection.pk, "stock") is False

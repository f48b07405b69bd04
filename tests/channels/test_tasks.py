"""The queue is a doorbell: a ring lost, doubled, late or killed changes nothing but the hour."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from channels import tasks
from channels.contract.errors import TemporaryError
from channels.contract.spec import no
from channels.models import Connection, LaneBeat, OutboxMessage, SyncRun, SyncStream, WakeUp
from channels.pull import runner, single_records
from channels.push import dispatcher, outbox
from channels.push.topics import Topic
from channels.workers import enqueue, locks
from oms.kit.background import jobs, queue
from oms.kit.models import Job
from tests.channels import fakes
from tests.channels.conftest import Shelf
from tests.channels.fakes import FakeShop, order, store
from tests.channels.test_outbox import StockHandler

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]


@pytest.fixture
def stock(engine: None) -> StockHandler:
    handler = StockHandler()
    outbox.register_handler(Topic.STOCK, handler)
    return handler


def orders(shop: FakeShop, number: int) -> None:
    now = timezone.now()
    shop.orders = [order(f"{i:03}", now - timedelta(minutes=60 - i)) for i in range(number)]


def due(name: str = "orders.changed") -> SyncStream:
    now = timezone.now()
    SyncStream.objects.filter(name=name).update(due_at=now, cursor_at=now - timedelta(days=1))
    return SyncStream.objects.get(name=name)


def test_a_tick_wakes_for_everything_that_is_due_in_its_lane_and_for_nothing_else(
    shop: FakeShop, stock: StockHandler, rings: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    connection = store()
    SyncStream.objects.update(due_at=timezone.now() + timedelta(hours=1))
    stream = due()
    single_records.request_records(SyncStream.objects.get(name="orders.new"), ["5"])
    outbox.touch(Topic.STOCK, [(connection.pk, 1)])
    jobs.register("t.orders", lambda job: False)
    job = jobs.start(kind="t.orders", title="x", lane="orders")
    wanted = SyncStream.objects.get(name="orders.new")

    database.run_on_commit.clear()  # the rings so far were lost
    with django_capture_on_commit_callbacks(execute=True):
        tasks.tick("orders")
    assert sorted(set(rings), key=str) == sorted(
        [("pull", stream.pk), ("pull", wanted.pk), ("work", job.pk)], key=str
    )
    rings.clear()
    with django_capture_on_commit_callbacks(execute=True):
        tasks.tick("stock")
    assert rings == [("drain", connection.pk, "stock")]
    rings.clear()
    with django_capture_on_commit_callbacks(execute=True):
        tasks.tick("default")
    assert rings == []
    assert set(LaneBeat.objects.exclude(ticked_at=None).values_list("lane", flat=True)) == set(enqueue.LANES)


def test_a_wake_up_that_was_lost_costs_a_tick(
    shop: FakeShop, shelf: Shelf, stock: StockHandler, monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    """The queue swallows every ring of the change; the tick's ring a minute later is the first to arrive."""
    connection = store()
    monkeypatch.setattr(enqueue, "send_task", lambda *args, lane: None)
    with django_capture_on_commit_callbacks(execute=True):
        outbox.touch(Topic.STOCK, [(connection.pk, 1)])
    orders(shop, 3)
    stream = due()
    assert (shop.stock, shelf.stored) == ({}, {})

    heard: list[tuple[str, tuple[Any, ...]]] = []
    monkeypatch.setattr(enqueue, "send_task", lambda function, *args, lane: heard.append((function, args)))
    WakeUp.objects.update(asked_at=timezone.now() - timedelta(seconds=61))
    with django_capture_on_commit_callbacks(execute=True):
        for lane in enqueue.LANES:
            tasks.tick(lane)
    for function, args in heard:
        getattr(tasks, function)(*args)
    assert shop.stock == {"1": 0}
    assert sorted(shelf.stored) == ["000", "001", "002"]
    assert ("pull", (stream.pk,)) in heard


def test_a_wake_up_that_was_doubled_does_nothing_twice(
    shop: FakeShop, shelf: Shelf, stock: StockHandler, rings: list[Any]
) -> None:
    connection = store()
    outbox.touch(Topic.STOCK, [(connection.pk, 1)])
    orders(shop, 2)
    stream = due()
    for _twice in range(3):
        tasks.pull(stream.pk)
        tasks.drain(connection.pk, "stock")
    assert SyncRun.objects.count() == 1
    assert stock.batches == [[1]]


def test_rings_for_things_that_are_gone_do_nothing(rings: list[Any]) -> None:
    tasks.pull(999)
    tasks.drain(999, "stock")
    tasks.work(999)
    tasks.handle_webhooks(999)
    assert rings == []


def test_a_slice_wakes_again_while_there_is_more(
    shop: FakeShop, shelf: Shelf, rings: list[Any], monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    store()
    orders(shop, 5)
    stream = due()
    monkeypatch.setattr(runner, "SLICE_SECONDS", -1.0)
    for expected in ([("pull", stream.pk)], [("pull", stream.pk)], []):
        rings.clear()
        with django_capture_on_commit_callbacks(execute=True):
            tasks.pull(stream.pk)
        assert rings == expected
    assert len(shelf.stored) == 5


def test_a_change_that_comes_while_a_task_ends_wakes_a_worker(
    shop: FakeShop, stock: StockHandler, rings: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = store()
    outbox.touch(Topic.STOCK, [(connection.pk, 1)])
    original = dispatcher._dispatch

    def then_a_change(*args: Any) -> bool:
        more = original(*args)
        outbox.touch(Topic.STOCK, [(connection.pk, 2)])  # after the last look, before the turn is given back
        return more

    monkeypatch.setattr(dispatcher, "_dispatch", then_a_change)
    assert dispatcher.dispatch(connection.pk, "stock") is True


def test_a_wake_up_that_finds_the_lock_taken_is_not_lost(
    shop: FakeShop, stock: StockHandler, rings: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    """Seen on a real shop: the ring of a change came while another drain worked, and the next change waited a minute."""
    connection = store()
    turn = locks.acquire(f"drain:{connection.pk}:stock")
    assert turn is not None
    with django_capture_on_commit_callbacks(execute=True):
        outbox.touch(Topic.STOCK, [(connection.pk, 1)])
    tasks.drain(
        connection.pk, "stock"
    )  # the ring's task: somebody else has the turn, and will look once more
    locks.release(f"drain:{connection.pk}:stock", turn)
    rings.clear()

    with django_capture_on_commit_callbacks(execute=True):
        outbox.touch(Topic.STOCK, [(connection.pk, 2)])

    assert rings == [("drain", connection.pk, "stock")]


def test_a_message_that_waits_has_an_appointment(
    shop: FakeShop, stock: StockHandler, rings: list[Any]
) -> None:
    connection = store()
    outbox.touch(Topic.STOCK, [(connection.pk, 1)])
    shop.fail("push_stock", TemporaryError("No answer."))
    tasks.drain(connection.pk, "stock")
    row = OutboxMessage.objects.get()
    wake = Schedule.objects.get(name="wake stock")
    assert (wake.next_run, wake.args) == (row.not_before, "('stock',)")

    later = timezone.now() + timedelta(hours=1)
    enqueue.enqueue_at("stock", later)
    wake.refresh_from_db()
    assert wake.next_run == row.not_before  # the earlier appointment is kept
    soon = timezone.now() + timedelta(seconds=1)
    enqueue.enqueue_at("stock", soon)
    wake.refresh_from_db()
    assert wake.next_run == soon


def test_a_real_wake_up_lands_on_its_lanes_queue_with_ids_only(
    shop: FakeShop, stock: StockHandler, django_capture_on_commit_callbacks: Any
) -> None:
    connection = store()
    with django_capture_on_commit_callbacks(execute=True):
        outbox.touch(Topic.STOCK, [(connection.pk, 1)])
    row = OrmQ.objects.get()
    task = row.task
    assert row.key == "stock"
    assert (task["func"], task["args"]) == ("channels.tasks.drain", (connection.pk, "stock"))


def test_a_queue_that_cannot_be_reached_fails_no_change(
    shop: FakeShop, stock: StockHandler, monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    def broken(*args: Any, **kwargs: Any) -> None:
        raise ConnectionError("no broker")

    monkeypatch.setattr(queue, "async_task", broken)
    connection = store()
    with django_capture_on_commit_callbacks(execute=True):
        outbox.touch(Topic.STOCK, [(connection.pk, 1)])
    assert OutboxMessage.objects.waiting().count() == 1
    assert "could not enqueue" in caplog.text


def test_a_job_that_must_wait_has_an_appointment(rings: list[Any]) -> None:
    def busy(job: Job) -> bool:
        raise jobs.StillBusy(40)

    jobs.register("t.busy", busy)
    job = jobs.start(kind="t.busy", title="x")
    tasks.work(job.pk)
    job.refresh_from_db()
    assert job.not_before is not None
    assert Schedule.objects.get(name="wake default").next_run == job.not_before
    assert rings == []


def test_webhooks_that_a_channel_did_not_take_are_registered_again_by_the_tick(
    shop: FakeShop, rings: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = store(created_at=timezone.now() - timedelta(hours=1))
    on_the_half = timezone.now().replace(minute=30)
    with monkeypatch.context() as patch:
        patch.setattr(timezone, "now", lambda: on_the_half)
        tasks._register_missing_webhooks()
        tasks._register_missing_webhooks()
    connection.refresh_from_db()
    assert connection.webhooks_at is not None
    assert shop.verbs() == ["register_webhooks"]


def test_stores_of_channels_that_do_not_call_keep_no_other_from_being_looked_at(
    shop: FakeShop, rings: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = timezone.now() - timedelta(days=9)
    fakes.install(fakes.make_spec("deaf", capabilities=fakes.capabilities(webhooks=no("It never calls."))))
    for number in range(20):
        store(f"Deaf {number}", where=f"deaf-{number}", channel="deaf", created_at=long_ago)
    store(created_at=long_ago, webhooks_at=long_ago)
    on_the_half = timezone.now().replace(minute=30)
    with monkeypatch.context() as patch:
        patch.setattr(timezone, "now", lambda: on_the_half)
        tasks._register_missing_webhooks()

    assert shop.verbs() == ["register_webhooks"]


def test_webhooks_are_looked_at_once_a_day(
    shop: FakeShop, rings: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    fresh, old = now - timedelta(hours=23), now - timedelta(hours=25)
    store(created_at=now - timedelta(days=9), webhooks_at=fresh)
    on_the_half = now.replace(minute=30)
    with monkeypatch.context() as patch:
        patch.setattr(timezone, "now", lambda: on_the_half)
        Connection.objects.update(webhooks_at=on_the_half - (now - fresh))
        tasks._register_missing_webhooks()
        assert shop.verbs() == []
        Connection.objects.update(webhooks_at=on_the_half - (now - old))
        tasks._register_missing_webhooks()

    assert shop.verbs() == ["register_webhooks"]
    assert Connection.objects.get().webhooks_at == on_the_half


# ---------------------------------------------------------------- races, on PostgreSQL


def _together(count: int, work: Any) -> None:
    gate = threading.Barrier(count)
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            gate.wait(10)
            work(number)
        except BaseException as error:
            failures.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.db
@pytest.mark.django_db(transaction=True)
@pytest.mark.req("R-ORD-06")
def test_many_workers_on_one_stream_make_one_run(shop: FakeShop, shelf: Shelf, rings: list[Any]) -> None:
    store()
    orders(shop, 6)
    stream = due()
    _together(8, lambda _number: runner.run_stream(stream.pk))
    assert SyncRun.objects.count() == 1
    assert shelf.pages == [["000", "001"], ["002", "003"], ["004", "005"]]


@pytest.mark.db
@pytest.mark.django_db(transaction=True)
def test_changes_and_sends_at_once_lose_nothing_and_never_wait_for_each_other(
    shop: FakeShop, stock: StockHandler, rings: list[Any]
) -> None:
    connection = store()
    shop.page_size = 50

    def work(number: int) -> None:
        for turn in range(10):
            if number % 2:
                outbox.touch(Topic.STOCK, [(connection.pk, (turn + n) % 7) for n in range(5)])
            else:
                dispatcher.dispatch(connection.pk, "stock")

    _together(6, work)
    while dispatcher.dispatch(connection.pk, "stock"):
        pass
    rows = OutboxMessage.objects.values_list("wanted", "sent", "parked_at", "lease_token")
    assert {(wanted == sent, parked, token) for wanted, sent, parked, token in rows} == {(True, None, "")}
    assert sum(row[0] for row in rows) == 3 * 10 * 5


@pytest.mark.db
@pytest.mark.django_db(transaction=True)
def test_one_batch_is_leased_by_one_worker(shop: FakeShop, stock: StockHandler, rings: list[Any]) -> None:
    connection = store()
    outbox.touch(Topic.STOCK, [(connection.pk, subject) for subject in range(30)])
    taken: list[int] = []
    _together(
        10, lambda _number: taken.extend(message.pk for message in dispatcher.lease(connection, "stock"))
    )
    assert len(taken) == len(set(taken)) == 30


@pytest.mark.db
@pytest.mark.django_db(transaction=True)
def test_webhooks_during_a_run_lose_no_id(shop: FakeShop, shelf: Shelf, rings: list[Any]) -> None:
    shop.page_size = 500
    store()
    orders(shop, 60)
    stream = due()

    def work(number: int) -> None:
        if number == 0:
            for _turn in range(6):
                runner.run_stream(stream.pk)
        else:
            for n in range(10):
                single_records.request_records(stream, [f"{(number - 1) * 10 + n:03}"])

    _together(7, work)
    shelf_seen = {external_id for page in shelf.pages for external_id in page}
    stream.refresh_from_db()
    assert set(stream.wanted_ids) | shelf_seen == {f"{n:03}" for n in range(60)}

"""People and workers at the same rows at the same time, on PostgreSQL: nobody waits for ever, nothing is there twice."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction

from channels.models import Connection, OutboxMessage, RejectedRecord, SyncStream, WakeUp
from channels.pull import page_writer, runner
from channels.push import outbox, results
from channels.push.topics import Topic
from channels.stores import connect, services, status_map
from channels.workers import enqueue, seats
from oms.kit import jobs
from oms.kit.models import Job
from tests.channels.fakes import FakeShop, store
from tests.channels.test_outbox import StockHandler, touch

pytestmark = [
    pytest.mark.db,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("engine", "rings"),
]

PATIENCE = 30


def together(*works: Callable[[], Any]) -> list[Any]:
    """What each of these returned or raised, each in a thread of its own."""

    def one(work: Callable[[], Any]) -> Any:
        try:
            return work()
        except Exception as error:
            return error
        finally:
            database.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(one, works))


def a_page_that_is_being_stored(
    connection: Connection, begun: Event, then: Callable[[SyncStream], object]
) -> Callable[[], str]:
    """The stream is fenced; `then` is done once the other side has had time to take what it wants."""
    stream = SyncStream.objects.get(connection=connection, name="statuses")
    taken = runner.take_stream(stream.pk, only_due=False)
    assert taken is not None

    def store_page() -> str:
        with transaction.atomic():
            page_writer.extend_lease(taken[0], taken[1])
            begun.set()
            Event().wait(0.5)
            then(taken[0])
        return "stored"

    return store_page


@pytest.mark.parametrize("what", ["disconnect", "reconnect", "resume"])
@pytest.mark.parametrize("page", ["a row of the store", "the status map"])
def test_a_store_is_stopped_or_woken_while_a_page_of_it_is_being_stored(
    shop: FakeShop, what: str, page: str
) -> None:
    connection = store()
    begun = Event()

    def row_of_the_store(stream: SyncStream) -> None:
        RejectedRecord.objects.create(
            connection_id=stream.connection_id, stream="orders.new", external_id="1", reason="x", native=b""
        )

    def merge(stream: SyncStream) -> None:
        status_map.merge(connection=connection, records=shop.statuses)

    def person() -> str:
        begun.wait(PATIENCE)
        if what == "disconnect":
            services.disconnect(connection=connection)
        elif what == "reconnect":
            connect.reconnect(connection=connection, credentials={})
        else:
            services.pause(connection=connection)
            services.resume(connection=connection)
        return what

    worker = a_page_that_is_being_stored(
        connection, begun, merge if page == "the status map" else row_of_the_store
    )
    assert together(worker, person) == ["stored", what]


def test_two_people_who_press_one_button_start_one_job() -> None:
    gate = Barrier(8)
    jobs.register("test.nothing", lambda job: False)

    def press() -> int:
        gate.wait(PATIENCE)
        return jobs.start(kind="test.nothing", title="Nothing", subject_kind="x", subject_id=1).pk

    try:
        pressed = together(*[press] * 8)
    finally:
        jobs._steps.pop("test.nothing")

    assert len(set(pressed)) == 1
    assert Job.objects.count() == 1


def test_a_lease_that_is_released_and_a_change_of_the_same_things_never_wait_for_each_other(
    shop: FakeShop,
) -> None:
    """The claim is in the order of its ids, the change in that of its subjects: here the reverse."""
    outbox.register_handler(Topic.STOCK, StockHandler())
    connection = store()
    subjects = list(range(4000, 0, -1))
    for at in range(0, len(subjects), 50):  # so that the ids run the other way
        touch(connection, *subjects[at : at + 50])

    def give_back() -> str:
        for _turn in range(10):
            with transaction.atomic():
                rows = list(OutboxMessage.objects.select_for_update().order_by("subject"))
                rows.sort(key=lambda row: row.pk)
                OutboxMessage.objects.update(lease_token="mine", attempts=1)
                for row in rows:
                    row.lease_token = "mine"
            results.return_unsent(rows)
        return "given back"

    def change() -> str:
        for _turn in range(20):
            outbox.touch(Topic.STOCK, [(connection.pk, subject) for subject in subjects])
        return "changed"

    assert together(give_back, change) == ["given back", "changed"]


def test_workers_that_take_and_leave_the_same_seat_and_lock_exclude_each_other() -> None:
    """Both rows are locked in the order of their keys, also by who rings: no deadlock, and never two at once."""
    connection = store()
    work = enqueue.push_key(connection.pk, "stock")
    inside: list[int] = []
    most: list[int] = []

    def worker() -> int:
        done = 0
        for _turn in range(15):
            with seats.seat(connection.pk, "stock", work=work) as seat:
                if seat is not None and seat.work is not None:
                    inside.append(1)
                    most.append(len(inside))
                    inside.pop()
                    done += 1
        return done

    def change() -> int:
        for _turn in range(15):
            enqueue._may_enqueue(work, f"seat:stock:{connection.pk}:0")
        return 0

    done = together(worker, worker, worker, change)
    assert all(isinstance(one, int) for one in done), done
    assert sum(done) >= 15
    assert set(most) == {1}
    assert not WakeUp.objects.exclude(lease_token="").exists()

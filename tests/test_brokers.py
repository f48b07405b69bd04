"""How a lane waits for its tasks: woken by the database, no statement meanwhile, and nothing missed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ

from oms.cluster import listening, watching
from oms.cluster.listening import Listening
from oms.cluster.watching import Watching

pytestmark = pytest.mark.fault("F-54")


@pytest.mark.django_db
def test_the_database_chooses_the_broker() -> None:
    is_sqlite = connection.vendor == "sqlite"
    assert type(get_broker()) is (Watching if is_sqlite else Listening)
    assert settings.DATABASES["default"]["CONN_MAX_AGE"] == 60


# --- SQLite: the stamp of the write-ahead log ---


class Lane:
    """A lane on a database whose write-ahead log is a file of this test; `looks` counts the statements."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.wal = folder / "db.sqlite3-wal"
        self.wal.write_text("a")
        self.now, self.looks = 100.0, 0
        self.tasks: list[Any] = []
        self.while_sleeping: list[Callable[[], None]] = []
        monkeypatch.setattr(ORM, "get_connection", staticmethod(lambda list_key=None: None))
        monkeypatch.setitem(connections["default"].settings_dict, "NAME", str(folder / "db.sqlite3"))
        monkeypatch.setattr(watching, "_clock", lambda: self.now)
        monkeypatch.setattr(watching, "_sleep", self.sleep)
        monkeypatch.setattr(ORM, "dequeue", self.look)
        self.broker: Any = Watching("orders")

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.while_sleeping:
            self.while_sleeping.pop(0)()

    def look(self) -> Any:
        self.looks += 1
        assert Conf.POLL == 0
        return [("1", self.tasks.pop(0))] if self.tasks else None

    def commit(self) -> None:
        self.wal.write_text(self.wal.read_text() + "a")


@pytest.fixture
def lane(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Lane:
    return Lane(monkeypatch, tmp_path)


def test_an_idle_lane_on_sqlite_looks_every_five_seconds(lane: Lane) -> None:
    lane.broker.dequeue()
    while lane.now < 160:
        assert lane.broker.dequeue() is None
    assert lane.looks == 13
    assert Conf.POLL != 0, "its own value is back"


def test_a_commit_wakes_a_lane_on_sqlite_within_a_look(lane: Lane) -> None:
    lane.broker.dequeue()
    lane.tasks = ["one", "two"]
    lane.while_sleeping = [lambda: None, lane.commit]
    began = lane.now
    assert lane.broker.dequeue() == [("1", "one")]
    assert lane.now - began == pytest.approx(2 * watching.LOOK_SECONDS)
    assert lane.broker.dequeue() == [("1", "two")], "without a wait"
    assert lane.now - began == pytest.approx(2 * watching.LOOK_SECONDS)
    assert lane.broker.dequeue() is None, "the look after the last one"


def test_a_commit_during_the_look_is_seen_next_time(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_and_commit(_broker: ORM) -> Any:
        lane.commit()

    lane.broker.dequeue()
    lane.commit()
    with monkeypatch.context() as patch:
        patch.setattr(ORM, "dequeue", look_and_commit)
        lane.broker.dequeue()
    lane.tasks, looks, began = ["late"], lane.looks, lane.now
    assert lane.broker.dequeue() == [("1", "late")]
    assert (lane.looks - looks, lane.now - began) == (1, 0)


def test_a_database_without_a_write_ahead_log_is_polled(lane: Lane) -> None:
    lane.wal.unlink()
    lane.broker.dequeue()
    lane.tasks = ["one"]
    began = lane.now
    while (found := lane.broker.dequeue()) is None:
        assert lane.now - began < 6
    assert found == [("1", "one")]


# --- PostgreSQL: LISTEN and NOTIFY ---


@pytest.fixture
def broker() -> Iterator[Listening]:
    made = Listening("orders")
    made.dequeue()  # it begins to listen, and looks
    yield made
    with connection.cursor() as cursor:
        cursor.execute("UNLISTEN *")


@contextmanager
def after(seconds: float, act: Callable[[], object]) -> Iterator[None]:
    """Call `act` in another thread, on a connection of its own."""

    def run() -> None:
        time.sleep(seconds)
        try:
            act()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join()


def first_task(broker: Listening, limit: float = 10.0) -> tuple[Any, float]:
    """What the broker gives first, and after how many seconds."""
    began = time.monotonic()
    while (found := broker.dequeue()) is None:
        assert time.monotonic() - began < limit, "the task was not found"
    return found[0][1], time.monotonic() - began


def test_a_refused_task_does_not_delay_the_next_one(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    lane.broker.dequeue()
    lane.tasks = ["one", "two"]
    monkeypatch.setattr(lane.broker, "_is_refused", lambda payload: payload == "one")
    monkeypatch.setattr(ORM, "dequeue", lambda self: [(lane.tasks.pop(0),)] if lane.tasks else None)
    lane.commit()
    began = lane.now
    assert lane.broker.dequeue() == []
    assert lane.broker.dequeue() == [("two",)]
    assert lane.now == began


@pytest.mark.db
@pytest.mark.django_db(transaction=True)
def test_a_task_on_postgresql_wakes_its_lane_and_no_other(broker: Listening) -> None:
    other = Listening("stock")
    pk = other.enqueue("for stock")
    assert OrmQ.objects.get(pk=pk).key == "stock"
    with CaptureQueriesContext(connection) as seen:
        assert broker.dequeue() is None
    assert len(seen) == 0, "no statement while nobody notifies"
    with after(0.3, lambda: Listening("orders").enqueue("work")):
        task, took = first_task(broker)
    assert task == "work"
    assert 0.2 < took < 1.5


@pytest.mark.db
@pytest.mark.django_db(transaction=True)
def test_a_task_that_was_there_before_the_lane_listened_is_found_at_once() -> None:
    Listening("orders").enqueue("old")
    late = Listening("orders")
    assert first_task(late)[1] < 1


@pytest.mark.db
@pytest.mark.django_db(transaction=True)
def test_a_cut_connection_ends_nothing_and_loses_nothing(
    broker: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "AWAY_SECONDS", 0.05)
    pid = connection.connection.info.backend_pid

    def cut() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
        Listening("orders").enqueue("after the cut")

    with after(0.2, cut):
        task, took = first_task(broker)
    assert task == "after the cut"
    assert took < 3


@pytest.mark.db
@pytest.mark.django_db(transaction=True)
def test_a_lane_that_hears_nothing_polls(broker: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    """As behind a pooler in transaction mode, which swallows notifications."""
    monkeypatch.setattr(listening, "POLL_SECONDS", 0.5)

    def silent(text: str) -> None:
        OrmQ.objects.create(key="orders", payload=text, lock=timezone.now())

    broker._next_poll = time.monotonic() + 0.5
    with after(0.1, lambda: silent("one")):
        assert first_task(broker)[0] == "one"
    broker.dequeue()
    monkeypatch.setattr(listening, "POLL_SECONDS", 60.0)
    with after(0.1, lambda: silent("two")):
        task, took = first_task(broker)
    assert task == "two"
    assert took < 1.5, "it polls quickly now"
    with after(0.1, lambda: Listening("orders").enqueue("three")):
        assert first_task(broker)[0] == "three"
    broker.dequeue()
    assert broker._deaf_until == 0, "it hears again"


@pytest.mark.db
@pytest.mark.django_db(transaction=True)
def test_a_task_that_came_back_is_no_missed_notification(broker: Listening) -> None:
    pk = broker.enqueue("killed")
    first_task(broker)
    broker.dequeue()
    OrmQ.objects.filter(pk=pk).update(lock=timezone.now())
    broker._next_poll = 0.0
    assert first_task(broker)[0] == "killed"
    assert broker._deaf_until == 0

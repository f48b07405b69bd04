"""A host that is cut off or dead is given up after 35 s, and its work is taken over; it ends its own work before (docs/adr/0020-hosts.md)."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from django_q import scheduler

from channels import tasks
from channels.models import HostBeat, WakeUp
from channels.workers import enqueue, hosts, locks, orphaned_leases
from oms.cluster import beats, clock, host_beats, sentinel
from oms.kit.models import leases

AWAY = "0badf00d"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    monkeypatch.setattr(enqueue, "send_task", lambda function, *args, lane: found.append((function, *args)))
    return found


def silent_for(seconds: float, lane: str = "orders") -> str:
    """Make a host that has been silent for so long; return a token of one of its processes."""
    HostBeat.objects.create(
        key=f"{AWAY}:{lane}", place=AWAY, name="second", beat_at=timezone.now() - timedelta(seconds=seconds)
    )
    return f"{AWAY}-1f-abc-00112233"


def hold(token: str) -> str:
    WakeUp.objects.create(
        key="drain:1:orders",
        asked_at=timezone.now(),
        lease_token=token,
        lease_until=timezone.now() + locks.LOCKED_FOR,
    )
    return "drain:1:orders"


# --- taking over (PostgreSQL) ---


@pytest.mark.db
@pytest.mark.django_db
def test_the_leases_of_a_silent_host_are_free_and_every_lane_looks(sent: list[tuple[Any, ...]]):
    key = hold(silent_for(36))
    assert hosts.beat("orders") is True
    assert sent == [("take_over", lane) for lane in enqueue.LANES]
    assert locks.acquire(key) is None, "the task frees it, not the heartbeat"
    tasks.take_over("orders")
    assert WakeUp.objects.get(key=key).asked_at is None, "its wake-up was lost with the host"
    assert locks.acquire(key) is not None
    assert hosts.beat("stock") is True
    assert len(sent) == 3, "one host takes over, once"


@pytest.mark.db
@pytest.mark.django_db
def test_a_host_that_was_silent_for_less_keeps_its_leases(sent: list[tuple[Any, ...]]):
    key = hold(silent_for(33))
    hosts.beat("orders")
    assert sent == []
    assert orphaned_leases.release() == 0
    assert locks.acquire(key) is None


@pytest.mark.db
@pytest.mark.django_db
def test_a_host_that_came_back_since_it_was_seen_is_not_given_up(sent: list[tuple[Any, ...]]):
    silent_for(36)
    HostBeat.objects.update(beat_at=timezone.now())
    hosts._give_up(AWAY)
    assert sent == []
    assert hosts.gone() == set()


@pytest.mark.db
@pytest.mark.django_db
def test_a_host_lives_as_long_as_one_of_its_lanes(sent: list[tuple[Any, ...]]):
    key = hold(silent_for(3600))
    silent_for(5, lane="stock")
    hosts.beat("orders")
    assert sent == []
    assert locks.acquire(key) is None


@pytest.mark.db
@pytest.mark.django_db
def test_a_host_without_heartbeats_keeps_its_leases_to_their_end(sent: list[tuple[Any, ...]]):
    key = hold(f"{AWAY}-1f-abc-00112233")  # a command on a machine without lanes
    hosts.beat("orders")
    assert orphaned_leases.release() == 0
    assert locks.acquire(key) is None


@pytest.mark.db
@pytest.mark.django_db
def test_a_host_that_comes_back_learns_that_it_was_given_up_once():
    assert hosts.beat("orders") is True
    HostBeat.objects.update(is_gone=True)
    assert hosts.gone() == {leases.place()}
    assert hosts.beat("orders") is False
    assert hosts.gone() == set()
    assert hosts.beat("orders") is True


@pytest.mark.db
@pytest.mark.django_db
def test_its_own_leases_are_never_free_while_it_can_see_the_process():
    hosts.beat("orders")
    HostBeat.objects.update(is_gone=True)
    key = hold(leases.new_token())
    assert orphaned_leases.release() == 0
    assert locks.acquire(key) is None


@pytest.mark.db
@pytest.mark.django_db
def test_a_lane_that_stops_leaves_and_old_hosts_are_forgotten():
    hosts.beat("orders")
    hosts.leave("orders")
    silent_for(25 * 3600)
    HostBeat.objects.update(is_gone=True)
    hosts.prune()
    assert list(HostBeat.objects.all()) == []


@pytest.mark.db
@pytest.mark.django_db
def test_a_heartbeat_counts_the_hosts_of_its_lane(
    monkeypatch: pytest.MonkeyPatch, sent: list[tuple[Any, ...]]
):
    monkeypatch.setattr(hosts, "_alive", None)
    assert hosts.alive() == 1
    hosts.share_count()
    silent_for(5)
    silent_for(5, lane="stock")
    for lane in ("orders", "default"):
        HostBeat.objects.create(
            key=f"third:{lane}", place="third", name="third", beat_at=timezone.now(), is_gone=lane == "orders"
        )
    hosts.beat("orders")
    assert hosts.alive() == 2, "this one and the second; the third one's lane is gone"
    HostBeat.objects.update(is_gone=True)
    hosts.beat("orders")
    assert hosts.alive() == 1


@pytest.mark.db
@pytest.mark.django_db
def test_a_heartbeat_is_one_statement(django_assert_num_queries: Any):
    with django_assert_num_queries(1):
        hosts.beat("orders")


@pytest.mark.django_db
def test_an_sqlite_file_has_one_host_and_no_heartbeats(django_assert_num_queries: Any):
    if connection.vendor != "sqlite":
        pytest.skip("for SQLite")
    with django_assert_num_queries(0):
        assert hosts.beat("orders") is True
        assert hosts.gone() == set()
        hosts.leave("orders")
    beats.prepare()
    assert beats.age() == 0.0


# --- ending the own work ---


class Line:
    """A lane with a busy and an idle worker, at a time after its last heartbeat."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, age: float) -> None:
        self.killed: list[tuple[int, int]] = []
        monkeypatch.setattr(beats, "age", lambda: age)
        monkeypatch.setattr(os, "kill", lambda pid, number: self.killed.append((pid, number)))
        monkeypatch.setattr(host_beats, "touch", lambda lane: None)
        guard: Any = sentinel.Sentinel.__new__(sentinel.Sentinel)
        guard.pool = [
            SimpleNamespace(pid=pid, is_alive=lambda: True, timer=SimpleNamespace(value=timer))
            for pid, timer in ((11, 100.0), (12, -1.0), (13, -2.0))
        ]
        guard.task_queue = SimpleNamespace(qsize=lambda: 0)
        guard._watch()


def test_a_host_without_the_database_ends_its_busy_workers_and_no_others(monkeypatch: pytest.MonkeyPatch):
    assert Line(monkeypatch, hosts.ENDS_AFTER + 0.5).killed == [(11, signal.SIGKILL)]
    assert Line(monkeypatch, hosts.ENDS_AFTER - 0.5).killed == []


def test_it_ends_them_before_others_take_over():
    """A guard looks each half second, and may wait for a statement that nobody acknowledges (10 s)."""
    assert hosts.ENDS_AFTER + 10 + 1 < hosts.GONE_AFTER
    assert hosts.GONE_AFTER + hosts.EVERY < 60


@pytest.fixture
def number(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    found = SimpleNamespace(value=100.0)
    monkeypatch.setattr(beats, "_reached", found)
    monkeypatch.setattr(beats, "_clock", lambda: 107.0)
    return found


def test_a_heartbeat_that_arrives_is_noted_with_the_time_before_it_was_sent(
    number: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(hosts, "beat", lambda lane: True)
    assert beats.run_once("orders") == hosts.EVERY
    assert (number.value, beats.age()) == (107.0, 0.0)


def test_a_heartbeat_that_does_not_arrive_is_tried_again_at_once(
    number: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
):
    def away(lane: str) -> bool:
        raise OperationalError("no route to host")

    closed: list[int] = []
    monkeypatch.setattr(hosts, "beat", away)
    monkeypatch.setattr(beats, "connections", {"default": SimpleNamespace(close=lambda: closed.append(1))})
    assert beats.run_once("orders") == beats.AGAIN
    assert (number.value, beats.age(), closed) == (100.0, 7.0, [1])


def test_a_host_that_was_given_up_ends_its_tasks(number: SimpleNamespace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hosts, "beat", lambda lane: False)
    assert beats.run_once("orders") == beats.SEEN
    assert beats.age() > hosts.ENDS_AFTER


def test_no_schedule_is_asked_for_while_the_database_is_away(monkeypatch: pytest.MonkeyPatch):
    asked: list[Any] = []
    monkeypatch.setattr(scheduler, "scheduler", lambda broker: asked.append(broker))
    monkeypatch.setattr(beats, "age", lambda: 17.0)
    beats.scheduler("broker")
    assert asked == []
    monkeypatch.setattr(beats, "age", lambda: 8.0)
    beats.scheduler("broker")
    assert asked == ["broker"]


# --- the clock ---


class Answer:
    """A connection to a database whose clock is so many seconds ahead."""

    vendor = "postgresql"

    def __init__(self, ahead: float) -> None:
        self.connection = self
        self.ahead = ahead

    def cursor(self) -> Answer:
        return self

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *exc: object) -> None: ...

    def execute(self, sql: str) -> Answer:
        return self

    def fetchone(self) -> list[float]:
        return [clock._own_now().timestamp() + self.ahead]


@pytest.fixture
def own_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_offset", timedelta())


@pytest.mark.usefixtures("own_clock")
@pytest.mark.parametrize(("ahead", "used"), [(600.0, 600.0), (-600.0, -600.0), (1.5, 0.0), (-1.5, 0.0)])
def test_the_clock_of_the_database_counts_where_they_differ(
    ahead: float, used: float, caplog: pytest.LogCaptureFixture
):
    clock.measure(connection=Answer(ahead))
    clock.measure(connection=Answer(ahead))
    assert abs((clock.now() - clock._own_now()).total_seconds() - used) < 0.5
    assert len(caplog.records) == (1 if used else 0), "it is said once"
    clock.measure(connection=SimpleNamespace(vendor="sqlite"))
    assert abs((clock.now() - clock._own_now()).total_seconds() - used) < 0.5

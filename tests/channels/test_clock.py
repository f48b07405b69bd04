"""Appointments of a worker: kept to the moment, the earliest of a lane first, and never the only record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from django_q.models import Schedule

from channels.workers import enqueue
from channels.workers import timers as workers_timers


class FakeTimer:
    made: list[FakeTimer] = []

    def __init__(self, seconds: float, act: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.seconds, self.act, self.args = seconds, act, args
        self.is_started = self.is_cancelled = self.daemon = False
        FakeTimer.made.append(self)

    def start(self) -> None:
        self.is_started = True

    def cancel(self) -> None:
        self.is_cancelled = True

    def strike(self) -> None:
        self.act(*self.args)


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> list[FakeTimer]:
    monkeypatch.setattr(workers_timers, "_Timer", FakeTimer)
    monkeypatch.setattr(workers_timers, "_timers", {})
    monkeypatch.setattr(workers_timers, "_due", {})
    monkeypatch.setattr(workers_timers, "_is_running", False)
    monkeypatch.setattr(connections, "close_all", lambda: None)  # the thread is this one here
    monkeypatch.setattr(FakeTimer, "made", [])
    return FakeTimer.made


def written() -> set[str | None]:
    return set(Schedule.objects.filter(name__startswith="wake ").values_list("name", flat=True))


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    monkeypatch.setattr(
        enqueue, "send_task", lambda function, *args, lane: found.append((function, *args, lane))
    )
    return found


@pytest.mark.django_db
def test_a_worker_wakes_at_the_moment_and_writes_nothing_down_for_a_short_wait(
    timers: list[FakeTimer], rung: list[tuple[str, ...]]
) -> None:
    workers_timers.start()
    enqueue.enqueue_at("stock", timezone.now() + timedelta(seconds=12))
    [timer] = timers
    assert 11 < timer.seconds <= 12.03
    assert timer.is_started
    assert timer.daemon
    assert written() == set()
    assert rung == []
    timer.strike()
    assert rung == [("wake", "stock", "stock")]
    enqueue.enqueue_at("stock", timezone.now() + timedelta(seconds=30))  # the way is free for the next
    assert len(timers) == 2


@pytest.mark.django_db
def test_of_a_lanes_appointments_the_earliest_comes_first_and_none_is_forgotten(
    timers: list[FakeTimer], rung: list[tuple[str, ...]]
) -> None:
    workers_timers.start()
    now = timezone.now()
    enqueue.enqueue_at("stock", now + timedelta(seconds=30))
    enqueue.enqueue_at("stock", now + timedelta(seconds=40))
    assert len(timers) == 1
    enqueue.enqueue_at("stock", now + timedelta(seconds=10))
    enqueue.enqueue_at("orders", now + timedelta(seconds=50))
    assert [timer.is_cancelled for timer in timers] == [True, False, False]
    timers[0].strike()  # it went off while it was being cancelled
    assert rung == []
    timers[1].strike()
    timers[2].strike()
    assert [entry[1] for entry in rung] == ["stock", "orders"]
    assert [round(timer.seconds) for timer in timers[3:]] == [30]
    timers[3].strike()
    assert [round(timer.seconds) for timer in timers[4:]] == [40]
    timers[4].strike()
    assert [entry[1] for entry in rung] == ["stock", "orders", "stock", "stock"]
    assert len(timers) == 5


@pytest.mark.django_db
def test_appointments_of_one_moment_are_one(timers: list[FakeTimer], rung: list[tuple[str, ...]]) -> None:
    workers_timers.start()
    when = timezone.now() + timedelta(seconds=20)
    enqueue.enqueue_at("stock", when)
    enqueue.enqueue_at("stock", when - timedelta(seconds=0.05))
    [timer] = timers
    timer.strike()
    assert (len(rung), len(timers)) == (1, 1)


@pytest.mark.django_db
def test_a_long_wait_is_written_down_too_and_other_processes_leave_it_to_the_schedule(
    timers: list[FakeTimer], rung: list[tuple[str, ...]]
) -> None:
    enqueue.enqueue_at("orders", timezone.now() + timedelta(seconds=12))  # a web process, a command
    assert timers == []
    assert written() == {"wake orders"}
    workers_timers.start()
    enqueue.enqueue_at("stock", timezone.now() + timedelta(minutes=10))
    enqueue.enqueue_at("default", timezone.now() + timedelta(hours=2))
    assert [timer.args[0] for timer in timers] == ["stock"]
    assert written() == {"wake orders", "wake stock", "wake default"}


@pytest.mark.django_db
def test_what_is_due_already_wakes_a_worker_at_once(
    timers: list[FakeTimer], rung: list[tuple[str, ...]]
) -> None:
    workers_timers.start()
    enqueue.enqueue_at("stock", timezone.now() - timedelta(seconds=5))
    assert 0 <= timers[0].seconds < 0.1

"""What a killed worker held goes on with the next worker or tick, and nobody who lives loses anything."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone
from django_q.conf import Conf
from django_q.signals import post_execute_in_worker, pre_execute

from channels import tasks
from channels.models import Connection, OutboxMessage, SyncStream, WakeUp
from channels.push import dispatcher
from channels.push.outbox import touch
from channels.push.topics import Topic
from channels.workers import enqueue, failed_tasks, locks, orphaned_leases
from oms.kit.models import Job, leases
from tests import factories
from tests.support.dead import token_of_the_dead

pytestmark = pytest.mark.django_db


def held(token: str) -> dict[str, Any]:
    return {"lease_token": token, "lease_until": timezone.now() + timedelta(seconds=150)}


def turn(store: Connection, token: str) -> str:
    key = f"drain:{store.pk}:stock"
    WakeUp.objects.create(key=key, lease_token=token, lease_until=timezone.now() + locks.LOCKED_FOR)
    return key


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    monkeypatch.setattr(enqueue, "send_task", lambda function, *args, lane: found.append((function, *args)))
    return found


def message(store: Connection, subject: int, token: str) -> OutboxMessage:
    touch(Topic.STOCK, [(store.pk, subject)])
    row = OutboxMessage.objects.get(connection=store, subject=subject)
    OutboxMessage.objects.filter(pk=row.pk).update(**held(token))
    return row


def test_turn_stream_job_and_messages_of_a_dead_worker_are_free_and_those_of_a_living_one_are_not():
    dead, alive = token_of_the_dead(), leases.new_token()
    one, other = factories.store("One"), factories.store("Other")
    for store in (one, other):
        store.is_read_only = False
        store.save()
    key, busy = turn(one, dead), turn(other, alive)
    left, kept = message(one, 1, dead), message(other, 1, alive)
    streams = [
        SyncStream.objects.create(
            connection=store,
            name="orders.new",
            period=300,
            lane="orders",
            due_at=timezone.now(),
            **held(token),
        )
        for store, token in ((one, dead), (other, alive))
    ]
    jobs = [
        Job.objects.create(kind="x", lane="default", state="running", **held(token))
        for token in (dead, alive)
    ]
    assert dispatcher.lease(one, "stock") == []

    assert orphaned_leases.release() == 1

    assert locks.acquire(key) is not None
    assert locks.acquire(busy) is None
    assert list(SyncStream.objects.due("orders")) == streams[:1]
    assert list(Job.objects.all().due()) == jobs[:1]
    [claimed] = dispatcher.lease(one, "stock")
    assert claimed.pk == left.pk
    assert claimed.is_uncertain, "nobody knows whether it arrived"
    assert dispatcher.lease(other, "stock") == []
    kept.refresh_from_db()
    assert kept.lease_token == alive
    assert orphaned_leases.release() == 0


@pytest.mark.parametrize("begin", [tasks.resume, tasks.tick])
def test_a_starting_worker_and_the_tick_wake_for_what_a_dead_one_left(
    begin: Any, rung: list[tuple[Any, ...]], django_capture_on_commit_callbacks: Any
):
    dead = token_of_the_dead()
    store = factories.store("One")
    Connection.objects.filter(pk=store.pk).update(is_read_only=False)
    with django_capture_on_commit_callbacks(execute=True):
        message(store, 1, dead)
    WakeUp.objects.all().delete()  # the worker answered the ring before it died
    rung.clear()
    turn(store, dead)

    with django_capture_on_commit_callbacks(execute=True):
        begin("stock")

    assert rung == [("drain", store.pk, "stock")]
    assert locks.acquire(f"drain:{store.pk}:stock") is not None


# --- a task that failed in a worker that lives ---


@pytest.fixture
def in_this_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done in a thread after a failed task is done here, on the connection of the test."""

    class Thread:
        def __init__(self, *, target: Any, args: Any, **options: Any) -> None:
            self.start = lambda: target(*args)

    monkeypatch.setattr(failed_tasks, "threading", SimpleNamespace(Thread=Thread))
    monkeypatch.setattr(failed_tasks, "connections", SimpleNamespace(close_all=lambda: None))
    monkeypatch.setattr(Conf, "CLUSTER_NAME", "stock")


@pytest.mark.fault("F-53")
@pytest.mark.usefixtures("in_this_thread")
def test_a_failed_task_leaves_no_lease_and_others_are_untouched(rung: list[Any]) -> None:
    """Its connection was cut, so it could release nothing; its process lives, so nobody would for 150 s."""
    one, other = factories.store("One"), factories.store("Other")
    earlier = leases.new_token()
    failed_tasks.note_start()
    mine = leases.new_token()
    key, busy = turn(one, mine), turn(other, earlier)
    left, kept = message(one, 1, mine), message(other, 1, earlier)
    stream = SyncStream.objects.create(connection=one, name="orders.new", **held(mine))
    job = Job.objects.create(kind="x", title="x", state="running", **held(mine))

    failed_tasks.note_end({"success": True})
    assert locks.acquire(key) is None
    failed_tasks.note_end({"success": False})

    assert locks.acquire(key) is not None
    assert locks.acquire(busy) is None
    assert SyncStream.objects.unleased().filter(pk=stream.pk).exists()
    assert Job.objects.all().due().filter(pk=job.pk).exists()
    assert [row.pk for row in OutboxMessage.objects.all().unleased()] == [left.pk]
    assert OutboxMessage.objects.get(pk=kept.pk).lease_token == earlier
    assert OutboxMessage.objects.get(pk=left.pk).lease_token == mine, (
        "its next worker sees that it is uncertain"
    )
    assert rung == [("wake", "stock")]


@pytest.mark.fault("F-53")
@pytest.mark.usefixtures("in_this_thread")
def test_leases_are_released_when_the_database_answers_again(
    rung: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(failed_tasks, "_sleep", waits.append)
    store = factories.store("One")
    failed_tasks.note_start()
    key = turn(store, leases.new_token())
    release = orphaned_leases.release_tokens

    def away(tokens: Any) -> None:
        if len(waits) < 3:
            raise OperationalError("the connection is closed")
        release(tokens)

    monkeypatch.setattr(orphaned_leases, "release_tokens", away)
    failed_tasks.note_end({"success": False})
    assert waits == [1.0, 1.0, 1.0]
    assert locks.acquire(key) is not None


@pytest.mark.fault("F-53")
def test_the_queue_reports_the_start_and_the_end_of_tasks() -> None:
    receivers = {
        signal: [ref() for _key, ref, *_rest in signal.receivers]
        for signal in (pre_execute, post_execute_in_worker)
    }
    assert failed_tasks.note_start in receivers[pre_execute]
    assert failed_tasks.note_end in receivers[post_execute_in_worker]

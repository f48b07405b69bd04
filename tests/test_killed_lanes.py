"""The processes of a lane may be killed at any time; the next wake-up is answered at once (docs/adr/0014-lanes.md)."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import get_commands, load_command_class
from django_q import cluster
from django_q.models import OrmQ, Schedule
from django_q.tasks import async_task

from oms.cluster import install, locks, sentinel
from oms.cluster.locks import KernelLock, Queue
from tests.support.workers import lane_process

FORK = multiprocessing.get_context("fork")
PATIENCE = 10.0

pytestmark = pytest.mark.fault("F-51")


def until(look: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """What `look` finds; fails when it finds nothing in time."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
    return found


def process(target: Callable[..., object], *args: Any) -> Any:
    started = FORK.Process(target=target, args=args, daemon=True)
    started.start()
    return started


def system_call(pid: int) -> str:
    """The number of the system call in which a process sleeps."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/syscall").read_text().split()[0]
    return ""


def is_reading(pid: int) -> bool:
    """Whether it waits for bytes: it holds the lock of its queue. The others wait for the lock."""
    return system_call(pid) == {"x86_64": "0", "aarch64": "63"}.get(os.uname().machine, "?")


# --- the lock and the queue ---


def hold(lock: Any, held: Any) -> None:
    lock.acquire()
    held.set()
    time.sleep(600)


def test_the_lock_of_a_killed_process_is_free() -> None:
    lock, held = KernelLock(), FORK.Event()
    holder = process(hold, lock, held)
    assert held.wait(PATIENCE)
    assert lock.acquire(block=False) is False
    started = time.monotonic()
    assert lock.acquire(timeout=0.05) is False
    assert time.monotonic() - started >= 0.05
    os.kill(holder.pid, signal.SIGKILL)
    assert lock.acquire(timeout=PATIENCE) is True
    assert lock.acquire(block=False) is False, "threads of one process are kept apart too"
    lock.release()


def cross(mine: Any, other: Any, both: Any) -> None:
    """Hold one lock in this thread, and take the other in a thread; then release."""
    mine.acquire()
    both.wait()
    got: list[bool] = []

    def take() -> None:
        with suppress(OSError):
            got.append(other.acquire())

    thread = threading.Thread(target=take)
    thread.start()
    time.sleep(0.3)  # both threads wait by now
    mine.release()
    thread.join(PATIENCE)
    os._exit(0 if got == [True] else 1)


def test_two_threads_that_wait_for_each_others_process_are_no_deadlock() -> None:
    """The kernel takes them for one and refuses, because it looks at processes and not at threads."""
    one, two, both = KernelLock(), KernelLock(), FORK.Barrier(2)
    pair = [process(cross, one, two, both), process(cross, two, one, both)]
    for each in pair:
        each.join(PATIENCE)
    assert [each.exitcode for each in pair] == [0, 0]


def echo(tasks: Any, results: Any) -> None:
    for task in iter(tasks.get, "STOP"):
        results.put(task)


def test_the_queue_survives_the_death_of_its_reader() -> None:
    tasks, results = Queue(maxsize=2), Queue()
    workers = [process(echo, tasks, results) for _number in range(2)]
    try:
        for number in range(3):
            [reader] = until(lambda: [each for each in workers if each.is_alive() and is_reading(each.pid)])
            os.kill(reader.pid, signal.SIGKILL)
            workers.append(process(echo, tasks, results))
            tasks.put(number)
            assert results.get(timeout=PATIENCE) == number
    finally:
        for each in workers:
            each.kill()


# --- the guard ---


class Line:
    """What the guard sees of a lane, and whether it ended it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ended: list[int] = []
        self.waiting = 0
        self.now = 0.0
        monkeypatch.setattr(sentinel, "end_lane", self.ended.append)
        monkeypatch.setattr(sentinel, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.guard: Any = sentinel.Sentinel.__new__(sentinel.Sentinel)
        self.guard.parent_pid = 77
        self.guard.pusher = object()
        self.guard.stop_event = threading.Event()
        self.guard.start_event = threading.Event()
        self.guard.start_event.set()
        empty: Any = SimpleNamespace(empty=lambda: True, qsize=lambda: self.waiting)
        self.guard.task_queue = self.guard.result_queue = empty
        self.guard.pool = [self.worker(1, 120.0), self.worker(2, -1.0)]

    @staticmethod
    def worker(pid: int, timer: float) -> Any:
        return SimpleNamespace(pid=pid, is_alive=lambda: True, timer=SimpleNamespace(value=timer))

    def look(self, at: float) -> list[int]:
        self.now = at
        self.guard.status()
        return self.ended


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    return Line(monkeypatch)


def test_the_guard_ends_a_lane_whose_work_an_idle_worker_does_not_take(line: Line) -> None:
    line.waiting = 1
    assert line.look(100.0) == []
    assert line.look(104.9) == []
    assert line.look(105.1) == [77]


def test_the_guard_leaves_a_lane_alone_that_is_busy_idle_moving_or_stopping(line: Line) -> None:
    for at in range(100, 120, 4):
        assert line.look(at) == [], "no work waits"
    line.waiting = 2
    line.guard.pool = [line.worker(1, 120.0), line.worker(2, 3.0)]
    for at in range(120, 140, 4):
        assert line.look(at) == [], "all workers are busy"
    line.guard.pool = [line.worker(1, -1.0), line.worker(2, 3.0)]
    for at in range(140, 160, 4):
        line.waiting = 3 - line.waiting
        assert line.look(at) == [], "the number changes"
    for at in range(160, 180, 4):
        line.guard.pool = [line.worker(at, -1.0)]
        assert line.look(at) == [], "workers are replaced"
    line.guard.stop_event.set()
    line.guard.start_event.clear()
    for at in range(180, 200, 4):
        assert line.look(at) == [], "it is stopping"


def test_a_healthy_guard_tells_systemd(line: Line, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    line.look(100.0)  # without a socket: nothing happens
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        line.look(101.0)
        assert manager.recv(100) == b"WATCHDOG=1"
        line.waiting = 1
        line.look(102.0)  # it begins to wait
        assert manager.recv(100) == b"WATCHDOG=1"
        line.look(103.0)
        with pytest.raises(BlockingIOError):
            manager.recv(100)


def test_the_command_starts_a_cluster_with_these_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert get_commands()["qcluster"] == "oms"
    for name in ("Queue", "Sentinel"):
        monkeypatch.setattr(cluster, name, getattr(cluster, name))
    used: list[Any] = []
    monkeypatch.setattr("django_q.management.commands.qcluster.Command.handle", lambda *a, **k: used.append(
        (vars(cluster)["Queue"], vars(cluster)["Sentinel"])))  # fmt: skip
    load_command_class("oms", "qcluster").handle()
    assert used == [(locks.Queue, sentinel.Sentinel)]
    assert install.__doc__


# --- a live lane ---


def lane_is_ready(processes: Callable[[], list[int]]) -> list[int]:
    """The lane's processes in the order of their start: two workers, the monitor, the pusher; one worker reads."""

    def look() -> list[int]:
        found = sorted(processes())
        return found if len(found) == 4 and sum(map(is_reading, found[:2])) == 1 else []

    return list(until(look, 30))


@pytest.mark.db
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("victim", ["the idle worker that holds the lock", "the other worker", "the monitor"])
def test_a_wake_up_after_a_kill_is_answered_and_acknowledged(victim: str) -> None:
    OrmQ.objects.all().delete()
    Schedule.objects.all().delete()
    with lane_process("stock") as processes:
        workers = lane_is_ready(processes)
        until(lambda: not OrmQ.objects.exists())  # the first tasks of new workers
        reading = next(pid for pid in workers[:2] if is_reading(pid))
        pid = {
            "the idle worker that holds the lock": reading,
            "the other worker": next(pid for pid in workers[:2] if pid != reading),
            "the monitor": workers[2],
        }[victim]
        os.kill(pid, signal.SIGKILL)
        async_task("channels.tasks.wake", "stock", cluster="stock")
        until(lambda: not OrmQ.objects.exists(), 5)
        survivors = set(workers) - {pid}
        assert survivors <= set(processes()), "the lane was not started again"

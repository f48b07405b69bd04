"""The queue runs functions that an app declared, and no other (F-30)."""

from __future__ import annotations

import multiprocessing
import re
import time
from pathlib import Path

import pytest
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import OrmQ, Schedule
from django_q.pusher import pusher
from django_q.tasks import async_task
from django_q.worker import worker

from oms.cluster.listening import Listening
from oms.cluster.watching import Watching
from oms.kit.background import queue
from oms.schedules import declared as schedules
from tests.support.workers import lane_process
from tests.test_architecture import modules

pytestmark = pytest.mark.fault("F-30")


def worked(lane: str = "default") -> list[tuple[str, bool]]:
    """Run django-q2's own pusher and worker once over the lane's queue; return (function, success) of each task."""
    tasks: multiprocessing.Queue = multiprocessing.Queue()
    results: multiprocessing.Queue = multiprocessing.Queue()
    stop = multiprocessing.Event()
    stop.set()  # one round
    while OrmQ.objects.filter(key=lane, lock__lt=timezone.now()).exists():
        pusher(tasks, stop, queue.OrmBroker(lane))
    tasks.put("STOP")
    worker(tasks, results, multiprocessing.Value("f", -1.0), timeout=20)
    found = []
    time.sleep(0.1)
    while not results.empty():
        task = results.get()
        found.append((task["func"], task["success"]))
    return found


def test_what_the_queue_may_run_exists_and_covers_what_we_send() -> None:
    sent = {
        f"channels.tasks.{name}"
        for path in modules()
        for name in re.findall(r"""(?:send_task|_Task)\(\s*"(\w+)\"""", path.read_text(encoding="utf-8"))
    }

    assert len(sent) >= 5
    assert sent | {one.func for one in schedules()} <= queue.declared()
    assert all(callable(import_string(name)) for name in queue.declared())
    assert {name.rpartition(".")[0] for name in queue.declared()} == {
        "channels.tasks",
        "catalogue.tasks",
        "orders.tasks",
        "oms.tasks",
    }


@pytest.mark.django_db(transaction=True)
def test_a_worker_runs_a_declared_function_and_never_another(tmp_path: Path, caplog) -> None:
    made = tmp_path / "made-by-the-queue"
    async_task("os.mkdir", str(made), cluster="default")
    async_task("channels.tasks.beat", "default", cluster="default")
    assert OrmQ.objects.count() == 2

    assert worked() == [("channels.tasks.beat", True)]

    assert not made.exists()
    assert "the queue refused a task: 'os.mkdir' is not a declared function" in caplog.text
    assert not any("mkdir" in str(row.payload) for row in OrmQ.objects.all())


@pytest.mark.parametrize(
    "task",
    [
        {"func": "os.system"},
        {"func": "oms.tasks.retention"},
        {"func": "channels.tasks.Q"},
        {"func": print},
        {"func": None},
        {},
        {"func": "oms.tasks.daily", "hook": "os.system"},
        {"func": "oms.tasks.daily", "chain": [("os.system", ("id",))]},
        {"func": "oms.tasks.daily", "iter_cached": "x"},
    ],
    ids=str,
)
def test_an_undeclared_function_a_hook_and_a_chain_are_refused(task) -> None:
    assert queue.refusal(task)


def test_a_declared_function_is_not_refused() -> None:
    task: dict[str, object] = {
        "func": "channels.tasks.pull",
        "args": (1,),
        "kwargs": {},
        "id": "1",
        "name": "a",
        "hook": None,
    }
    assert queue.refusal(task) == ""


def test_both_brokers_are_ours(settings) -> None:
    assert issubclass(import_string(settings.Q_CLUSTER["broker_class"]), queue.OrmBroker)
    assert issubclass(Watching, queue.OrmBroker)
    assert issubclass(Listening, queue.OrmBroker)
    assert issubclass(queue.RedisBroker, queue._DeclaredOnly)


@pytest.mark.db
@pytest.mark.django_db(transaction=True)
def test_a_real_cluster_does_not_run_what_a_schedule_row_names(tmp_path: Path) -> None:
    """The attack of F-30: whoever can write a schedule runs any function of the server."""
    made, wanted = tmp_path / "made", tmp_path / "wanted"
    async_task("os.mkdir", str(made), cluster="stock")
    Schedule.objects.create(
        name="evil", func="os.mkdir", args=repr((str(wanted),)), next_run=timezone.now(), cluster="stock"
    )
    with lane_process("stock"):
        end = time.monotonic() + 60
        while (
            OrmQ.objects.exists()
            or Schedule.objects.filter(name="evil", next_run__lte=timezone.now()).exists()
        ):
            assert time.monotonic() < end, "the cluster did not look at the queue"
            time.sleep(0.5)
        time.sleep(1)
    assert not made.exists()
    assert not wanted.exists()

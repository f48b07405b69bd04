"""Worker lanes for tests: `work` does all due work in this process, `lane_process` runs real worker processes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from django.db import connection

from channels import tasks
from channels.models import Connection, OutboxMessage, SyncStream, WebhookEvent
from channels.pull.runner import run_stream
from channels.push.dispatcher import dispatch
from channels.workers import enqueue
from oms.devserver.run import lane_child
from oms.devserver.supervisor import Supervisor
from oms.kit.background import jobs
from oms.kit.models import Job

MANY = 500


def work(*, rounds: int = MANY) -> None:
    """Do the due work of every lane until nothing is due. Work for a later time is not done."""
    for _round in range(rounds):
        if not _once():
            return
    raise AssertionError(f"work was still due after {rounds} rounds")


def _once() -> bool:
    busy = False
    for store_id in set(WebhookEvent.objects.filter(handled_at=None).values_list("connection_id", flat=True)):
        tasks.handle_webhooks(store_id)
        busy = True
    for job in Job.objects.all().due():
        jobs.work(job.pk)
        busy = True
    for lane in enqueue.LANES:
        for stream in SyncStream.objects.due(lane):
            run_stream(stream.pk)
            busy = True
        due = OutboxMessage.objects.due().filter(lane=lane, is_held=False, connection__is_read_only=False)
        stores = set(due.filter(connection__state="active").values_list("connection_id", flat=True))
        for store in Connection.objects.filter(pk__in=stores, blocked_until=None):
            dispatch(store.pk, lane)
            busy = True
    return busy


@contextmanager
def lane_process(lane: str, *, may_fail: bool = False) -> Iterator[Callable[[], list[int]]]:
    """Run `qcluster` of this lane on the present PostgreSQL database until the block ends.

    Yield a function that returns the ids of its worker processes. A traceback in the log fails the test, unless `may_fail`.
    """
    child = lane_child(lane)
    server = os.environ["DATABASE_URL"].rpartition("/")[0]
    child.environment = {
        **child.environment,
        "DATABASE_URL": f"{server}/{connection.settings_dict['NAME']}",
        "DJANGO_SETTINGS_MODULE": "oms.settings",
    }
    with TemporaryDirectory(prefix="lane-") as folder:
        supervisor = Supervisor([child], log_dir=Path(folder))
        supervisor.start(child)
        assert child.process is not None
        head = child.process.pid
        try:
            yield lambda: [pid for sentinel in _offspring(head) for pid in _offspring(sentinel)]
        finally:
            supervisor.stop()
            log = (Path(folder) / f"{child.name}.log").read_text(encoding="utf-8")
            assert may_fail or "Traceback" not in log, log[-4000:]


def _offspring(pid: int) -> list[int]:
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return [int(child) for child in found.stdout.split()]

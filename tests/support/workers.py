"""The worker lanes without processes: what a tick finds due is worked here and now, until nothing is left."""

from __future__ import annotations

from channels import lanes, tasks
from channels.drain import drain
from channels.models import Connection, OutboxMessage, SyncStream, WebhookEvent
from channels.sync import run_stream
from oms.kit import jobs
from oms.kit.models import Job

MANY = 500


def work(*, rounds: int = MANY) -> None:
    """Work every lane until it is quiet. What waits for an hour that has not come stays waiting."""
    for _round in range(rounds):
        if not _once():
            return
    raise AssertionError(f"the lanes were still busy after {rounds} rounds")


def _once() -> bool:
    busy = False
    for event in WebhookEvent.objects.filter(handled_at=None):
        tasks.handle_webhook(event.pk)
        busy = True
    for job in Job.objects.all().due():
        jobs.work(job.pk)
        busy = True
    for lane in lanes.LANES:
        for stream in SyncStream.objects.due(lane):
            run_stream(stream.pk)
            busy = True
        due = OutboxMessage.objects.due().filter(lane=lane, is_held=False, connection__is_read_only=False)
        stores = set(due.filter(connection__state="active").values_list("connection_id", flat=True))
        for connection in Connection.objects.filter(pk__in=stores, blocked_until=None):
            drain(connection.pk, lane)
            busy = True
    return busy

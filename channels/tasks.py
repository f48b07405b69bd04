"""What the queue calls. Ids in, nothing out; each looks at our rows, works a page or a minute, and rings again.

Any of these may be lost, doubled, late or killed in the middle: only the hour changes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from django.db.models import F, Q
from django.utils import timezone

from channels.contract.registry import specs
from channels.contract.spec import Capability, Lane
from channels.http import call_log
from channels.models import Connection, OutboxMessage, SyncStream, WakeUp, WebhookEvent
from channels.pull import runner
from channels.push import dispatcher as draining
from channels.stores import webhooks
from channels.workers import enqueue, failures, heartbeat, orphaned_leases
from oms.kit import jobs
from oms.kit.models import Job

log = logging.getLogger(__name__)

Sweep = Callable[[], object]

_sweeps: dict[str, list[Sweep]] = {}

HOOKS_AGAIN = timedelta(minutes=30)
HOOKS_CHECKED = timedelta(days=1)  # channels switch hooks off by themselves, when idle or after failures
PER_TICK = 500


def register_sweep(lane: str, function: Sweep) -> None:
    """Have the lane's tick call `function` each minute: one slice of what a lost ring would have started."""
    if function not in _sweeps.setdefault(str(lane), []):
        _sweeps[str(lane)].append(function)


def beat(lane: str) -> None:
    """A sign of life, by running in a worker."""
    heartbeat.beat(lane, is_tick=False)


def tick(lane: str) -> None:
    """Each minute: a sign of life, and a ring for everything of this lane that is due."""
    heartbeat.beat(lane, is_tick=True)
    orphaned_leases.release()
    _sweep(lane)
    for sweep in _sweeps.get(lane, ()):
        try:
            sweep()
        except Exception:
            # One app's fault must not cost the lane its tick; the next minute tries again.
            log.exception("the sweep %s failed", sweep)
    if lane == Lane.DEFAULT:
        _housekeeping()


def wake(lane: str) -> None:
    """An appointment made by `lanes.ring_at`."""
    heartbeat.beat(lane)
    _sweep(lane)


def resume(lane: str) -> None:
    """A worker of this lane has just started, perhaps in the place of one that was killed."""
    heartbeat.beat(lane)
    orphaned_leases.release()
    _sweep(lane)


def _sweep(lane: str) -> None:
    for stream_id in SyncStream.objects.due(lane).order_by("due_at").values_list("pk", flat=True)[:PER_TICK]:
        enqueue.enqueue_pull(stream_id, lane)
    for connection_id in _stores_to_drain(lane):
        enqueue.enqueue_push(connection_id, lane)
    for job in Job.objects.filter(lane=lane).due().order_by("id")[:PER_TICK]:
        enqueue.enqueue_job(job)
    if lane == Lane.ORDERS:
        open_events = WebhookEvent.objects.filter(handled_at=None, connection__state=Connection.State.ACTIVE)
        newest: dict[int, int] = dict(open_events.values_list("connection_id", "pk")[:PER_TICK])
        for event_id in newest.values():
            enqueue.enqueue_webhook(event_id)


def _stores_to_drain(lane: str) -> list[int]:
    """Stores with something due in this lane that may be sent now: one small question per store."""
    now = timezone.now()
    stores = Connection.objects.active().filter(
        Q(blocked_until=None) | Q(blocked_until__lte=now), is_read_only=False
    )
    return [
        pk
        for pk in stores.order_by("pk").values_list("pk", flat=True)
        if OutboxMessage.objects.filter(connection_id=pk, lane=lane).due().exists()
    ]


def _housekeeping() -> None:
    webhooks.prune()
    call_log.prune()
    WakeUp.objects.filter(asked_at__lt=timezone.now() - timedelta(days=1), lease_until=None).delete()
    _register_missing_webhooks()


def _register_missing_webhooks() -> None:
    """Try again where a channel did not take our address, every half hour; look at those that it took once a day."""
    now = timezone.now()
    if now.minute % int(HOOKS_AGAIN.total_seconds() // 60) != 0:
        return
    able = [key for key, spec in specs().items() if spec.supports(Capability.WEBHOOKS)]
    waiting = Connection.objects.active().filter(
        Q(webhooks_at=None) | Q(webhooks_at__lt=now - HOOKS_CHECKED),
        created_at__lt=now - timedelta(minutes=5),
        channel__in=able,
    )
    for connection in waiting.order_by(F("webhooks_at").asc(nulls_first=True))[:20]:
        if not failures.is_blocked(connection):
            webhooks.register_webhooks(connection=connection)


def pull(stream_id: int) -> None:
    """One slice of a stream; rings again while there is more."""
    stream = SyncStream.objects.filter(pk=stream_id).only("lane").first()
    if stream is None:
        return
    heartbeat.beat(stream.lane)
    if runner.run_stream(stream_id):
        enqueue.enqueue_pull(stream_id, stream.lane)


def drain(connection_id: int, lane: str) -> None:
    """One slice of what a store must be told; rings again while there is more."""
    heartbeat.beat(lane)
    if draining.dispatch(connection_id, lane):
        enqueue.enqueue_push(connection_id, lane)


def work(job_id: int) -> None:
    """One slice of a job; rings again while there is more, or makes an appointment where it must wait."""
    job = Job.objects.filter(pk=job_id).first()
    if job is None:
        return
    heartbeat.beat(job.lane)
    if jobs.work(job_id):
        enqueue.enqueue_job(job)
        return
    job.refresh_from_db(fields=["state", "not_before"])
    if job.is_live and job.not_before is not None:
        enqueue.enqueue_at(job.lane, job.not_before)


def handle_webhook(event_id: int) -> None:
    """Turn stored webhooks into pulls of single records, and make those pulls here and now."""
    heartbeat.beat(Lane.ORDERS)
    for stream_id in webhooks.handle(event_id):
        pull(stream_id)

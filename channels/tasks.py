"""The tasks of the queue. They have ids as arguments and no result; each reads the rows, works for a minute at most, and
enqueues itself again when more is to be done.

A task may be lost, run twice, run late or be killed: the work is only done later.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.db.models import F, Q
from django.utils import timezone

from channels.contract.registry import specs
from channels.contract.spec import Capability, Lane
from channels.http import call_log
from channels.models import Connection, SyncStream, WakeUp
from channels.ops.alerts import sending as alert_sending
from channels.ops.hooks import sending as hook_sending
from channels.pull import runner
from channels.push import dispatcher
from channels.stores import webhooks
from channels.workers import due_work, enqueue, failures, heartbeat, hosts, orphaned_leases, seats, sweeps
from oms.kit.background import jobs
from oms.kit.models import Job

WEBHOOKS_RETRIED = timedelta(minutes=30)
WEBHOOKS_CHECKED = timedelta(days=1)  # channels switch webhooks off when they are idle or after failures


def register_sweep(lane: str, *functions: Callable[[], int | None]) -> None:
    """Register functions that the lane's tick repeats until they change nothing (`channels.workers.sweeps`)."""
    sweeps.register(lane, *functions)


def beat(lane: str) -> None:
    """Store a heartbeat of the lane."""
    heartbeat.beat(lane, is_tick=False)


def tick(lane: str) -> None:
    """Store a heartbeat and enqueue all due work of the lane; runs each minute."""
    heartbeat.beat(lane, is_tick=True)
    orphaned_leases.release()
    due_work.enqueue_due(lane)
    sweeps.work(lane)
    if lane == Lane.DEFAULT:
        _housekeeping()


def sweep(lane: str) -> None:
    """Go on with the due work of the apps that did not fit into one slice."""
    sweeps.work(lane)


def wake(lane: str) -> None:
    """Enqueue all due work of the lane at a time that was set with `enqueue.enqueue_at`."""
    heartbeat.beat(lane)
    due_work.enqueue_due(lane)


def resume(lane: str) -> None:
    """End the leases of killed workers and enqueue all due work of the lane; runs when a worker has started."""
    heartbeat.beat(lane)
    if orphaned_leases.release():
        enqueue.forget_unanswered(lane)  # who was refused a dead worker's seat waits for it
    due_work.enqueue_due(lane)


def take_over(lane: str) -> None:
    """Go on with the work of a host that is gone: its leases, and the wake-ups that it had taken from the queue."""
    heartbeat.beat(lane)
    orphaned_leases.release()
    enqueue.forget_unanswered(lane)
    due_work.enqueue_due(lane)


def _housekeeping() -> None:
    hosts.prune()
    webhooks.prune()
    call_log.prune()
    WakeUp.objects.filter(asked_at__lt=timezone.now() - timedelta(days=1), lease_until=None).delete()
    _register_missing_webhooks()


def _register_missing_webhooks() -> None:
    """Register missing webhooks every half hour, and check registered ones once a day."""
    now = timezone.now()
    if now.minute % int(WEBHOOKS_RETRIED.total_seconds() // 60) != 0:
        return
    able = [key for key, spec in specs().items() if spec.supports(Capability.WEBHOOKS)]
    waiting = Connection.objects.active().filter(
        Q(webhooks_at=None) | Q(webhooks_at__lt=now - WEBHOOKS_CHECKED),
        created_at__lt=now - timedelta(minutes=5),
        channel__in=able,
    )
    for connection in waiting.order_by(F("webhooks_at").asc(nulls_first=True))[:20]:
        if not failures.is_blocked(connection):
            webhooks.register_webhooks(connection=connection)


def pull(stream_id: int) -> None:
    """Import one slice of a stream; enqueue the task again while more is due."""
    stream = SyncStream.objects.filter(pk=stream_id).only("lane", "connection_id").first()
    if stream is None:
        return
    heartbeat.beat(stream.lane)
    answered = enqueue.pull_key(stream_id, stream.lane)
    with seats.seat(stream.connection_id, stream.lane, answers=answered) as seat:
        more = seat is not None and runner.run_stream(stream_id, must_stop=seat.must_give_way)
    if more:
        _continue(seat, lambda: enqueue.enqueue_pull(stream_id, stream.lane))


def drain(connection_id: int, lane: str) -> None:
    """Send one slice of a store's messages; enqueue the task again while more are due."""
    heartbeat.beat(lane)
    with seats.seat(connection_id, lane, work=enqueue.push_key(connection_id, lane)) as seat:
        more = seat is not None and dispatcher.dispatch(
            connection_id, lane, must_stop=seat.must_give_way, seat=seat
        )
    if more:
        _continue(seat, lambda: enqueue.enqueue_push(connection_id, lane))


def work(job_id: int) -> None:
    """Work one slice of a job; enqueue the task again while more is to be done, or set a timer where it must wait.

    The job of a store takes a seat of its store.
    """
    job = Job.objects.filter(pk=job_id).first()
    if job is None:
        return
    heartbeat.beat(job.lane)
    if job.subject_kind == "connection" and job.subject_id is not None:
        with seats.seat(job.subject_id, job.lane, is_measured=False) as seat:
            more = seat is not None and jobs.work(job_id)
        if seat is None:
            return
    else:
        seat, more = None, jobs.work(job_id)
    if more:
        _continue(seat, lambda: enqueue.enqueue_job(job))
        return
    job.refresh_from_db(fields=["state", "not_before"])
    if job.is_live and job.not_before is not None:
        enqueue.enqueue_at(job.lane, job.not_before)


def handle_webhooks(connection_id: int) -> None:
    """Request the records of a store's stored webhooks, and import them in this task."""
    heartbeat.beat(Lane.ORDERS)
    with seats.seat(connection_id, Lane.ORDERS, answers=enqueue.webhooks_key(connection_id)) as seat:
        if seat is None:
            return
        streams = webhooks.handle(connection_id)
        unfinished = [pk for pk in streams if runner.run_stream(pk, must_stop=seat.must_give_way)]
    for stream in SyncStream.objects.filter(pk__in=unfinished):
        enqueue.enqueue_pull(stream.pk, stream.lane)


def send_alerts(lane: str) -> None:
    """Send the notices of alerts that are due; enqueue the task again while more are due."""
    heartbeat.beat(lane)
    if alert_sending.send_due():
        enqueue.send_task("send_alerts", lane, lane=lane)


def send_hooks(subscription_id: int) -> None:
    """Send one slice of the deliveries of an outgoing webhook; enqueue the task again while more is due."""
    heartbeat.beat(Lane.DEFAULT)
    if hook_sending.send_due(subscription_id):
        enqueue.send_task("send_hooks", subscription_id, lane=Lane.DEFAULT)


def _continue(seat: seats.Seat | None, again: Callable[[], None]) -> None:
    """Enqueue the rest of this work, or let it wait in the line of the slow stores when another one is next."""
    if seat is not None and seat.must_wait:
        seats.wait_for_shared(seat)
    else:
        again()

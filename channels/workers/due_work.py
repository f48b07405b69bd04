"""Enqueue the due work of a lane: of all its stores, or of one."""

from __future__ import annotations

from django.db.models import Q
from django.utils import timezone

from channels.contract.spec import Lane
from channels.models import Connection, OutboxMessage, SyncStream, WebhookEvent
from channels.workers import enqueue
from oms.kit.models import Job

MOST_ROWS = 500  # that one call enqueues


def enqueue_due(lane: str, connection_id: int | None = None) -> bool:
    """Enqueue the due streams, messages, jobs and webhooks of this lane, or of one store in it; return whether there were any."""
    streams, jobs = SyncStream.objects.due(lane), Job.objects.filter(lane=lane).due()
    events = WebhookEvent.objects.filter(handled_at=None, connection__state=Connection.State.ACTIVE)
    if connection_id is not None:
        _forget_refused(lane, connection_id)
        streams = streams.filter(connection_id=connection_id)
        jobs = jobs.filter(subject_kind="connection", subject_id=connection_id)
        events = events.filter(connection_id=connection_id)
    found = False
    if lane == Lane.ORDERS:  # first: somebody has just bought something
        for store in events.order_by("connection_id").values_list("connection_id", flat=True).distinct():
            enqueue.enqueue_webhooks(store)
            found = True
    for stream_id in streams.order_by("due_at").values_list("pk", flat=True)[:MOST_ROWS]:
        enqueue.enqueue_pull(stream_id, lane)
        found = True
    for store in _stores_with_due_messages(lane, connection_id):
        enqueue.enqueue_push(store, lane)
        found = True
    for job in jobs.order_by("id")[:MOST_ROWS]:
        enqueue.enqueue_job(job)
        found = True
    return found


def _forget_refused(lane: str, connection_id: int) -> None:
    """Forget this store's wake-ups in this lane: their tasks were refused a seat, and left them unanswered."""
    streams = SyncStream.objects.filter(connection_id=connection_id, lane=lane).values_list("pk", flat=True)
    keys = [enqueue.pull_key(pk, lane) for pk in streams]
    keys += [enqueue.push_key(connection_id, lane), enqueue.webhooks_key(connection_id)]
    enqueue.mark_answered(*keys)


def _stores_with_due_messages(lane: str, connection_id: int | None) -> list[int]:
    """Return the stores with due messages in this lane that may be sent now; one small query for each store."""
    now = timezone.now()
    stores = Connection.objects.active().filter(
        Q(blocked_until=None) | Q(blocked_until__lte=now), is_read_only=False
    )
    if connection_id is not None:
        stores = stores.filter(pk=connection_id)
    return [
        pk
        for pk in stores.order_by("pk").values_list("pk", flat=True)
        if OutboxMessage.objects.filter(connection_id=pk, lane=lane).due().exists()
    ]

"""Put a task on a lane's queue, after the commit, once.

A task takes ids and nothing else. Losing one, doubling one or running it late changes nothing but the time: every
task looks at our own rows, and each lane's tick enqueues again what is due."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django_q.models import Schedule

from channels.contract.spec import Lane
from channels.models import WakeUp
from channels.workers import timers
from oms.kit import queue
from oms.kit.models import Job

log = logging.getLogger(__name__)

LANES: tuple[str, ...] = tuple(str(lane) for lane in Lane)

ENQUEUE_AGAIN = timedelta(seconds=60)  # an unanswered ring this old counts as lost

TICK = timedelta(seconds=60)


def _may_enqueue(key: str) -> bool:
    """Mark the bell as rung; False when it is ringing already."""
    now = timezone.now()
    quote = connection.ops.quote_name
    table = quote(WakeUp._meta.db_table)
    sql = (
        f"INSERT INTO {table} (key, asked_at, lease_token) VALUES (%s, %s, '') "  # noqa: S608 (our own table's name)
        f"ON CONFLICT (key) DO UPDATE SET asked_at = excluded.asked_at "
        f"WHERE {table}.asked_at IS NULL OR {table}.asked_at < %s"
    )
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.execute(sql, [key, adapt(now), adapt(now - ENQUEUE_AGAIN)])
        return bool(cursor.rowcount)


def send_task(function: str, *args: int | str, lane: str) -> None:
    """Put the task of this name in `channels.tasks` into a lane's queue."""
    queue.send(f"channels.tasks.{function}", *args, lane=lane)


@dataclass(slots=True)
class _Task:
    """A ring for after the commit; equal rings of one transaction are rung once."""

    function: str
    args: tuple[int | str, ...]
    lane: str
    key: str = ""
    is_rung: bool = False

    def __call__(self) -> None:
        self.is_rung = True
        if not self.key or _may_enqueue(self.key):
            send_task(self.function, *self.args, lane=self.lane)

    def after_commit(self) -> None:
        waiting: list[Any] = transaction.get_connection().run_on_commit
        if not any(entry[1] == self for entry in waiting):  # one that has rung is equal to none that has not
            transaction.on_commit(self)


def push_key(connection_id: int, lane: str) -> str:
    """Return the key of the wake-up to send a store's messages in a lane."""
    return f"drain:{connection_id}:{lane}"


def pull_key(stream_id: int, lane: str) -> str:
    """Return the key of the wake-up to import a stream."""
    return f"pull:{lane}:{stream_id}"


def webhooks_key(connection_id: int) -> str:
    """Return the key of the wake-up to work a store's webhooks."""
    return f"hook:{connection_id}:{Lane.ORDERS}"


def of_lane(lane: str) -> Q:
    """Return the filter of the wake-ups of a lane."""
    ends = Q(key__startswith="drain:") | Q(key__startswith="hook:")
    return Q(key__startswith=f"pull:{lane}:") | (ends & Q(key__endswith=f":{lane}"))


def enqueue_push(connection_id: int, lane: str) -> None:
    """Ask the lane to send the waiting messages of this store, after the commit."""
    _Task("drain", (connection_id, str(lane)), lane, push_key(connection_id, lane)).after_commit()


def enqueue_pull(stream_id: int, lane: str) -> None:
    """Ask the lane to pull this stream, after the commit."""
    _Task("pull", (stream_id,), lane, pull_key(stream_id, lane)).after_commit()


def enqueue_webhooks(connection_id: int) -> None:
    """Ask the order lane to work the stored webhooks of a store, after the commit: one task for any number of them."""
    _Task("handle_webhooks", (connection_id,), Lane.ORDERS, webhooks_key(connection_id)).after_commit()


def enqueue_job(job: Job) -> None:
    """Ask the job's lane to work it, after the commit."""
    _Task("work", (job.pk,), job.lane).after_commit()


def enqueue_at(lane: str, when: datetime) -> None:
    """Have the lane look for what is due at `when`; an earlier appointment is kept.

    A worker rings to the moment (`channels.workers.timers`). The schedule, at most half a minute late, is for long waits, which
    should outlive this process, and for other processes; after a short wait the tick is as early.
    """
    is_kept = timers.set_timer(lane, when, lambda: send_task("wake", str(lane), lane=str(lane)))
    if is_kept and when - timezone.now() <= TICK:
        return
    name = f"wake {lane}"
    row = Schedule.objects.filter(name=name).first()
    if row is None:
        Schedule.objects.create(
            name=name,
            func="channels.tasks.wake",
            args=repr((str(lane),)),
            schedule_type=Schedule.ONCE,
            repeats=-1,  # the row goes when it has fired
            next_run=when,
            cluster=str(lane),
        )
    elif row.next_run is None or row.next_run > when or row.next_run < timezone.now() - timedelta(minutes=2):
        Schedule.objects.filter(pk=row.pk).update(next_run=when)


def forget_unanswered(lane: str) -> None:
    """Forget all wake-ups of a lane that no task has answered: their tasks were lost with the lane's processes."""
    WakeUp.objects.filter(of_lane(lane), asked_at__isnull=False).update(asked_at=None)


def mark_answered(*keys: str) -> None:
    """Note that these wake-ups were answered: the next change enqueues a task again. Before looking at the rows, never after."""
    WakeUp.objects.filter(key__in=keys, asked_at__isnull=False).update(asked_at=None)

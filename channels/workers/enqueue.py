"""Put a task on a lane's queue, after the commit, once.

A task takes ids and nothing else. Losing one, doubling one or running it late changes nothing but the time: every
task looks at our own rows, and each lane's tick enqueues again what is due."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django_q.models import Schedule

from channels.contract.spec import Lane
from channels.models import WakeUp
from channels.workers import timers
from oms.kit.background import queue
from oms.kit.models import Job

log = logging.getLogger(__name__)

LANES: tuple[str, ...] = tuple(str(lane) for lane in Lane)

ENQUEUE_AGAIN = timedelta(seconds=60)  # an unanswered wake-up this old counts as lost

TICK = timedelta(seconds=60)


def _may_enqueue(*keys: str) -> set[str]:
    """Record that these wake-ups were sent, with one statement; return those that were not waiting already.

    In the order of the keys, so that two changes cannot deadlock.
    """
    now = timezone.now()
    quote = connection.ops.quote_name
    table = quote(WakeUp._meta.db_table)
    rows = ", ".join(["(%s, %s, '')"] * len(keys))
    sql = (
        f"INSERT INTO {table} (key, asked_at, lease_token) VALUES {rows} "  # noqa: S608 (our own table's name)
        f"ON CONFLICT (key) DO UPDATE SET asked_at = excluded.asked_at "
        f"WHERE {table}.asked_at IS NULL OR {table}.asked_at < %s RETURNING key"
    )
    adapt = connection.ops.adapt_datetimefield_value
    values = [value for key in sorted(keys) for value in (key, adapt(now))]
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, adapt(now - ENQUEUE_AGAIN)])
        return {row[0] for row in cursor.fetchall()}


def send_task(function: str, *args: int | str, lane: str) -> None:
    """Put the task of this name in `channels.tasks` into a lane's queue."""
    queue.send(f"channels.tasks.{function}", *args, lane=lane)


@dataclass(frozen=True, slots=True)
class _Task:
    """A task to ask for after the commit; with a `key`, only while no task of this key is waiting."""

    function: str
    args: tuple[int | str, ...]
    lane: str
    key: str = ""

    def after_commit(self) -> None:
        _after_commit([self])


@dataclass(slots=True)
class _WakeUps:
    """Tasks to ask for after the commit, with one statement for all of their wake-ups."""

    tasks: list[_Task]
    is_sent: bool = False

    def __call__(self) -> None:
        self.is_sent = True
        keys = {task.key for task in self.tasks if task.key}
        free = _may_enqueue(*keys) if keys else set()
        for task in self.tasks:
            if not task.key or task.key in free:
                send_task(task.function, *task.args, lane=task.lane)


def _after_commit(tasks: Iterable[_Task]) -> None:
    """Ask for these tasks after the commit; a task that the transaction asks for already is asked for once."""
    waiting: list[Any] = [entry[1] for entry in transaction.get_connection().run_on_commit]
    # One that was sent asks for nothing any more.
    asked = {
        task for each in waiting if isinstance(each, _WakeUps) and not each.is_sent for task in each.tasks
    }
    new = [task for task in dict.fromkeys(tasks) if task not in asked]
    if new:
        transaction.on_commit(_WakeUps(new))


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
    enqueue_pushes([connection_id], lane)


def enqueue_pushes(connection_ids: Iterable[int], lane: str) -> None:
    """Ask the lane to send the waiting messages of these stores, after the commit: one statement for all."""
    _after_commit(
        [_Task("drain", (pk, str(lane)), lane, push_key(pk, lane)) for pk in sorted(connection_ids)]
    )


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
    """Have the lane look for what is due at `when`; an earlier time is kept.

    A timer of this process does it on time (`channels.workers.timers`). The schedule, at most half a minute late, is for long waits, which
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
    _mark(WakeUp.objects.filter(of_lane(lane)))


def mark_answered(*keys: str) -> None:
    """Note that these wake-ups were answered: the next change enqueues a task again. Before looking at the rows, never after."""
    rows = WakeUp.objects.filter(key__in=keys)
    if len(keys) == 1:
        rows.filter(asked_at__isnull=False).update(asked_at=None)
    else:
        _mark(rows)


def _mark(rows: QuerySet[WakeUp]) -> None:
    """Mark many as answered. They are locked in the order of their keys, as when they are sent: no deadlock."""
    asked = rows.filter(asked_at__isnull=False)
    with transaction.atomic():
        keys = list(asked.order_by("key").select_for_update(no_key=True).values_list("key", flat=True))
        if keys:
            WakeUp.objects.filter(key__in=keys, asked_at__isnull=False).update(asked_at=None)

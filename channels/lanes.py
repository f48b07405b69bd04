"""The three lanes: how work is rung for, when they tick, and whether they live.

A ring is a django-q task that takes ids and nothing else. Losing one, doubling one or getting it late changes
nothing but the hour: every task looks at our own rows, and the tick of each lane rings again for what is due.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import Q
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import Schedule
from django_q.tasks import async_task

from channels import clock
from channels.base import Lane
from channels.models import Bell, LaneBeat
from oms.kit.holder import new_token
from oms.kit.models import Job

log = logging.getLogger(__name__)

LANES: tuple[str, ...] = tuple(str(lane) for lane in Lane)
RING_AGAIN = timedelta(seconds=60)  # an unanswered ring this old counts as lost
TICK = timedelta(seconds=60)
BUSY = timedelta(seconds=150)  # longer than any slice; a dead worker's turn ends by itself
ALIVE = timedelta(minutes=3)
BEAT_EVERY = 15.0

_last_beat: dict[str, float] = {}


def _is_due(key: str) -> bool:
    """Mark the bell as rung; False when it is ringing already."""
    now = timezone.now()
    quote = connection.ops.quote_name
    table = quote(Bell._meta.db_table)
    sql = (
        f"INSERT INTO {table} (key, rung_at, token) VALUES (%s, %s, '') "  # noqa: S608 (our own table's name)
        f"ON CONFLICT (key) DO UPDATE SET rung_at = excluded.rung_at "
        f"WHERE {table}.rung_at IS NULL OR {table}.rung_at < %s"
    )
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.execute(sql, [key, adapt(now), adapt(now - RING_AGAIN)])
        return bool(cursor.rowcount)


def _send(function: str, *args: int | str, lane: str) -> None:
    """Put a task on a lane's queue; a queue that cannot be reached is made up for by the tick."""
    try:
        async_task(f"channels.tasks.{function}", *args, cluster=lane)
    except (DatabaseError, OSError):
        log.warning("could not ring for %s%s", function, args, exc_info=True)
    except Exception:
        # The broker's own errors (redis) share no base class with the above.
        log.warning("could not ring for %s%s", function, args, exc_info=True)


@dataclass(slots=True)
class _Ring:
    """A ring for after the commit; equal rings of one transaction are rung once."""

    function: str
    args: tuple[int | str, ...]
    lane: str
    key: str = ""
    is_rung: bool = False

    def __call__(self) -> None:
        self.is_rung = True
        if not self.key or _is_due(self.key):
            _send(self.function, *self.args, lane=self.lane)

    def after_commit(self) -> None:
        waiting: list[Any] = transaction.get_connection().run_on_commit
        if not any(entry[1] == self for entry in waiting):  # one that has rung is equal to none that has not
            transaction.on_commit(self)


def ring_drain(connection_id: int, lane: str) -> None:
    """Ask the lane to send what this store must be told, after the commit."""
    _Ring("drain", (connection_id, lane), lane, f"drain:{connection_id}:{lane}").after_commit()


def ring_pull(stream_id: int, lane: str) -> None:
    """Ask the lane to pull this stream, after the commit."""
    _Ring("pull", (stream_id,), lane, f"pull:{stream_id}").after_commit()


def ring_webhook(event_id: int) -> None:
    """Ask the order lane to work a stored webhook, after the commit."""
    _Ring("handle_webhook", (event_id,), Lane.ORDERS).after_commit()


def ring_job(job: Job) -> None:
    """Ask the job's lane to work it, after the commit."""
    _Ring("work", (job.pk,), job.lane).after_commit()


def ring_at(lane: str, when: datetime) -> None:
    """Have the lane look for what is due at `when`; an earlier appointment is kept.

    A worker rings to the moment (`channels.clock`). The schedule, at most half a minute late, is for long waits, which
    should outlive this process, and for other processes; after a short wait the tick is as early.
    """
    is_kept = clock.keep(lane, when, lambda: _send("wake", str(lane), lane=str(lane)))
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


# ---------------------------------------------------------------- turns


def take_turn(key: str) -> str | None:
    """Answer a bell: nobody else works this until `give_back` or 150 s from now. None = somebody does."""
    now = timezone.now()
    token = new_token()
    Bell.objects.bulk_create([Bell(key=key)], ignore_conflicts=True)
    taken = (
        Bell.objects.filter(key=key)
        .filter(Q(busy_until=None) | Q(busy_until__lt=now))
        .update(token=token, busy_until=now + BUSY, rung_at=None)
    )
    return token if taken else None


def keep_turn(key: str, token: str) -> bool:
    """Lengthen a turn that goes on; False when it was lost."""
    return bool(Bell.objects.filter(key=key, token=token).update(busy_until=timezone.now() + BUSY))


def give_back(key: str, token: str) -> None:
    Bell.objects.filter(key=key, token=token).update(token="", busy_until=None)


def is_awaited(lane: str) -> bool:
    """Whether a store of this lane was rung for and nobody has answered yet: whoever works another should not be long."""
    rung = Bell.objects.filter(key__startswith="drain:", key__endswith=f":{lane}", busy_until=None)
    return rung.filter(rung_at__gt=timezone.now() - RING_AGAIN).exists()


def hush(key: str) -> None:
    """The ring was answered: the next one is heard again. Before looking at the rows, never after."""
    Bell.objects.filter(key=key, rung_at__isnull=False).update(rung_at=None)


# ---------------------------------------------------------------- life


def start(**_signal: Any) -> None:
    """This process is a worker that has just started: its lane takes up what the one before it may have left."""
    clock.start()
    lane = str(Conf.CLUSTER_NAME)
    if lane in LANES:
        clock.keep(lane, timezone.now(), lambda: _send("resume", lane, lane=lane))


def beat(lane: str, *, is_tick: bool = False) -> None:
    """Write down that a worker of this lane runs; at most every 15 s of a process's work."""
    if not is_tick and time.monotonic() - _last_beat.get(lane, -BEAT_EVERY) < BEAT_EVERY:
        return
    _last_beat[lane] = time.monotonic()
    now = timezone.now()
    fields = {"beat_at": now, **({"ticked_at": now} if is_tick else {})}
    if not LaneBeat.objects.filter(pk=lane).update(**fields):
        LaneBeat.objects.bulk_create([LaneBeat(lane=lane, **fields)], ignore_conflicts=True)


def heartbeats() -> dict[str, datetime | None]:
    """When a worker of each lane last ran; None = never."""
    seen = dict(LaneBeat.objects.values_list("lane", "beat_at"))
    return {lane: seen.get(lane) for lane in LANES}


def dead_lanes() -> list[str]:
    """Lanes whose last beat is older than 3 minutes."""
    since = timezone.now() - ALIVE
    return [lane for lane, at in heartbeats().items() if at is None or at < since]


@dataclass(frozen=True, slots=True)
class Tick:
    """One periodic task, as `oms.schedules` upserts it: every `minutes`, on the cluster of its lane."""

    name: str
    func: str
    args: tuple[str, ...]
    lane: str
    minutes: int = 1


def schedules() -> tuple[Tick, ...]:
    """One tick per lane and minute: what is due is read from our rows, so one schedule serves every store."""
    return tuple(Tick(f"tick {lane}", "channels.tasks.tick", (lane,), lane) for lane in LANES)

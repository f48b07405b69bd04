"""Heartbeats: workers store when they last ran, so that a lane without workers is found."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django_q.conf import Conf

from channels.models import LaneBeat
from channels.workers import enqueue, timers
from channels.workers.enqueue import LANES

ALIVE = timedelta(minutes=3)  # a lane whose heartbeat is older has no worker

BEAT_EVERY = 15.0  # seconds

_last_beat: dict[str, float] = {}


def start(**_signal: Any) -> None:
    """Start the timers of a new worker process, and enqueue a task that resumes the work of a killed one of its lane."""
    timers.start()
    lane = str(Conf.CLUSTER_NAME)
    if lane in LANES:
        timers.set_timer(lane, timezone.now(), lambda: enqueue.send_task("resume", lane, lane=lane))


def beat(lane: str, *, is_tick: bool = False) -> None:
    """Store that a worker of this lane runs, at most every 15 s for each process. `is_tick`: always, as the lane's tick."""
    if not is_tick and time.monotonic() - _last_beat.get(lane, -BEAT_EVERY) < BEAT_EVERY:
        return
    _last_beat[lane] = time.monotonic()
    now = timezone.now()
    fields = {"beat_at": now, **({"ticked_at": now} if is_tick else {})}
    if not LaneBeat.objects.filter(pk=lane).update(**fields):
        LaneBeat.objects.bulk_create([LaneBeat(lane=lane, **fields)], ignore_conflicts=True)


def heartbeats() -> dict[str, datetime | None]:
    """Return when a worker of each lane last ran; None = never."""
    seen = dict(LaneBeat.objects.values_list("lane", "beat_at"))
    return {lane: seen.get(lane) for lane in LANES}


def dead_lanes() -> list[str]:
    """Return the lanes whose heartbeat is older than 3 minutes."""
    since = timezone.now() - ALIVE
    return [lane for lane, at in heartbeats().items() if at is None or at < since]

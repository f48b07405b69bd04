"""Whether the lanes live: workers write down when they last ran."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django_q.conf import Conf

from channels.models import LaneBeat
from channels.workers import enqueue, timers
from channels.workers.enqueue import LANES

ALIVE = timedelta(minutes=3)

BEAT_EVERY = 15.0

_last_beat: dict[str, float] = {}


def start(**_signal: Any) -> None:
    """This process is a worker that has just started: its lane takes up what the one before it may have left."""
    timers.start()
    lane = str(Conf.CLUSTER_NAME)
    if lane in LANES:
        timers.set_timer(lane, timezone.now(), lambda: enqueue.send_task("resume", lane, lane=lane))


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

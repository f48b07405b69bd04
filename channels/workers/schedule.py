"""The periodic tasks of the lanes."""

from __future__ import annotations

from dataclasses import dataclass

from channels.workers.enqueue import LANES


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

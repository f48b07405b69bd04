"""The periodic tasks of the lanes."""

from __future__ import annotations

from dataclasses import dataclass

from channels.workers.enqueue import LANES


@dataclass(frozen=True, slots=True)
class Tick:
    """A periodic task that `oms.schedules` stores: every `minutes`, in the queue of its lane."""

    name: str
    func: str
    args: tuple[str, ...]
    lane: str
    minutes: int = 1


def schedules() -> tuple[Tick, ...]:
    """Return one tick for each lane and minute: it reads all due rows, so one schedule is enough for all stores."""
    return tuple(Tick(f"tick {lane}", "channels.tasks.tick", (lane,), lane) for lane in LANES)

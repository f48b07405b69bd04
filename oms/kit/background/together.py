"""Several jobs worked in one process, in turn: for commands that do the same for every store."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.utils import timezone

from oms.kit.background import jobs
from oms.kit.models import Job

_clock = time.monotonic
_sleep = time.sleep

STEP = 1.0  # seconds, the longest wait between two looks


@dataclass(slots=True)
class Turn:
    """A job in the round: the time that it used so far, in seconds, and whether that was more than it may use.

    Used is what its own slices took and what it waited by itself (a fault, a limit), never the time of another job.
    """

    job: Job
    used: float = 0.0
    is_timed_out: bool = False
    _waits_since: float | None = field(default=None)

    @property
    def is_over(self) -> bool:
        return self.is_timed_out or not self.job.is_live

    def look(self, seconds: float) -> None:
        """Count a wait up to now, and end the turn when its time is used up."""
        now = _clock()
        if self._waits_since is not None:
            self.used += now - self._waits_since
            self._waits_since = now
        self.is_timed_out = self.job.is_live and self.used >= seconds

    def work(self) -> None:
        """Work one slice."""
        begun = _clock()
        jobs.work(self.job.pk)
        self.job.refresh_from_db()
        now = _clock()
        self.used += now - begun
        self._waits_since = now if seconds_until_due(self.job) else None


def seconds_until_due(job: Job) -> float:
    """Return how long a live job cannot be worked: it waits, or another worker has it. 0: now."""
    now = timezone.now()
    waits = [at for at in (job.not_before, job.lease_until) if at is not None and at > now]
    return (max(waits) - now).total_seconds() if waits and job.is_live else 0.0


def work(batch: Sequence[Job], *, seconds: float, watch: Callable[[Job], None] | None = None) -> list[Turn]:
    """Work these jobs slice by slice, in turn, until each has ended or has used `seconds`; return them in their order.

    `watch` is called with a job after each of its slices. Ctrl-C cancels all that have not ended.
    """
    turns = [Turn(job) for job in batch]
    try:
        _rounds(turns, seconds, watch)
    except KeyboardInterrupt:
        for turn in turns:
            if not turn.is_over:
                jobs.cancel(job=turn.job)
        _rounds(turns, seconds, watch)
    return turns


def _rounds(turns: Sequence[Turn], seconds: float, watch: Callable[[Job], None] | None) -> None:
    while live := [turn for turn in turns if not turn.is_over]:
        for turn in live:
            turn.look(seconds)
            if turn.is_over:
                continue
            if seconds_until_due(turn.job):
                turn.job.refresh_from_db()  # a worker of a lane may have ended it
                continue
            turn.work()
            if watch is not None:
                watch(turn.job)
        waits = [seconds_until_due(turn.job) for turn in live if not turn.is_over]
        if waits and min(waits) > 0:
            _sleep(min(max(min(waits), 0.05), STEP))

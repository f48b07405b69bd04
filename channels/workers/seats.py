"""Seats: how many workers of a lane may work for one store, and for all slow stores together.

A worker that imports from a store or sends to it takes a seat, always, not only while others wait: they come a moment later,
and a page that takes 15 s cannot be interrupted. A store has a third of a lane's workers, at least one. A store is slow in a
lane when one step there (a page, a batch) took more than 4 s in the last ten minutes; the slow stores share all workers but
two, at least one. So stores that answer always find a worker (`docs/adr/0015-fair-lanes.md`).

Who finds no seat leaves at once. Who had it wakes the others when it leaves it: the store's own due work, or the slow store
that has waited longest. A seat is the lease of a `WakeUp` row; the seat of a killed worker is freed like every lease.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from channels.models import WakeUp
from channels.models.querysets import WakeUpQuerySet
from channels.workers import due_work, enqueue, hosts, locks

SLOW_STEP = 4.0  # seconds: more than a wait for the rate limit (3 s) and a call
SLOW_FOR = timedelta(minutes=10)  # that a store counts as slow after a slow step
GIVE_WAY_AFTER = 3.0  # seconds that a slice lasts when another store waits for a worker
OWN_WAIT = 1.0  # seconds that a slice lasts when other work of the same store waits, such as a webhook
WAITS_FOR = enqueue.ENQUEUE_AGAIN  # that a refused slow store is remembered; then the tick has woken it

_clock = time.monotonic


def workers_of(lane: str) -> int:
    """Return the number of worker processes of a lane, on all hosts: those of this one times the hosts."""
    own = settings.Q_CLUSTER.get("ALT_CLUSTERS", {}).get(str(lane), {})
    return int(own.get("workers", settings.Q_CLUSTER["workers"])) * hosts.alive()


def store_seats(lane: str) -> int:
    """Return how many workers of the lane may work for one store."""
    return max(workers_of(lane) // 3, 1)


def slow_seats(lane: str) -> int:
    """Return how many workers of the lane may work for slow stores."""
    return max(workers_of(lane) - 2, 1)


@dataclass(slots=True)
class Seat:
    """A worker's seat for a slice of work: `leases` are the keys and tokens, `is_shared` says that it is one of the slow stores'.

    `work` is the lock (key and token) of the work itself, where the seat was taken with it and it was free.
    """

    connection_id: int
    lane: str
    leases: list[tuple[str, str]]
    is_shared: bool = False
    started: float = field(default_factory=lambda: _clock())
    last_step: float = field(default_factory=lambda: _clock())
    longest_step: float = 0.0
    must_wait: bool = False  # another slow store is next: who has more work is woken after it
    work: tuple[str, str] | None = None
    is_left: bool = False
    was_refused: bool = False  # other work of the store waits for this seat

    def note_step(self) -> None:
        """Note that a step has ended: a point at which the slice may end."""
        now = _clock()
        self.longest_step = max(self.longest_step, now - self.last_step)
        self.last_step = now

    def must_give_way(self) -> bool:
        """Note a step; return whether the slice should end because other work waits for this worker."""
        self.note_step()
        age = self.last_step - self.started
        if age > OWN_WAIT and _was_refused(self.leases[0][0]):
            return True
        if age <= GIVE_WAY_AFTER:
            return False
        return (self.is_shared and _line(self).exists()) or locks.is_awaited(self.lane, self.connection_id)

    def release(self) -> None:
        """Release all leases of the seat with one statement, and the lock of its work; a second call does nothing."""
        if not self.is_left:
            self.is_left = True
            asked = locks.release_together(*self.leases, *([self.work] if self.work else []))
            self.was_refused = self.leases[0][0] in asked


@contextmanager
def seat(
    connection_id: int, lane: str, *, answers: str = "", work: str = "", is_measured: bool = True
) -> Iterator[Seat | None]:
    """Take a seat for a slice of work, and leave it at the end; yield None when there is none.

    `answers` is the key of the wake-up of this work. Without a seat it stays unanswered, so that further changes enqueue no
    further tasks that would be refused too; who leaves the seat enqueues one. `work` is the key of a wake-up that is also
    the lock of this work: it is locked with the seat where it is free, and is then answered.
    `is_measured` is False for work that has no steps, such as a job: its length does not make the store a slow one.
    """
    taken = _take(connection_id, str(lane), work)
    if taken is not None and answers:
        enqueue.mark_answered(answers)
    try:
        yield taken
    finally:
        if taken is not None:
            if is_measured:
                taken.note_step()
            _leave(taken)


# ---------------------------------------------------------------- taking


def _take(connection_id: int, lane: str, work: str = "") -> Seat | None:
    keys = [f"seat:{lane}:{connection_id}:{number}" for number in range(store_seats(lane))]
    taken = _own_seat(connection_id, lane, keys, work)
    if taken is None or not taken.is_shared:
        return taken
    shared = _first_free(
        [f"slow:{lane}:{number}" for number in range(slow_seats(lane))],
        refused=[f"wait:{lane}:{connection_id}"],
    )
    if shared is None:
        taken.release()
        _leave_unanswered(work)
        return None
    taken.leases.append(shared)
    return taken


def _own_seat(connection_id: int, lane: str, keys: list[str], work: str) -> Seat | None:
    """Take the first free seat of the store, and with it the lock of the work; see `_first_free` for the second try.

    `is_shared` of the result says that the store is slow: it needs a seat of the slow stores too.
    """
    locked: tuple[str, str] | None = None
    since = timezone.now() - SLOW_FOR
    for is_noted in (False, True):
        if is_noted:
            _note_refused(keys)
        for key in keys:
            wanted = [key] if locked or not work else [work, key]
            found = locks.acquire_together(
                *wanted, answered=work, beside=_pace_key(connection_id, lane), since=since
            )
            if work in found.keys:
                locked = (work, found.token)
            if key in found.keys:
                if is_noted:
                    enqueue.mark_answered(*keys)
                return Seat(connection_id, lane, [(key, found.token)], is_shared=found.is_asked, work=locked)
    if locked:
        locks.release(*locked)
        _leave_unanswered(work)
    return None


def _leave_unanswered(work: str) -> None:
    """Make a wake-up count as unanswered again, whose work found no seat after its lock was taken."""
    if work:
        WakeUp.objects.filter(key=work, asked_at=None).update(asked_at=timezone.now())


def _pace_key(connection_id: int, lane: str) -> str:
    """Return the key of the row that says since when a store is slow in a lane."""
    return f"pace:{lane}:{connection_id}"


def _first_free(keys: list[str], *, refused: list[str]) -> tuple[str, str] | None:
    """Lease the first free row of these; if there is none, note that on the rows `refused` and try once more.

    The second try is for a seat that was left between the first one and the note: nobody would read the note.
    """
    for is_noted in (False, True):
        if is_noted:
            _note_refused(refused)
        for key in keys:
            token = locks.acquire(key, is_answer=False)
            if token is not None:
                if is_noted:
                    enqueue.mark_answered(*refused)
                return key, token
    return None


def _note_refused(keys: list[str]) -> None:
    now = timezone.now()
    rows = [WakeUp(key=key, asked_at=now) for key in sorted(keys)]
    waiting = WakeUp.objects.filter(key__in=keys, asked_at__gt=now - WAITS_FOR)
    if not waiting.exists():  # an older note keeps its place in the line
        WakeUp.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["key"], update_fields=["asked_at"]
        )


def _was_refused(key: str) -> bool:
    return WakeUp.objects.filter(key=key, asked_at__isnull=False).exists()


# ---------------------------------------------------------------- leaving


def _leave(taken: Seat) -> None:
    taken.release()
    _remember_speed(taken)
    refused = WakeUp.objects.filter(key=taken.leases[0][0], asked_at__isnull=False)
    if taken.was_refused and refused.update(asked_at=None):
        due_work.enqueue_due(taken.lane, taken.connection_id)
    if taken.is_shared:
        taken.must_wait = _wake_next(taken)


def _line(taken: Seat) -> WakeUpQuerySet:
    """Return the other slow stores that wait for a shared seat of this lane."""
    prefix = f"wait:{taken.lane}:"
    rows = WakeUp.objects.filter(key__startswith=prefix).asked_since(timezone.now() - WAITS_FOR)
    return rows.exclude(key=f"{prefix}{taken.connection_id}")


def _wake_next(taken: Seat) -> bool:
    """Wake the slow store that has waited longest and still has due work; return False without one."""
    for key in _line(taken).order_by("asked_at").values_list("key", flat=True):
        if not WakeUp.objects.filter(key=key, asked_at__isnull=False).update(asked_at=None):
            continue  # another worker has just woken it
        if due_work.enqueue_due(taken.lane, int(key.rpartition(":")[2])):
            return True
    return False


def wait_for_shared(taken: Seat) -> None:
    """Put a slow store that has more work at the end of the line; `seat` wakes it when its turn comes."""
    _note_refused([f"wait:{taken.lane}:{taken.connection_id}"])


# ---------------------------------------------------------------- slow stores


def is_slow(connection_id: int, lane: str) -> bool:
    """Whether a step of the store's last slice in this lane took too long."""
    since = timezone.now() - SLOW_FOR
    return WakeUp.objects.filter(key=_pace_key(connection_id, lane)).asked_since(since).exists()


def _remember_speed(taken: Seat) -> None:
    key = _pace_key(taken.connection_id, taken.lane)
    if taken.longest_step > SLOW_STEP:
        row = WakeUp(key=key, asked_at=timezone.now())
        WakeUp.objects.bulk_create(
            [row], update_conflicts=True, unique_fields=["key"], update_fields=["asked_at"]
        )

"""Long work in slices: start, take, progress, cancel. The row is the truth, the queue only rings.

A step is registered per kind and called with the leased job. It works at most about a minute, may change
`job.data`, `done`, `refused`, `total`, `message`, and returns True while there is more to do. It must be safe
to call again after a crash: everything it did since the last return may be repeated.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from oms.kit.actors import Author
from oms.kit.models import Job

log = logging.getLogger(__name__)

_sleep = time.sleep

Step = Callable[[Job], bool]
Ring = Callable[[Job], None]

LEASE = timedelta(seconds=150)
MAX_CRASHES = 4
_LOCK = 0x4A4F4253  # first half of the key of the lock under which a job is started

_steps: dict[str, Step] = {}
_rings: list[Ring] = []


class JobCancelled(Exception):
    """Somebody asked for this job to stop; what is done stays done."""


class LeaseLost(JobCancelled):
    """Another worker has the job now: stop without a word, it goes on from the stored data."""


class JobFailed(Exception):
    """The job cannot go on, for the reason in its text; expected, so without a traceback in the log."""


class StillBusy(Exception):
    """The step could not begin because somebody else holds what it needs; try again in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"try again in {seconds:.0f} s")
        self.seconds = seconds


def register(kind: str, step: Step) -> None:
    """Declare how jobs of this kind are worked; called from an app's `ready()`."""
    _steps[kind] = step


def on_start(ring: Ring) -> None:
    """Declare the doorbell that wakes a worker for a job."""
    _rings.append(ring)


def _wake(job: Job) -> None:
    for ring in _rings:
        ring(job)


def _user_id(author: Any) -> int | None:
    """Of a user, an `oms.kit.actors.Author`, or nobody."""
    if isinstance(author, Author):
        return author.user_id
    return getattr(author, "pk", None)


def start(
    *,
    kind: str,
    title: str,
    lane: str = "default",
    subject_kind: str = "",
    subject_id: int | None = None,
    params: Mapping[str, Any] | None = None,
    total: int | None = None,
    author: Any = None,
) -> Job:
    """Record a job and ring for it after commit; a live job of the same kind, subject and params is returned instead."""
    if kind not in _steps:
        raise LookupError(f"no step is registered for jobs of kind {kind}")
    wanted = dict(params or {})
    same = Job.objects.filter(kind=kind, subject_kind=subject_kind, subject_id=subject_id, params=wanted)
    with transaction.atomic():
        _one_at_a_time(f"{kind} {subject_kind} {subject_id}")
        for job in same.live():
            return job
        job = Job.objects.create(
            kind=kind,
            title=title[:200],
            lane=lane,
            subject_kind=subject_kind,
            subject_id=subject_id,
            params=wanted,
            total=total,
            author_id=_user_id(author),
        )
        transaction.on_commit(lambda: _wake(job))
    return job


def _one_at_a_time(what: str) -> None:
    """Two people who press one button start one job. SQLite has one writer anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, what])


def cancel(*, job: Job) -> Job:
    """Ask a job to stop at the next safe point; one that has not begun stops at once."""
    now = timezone.now()
    Job.objects.filter(pk=job.pk, state=Job.State.WAITING, lease_until=None).update(
        state=Job.State.CANCELLED, finished_at=now, cancel_requested_at=now
    )
    Job.objects.filter(pk=job.pk, state=Job.State.RUNNING).update(cancel_requested_at=now, not_before=None)
    job.refresh_from_db()
    if job.is_live:  # it may be waiting for its time: let a worker see the wish now
        transaction.on_commit(lambda: _wake(job))
    return job


def check_cancelled(job: Job) -> None:
    """Raise `JobCancelled` when somebody asked for it; a step calls this between pages."""
    if Job.objects.filter(pk=job.pk, cancel_requested_at__isnull=False).exists():
        raise JobCancelled


def report(job: Job, **fields: Any) -> None:
    """Store progress now, so that the bar moves while a slice runs, and keep the lease alive."""
    for name, value in fields.items():
        setattr(job, name, value)
    kept = Job.objects.filter(pk=job.pk).extend_lease(job.lease_token, LEASE, **fields)
    if not kept:
        raise LeaseLost


def report_or_stop(job: Job, **fields: Any) -> None:
    """`report` and `check_cancelled` in one statement, for a step that calls both between its pages."""
    for name, value in fields.items():
        setattr(job, name, value)
    ours = Job.objects.filter(pk=job.pk, lease_token=job.lease_token)
    if not ours.filter(cancel_requested_at=None).extend_lease(job.lease_token, LEASE, **fields):
        raise JobCancelled if ours.exists() else LeaseLost


def work(job_id: int) -> bool:
    """Do one slice of a job; returns whether it should be rung again. Safe to call twice at a time."""
    now = timezone.now()
    due = Job.objects.filter(pk=job_id).due()
    if not due.lease(LEASE, state=Job.State.RUNNING, attempts=F("attempts") + 1):
        return False
    job = Job.objects.get(pk=job_id)
    if job.started_at is None:
        Job.objects.filter(pk=job_id).update(started_at=now)
    if job.attempts > MAX_CRASHES:
        return _finish(job, Job.State.FAILED, _("Stopped: its worker died %d times in a row.") % MAX_CRASHES)
    if job.cancel_requested_at:
        return _finish(job, Job.State.CANCELLED, _("Cancelled; what was done before stays done."))
    try:
        more = _steps[job.kind](job)
    except LeaseLost:
        return False
    except JobCancelled:
        return _finish(job, Job.State.CANCELLED, _("Cancelled; what was done before stays done."))
    except JobFailed as error:
        return _finish(job, Job.State.FAILED, str(error))
    except StillBusy as busy:
        return _let_go(job, not_before=timezone.now() + timedelta(seconds=busy.seconds))
    except Exception as error:
        log.exception("job %s (%s) failed", job.pk, job.kind)
        return _finish(job, Job.State.FAILED, str(error) or error.__class__.__name__)
    if not more:
        return _finish(job, Job.State.DONE, job.message)
    return _let_go(job)


def run_here(job: Job, watch: Callable[[Job], None] | None = None) -> Job:
    """Work a job in this process until it ends (commands); workers may help, `watch` sees it after each slice."""
    while True:
        work(job.pk)
        job.refresh_from_db()
        if watch is not None:
            watch(job)
        if not job.is_live:
            return job
        now = timezone.now()
        waits = [at for at in (job.not_before, job.lease_until) if at is not None and at > now]
        if waits:
            _sleep(min(max((max(waits) - now).total_seconds(), 0.05), 1.0))


@dataclass(frozen=True, slots=True)
class Progress:
    """What a bar shows: `percent` None while the end is unknown; rate per second; seconds that are left."""

    percent: int | None
    per_second: float
    seconds_left: int | None


def progress(job: Job) -> Progress:
    """How far a job is, how fast it goes and how long it will take at that rate.

    A step that goes through phases keeps `phase_started` (ISO time) and `phase_done` in `job.data`, so that the
    rate is that of the present phase.
    """
    now = job.finished_at or timezone.now()
    begun = job.started_at or now
    done = job.done
    if phase := job.data.get("phase_started"):
        begun = datetime.fromisoformat(phase)
        done = max(job.done - int(job.data.get("phase_done", 0)), 0)
    seconds = max((now - begun).total_seconds(), 0.001)
    rate = done / seconds if done else 0.0
    if job.state == Job.State.DONE:
        return Progress(100, rate, 0)
    if not job.total:
        return Progress(None, rate, None)
    left = max(job.total - job.done, 0)
    return Progress(min(job.done * 100 // job.total, 99), rate, round(left / rate) if rate else None)


def _let_go(job: Job, **fields: Any) -> bool:
    Job.objects.filter(pk=job.pk).release_lease(
        job.lease_token,
        data=job.data,
        total=job.total,
        done=job.done,
        refused=job.refused,
        message=job.message[:500],
        attempts=0,
        **fields,
    )
    return not fields


def _finish(job: Job, state: str, message: str) -> bool:
    Job.objects.filter(pk=job.pk).release_lease(
        job.lease_token,
        state=state,
        message=str(message)[:500],
        data=job.data,
        result=job.result,
        total=job.total,
        done=job.done,
        refused=job.refused,
        finished_at=timezone.now(),
    )
    return False

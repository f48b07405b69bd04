"""Jobs: long work in slices, with progress, cancelling and a result. The row has the state; the queue only wakes workers.

A step is registered for each kind and called with the leased job. It works for about a minute at most, may change
`job.data`, `done`, `refused`, `total` and `message`, and returns True while more is to be done. It must be safe to call
again after a crash: all its work since the last return may be repeated.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from oms.kit.authors import audit
from oms.kit.authors.actors import Author, acting, person
from oms.kit.models import Job

log = logging.getLogger(__name__)

_sleep = time.sleep

Step = Callable[[Job], bool]
Wake = Callable[[Job], None]

LEASE = timedelta(seconds=150)
STORED_FOR = timedelta(days=90)  # after a job has ended
MAX_CRASHES = 4
TRY_AGAIN_AFTER = timedelta(seconds=10)  # after a slice for which the database was away or full
_LOCK = 0x4A4F4253  # first half of the key of the lock under which a job is started

_steps: dict[str, Step] = {}
_wakes: list[Wake] = []


class JobCancelled(Exception):
    """A person cancelled this job; finished work is not undone."""


class LeaseLost(JobCancelled):
    """Another worker has the job now and continues from the stored data: this one stops."""


class JobFailed(Exception):
    """The job cannot continue; the text says why. It is expected, so the log gets no traceback."""


class StillBusy(Exception):
    """The step cannot work now because something that it needs is in use; try again in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"try again in {seconds:.0f} s")
        self.seconds = seconds


def register(kind: str, step: Step) -> None:
    """Register the step of jobs of this kind; called at start-up."""
    _steps[kind] = step


def on_start(wake: Wake) -> None:
    """Register a function that wakes a worker for a job."""
    _wakes.append(wake)


def _wake(job: Job) -> None:
    for wake in _wakes:
        wake(job)


def _user_id(author: Any) -> int | None:
    """Return the key of a user or of an `oms.kit.authors.actors.Author`; None for None."""
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
    """Create a job and wake a worker after the commit; return a live job of the same kind, subject and params instead.

    `total` is the number of records, if it is known. Raises `LookupError` when no step is registered for the kind.
    """
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
        if job.author_id is not None:
            audit.record("job.started", job)
        transaction.on_commit(lambda: _wake(job))
    return job


def _one_at_a_time(what: str) -> None:
    """Lock this kind and subject until the commit, so that two people start one job. SQLite has one writer anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, what])


def cancel(*, job: Job) -> Job:
    """Cancel a job: it stops at its next safe point, or immediately when it has not started."""
    now = timezone.now()
    Job.objects.filter(pk=job.pk, state=Job.State.WAITING, lease_until=None).update(
        state=Job.State.CANCELLED, finished_at=now, cancel_requested_at=now
    )
    Job.objects.filter(pk=job.pk, state=Job.State.RUNNING).update(cancel_requested_at=now, not_before=None)
    audit.record("job.cancelled", job)
    job.refresh_from_db()
    if job.is_live:  # it may wait for a later time: a worker must see the request now
        transaction.on_commit(lambda: _wake(job))
    return job


def prune(limit: int = 5000) -> int:
    """Delete jobs that ended more than 90 days ago, at most `limit`, the oldest first; return how many.

    The newest job of each kind of a store stays: its page shows it, as the report of the first sync.
    """
    newer = Job.objects.filter(
        kind=OuterRef("kind"),
        subject_kind="connection",
        subject_id=OuterRef("subject_id"),
        pk__gt=OuterRef("pk"),
    )
    old = Job.objects.filter(finished_at__lt=timezone.now() - STORED_FOR).order_by("finished_at")
    old = old.exclude(Q(subject_kind="connection") & ~Exists(newer))
    return Job.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:limit])).delete()[0]


def check_cancelled(job: Job) -> None:
    """Raise `JobCancelled` when a person cancelled the job; a step calls this between pages."""
    if Job.objects.filter(pk=job.pk, cancel_requested_at__isnull=False).exists():
        raise JobCancelled


def report(job: Job, **fields: Any) -> None:
    """Store these fields now, so that the bar moves while a slice runs, and extend the lease. Raises `LeaseLost`."""
    for name, value in fields.items():
        setattr(job, name, value)
    extended = Job.objects.filter(pk=job.pk).extend_lease(job.lease_token, LEASE, **fields)
    if not extended:
        raise LeaseLost


def report_or_stop(job: Job, **fields: Any) -> None:
    """`report` and `check_cancelled` in one statement, for a step that calls both between its pages."""
    for name, value in fields.items():
        setattr(job, name, value)
    leased = Job.objects.filter(pk=job.pk, lease_token=job.lease_token)
    if not leased.filter(cancel_requested_at=None).extend_lease(job.lease_token, LEASE, **fields):
        raise JobCancelled if leased.exists() else LeaseLost


def _author_of(job: Job) -> Author:
    """Return who started a job: a person, or the system."""
    return person(job.author) if job.author is not None else Author("system", None, "queue")


def work(job_id: int) -> bool:
    """Work one slice of a job; return whether a worker should be woken again. Safe to call twice at a time."""
    now = timezone.now()
    due = Job.objects.filter(pk=job_id).due()
    if not due.lease(LEASE, state=Job.State.RUNNING, attempts=F("attempts") + 1):
        return False
    job = Job.objects.get(pk=job_id)
    if job.started_at is None:
        Job.objects.filter(pk=job_id).update(started_at=now)
    if job.attempts > MAX_CRASHES:
        return _finish(
            job, Job.State.FAILED, _("Stopped: its worker was killed %d times in a row.") % MAX_CRASHES
        )
    if job.cancel_requested_at:
        return _finish(job, Job.State.CANCELLED, _("Cancelled. Finished work is not undone."))
    try:
        with acting(lambda: _author_of(job)):
            more = _steps[job.kind](job)
    except LeaseLost:
        return False
    except JobCancelled:
        return _finish(job, Job.State.CANCELLED, _("Cancelled. Finished work is not undone."))
    except JobFailed as error:
        return _finish(job, Job.State.FAILED, str(error))
    except StillBusy as busy:
        return _release(job, not_before=timezone.now() + timedelta(seconds=busy.seconds))
    except (OperationalError, InterfaceError) as error:
        log.warning("job %s (%s): the database was away or full", job.pk, job.kind, exc_info=True)
        if job.attempts < MAX_CRASHES:
            return _try_again(job)
        return _finish(job, Job.State.FAILED, str(error))
    except Exception as error:
        log.exception("job %s (%s) failed", job.pk, job.kind)
        return _finish(job, Job.State.FAILED, str(error) or error.__class__.__name__)
    if not more:
        return _finish(job, Job.State.DONE, job.message)
    return _release(job)


def run_here(job: Job, watch: Callable[[Job], None] | None = None) -> Job:
    """Work a job in this process until it ends (for commands); `watch` is called with it after each slice."""
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
    """The figures of a bar: `percent` (None while the total is unknown), rate per second, seconds left (None: unknown)."""

    percent: int | None
    per_second: float
    seconds_left: int | None


def progress(job: Job) -> Progress:
    """Return how far a job is, its rate and the time left at that rate.

    A step with phases stores `phase_started` (ISO time) and `phase_done` in `job.data`, so that the rate is that of the
    current phase.
    """
    now = job.finished_at or timezone.now()
    started = job.started_at or now
    done = job.done
    if phase := job.data.get("phase_started"):
        started = datetime.fromisoformat(phase)
        done = max(job.done - int(job.data.get("phase_done", 0)), 0)
    seconds = max((now - started).total_seconds(), 0.001)
    rate = done / seconds if done else 0.0
    if job.state == Job.State.DONE:
        return Progress(100, rate, 0)
    if not job.total:
        return Progress(None, rate, None)
    left = max(job.total - job.done, 0)
    return Progress(min(job.done * 100 // job.total, 99), rate, round(left / rate) if rate else None)


def _release(job: Job, **fields: Any) -> bool:
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


def _try_again(job: Job) -> bool:
    """Let the slice be worked again after 10 s: Manifold's own database was away or full for a moment.

    What the step has stored counts; what it has only changed in memory does not.
    """
    Job.objects.filter(pk=job.pk).release_lease(
        job.lease_token, not_before=timezone.now() + TRY_AGAIN_AFTER, attempts=job.attempts
    )
    return False


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

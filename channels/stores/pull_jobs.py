"""Manual imports: of a period, of some statuses, or by number. Each is a job that works one run.

A manual run uses the same lease, pages and sinks as a scheduled one, and moves no cursor. It replaces a scheduled run
that waits in the same stream (that one starts again at its cursor), and waits for one that is being worked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.errors import ChannelError, RateLimited, TemporaryError
from channels.contract.records.pages import PullQuery, Window
from channels.contract.spec import Stream
from channels.http import call_log, rate_limit
from channels.models import Connection, StatusMapEntry, SyncRun, SyncStream
from channels.pull import runner, streams
from channels.pull.page_writer import LeaseLost, reason_of
from channels.workers import failures
from oms.kit.background import jobs
from oms.kit.models import Job
from oms.kit.numbers import grouped

KIND = "channels.pull"
PRIORITY = 20  # a person is waiting for the result
MAX_FAULTS = 8


class CannotSync(Exception):
    """This import or sync is not possible for this store; the text says why."""


# ---------------------------------------------------------------- starting


def ask(
    *, connection: Connection, stream: str, query: PullQuery, dry_run: bool = False, author: Any = None
) -> Job:
    """Start a manual import; return a live job of the same import instead.

    Raises `CannotSync` when the store is not connected or has no such stream.
    """
    check_ready(connection, stream)
    start, end = query.window.start, query.window.end
    if start and end and start >= end:
        raise CannotSync(_("The period ends before it starts."))
    failures.try_at_once([connection.pk])
    title = _("%(what)s of %(store)s") % {"what": streams.title(stream), "store": connection.name}
    return jobs.start(
        kind=KIND,
        title=_("%s (dry run)") % title if dry_run else title,
        lane="orders" if query.ids and stream.startswith("orders.") else "default",
        subject_kind="connection",
        subject_id=connection.pk,
        params={
            "stream": str(stream),
            "start": start.isoformat() if start else None,
            "end": end.isoformat() if end else None,
            "created": query.created,
            "statuses": list(query.statuses),
            "ids": list(query.ids),
            "dry_run": dry_run,
        },
        total=len(query.ids) or None,
        author=author,
    )


def ask_orders(
    *,
    connection: Connection,
    start: datetime | None = None,
    end: datetime | None = None,
    statuses: Sequence[str] = (),
    numbers: Sequence[str] = (),
    dry_run: bool = False,
    author: Any = None,
) -> Job:
    """Start Sync Orders (R-ORD-04): orders placed in a period (default: 90 days), of native statuses, or by number.

    Raises `CannotSync` when that is not possible.
    """
    if numbers:
        stream = _first_of(connection, Stream.ORDERS_NEW, Stream.ORDERS_CHANGED, Stream.ORDERS_HISTORY)
        query = PullQuery(ids=tuple(dict.fromkeys(number.strip() for number in numbers if number.strip())))
        if not query.ids:
            raise CannotSync(_("Enter an order number."))
    else:
        _check_statuses(connection, statuses)
        stream = _first_of(connection, Stream.ORDERS_HISTORY, Stream.ORDERS_CHANGED, Stream.ORDERS_NEW)
        # A whole day, so that the same sync started twice is the same job.
        start = start or (timezone.now() - timedelta(days=streams.FIRST_DAYS)).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        query = PullQuery(window=Window(start, end), created=True, statuses=tuple(statuses))
    return ask(connection=connection, stream=stream, query=query, dry_run=dry_run, author=author)


def _check_statuses(connection: Connection, statuses: Sequence[str]) -> None:
    """Raise `CannotSync` for a status that the store does not have: its result would look like "no orders"."""
    if not statuses:
        return
    rows = StatusMapEntry.objects.filter(connection=connection).order_by("pk")
    known = dict(rows.values_list("external_id", "name"))
    unknown = [status for status in statuses if known and status not in known]
    if unknown:
        raise CannotSync(
            _("%(store)s has no status %(id)s. It has: %(known)s.")
            % {
                "store": connection.name,
                "id": ", ".join(unknown),
                "known": ", ".join(f"{key} ({name})" for key, name in known.items()),
            }
        )


def ask_products(
    *, connection: Connection, ids: Sequence[str] = (), dry_run: bool = False, author: Any = None
) -> Job:
    """Start Sync Products: all products, or those with these channel ids. Raises `CannotSync`."""
    query = PullQuery(ids=tuple(dict.fromkeys(ids)))
    return ask(connection=connection, stream=Stream.PRODUCTS, query=query, dry_run=dry_run, author=author)


def check_ready(connection: Connection, stream: str) -> None:
    """Raise `CannotSync` with a sentence for the person unless this stream of this store can be imported."""
    if connection.state == Connection.State.NEEDS_SELLER:
        raise CannotSync(connection.state_reason or _("Reconnect %s first.") % connection.name)
    if not connection.may_pull:
        raise CannotSync(
            _("%(store)s is %(state)s: nothing is imported from it.")
            % {"store": connection.name, "state": connection.get_state_display().lower()}
        )
    if not connection.streams.filter(name=stream).exists():
        spec = connection.spec
        capability = next((s.capability for s in spec.streams if s.name == stream), None)
        reason = spec.reason(capability) if capability else ""
        raise CannotSync(
            str(reason)
            or _("%(store)s has no import “%(what)s”.")
            % {"store": connection.name, "what": streams.title(stream)}
        )


def _first_of(connection: Connection, *names: Stream) -> str:
    have = set(connection.streams.values_list("name", flat=True))
    for name in names:
        if name in have:
            return str(name)
    return str(names[0])


# ---------------------------------------------------------------- running


def step(job: Job) -> bool:
    """Work one slice of a manual import (the step of jobs of this kind)."""
    stream = SyncStream.objects.select_related("connection").get(
        connection=job.subject_id or 0, name=job.params["stream"]
    )
    is_dry = bool(job.params.get("dry_run"))
    run = pull_slice(job, stream, query=_query(job.params), is_dry=is_dry, trigger=SyncRun.Trigger.MANUAL)
    job.result = result_of(run) | ({"dry_run": True} if is_dry else {})
    if run.state == SyncRun.State.DONE:
        job.total = job.done = run.seen
        missing = len(job.params["ids"]) - run.seen if job.params["ids"] else 0
        if missing > 0:
            job.refused += missing
            job.result["missing"] = missing
            job.message = _("%d of the requested records do not exist on the channel.") % missing
        else:
            job.message = summary(run, is_dry=is_dry)
        return False
    return True


def _query(params: dict[str, Any]) -> PullQuery:
    def instant(name: str) -> datetime | None:
        return datetime.fromisoformat(params[name]) if params.get(name) else None

    return PullQuery(
        window=Window(instant("start"), instant("end")),
        created=bool(params.get("created")),
        statuses=tuple(params.get("statuses", ())),
        ids=tuple(params.get("ids", ())),
    )


def result_of(run: SyncRun) -> dict[str, Any]:
    """Return the counts of a run as a job stores them."""
    return {
        "run": run.pk,
        "new": run.new,
        "changed": run.changed,
        "same": run.same,
        "refused": run.refused,
        "left_out": run.left_out,
        "pages": run.pages,
    }


def summary(run: SyncRun, *, is_dry: bool = False) -> str:
    """Return the counts of a run in words."""
    words = (
        _("Dry run: %(new)d new, %(changed)d changed, %(same)d unchanged, %(refused)d rejected.")
        if is_dry
        else _("%(new)d new, %(changed)d changed, %(same)d unchanged, %(refused)d rejected.")
    )
    text = words % {"new": run.new, "changed": run.changed, "same": run.same, "refused": run.refused}
    return " ".join([text, *left_out(run)])


def left_out(run: SyncRun) -> list[str]:
    """Return a sentence for each reason why records of a run were not imported on purpose, with their number."""
    return [
        _("%(count)s left out: %(reason)s.") % {"count": grouped(count), "reason": reason.rstrip(".")}
        for reason, count in sorted(run.left_out.items(), key=lambda item: -item[1])
    ]


def pull_slice(
    job: Job,
    stream: SyncStream,
    *,
    query: PullQuery,
    trigger: str,
    is_dry: bool = False,
    progress: Callable[[SyncRun], str] | None = None,
) -> SyncRun:
    """Work a job's run of this stream for at most a minute; return the run.

    Raises `StillBusy` to wait (a fault, a limit, another worker), `JobFailed` when it cannot continue, `JobCancelled`
    when a person cancelled the job.
    """
    connection = stream.connection
    if not connection.may_pull:
        _close_own(job, stream, SyncRun.State.FAILED, connection.state_reason)
        raise jobs.JobFailed(
            connection.state_reason or _("%s is no longer connected. Reconnect it first.") % connection.name
        )
    if failures.is_blocked(connection) and connection.blocked_until:
        job.message = job.message or _("The channel asked Manifold to wait. The import continues then.")
        raise jobs.StillBusy(max((connection.blocked_until - timezone.now()).total_seconds(), 0.1))
    taken = runner.take_stream(stream.pk, only_due=False)
    if taken is None:
        raise jobs.StillBusy(2)
    stream, token = taken
    done_before, refused_before = job.done, job.refused
    first_seen: list[int] = []

    def after_page(run: SyncRun, count: int) -> None:
        if not first_seen:
            first_seen.append(run.seen - count)
        seen = run.seen - first_seen[0]
        fields: dict[str, Any] = {
            "done": done_before + seen,
            "refused": refused_before + run.refused - refused_at_start,
            "message": progress(run) if progress else summary(run, is_dry=is_dry),
        }
        if progress is None and run.total is not None:
            fields["total"] = max(run.total, run.seen)
        jobs.report_or_stop(job, **fields)

    run: SyncRun | None = None
    try:
        with call_log.collecting(), rate_limit.spending(PRIORITY):
            run = _own_run(job, stream, query=query, trigger=trigger, is_dry=is_dry)
            if run.state == SyncRun.State.DONE:
                return run
            refused_at_start = run.refused
            adapter = runner.adapter_of(connection)
            until = runner.deadline()
            runner.advance(run, stream, token, adapter, until=until, after_page=after_page)
        job.data.pop("faults", None)
        return run
    except LeaseLost:
        raise jobs.StillBusy(2) from None
    except jobs.LeaseLost:
        raise
    except jobs.JobCancelled:
        _close_own(job, stream, SyncRun.State.CANCELLED, _("Cancelled by a person."))
        raise
    except RateLimited as error:
        failures.record_failure(connection, error)
        raise jobs.StillBusy(error.retry_after) from error
    except (TemporaryError, OperationalError, InterfaceError) as error:
        if isinstance(error, TemporaryError):
            failures.record_failure(connection, error)
        faults = int(job.data.get("faults", 0)) + 1
        if faults > MAX_FAULTS:
            _close_own(job, stream, SyncRun.State.FAILED, reason_of(error))
            raise jobs.JobFailed(reason_of(error)) from error
        job.data["faults"] = faults
        job.message = reason_of(error)[:500]
        raise jobs.StillBusy(failures.backoff(faults, first=5, limit=300).total_seconds()) from error
    except (ChannelError, runner.RepeatedPage, LookupError) as error:
        if isinstance(error, ChannelError):
            failures.record_failure(connection, error)
        _close_own(job, stream, SyncRun.State.FAILED, reason_of(error))
        raise jobs.JobFailed(reason_of(error)) from error
    except Exception as error:
        _close_own(job, stream, SyncRun.State.FAILED, reason_of(error))
        raise
    finally:
        runner.release_stream(stream, token)


def _own_run(job: Job, stream: SyncStream, *, query: PullQuery, trigger: str, is_dry: bool) -> SyncRun:
    """Return this job's run, or a new one; a scheduled run of the stream that waits is cancelled first."""
    live = runner.live_run(stream)
    if live is not None and live.job_id == job.pk:
        return live
    done = SyncRun.objects.filter(
        connection_id=stream.connection_id, stream=stream.name, job_id=job.pk, state=SyncRun.State.DONE
    ).first()
    if done is not None:  # the worker was killed after the last page and before the job's row was written
        return done
    if live is not None:
        if live.job_id and Job.objects.filter(pk=live.job_id).live().exists():
            raise jobs.StillBusy(5)
        runner.close(live, SyncRun.State.CANCELLED, _("Replaced by a manual import."))
    return runner.start_run(stream, trigger=trigger, query=query, job_id=job.pk, is_dry=is_dry)


def _close_own(job: Job, stream: SyncStream, state: str, reason: str) -> None:
    live = runner.live_run(stream)
    if live is not None and live.job_id == job.pk:
        runner.close(live, state, str(reason))

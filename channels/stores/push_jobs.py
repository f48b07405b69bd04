"""Sync Stock and Sync Prices: send everything of a store again, or some SKUs, and follow the result.

The outbox sends the messages like any others; the job only enqueues them and counts the results. A dry run lists
what would be sent and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels.models import Connection, OutboxMessage
from channels.models.querysets import OutboxQuerySet
from channels.push import dispatcher, outbox, preview
from channels.push.outbox import can_send
from channels.push.topics import RULES, Topic
from channels.stores.pull_jobs import CannotSync
from channels.workers import failures
from oms.kit.background import jobs
from oms.kit.models import Job

KIND = "channels.push"
SAMPLE = 100
MAX_CHECKS = 12  # times that a job checks messages that wait after a fault

TITLES = {Topic.STOCK: gettext_lazy("Stock of %s"), Topic.PRICE: gettext_lazy("Prices of %s")}


def ask_push(
    *,
    connection: Connection,
    topic: str,
    skus: Sequence[str] | None = None,
    dry_run: bool = False,
    author: Any = None,
) -> Job:
    """Start sending this topic of a store again, all of it or these SKUs; return a live job that does so already.

    Raises `CannotSync` when the channel cannot be sent this topic, when the store is paused or read-only (not for a
    dry run), and when the store does not list one of the SKUs.
    """
    if not can_send(connection, topic):
        spec = connection.spec
        capability = RULES[topic].capability
        words = connection.account.get("offered", {}).get(capability) or spec.reason(capability)
        raise CannotSync(str(words) or _("Manifold cannot send this to %s.") % spec.label)
    if not dry_run:
        if connection.state != Connection.State.ACTIVE:
            raise CannotSync(
                connection.state_reason
                or _("%(store)s is %(state)s: nothing is sent to it.")
                % {"store": connection.name, "state": connection.get_state_display().lower()}
            )
        if connection.is_read_only:
            raise CannotSync(_("%s is read-only. Make it live first, or start a dry run.") % connection.name)
        failures.try_at_once([connection.pk])
    if skus:
        try:
            outbox.check_listed(connection=connection, topic=topic, skus=skus)
        except outbox.NotListed as error:
            raise CannotSync(str(error)) from error
    title = str(TITLES.get(topic, f"{topic} · %s")) % connection.name
    return jobs.start(
        kind=KIND,
        title=_("%s (dry run)") % title if dry_run else title,
        lane=str(RULES[topic].lane),
        subject_kind="connection",
        subject_id=connection.pk,
        params={"topic": topic, "skus": list(skus) if skus else None, "dry_run": dry_run},
        author=author,
    )


def step(job: Job) -> bool:
    """Work one slice: enqueue the messages once, then send and count until none of them waits."""
    connection = Connection.objects.get(pk=job.subject_id or 0)
    topic: str = job.params["topic"]
    if job.params["dry_run"]:
        _plan(job, connection, topic)
        return False
    if "begun" not in job.data:
        started = timezone.now()
        try:
            count = outbox.touch_all(connection=connection, topic=topic, skus=job.params["skus"])
        except (LookupError, outbox.NotListed) as error:
            raise jobs.JobFailed(str(error)) from error
        job.total = count
        jobs.report(job, data={**job.data, "begun": started.isoformat()}, total=count)
    asked = OutboxMessage.objects.filter(
        connection=connection,
        topic=topic,
        kind=OutboxMessage.Kind.STATE,
        changed_at__gte=datetime.fromisoformat(job.data["begun"]),
    )
    jobs.check_cancelled(job)
    more = dispatcher.dispatch(connection.pk, job.lane)
    waiting = _count(job, asked)
    if waiting == 0:
        return False
    connection.refresh_from_db()
    if not connection.may_push:
        raise jobs.JobFailed(
            connection.state_reason
            or _("%s was stopped. The waiting messages are sent when it is active again.") % connection.name
        )
    if more:
        return True
    # Messages that wait for the API limit are sent however long that takes; only messages with a fault end the job.
    left = asked.waiting()
    wait = 2.0
    if left.filter(attempts__gt=0).exists():
        job.data["looked"] = int(job.data.get("looked", 0)) + 1
    elif when := left.order_by("not_before").values_list("not_before", flat=True).first():
        wait = max((when - timezone.now()).total_seconds(), 0.1)
    if job.data.get("looked", 0) > MAX_CHECKS:
        job.message = _("%d messages still wait after a fault. They are sent automatically.") % waiting
        job.refused += waiting
        return False
    if failures.is_blocked(connection) and connection.blocked_until:
        wait = max((connection.blocked_until - timezone.now()).total_seconds(), 0.1)
    raise jobs.StillBusy(min(wait, 60.0))


def _count(job: Job, asked: OutboxQuerySet) -> int:
    waiting = asked.waiting().count()
    parked = asked.parked().count()
    job.done = max((job.total or 0) - waiting, 0)
    job.refused = parked
    job.result = {"sent": max(job.done - parked, 0), "parked": parked, "waiting": waiting}
    job.message = _("%(sent)d sent, %(parked)d failed, %(waiting)d to send.") % job.result
    return waiting


def _plan(job: Job, connection: Connection, topic: str) -> None:
    """Store in the job what would be sent, and list what would change; nothing is enqueued, written or locked."""
    sample: list[dict[str, str]] = []
    number = changes = 0
    try:
        subjects = outbox.subjects_of(connection=connection, topic=topic, skus=job.params["skus"])
        for line in preview.plan_of(connection, topic, subjects):
            number += 1
            if line.old == line.new:
                continue
            changes += 1
            if len(sample) < SAMPLE:
                sample.append({"what": line.what, "old": line.old, "new": line.new, "why": line.why})
    except (LookupError, outbox.NotListed) as error:
        raise jobs.JobFailed(str(error)) from error
    job.total = job.done = number
    job.result = {"dry_run": True, "would_send": number, "would_change": changes, "plan": sample}
    job.message = _("%(sent)d would be sent, %(changes)d of them change something.") % {
        "sent": number,
        "changes": changes,
    }

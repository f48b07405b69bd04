"""The progress of a job in words: its bar, the phases of a first sync, and why it waits."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.models import Connection
from channels.pull import streams
from channels.stores import first_sync
from channels.stores.health.health_text import Health, health_of
from oms.kit.admin.badges import span_text
from oms.kit.background import jobs
from oms.kit.models import Job

COLOURS = {
    Job.State.WAITING: "default",
    Job.State.RUNNING: "info",
    Job.State.DONE: "success",
    Job.State.FAILED: "danger",
    Job.State.CANCELLED: "default",
}
PHASES = ("statuses", "categories", "brands", "attributes", "products", "orders.history", "carriers")


def refused_of(job: Job) -> int:
    """Return how many records a job could not import, without those that the channel does not have."""
    return max(job.refused - missing_of(job), 0)


def missing_of(job: Job) -> int:
    """Return how many of the requested records the channel does not have."""
    return int(job.result.get("missing", 0))


def progress_of(job: Job) -> dict[str, Any]:
    """Return the context of a job's bar."""
    figures = jobs.progress(job)
    rate = gettext("%s per second") % f"{figures.per_second:,.1f}" if figures.per_second else ""
    if rate and figures.per_second < 1:
        rate = gettext("%s per minute") % f"{figures.per_second * 60:,.0f}"
    left = (
        gettext("about %s left") % span_text(figures.seconds_left)
        if figures.seconds_left and job.is_live
        else ""
    )
    return {
        "job": job,
        "percent": figures.percent,
        "rate": rate if job.is_live else "",
        "left": left,
        "colour": COLOURS[Job.State(job.state)],
        "missing": missing_of(job),
        "refused": refused_of(job),
        "asked_to_stop": job.is_live and job.cancel_requested_at is not None,
    }


def obstacle_of(job: Job, store: Connection | None) -> Health | None:
    """Return the health of the store where it stops a live job or makes it wait; None otherwise."""
    if not job.is_live or store is None:
        return None
    health = health_of(store)
    return health if health.colour in ("warning", "danger") else None


def phases_of(job: Job, store: Connection | None) -> list[dict[str, Any]]:
    """Return the phases of a first sync in their order, each with its counts."""
    done = job.data.get("phases", {}) or job.result.get("phases", {})
    have: Collection[str] = {*first_sync.phases_of(store), "carriers"} if store else ()
    names = {str(key): value for key, value in streams.TITLES.items()} | {"carriers": _("Carriers")}
    rows = []
    for name in PHASES:
        if name not in have and name not in done:
            continue
        entry = done.get(name)
        is_now = entry is None and job.is_live and job.data.get("phase_name") == name
        rows.append(
            {
                "name": name,
                "title": names[name],
                "entry": entry,
                "is_now": is_now,
                "error": (entry or {}).get("error"),
            }
        )
    return rows

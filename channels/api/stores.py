"""Stores with their health, and jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Path, Schema

from channels.models import Connection
from channels.stores.health import health_text
from oms.kit.api.areas import Area
from oms.kit.api.errors import not_found
from oms.kit.api.fields import Key
from oms.kit.api.paging import After, Limit, Page, answer, page_of
from oms.kit.models import Job

STORES = Area("stores", prefix="/stores", tag="Stores")
JOBS = Area("jobs", prefix="/jobs", tag="Jobs")


class StoreOut(Schema):
    """A store. `health` is the word of its chip, `health_text` the sentence beside it."""

    id: int
    name: str
    channel: str
    url: str
    currency: str
    state: str
    is_read_only: bool
    health: str
    health_text: str


class JobOut(Schema):
    """A job. `total` is null while it is not known."""

    id: int
    kind: str
    title: str
    state: str
    message: str
    total: int | None
    done: int
    refused: int
    created_at: datetime
    finished_at: datetime | None


@STORES.read("", response=Page[StoreOut], summary="List stores")
def list_stores(request: HttpRequest, after: After = "", limit: Limit = 50) -> dict[str, Any]:
    """Return the stores with their health."""
    rows = Connection.objects.stores().defer("credentials", "webhook_secret")
    stores, following = page_of(rows, after, limit)
    healths = health_text.healths_of(stores)
    items = [
        {
            "id": store.pk,
            "name": store.name,
            "channel": store.channel,
            "url": store.url,
            "currency": store.currency,
            "state": store.state,
            "is_read_only": store.is_read_only,
            "health": str(healths[store.pk].word),
            "health_text": str(healths[store.pk].text),
        }
        for store in stores
    ]
    return answer(items, following)


@JOBS.read("", response=Page[JobOut], summary="List jobs")
def list_jobs(request: HttpRequest, after: After = "", limit: Limit = 50) -> dict[str, Any]:
    """Return the jobs, oldest first."""
    rows = Job.objects.defer("data", "result", "params")
    return answer(*page_of(rows, after, limit))


@JOBS.read("/{pk}", response=JobOut, summary="Read a job")
def read_job(request: HttpRequest, pk: Path[Key]) -> Job:
    """Return one job with its progress."""
    job = Job.objects.defer("data", "result", "params").filter(pk=pk).first()
    if job is None:
        raise not_found()
    return job

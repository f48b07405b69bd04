"""What is kept of reading a store, and for how long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

from channels.models import Connection, RejectedRecord, SyncRun
from channels.pull.page_writer import packed, unpacked
from oms import tasks
from oms.kit.models import Job

pytestmark = pytest.mark.django_db


def ago(days: int) -> Any:
    return timezone.now() - timedelta(days=days)


def refused(store: Connection, external_id: str, stream: str = "orders.new", **fields: Any) -> None:
    native = packed({"email": "ada@example.com"})
    RejectedRecord.objects.create(
        connection=store,
        stream=stream,
        external_id=external_id,
        reason="No currency.",
        native=native,
        **fields,
    )


@override_settings(OMS_PERSONAL_DATA_DAYS=100)
def test_what_was_refused_and_went_in_goes_and_nobodys_address_stays_longer_than_an_orders() -> None:
    store = Connection.objects.create(channel="opencart", name="UK Shop", fingerprint="uk")
    refused(store, "solved", resolved_at=ago(31))
    refused(store, "just solved", resolved_at=ago(29))
    refused(store, "old", first_seen_at=ago(101))
    refused(store, "young", first_seen_at=ago(99))
    refused(store, "mug", "products", first_seen_at=ago(101))

    tasks.daily()

    kept = {row.external_id: unpacked(row.native) for row in RejectedRecord.objects.all()}
    told = {"email": "ada@example.com"}
    assert kept == {"just solved": told, "old": {}, "young": told, "mug": told}


def test_runs_of_long_ago_go_and_one_that_still_runs_stays() -> None:
    store = Connection.objects.create(channel="opencart", name="UK Shop", fingerprint="uk")
    for stream, state, days in (
        ("a", "done", 91),
        ("b", "failed", 91),
        ("c", "done", 89),
        ("d", "running", 200),
    ):
        ended = None if state == "running" else ago(days)
        SyncRun.objects.create(
            connection=store, stream=stream, state=state, started_at=ago(days), finished_at=ended
        )

    tasks.daily()

    assert sorted(SyncRun.objects.values_list("stream", flat=True)) == ["c", "d"]


def test_ended_jobs_of_long_ago_go_but_the_newest_of_each_kind_of_a_store() -> None:
    def job(title: str, days: int | None, **fields: Any) -> None:
        ended = None if days is None else ago(days)
        state = Job.State.DONE if ended else Job.State.RUNNING
        Job.objects.create(kind="t.prune", title=title, state=state, finished_at=ended, **fields)

    of_store = {"subject_kind": "connection", "subject_id": 7}
    job("old", 91)
    job("young", 89)
    job("runs", None, created_at=ago(200))
    job("first of the store", 300, **of_store)
    job("newest of the store", 200, **of_store)
    job("of an order", 91, subject_kind="order", subject_id=7)

    tasks.daily()

    assert sorted(Job.objects.values_list("title", flat=True)) == ["newest of the store", "runs", "young"]

"""Manifold's own database was away or full for a moment: nothing is marked as failed for it, and the work is done later (F-52)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from channels.models import OutboxMessage
from channels.push import dispatcher
from channels.workers import orphaned_leases
from oms.kit.background import jobs
from oms.kit.models import Job, leases
from tests.channels.fakes import FakeShop, store
from tests.channels.test_outbox import StockHandler, stock, touch  # noqa: F401 (a fixture)

pytestmark = [pytest.mark.django_db, pytest.mark.fault("F-52")]

FULL = OperationalError("database or disk is full")


@pytest.mark.usefixtures("engine", "rings")
@pytest.mark.parametrize("error", [FULL, InterfaceError("the connection is closed")])
def test_messages_are_sent_later_and_none_has_failed(
    shop: FakeShop,
    stock: StockHandler,  # noqa: F811 (pytest finds it by its name)
    error: Exception,
) -> None:
    connection = store()
    touch(connection, 7, 8)
    stock.truth = {7: 3, 8: 4}

    def away() -> None:
        raise error

    stock.during = [away]
    leases.forget_made()
    with pytest.raises(type(error)):
        dispatcher.dispatch(connection.pk, "stock")
    assert stock.batches == [[7, 8]], "the batch is not halved: no message is at fault"
    assert OutboxMessage.objects.filter(parked_at=None, sent=0, last_error="").count() == 2
    orphaned_leases.release_tokens(leases.made())  # as at the end of every failed task

    while dispatcher.dispatch(connection.pk, "stock"):
        pass
    assert set(OutboxMessage.objects.values_list("wanted", "sent", "parked_at")) == {(1, 1, None)}
    assert stock.doubts == [False, False, True, True], "nobody knows whether the first call arrived"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_steps", {})
    monkeypatch.setattr(jobs, "_wakes", [])


def start(faults: list[Exception]) -> Job:
    def step(job: Job) -> bool:
        job.data["at"] = job.data.get("at", 0) + 1
        job.done += 10
        if faults:
            raise faults.pop(0)
        return bool(job.done < 20)

    jobs.register("t", step)
    return jobs.start(kind="t", title="Test")


@pytest.mark.usefixtures("registry")
def test_a_job_goes_on_after_ten_seconds_from_what_it_has_stored() -> None:
    job = start([FULL, InterfaceError("the connection is closed")])
    for _fault in range(2):
        assert jobs.work(job.pk) is False
        job.refresh_from_db()
        assert (job.is_live, job.data, job.done, job.lease_token, job.message) == (True, {}, 0, "", "")
        assert job.not_before is not None
        assert timedelta(seconds=8) < job.not_before - timezone.now() <= jobs.TRY_AGAIN_AFTER
        assert jobs.work(job.pk) is False, "not before its time"
        Job.objects.update(not_before=None)
    assert [jobs.work(job.pk) for _slice in range(2)] == [True, False]
    job.refresh_from_db()
    assert (job.state, job.done, job.data) == ("done", 20, {"at": 2})


@pytest.mark.usefixtures("registry")
def test_a_job_that_meets_it_each_time_fails_with_its_words() -> None:
    job = start([FULL] * 10)
    for _try in range(jobs.MAX_CRASHES):
        jobs.work(job.pk)
        Job.objects.update(not_before=None)
    job.refresh_from_db()
    assert (job.state, job.message) == ("failed", "database or disk is full")

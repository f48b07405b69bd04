"""Jobs: one worker at a time, slices, waiting, cancelling, dying."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from oms.kit.authors.actors import Author
from oms.kit.background import jobs
from oms.kit.models import Job

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _registries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_steps", {})
    monkeypatch.setattr(jobs, "_wakes", [])


def start(step: Any, **fields: Any) -> Job:
    jobs.register("t", step)
    return jobs.start(kind="t", title="Test", **fields)


def free() -> None:
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))


def test_a_job_is_worked_in_slices_that_keep_their_data() -> None:
    def step(job: Job) -> bool:
        job.data["at"] = job.data.get("at", 0) + 1
        job.done += 10
        job.message = f"slice {job.data['at']}"
        return bool(job.data["at"] < 3)

    job = start(step, total=30)
    assert [jobs.work(job.pk) for _ in range(4)] == [True, True, False, False]
    job.refresh_from_db()
    assert (job.state, job.done, job.data, job.message) == ("done", 30, {"at": 3}, "slice 3")
    assert job.finished_at is not None
    assert (job.lease_token, job.attempts) == ("", 1)


def test_the_same_job_is_not_started_twice_while_it_lives() -> None:
    job = start(lambda job: False, params={"a": 1})
    assert jobs.start(kind="t", title="Again", params={"a": 1}).pk == job.pk
    assert jobs.start(kind="t", title="Other", params={"a": 2}).pk != job.pk
    jobs.work(job.pk)
    assert jobs.start(kind="t", title="Again", params={"a": 1}).pk != job.pk
    with pytest.raises(LookupError):
        jobs.start(kind="unheard", title="x")


def test_a_second_worker_leaves_at_once() -> None:
    seen: list[bool] = []

    def step(job: Job) -> bool:
        seen.append(jobs.work(job.pk))  # somebody rings twice
        return False

    job = start(step)
    jobs.work(job.pk)
    assert seen == [False]


def test_a_killed_worker_is_followed_by_another_and_after_four_the_job_fails() -> None:
    class Killed(BaseException):
        pass

    deaths: list[int] = []

    def step(job: Job) -> bool:
        deaths.append(1)
        raise Killed

    job = start(step)
    for _death in range(4):
        with pytest.raises(Killed):
            jobs.work(job.pk)
        assert jobs.work(job.pk) is False  # the lease still holds
        free()
    assert jobs.work(job.pk) is False
    job.refresh_from_db()
    assert (job.state, len(deaths)) == ("failed", 4)
    assert job.message == "Stopped: its worker was killed 4 times in a row."


def test_a_worker_that_lost_its_lease_writes_nothing() -> None:
    def step(job: Job) -> bool:
        Job.objects.update(lease_token="somebody-else", message="theirs")
        job.message = "ours"
        jobs.report(job, message="ours")
        raise AssertionError("not reached")

    job = start(step)
    assert jobs.work(job.pk) is False
    job.refresh_from_db()
    assert (job.state, job.message, job.lease_token) == ("running", "theirs", "somebody-else")


def test_waiting_keeps_the_data_and_the_job_is_due_later() -> None:
    def step(job: Job) -> bool:
        job.data["tries"] = job.data.get("tries", 0) + 1
        raise jobs.StillBusy(60)

    job = start(step)
    assert jobs.work(job.pk) is False
    assert jobs.work(job.pk) is False
    job.refresh_from_db()
    assert (job.data, job.state) == ({"tries": 1}, "running")
    assert job.not_before is not None
    assert timedelta(seconds=58) < job.not_before - timezone.now() <= timedelta(seconds=60)


def test_a_job_that_has_not_begun_is_cancelled_at_once_and_a_running_one_between_slices() -> None:
    waiting = start(lambda job: True)
    assert jobs.cancel(job=waiting).state == "cancelled"
    assert jobs.work(waiting.pk) is False

    def step(job: Job) -> bool:
        jobs.check_cancelled(job)
        return True

    running = start(step)
    jobs.work(running.pk)
    assert jobs.cancel(job=running).state == "running"
    jobs.work(running.pk)
    running.refresh_from_db()
    assert running.state == "cancelled"


def test_a_cancel_reaches_a_job_that_waits_for_its_time(django_capture_on_commit_callbacks: Any) -> None:
    woken: list[int] = []
    jobs.on_start(lambda job: woken.append(job.pk))

    def step(job: Job) -> bool:
        raise jobs.StillBusy(3600)

    job = start(step)
    jobs.work(job.pk)
    with django_capture_on_commit_callbacks(execute=True):
        jobs.cancel(job=job)
    assert woken[-1:] == [job.pk]
    jobs.work(job.pk)
    job.refresh_from_db()
    assert job.state == "cancelled"


def test_an_expected_end_is_a_sentence_and_a_bug_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def expected(job: Job) -> bool:
        raise jobs.JobFailed("The shop has no products.")

    job = start(expected)
    jobs.work(job.pk)
    job.refresh_from_db()
    assert (job.state, job.message, caplog.text) == ("failed", "The shop has no products.", "")

    def bug(job: Job) -> bool:
        raise KeyError("currency")

    job = start(bug)
    jobs.work(job.pk)
    job.refresh_from_db()
    assert job.state == "failed"
    assert "Traceback" in caplog.text


def test_the_author_is_kept(django_user_model: Any) -> None:
    user = django_user_model.objects.create_user("ann", password="a-long-password")
    assert start(lambda job: False, author=user).author_id == user.pk
    assert (
        start(lambda job: False, params={"n": 1}, author=Author("person", user.pk, "ann")).author_id
        == user.pk
    )
    assert start(lambda job: False, params={"n": 2}).author_id is None


def test_a_job_can_be_worked_here_to_its_end() -> None:
    def step(job: Job) -> bool:
        job.done += 1
        return job.done < 3

    seen: list[int] = []
    job = jobs.run_here(start(step), lambda job: seen.append(job.done))
    assert (job.state, seen) == ("done", [1, 2, 3])


def test_progress_between_pages_is_one_statement_that_hears_a_wish_to_stop_and_a_lost_lease(
    django_assert_num_queries: Any,
) -> None:
    seen: list[str] = []

    def step(job: Job) -> bool:
        with django_assert_num_queries(1):
            jobs.report_or_stop(job, done=1)
        assert Job.objects.get().done == 1
        if job.message == "rob":
            Job.objects.update(lease_token="another's", cancel_requested_at=timezone.now())
        else:
            jobs.cancel(job=job)
        try:
            jobs.report_or_stop(job, done=2)
        except jobs.JobCancelled as error:
            seen.append(type(error).__name__)
            raise
        return True

    jobs.work(start(step).pk)
    assert (Job.objects.get().state, Job.objects.get().done) == ("cancelled", 2)
    Job.objects.all().delete()
    robbed = start(step)
    Job.objects.update(message="rob")
    jobs.work(robbed.pk)
    assert (Job.objects.get().state, Job.objects.get().done) == ("running", 1)
    assert seen == ["JobCancelled", "LeaseLost"]

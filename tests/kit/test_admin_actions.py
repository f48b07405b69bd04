"""Bulk actions: who may, the confirm step, what stays chosen, undo, and the job for more than fifty rows."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from oms.kit.admin import actions
from oms.kit.background import jobs
from oms.kit.models import Job
from tests import factories
from tests.kit import job_list

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.kit.job_list")]
LIST = "/admin/kit/job/"


@pytest.fixture(autouse=True)
def _site(monkeypatch):
    monkeypatch.setattr(actions, "site", job_list.site)
    job_list.CALLS.clear()


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def person(name: str, *rights: str):
    user = factories.user(name)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights, content_type__app_label="kit"))
    return user


def fill(number: int, **fields: object) -> list[int]:
    made = [Job.objects.create(kind="t", title=f"{n:03}", **fields) for n in range(number)]
    return [job.pk for job in made]


def act(client: Client, name: str, ids: object, query: str = "", **more: object):
    return client.post(LIST + query, {"action": name, "index": "0", "_selected_action": ids, **more})


def said(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def test_rows_are_worked_and_stay_chosen_on_the_same_page(owner):
    ids = fill(3)

    response = act(owner, "finish", ids[:2], "?tab=waiting&lane=default")

    chosen = f"{ids[0]},{ids[1]}"
    assert response.url == f"{LIST}?tab=waiting&lane=default&chosen={chosen}&undo=finish:{chosen}"
    assert [("done", ids[:2], "owner", "")] == job_list.CALLS
    assert list(Job.objects.filter(state="done").order_by("pk").values_list("pk", flat=True)) == ids[:2]
    page = owner.get(response.url)
    assert said(page) == [
        f'Finish: 2 rows. <a href="{LIST}?tab=done&amp;chosen={chosen}">→ 2 now in Done</a>'
    ]
    moved = owner.get(f"{LIST}?tab=done&chosen={chosen}").content.decode()
    assert moved.count(" checked aria-label") == 2


def test_refused_rows_are_named_and_still_ticked(owner):
    ids = [*fill(1), *fill(1, state="done")]

    page = owner.get(act(owner, "finish", ids).url)

    assert said(page)[1:] == ["000: It is done."]
    assert page.content.decode().count(" checked aria-label") == 2


def test_undo_is_offered_once_and_does_the_other_action(owner):
    ids = fill(2)
    page = owner.get(act(owner, "finish", ids, "?tab=waiting").url)

    undo = page.context["undo"]
    assert (undo.name, undo.ids, undo.url) == ("reopen", ids, f"{LIST}?tab=done")
    act(owner, undo.name, undo.ids, "?tab=done")

    assert Job.objects.filter(state="waiting").count() == 2
    assert owner.get(LIST).context["undo"] is None
    assert "reopen" not in [one.name for one in page.context["bar"]]


@pytest.mark.parametrize("asked", ["nope:1", "stop:1", "finish:", "finish:x", "finish"])
def test_nonsense_offers_no_undo(owner, asked):
    fill(1)

    assert owner.get(LIST, {"undo": asked, "chosen": "x,1,99999999999999999999"}).context["undo"] is None


def test_a_reason_is_asked_for_before_anything_happens(owner):
    ids = fill(12)

    asked = act(owner, "stop", ids)
    text = asked.content.decode()
    assert "Stop 12" in text
    assert "and 2 more" in text
    assert job_list.CALLS == []

    act(owner, "stop", ids, confirmed="1", reason="  ")
    assert job_list.CALLS == []

    act(owner, "stop", ids, confirmed="1", reason="broken")
    assert [("failed", ids, "owner", "broken")] == job_list.CALLS


def test_a_question_is_asked_and_only_in_its_tab(owner):
    ids = fill(1, state="done")

    assert act(owner, "again", ids).status_code == 403  # not an action of the tab All
    assert "Again?" in act(owner, "again", ids, "?tab=done").content.decode()
    assert job_list.CALLS == []
    act(owner, "again", ids, "?tab=done", confirmed="1")
    assert [("waiting", ids, "owner", "")] == job_list.CALLS


def test_an_action_without_its_right_is_neither_shown_nor_done(client):
    ids = fill(1)
    client.force_login(person("mover", "view_job", "change_job"))

    page = client.get(LIST)
    assert [one.name for one in page.context["bar"]] == ["finish"]
    assert act(client, "stop", ids, confirmed="1", reason="x").status_code == 403
    assert job_list.CALLS == []


def test_a_post_without_an_action_is_refused_not_answered_with_the_list(client):
    ids = fill(1)
    client.force_login(person("viewer", "view_job"))

    for body in (
        {},
        {"index": "0", "_selected_action": ids},
        {"action": "finish", "index": "0", "_selected_action": ids},
    ):
        assert client.post(LIST, body).status_code == 403
    assert "pick-all" not in client.get(LIST).content.decode()


def test_only_rows_of_the_tab_and_the_filters_are_taken(owner):
    waiting, done = fill(1), fill(1, state="done")

    act(owner, "finish", [*waiting, *done], "?tab=waiting")

    assert [("done", waiting, "owner", "")] == job_list.CALLS


def test_nothing_chosen_does_nothing(owner):
    fill(1)

    response = act(owner, "finish", [], "?tab=waiting")

    assert response.status_code == 302
    assert job_list.CALLS == []


def test_more_than_fifty_rows_become_a_job_with_one_outcome_each(owner):
    ids = fill(120)
    Job.objects.filter(pk=ids[0]).update(state="failed")

    response = act(owner, "finish", ids[:1], select_across="1")

    job = Job.objects.get(kind=actions.JOB)
    assert response.url == f"{LIST}jobs/{job.pk}/"
    assert job_list.CALLS == []
    assert jobs.work(job.pk) is True
    assert jobs.work(job.pk) is True
    assert jobs.work(job.pk) is False
    job.refresh_from_db()
    assert (job.state, job.done, job.refused, job.message) == ("done", 120, 1, "Finish: 119 rows.")
    assert [len(call[1]) for call in job_list.CALLS] == [50, 50, 20]
    page = owner.get(response.url).content.decode()
    assert "000: It is failed." in page


def test_a_killed_worker_does_no_row_twice(owner, monkeypatch):
    ids = fill(120)
    act(owner, "finish", ids[:1], select_across="1")
    job = Job.objects.get(kind=actions.JOB)
    jobs.work(job.pk)

    class Killed(BaseException):
        pass

    def die(*_args, **_fields):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "report_or_stop", die)
        with pytest.raises(Killed):
            jobs.work(job.pk)
    Job.objects.filter(pk=job.pk).update(lease_until=None)
    while jobs.work(job.pk):
        pass
    job.refresh_from_db()

    assert (job.done, len(job.result["rows"])) == (120, 120)
    assert Job.objects.filter(pk__in=ids, state="done").count() == 120


def test_a_job_stops_for_a_person_who_may_not_any_more(owner, django_user_model):
    act(owner, "finish", fill(60)[:1], select_across="1")
    job = Job.objects.get(kind=actions.JOB)
    django_user_model.objects.filter(username="owner").update(is_superuser=False)

    jobs.work(job.pk)

    job.refresh_from_db()
    assert (job.state, job.message) == ("failed", "Your role does not allow this.")
    assert job_list.CALLS == []


def test_the_page_of_a_job_is_its_authors_alone(owner, django_user_model):
    act(owner, "finish", fill(60)[:1], select_across="1")
    job = Job.objects.get(kind=actions.JOB)
    other = Client()
    other.force_login(django_user_model.objects.create_superuser("other"))

    assert owner.get(f"{LIST}jobs/{job.pk}/").status_code == 200
    assert owner.get(f"{LIST}jobs/{job.pk}/progress.json").json()["finished"] is False
    assert other.get(f"{LIST}jobs/{job.pk}/").status_code == 404
    assert other.post(f"{LIST}jobs/{job.pk}/").status_code == 404
    owner.post(f"{LIST}jobs/{job.pk}/")
    job.refresh_from_db()
    assert job.state == "cancelled"

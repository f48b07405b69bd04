"""Cards and tabs that an upper app adds to a lower app's page."""

from __future__ import annotations

import logging

import pytest
from django.contrib.auth.models import AnonymousUser, Permission
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.test import RequestFactory

from oms.kit.admin import panels
from oms.kit.admin.pages import Page
from oms.kit.models import Job, Problem
from tests import factories
from tests.kit.job_list import site

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.kit.job_list")]
CARD = "oms/parts/card.html"


@pytest.fixture(autouse=True)
def _registries(monkeypatch):
    monkeypatch.setattr(panels, "_panels", {})
    monkeypatch.setattr(panels, "_tabs", {})


def request_of(*rights: str):
    user = factories.user("anna")
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    request = RequestFactory().get("/")
    request.user = type(user).objects.get(pk=user.pk)
    return request


def row() -> Job:
    return Job.objects.create(kind="t", title="A")


def card(key: str, text: str, **more: object):
    options = {"label": key, "permission": "kit.view_job", "template": CARD, **more}
    panels.panel(Job, key, **options)(lambda request, job: {"content": f"{text} {job.title}", "title": key})  # type: ignore[arg-type]


def test_cards_are_sorted_and_only_those_that_a_person_may_see():
    card("later", "3", position=200)
    card("b", "2")
    card("a", "1")
    card("secret", "4", permission="kit.delete_job")
    panels.panel(Job, "none", label="", permission="kit.view_job", template=CARD)(lambda request, job: None)
    panels.panel(Problem, "other", label="", permission="kit.view_job", template=CARD)(
        lambda request, job: {}
    )

    shown = panels.panels_of(request_of("view_job"), row())

    assert ["".join(c for c in html if c in "1234") for html in shown] != []
    assert [next(n for n in "1234" if f"{n} A" in html) for html in shown] == ["1", "2", "3"]


def test_a_key_is_taken_once():
    card("a", "1")

    with pytest.raises(ValueError, match="Job already has a Panel with the key a"):
        card("a", "2")
    panels.tab(Job, "a", label="A", permission="kit.view_job")(Page)
    with pytest.raises(ValueError, match="Job already has a ViewTab with the key a"):
        panels.tab(Job, "a", label="A", permission="kit.view_job")(Page)
    panels.tab(Problem, "a", label="A", permission="kit.view_job")(Page)


def test_a_card_that_fails_is_logged_and_left_out(caplog):
    def fail(request, job):
        raise RuntimeError("broken")

    panels.panel(Job, "bad", label="", permission="kit.view_job", template=CARD)(fail)
    panels.panel(Job, "lost", label="", permission="kit.view_job", template="no/such.html")(
        lambda request, job: {}
    )
    card("good", "1")

    with caplog.at_level(logging.ERROR):
        shown = panels.panels_of(request_of("view_job"), row())

    assert len(shown) == 1
    assert [record.message for record in caplog.records] == [
        "panel bad of Job failed",
        "panel lost of Job failed",
    ]


class Differences(Page):
    permission = "kit.view_problem"

    def get(self, request, pk):
        return HttpResponse(f"differences of {pk}")


def guarded():
    panels.tab(Job, "differences", label="Differences", permission="kit.view_problem", count=lambda job: 7)(
        Differences
    )
    (pattern,) = panels.tab_urls(Job, site, permission="kit.view_job")
    return pattern


def test_a_tab_asks_the_right_of_its_page_and_its_own():
    pattern = guarded()
    assert (pattern.name, str(pattern.pattern)) == ("kit_job_differences", "<key:pk>/differences/")

    assert pattern.callback(request_of("view_job", "view_problem"), pk=5).content == b"differences of 5"
    for rights in (("view_job",), ("view_problem",), ()):
        with pytest.raises(PermissionDenied):
            pattern.callback(request_of(*rights), pk=5)
    anonymous = RequestFactory().get("/")
    anonymous.user = AnonymousUser()
    assert pattern.callback(anonymous, pk=5).status_code == 302


def test_the_bar_of_tabs_counts_once_and_shows_what_may_be_opened(monkeypatch):
    guarded()
    monkeypatch.setattr(panels, "reverse", lambda name, args: f"/{name}/{args[0]}/")
    counted: list[int] = []

    def count_it(job: Job) -> int:
        counted.append(job.pk)
        return 1

    panels.tab(Job, "secret", label="Secret", permission="kit.delete_job", count=count_it)(Differences)
    job = row()

    links = panels.tabs_of(request_of("view_job", "view_problem"), job, "differences")

    assert links == [panels.TabLink("Differences", f"/admin:kit_job_differences/{job.pk}/", True, 7)]
    assert counted == []

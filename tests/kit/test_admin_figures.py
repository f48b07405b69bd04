"""Figures edited in their cell: locked, compared with what was seen, changed by a service."""

from __future__ import annotations

import json

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from oms.kit.models import Job
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.kit.job_list")]
LIST = "/admin/kit/job/"


@pytest.fixture
def editor(client: Client) -> Client:
    user = factories.user("editor")
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_job", "change_job"]))
    client.force_login(user)
    return client


@pytest.fixture
def row() -> Job:
    return Job.objects.create(kind="t", title="A", total=40)


def send(client: Client, pk: int, body: object):
    text = body if isinstance(body, str) else json.dumps(body)
    return client.post(f"{LIST}{pk}/set/", text, content_type="application/json")


def test_a_figure_is_changed_and_the_fresh_row_answered(editor, row):
    answer = send(editor, row.pk, {"field": "size", "value": " 42 ", "was": "40", "reason": " found "})

    row.refresh_from_db()
    assert (row.total, row.message) == (42, "editor: found")
    assert answer.status_code == 200
    assert (answer.json()["value"], answer.json()["was"]) == ("42", "40")
    assert answer.json()["cells"]["what"] == "A"
    assert 'data-was="42"' in answer.json()["cells"]["size"]
    assert set(answer.json()["cells"]) == {"what", "lane", "size", "who", "started"}


def test_without_a_reason_the_default_is_recorded(editor, row):
    send(editor, row.pk, {"field": "size", "value": 41, "was": 40})

    row.refresh_from_db()
    assert (row.total, row.message) == (41, "editor: Measured")


def test_a_figure_that_moved_meanwhile_is_not_overwritten(editor, row):
    Job.objects.filter(pk=row.pk).update(total=38)

    answer = send(editor, row.pk, {"field": "size", "value": "42", "was": "40"})

    assert answer.status_code == 409
    assert answer.json() == {"error": "Another person changed this figure. It is now 38.", "now": "38"}
    row.refresh_from_db()
    assert row.total == 38


def test_who_changed_it_is_said_where_it_is_known(editor):
    at = timezone.now().replace(hour=15, minute=2)
    row = Job.objects.create(kind="t", title="Ann’s", total=77, created_at=at)

    answer = send(editor, row.pk, {"field": "size", "value": "42", "was": "40"})

    assert answer.json()["error"] == f"Ann changed this to 77 at {timezone.localtime(at):%H:%M}."


def test_the_sentence_of_the_service_is_answered_and_nothing_changes(editor, row):
    answer = send(editor, row.pk, {"field": "size", "value": "4.5", "was": "40"})

    assert (answer.status_code, answer.json()) == (422, {"error": "“4.5” is not a whole number."})
    row.refresh_from_db()
    assert row.total == 40


@pytest.mark.parametrize("body", [
    "", "x", "[]", "null", '"a"', "{}", {"field": "size"}, {"field": "state", "value": "done", "was": "waiting"},
    {"field": "size", "value": {"a": 1}, "was": "40"}, {"field": "size", "value": "1\x00", "was": "40"}, "[" * 3000,
])  # fmt: skip
def test_anything_else_is_400_and_changes_nothing(editor, row, body):
    assert send(editor, row.pk, body).status_code == 400
    row.refresh_from_db()
    assert (row.total, row.state) == (40, "waiting")


def test_only_a_person_with_the_right_edits(client, row):
    user = factories.user("viewer")
    user.user_permissions.set(Permission.objects.filter(codename="view_job"))
    client.force_login(user)

    assert send(client, row.pk, {"field": "size", "value": "1", "was": "40"}).status_code == 403
    assert "data-edit" not in client.get(LIST).content.decode()
    row.refresh_from_db()
    assert row.total == 40


def test_a_row_that_is_gone_and_a_get_are_said(editor, row):
    assert send(editor, row.pk + 1, {"field": "size", "value": "1", "was": "40"}).status_code == 404
    assert editor.get(f"{LIST}{row.pk}/set/").status_code == 302, "to the page of the row, or the list"


def test_no_forgery(row):
    client = Client(enforce_csrf_checks=True)
    user = factories.user("editor")
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_job", "change_job"]))
    client.force_login(user)

    assert send(client, row.pk, {"field": "size", "value": "1", "was": "40"}).status_code == 403


def test_the_button_says_what_it_edits(editor, row):
    text = editor.get(LIST).content.decode()

    assert (
        'data-edit="size" data-reason="Measured" data-was="40" aria-label="Edit size of A: 40">40</button>'
        in text
    )


def test_one_figure_costs_a_dozen_statements_not_a_page(editor, row):
    with CaptureQueriesContext(connection) as queries:
        send(editor, row.pk, {"field": "size", "value": "41", "was": "40"})

    assert len(queries) == 8


@pytest.mark.urls("oms.urls")
def test_no_list_of_ours_is_editable_as_a_whole():
    """`list_editable` compares with the row of now and writes stale figures back: it puts sold units on sale again."""
    for model, model_admin in admin.site._registry.items():
        assert tuple(model_admin.list_editable) == (), model.__name__

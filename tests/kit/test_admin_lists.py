"""The base of admin lists: rights, parameters, tabs, filters, columns, the page itself."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from oms.kit.admin.paging import CappedCount
from oms.kit.models import Job
from tests import factories
from tests.kit import job_list

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.kit.job_list")]
LIST = "/admin/kit/job/"


def job(title: str, **fields: object) -> Job:
    return Job.objects.create(title=title, kind="test", **fields)


def person(name: str = "anna", *rights: str):
    user = factories.user(name)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights, content_type__app_label="kit"))
    return user


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


@pytest.fixture
def viewer(client: Client) -> Client:
    client.force_login(person("viewer", "view_job"))
    return client


def titles(response) -> list[str]:
    return [row.title for row in response.context["cl"].result_list]


def test_page_has_one_heading_labels_and_no_inline_script(owner):
    job("One")
    text = owner.get(LIST).content.decode()

    assert text.count("<h1") == 1
    assert "<title>Jobs" in text
    assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
    assert re.findall(r"\son\w+=\"", text) == []
    inputs = re.findall(r"<(?:input|select)[^>]*>", text.split("<main")[1])
    unlabelled = [
        tag
        for tag in inputs
        if 'type="hidden"' not in tag and "aria-label" not in tag and not _is_in_label(text, tag)
    ]
    assert unlabelled == []


def _is_in_label(text: str, tag: str) -> bool:
    before = text[: text.index(tag)]
    return before.rfind("<label") > before.rfind("</label")


def test_a_person_without_the_right_to_see_gets_403_from_every_address(client):
    client.force_login(person("nobody", "change_problem"))
    one = job("One")

    for address in ("", "count/", "export/", f"{one.pk}/history/"):
        assert client.get(LIST + address).status_code == 403, address
    assert client.post(LIST + "views/", {"do": "save", "name": "mine"}).status_code == 403
    assert (
        client.post(LIST, {"action": "finish", "_selected_action": one.pk, "index": "0"}).status_code == 403
    )
    answer = client.post(
        f"{LIST}{one.pk}/set/", json.dumps({"field": "size", "value": "1", "was": ""}), "application/json"
    )
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "query",
    [
        "?message__contains=a",
        "?author__password__startswith=a",
        "?foo=1",
        "?lane=nope",
        "?author=x",
        "?since=31/12/2026",
        "?kind_is=%00",
    ],
)
def test_what_no_filter_declares_or_makes_no_sense_asks_nothing(viewer, query):
    job("One", message="secret")

    response = viewer.get(LIST + query)

    assert (response.status_code, titles(response)) == (200, ["One"])
    assert response.context["cl"].is_narrowed is False
    assert "foo" not in response.context["here"]


def test_lookups_are_closed_even_where_django_would_ask(rf):
    admin = job_list.site.get_model_admin(Job)

    assert admin.lookup_allowed("lane", "default", rf.get("/"))
    assert not admin.lookup_allowed("message__contains", "a", rf.get("/"))
    assert not admin.lookup_allowed("message", "a", rf.get("/"))


def test_tabs_filters_and_search_narrow_together(owner):
    anna = person("anna2")
    job("A", state="done", lane="orders", author=anna, total=500)
    job("B", state="done", lane="default")
    job("C", state="waiting", lane="orders")

    assert titles(owner.get(LIST + "?tab=done")) == ["B", "A"]
    assert titles(owner.get(LIST + "?tab=done&lane=orders")) == ["A"]
    assert titles(owner.get(LIST + f"?author={anna.pk}")) == ["A"]
    assert titles(owner.get(LIST + "?q=B&tab=done")) == ["B"]
    assert titles(owner.get(LIST + "?q=B&tab=waiting")) == []
    assert titles(owner.get(LIST + "?long=1")) == ["A"]
    assert titles(owner.get(LIST + "?tab=nonsense")) == ["C", "B", "A"]


def test_day_filters_hold_whole_days_of_the_viewers_zone(owner, settings):
    settings.TIME_ZONE = "Europe/London"
    zone = ZoneInfo("Europe/London")
    for hour, minute in ((0, 0), (12, 0), (23, 59)):
        job(f"{hour}", created_at=datetime(2026, 7, 1, hour, minute, tzinfo=zone))
    job("before", created_at=datetime(2026, 6, 30, 23, 59, 59, tzinfo=zone))
    job("after", created_at=datetime(2026, 7, 2, tzinfo=zone))

    with timezone.override("Europe/London"):
        found = titles(owner.get(LIST + "?since=2026-07-01&until=2026-07-01"))

    assert sorted(found) == ["0", "12", "23"]
    assert titles(owner.get(LIST + "?until=9999-12-31"))


def test_tabs_show_counts_and_a_rare_one_only_when_it_has_rows(owner):
    job("A", state="done")

    links = {label: (count, red) for label, _url, _here, count, red in owner.get(LIST).context["tab_links"]}
    assert links == {"All": ("1", False), "Waiting": ("0", False), "Done": ("1", True)}

    job("F", state="failed")
    assert "Failed" in [link[0] for link in owner.get(LIST).context["tab_links"]]
    assert "These wait." in owner.get(LIST + "?tab=waiting").content.decode()


def test_links_keep_what_is_shown_but_not_the_place(owner):
    for number in range(60):
        job(f"{number:02}", lane="orders")
    first = owner.get(LIST + "?lane=orders&o=what&chosen=1&undo=finish:1&q=")
    second = owner.get(LIST + first.context["cl"].next_link)

    assert second.context["here"] == "?lane=orders&o=what"
    assert titles(second) == [f"{n:02}" for n in range(50, 60)]
    assert 'name="o" value="what"' in second.content.decode()
    assert "after" not in "".join(link[1] for link in second.context["tab_links"])


def test_the_sorting_names_a_column_and_only_a_declared_one(owner):
    job("A", total=2, message="z"), job("B", total=None), job("C", total=1)

    assert titles(owner.get(LIST + "?o=size")) == ["C", "A", "B"]
    assert titles(owner.get(LIST + "?o=-size")) == ["A", "C", "B"]
    for refused in ("lane", "message", "-message", "2", "pk", "password", "--size"):
        assert titles(owner.get(LIST + f"?o={refused}")) == ["C", "B", "A"], refused
    heads = {c.name: (c.order, c.url) for c in owner.get(LIST + "?o=size").context["columns"]}
    assert heads["size"] == ("asc", "?o=-size")
    assert heads["lane"] == ("", "")


def test_a_search_is_not_sorted_otherwise(owner):
    job("A", total=1), job("A", total=2)

    response = owner.get(LIST + "?q=A&o=size")

    assert [row.total for row in response.context["cl"].result_list] == [2, 1]
    assert all(not column.url for column in response.context["columns"])


def test_cells_are_escaped_and_carry_their_label_for_a_phone(viewer):
    job("<b>x</b>", lane='"><script>')

    text = viewer.get(LIST).content.decode()

    assert "&lt;b&gt;x&lt;/b&gt;" in text
    assert "<b>x</b>" not in text
    assert 'data-label="Lane">&quot;&gt;&lt;script&gt;</td>' in text


def test_a_list_takes_the_same_statements_for_one_row_and_for_fifty(viewer):
    who = person("author")
    job("A", author=who)
    viewer.get(LIST)
    with CaptureQueriesContext(connection) as few:
        viewer.get(LIST)
    for number in range(60):
        job(f"{number}", author=who)
    with CaptureQueriesContext(connection) as many:
        response = viewer.get(LIST)

    assert len(titles(response)) == 50
    assert len(many) == len(few) == 6  # session, user, rights, tab counts, views, rows


def test_the_names_of_a_row_filter_are_read_once_in_a_while(viewer):
    job("A")
    viewer.get(LIST)

    with CaptureQueriesContext(connection) as queries:
        viewer.get(LIST)

    assert not [q for q in queries if 'FROM "auth_user" ORDER BY' in q["sql"]]


def test_count_is_asked_for_by_itself_and_stops(owner, monkeypatch):
    from oms.kit.admin import lists

    for number in range(60):
        job(f"{number}", lane="orders")
    response = owner.get(LIST + "?lane=orders")

    assert str(response.context["cl"].result_count) == "50+"
    assert response.context["count_url"] == LIST + "count/?lane=orders"
    with CaptureQueriesContext(connection) as queries:
        assert owner.get(LIST + "count/?lane=orders").json() == {"count": "60"}
    assert [q["sql"] for q in queries if "LIMIT 10001" in q["sql"]]
    assert owner.get(LIST + "count/?lane=default").json() == {"count": "0"}
    monkeypatch.setattr(lists, "capped_count", lambda rows: CappedCount(10_001))
    assert owner.get(LIST + "count/").json() == {"count": "10,000+"}
    assert str(owner.get(LIST).context["cl"].result_count) == "60"  # the tab's own figure


def test_rows_per_page_are_one_of_three(owner):
    for number in range(101):
        job(f"{number}")

    assert [len(titles(owner.get(f"{LIST}?rows={rows}"))) for rows in ("50", "100", "200", "7", "x")] == [
        50,
        100,
        101,
        50,
        50,
    ]


def test_an_empty_list_says_what_comes_next(owner):
    assert owner.get(LIST).context["empty"].title == "No rows."
    one = job("A")
    assert owner.get(LIST + "?q=zzz").context["empty"].title == "No rows found."
    beyond = owner.get(LIST, {"after": json.dumps([None, 0]), "o": "-size"})
    assert beyond.context["empty"].title == "No more rows."
    assert one.pk


def test_history_shows_the_objects_own_events(owner):
    one = Job.objects.create(kind="told", title="A", created_at=timezone.now() - timedelta(hours=1))
    other = job("B")

    assert "Asked for." in owner.get(f"{LIST}{one.pk}/history/").content.decode()
    assert owner.get(f"{LIST}{other.pk}/history/").status_code == 200
    assert owner.get(f"{LIST}999999/history/").status_code == 404


def test_the_page_of_one_row_stands_under_djangos_name_at_a_short_address(owner):
    from django.urls import reverse

    one = job("A")

    assert reverse("admin:kit_job_change", args=[one.pk]) == f"{LIST}{one.pk}/"
    assert "One job" in owner.get(f"{LIST}{one.pk}/").content.decode()
    assert owner.get(f"{LIST}{one.pk}/change/").status_code == 404
    assert owner.post(f"{LIST}{one.pk}/delete/", {"post": "yes"}).status_code == 404

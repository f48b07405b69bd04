"""Pages by place: every row once, in order, to the end and back, whatever leaves the list meanwhile."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from oms.kit.admin.changelist import KeysetChangeList
from oms.kit.models import Job
from tests.kit.job_list import site

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.kit.job_list")]
LIST = "/admin/kit/job/"
SORTS = {
    "": ("pk", True), "what": ("title", False), "-what": ("title", True), "size": ("total", False),
    "-size": ("total", True), "who": ("author__username", False), "-who": ("author__username", True),
    "started": ("started_at", False), "-started": ("started_at", True),
}  # fmt: skip
FILTERS = ("", "lane=orders", "tab=waiting", "tab=done&lane=default", "long=1")
BASE = timezone.now().replace(microsecond=0)


def value_of(job: Job, name: str) -> Any:
    if name == "author__username":
        return job.author.username if job.author else None
    return getattr(job, name)


def expected(query: str, sort: str) -> list[int]:
    """The rows in order, worked out without the database."""
    from django.http import QueryDict

    asked = QueryDict(query)
    rows = [
        job
        for job in Job.objects.select_related("author")
        if (not asked.get("lane") or job.lane == asked["lane"])
        and (not asked.get("tab") or job.state == asked["tab"])
        and (not asked.get("long") or (job.total or 0) > 100)
    ]
    name, descending = SORTS[sort]
    valued = [job for job in rows if value_of(job, name) is not None]
    empty = [job for job in rows if value_of(job, name) is None]
    valued.sort(key=lambda job: (value_of(job, name), job.pk), reverse=descending)
    empty.sort(key=lambda job: job.pk, reverse=descending)
    return [job.pk for job in valued + empty]


def page(query: str, user: Any) -> KeysetChangeList:
    request = RequestFactory().get(LIST + "?" + query.removeprefix("?"))
    request.user = user
    admin: Any = site.get_model_admin(Job)
    admin.list_per_page = 3
    try:
        cl: KeysetChangeList = admin.get_changelist_instance(request)
        return cl
    finally:
        del admin.list_per_page


def walk(query: str, sort: str, user: Any) -> tuple[list[int], list[int]]:
    """The keys met from the first page to the last, and from the last page back to the first."""
    cl = page(f"{query}&o={sort}", user)
    forth, pages = [row.pk for row in cl.rows], [[row.pk for row in cl.rows]]
    while cl.next_link:
        cl = page(cl.next_link, user)
        forth += [row.pk for row in cl.rows]
        assert len(pages) < 60
        pages.append([row.pk for row in cl.rows])
    back = [pages[-1]]
    while cl.previous_link:
        cl = page(cl.previous_link, user)
        back.insert(0, [row.pk for row in cl.rows])
        assert len(back) < 60
    return forth, [pk for part in back for pk in part]


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "B", "é", "", "a'b", "日本"]),
        st.sampled_from(["orders", "default"]),
        st.sampled_from(["waiting", "done"]),
        st.one_of(st.none(), st.sampled_from([0, 1, 50, 101, 2_147_483_647])),
        st.one_of(st.none(), st.integers(0, 2)),
        st.one_of(st.none(), st.integers(0, 3)),
    ),
    max_size=14,
)


def make(rows: Any) -> Any:
    users = [get_user_model().objects.get_or_create(username=f"u{n}", is_superuser=True)[0] for n in range(3)]
    Job.objects.all().delete()
    Job.objects.bulk_create(
        Job(
            kind="t", title=title, lane=lane, state=state, total=total,
            author=None if who is None else users[who],
            started_at=None if started is None else BASE + timedelta(microseconds=started * 500_001),
        )
        for title, lane, state, total, who, started in rows
    )  # fmt: skip
    return users[0]


def check(rows: Any, sort: str, query: str) -> None:
    user = make(rows)
    whole = expected(query, sort)
    if SORTS[sort][0] == "title":  # the database has an order of its own for text
        order = ["-title", "-pk"] if sort[0] == "-" else ["title", "pk"]
        whole = list(Job.objects.filter(pk__in=whole).order_by(*order).values_list("pk", flat=True))

    forth, back = walk(query, sort, user)

    assert forth == whole
    assert back == whole


WALK = given(rows=ROWS, sort=st.sampled_from(sorted(SORTS)), query=st.sampled_from(FILTERS))
EXAMPLES = settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])


class Walks(TestCase):
    @WALK
    @EXAMPLES
    def test_every_row_is_met_once_in_order_to_the_end_and_back(self, rows, sort, query):
        check(rows, sort, query)


@pytest.mark.db
class WalksOnPostgreSQL(TestCase):
    """The same on PostgreSQL: NULLs, collation and row comparison are the database's own."""

    @WALK
    @EXAMPLES
    def test_every_row_is_met_once_in_order_to_the_end_and_back(self, rows, sort, query):
        check(rows, sort, query)


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def fill(number: int) -> None:
    Job.objects.bulk_create(Job(kind="t", title=f"{n:03}", lane="orders", total=n % 7) for n in range(number))


@pytest.mark.parametrize("place", [
    "", "x", "[]", "[1]", '["a"]', '["a", "b"]', "[1, 2, 3]", "{}", "null", '["\\u0000", 5]', '["\\ud800", 5]',
    '[5, 99999999999999999999]', '[99999999999999999999, 5]', "[5, -1]", "[5, true]", '["NaN", 5]', "[[1], 5]", "[" * 5000,
])  # fmt: skip
def test_an_unreadable_place_is_the_first_page(owner, place):
    fill(60)

    for side in ("after", "before"):
        cl = owner.get(LIST, {side: place, "o": "size"}).context["cl"]
        assert len(cl.rows) == 50
        assert [row.total for row in cl.rows[:9]] == [0] * 9


def test_a_place_without_a_value_is_unreadable_where_every_row_has_one(owner):
    fill(60)

    assert owner.get(LIST, {"after": "[null, 5]", "o": "what"}).context["cl"].rows[0].title == "000"


def test_the_place_is_not_part_of_the_list(owner):
    fill(60)
    first = owner.get(LIST + "?lane=orders").context["cl"]
    second = owner.get(LIST + first.next_link).context["cl"]

    assert len(second.rows) == 10
    assert second.queryset.count() == 60


def test_rows_that_leave_the_list_meanwhile_hide_no_other(owner):
    fill(230)
    seen: list[int] = []
    link = "?tab=waiting"
    while link:
        cl = owner.get(LIST + link).context["cl"]
        seen += [row.pk for row in cl.rows]
        Job.objects.filter(pk__in=[row.pk for row in cl.rows[:10]]).update(state="done")
        link = cl.next_link

    assert len(seen) == len(set(seen)) == 230


def statements(owner: Client, query: str) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        owner.get(LIST + query)
    return [q["sql"] for q in queries if 'FROM "kit_job"' in q["sql"] and "LIMIT 51" in q["sql"]]


@pytest.mark.parametrize("_database", ["any", pytest.param("postgresql", marks=pytest.mark.db)])
def test_own_columns_are_bounded_by_a_row_comparison_and_related_ones_by_a_bounded_or(owner, _database):
    fill(60)
    own = statements(owner, "?o=what&after=" + json.dumps(["010", 5]))
    related = statements(owner, "?o=who&after=" + json.dumps(["bob", 5]))

    if connection.vendor == "postgresql":
        assert '("kit_job"."title", "kit_job"."id") > (' in own[0]
    else:
        assert "\"title\" >= '010' AND (" in own[0]
    assert ".\"username\" >= 'bob' AND (" in related[0]
    assert '"kit_job"."id") >' not in related[0]


def test_rows_without_a_value_cost_a_second_statement_only_when_the_others_run_out(owner):
    fill(60)

    assert len(statements(owner, "?o=size")) == 1
    Job.objects.filter(total=3).update(total=None)
    last = owner.get(LIST + "?o=size").context["cl"]
    assert [row.total for row in owner.get(LIST + last.next_link).context["cl"].rows][-9:] == [None] * 9

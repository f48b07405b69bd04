"""The lists of work: jobs, messages, rejected records, calls; over all stores, and inside the page of one store."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from channels.models import CallLog, Connection, OutboxMessage, RejectedRecord, SyncStream
from channels.pull.page_writer import packed
from oms.kit.background import jobs
from oms.kit.models import Job
from tests import factories

pytestmark = pytest.mark.django_db

JOBS, FAILED = "admin:jobs", "admin:parked"
REJECTED, CALLS = "admin:channels_rejectedrecord_changelist", "admin:channels_calllog_changelist"
LISTS = (JOBS, FAILED, REJECTED, CALLS)
OF_A_STORE = ("admin:store_messages", "admin:store_refused", "admin:store_calls")


@pytest.fixture(autouse=True)
def _no_remembered_names():
    cache.clear()


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def as_role(client: Client, role: str) -> Client:
    person = factories.user(role.lower().replace(" ", "-"))
    person.groups.add(Group.objects.get(name=role))
    client.force_login(person)
    return client


def message(store: Connection, number: int, **fields: Any) -> OutboxMessage:
    given = {"kind": "event", "topic": "shipped", "lane": "orders", "group": number, "key": str(number)}
    return OutboxMessage.objects.create(connection=store, subject=number, **{**given, **fields})


def record(store: Connection, number: int, **fields: Any) -> RejectedRecord:
    given = {"stream": "products", "external_id": str(number), "reason": f"Reason {number}."}
    return RejectedRecord.objects.create(
        connection=store, native=packed({"id": number}), **{**given, **fields}
    )


def call(store: Connection, number: int, **fields: Any) -> CallLog:
    given = {"method": "GET", "url": f"/x/{number}", "status": 200, "milliseconds": 7}
    return CallLog.objects.create(connection=store, **{**given, **fields})


def shown(client: Client, name: str, query: str = "", *args: Any) -> list[Any]:
    answer = client.get(reverse(name, args=args) + query)
    assert answer.status_code == 200
    return list(answer.context["cl"].rows)


def send(client: Client, url: str, action: str, *rows: Any, **more: str) -> Any:
    data = {"action": action, "index": "0", "_selected_action": [row.pk for row in rows], **more}
    return client.post(url, data, follow=True)


def said(answer: Any) -> list[str]:
    return [str(line) for line in answer.context["messages"]]


# --- cost ---


def fill(store: Connection, numbers: range) -> None:
    now = timezone.now()
    for number in numbers:
        message(store, number, parked_at=now, last_error="No such order.")
        record(store, number)
        call(store, number, sent="s" * 1000, answer="a" * 1000)
        Job.objects.create(kind="x", title=f"Job {number}", subject_kind="connection", subject_id=store.pk)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_eight_statements_however_long_it_is(owner, name):
    store = factories.store()
    fill(store, range(2))
    url = reverse(name)
    assert owner.get(url).status_code == 200

    def count(query: str = "") -> int:
        with CaptureQueriesContext(connection) as queries:
            assert owner.get(url + query).status_code == 200
        return len(queries)

    few = count()
    fill(factories.store("Other"), range(100, 180))
    assert count() <= few  # the second store is read with the remembered names
    assert few <= 8
    assert count(f"?store={store.pk}") <= 8


def test_no_list_reads_bodies_documents_or_keys(owner):
    fill(factories.store(), range(2))
    for name in LISTS:
        with CaptureQueriesContext(connection) as queries:
            owner.get(reverse(name))
        text = " ".join(query["sql"] for query in queries)
        for column in ('"answer"', '"native"', '"credentials"', '"webhook_secret"'):
            assert column not in text, (name, column)


# --- rights ---


@pytest.mark.req("R-USE-01")
@pytest.mark.parametrize(
    ("role", "opens", "exports"),
    [
        ("Owner", set(LISTS), set(LISTS)),
        ("Catalogue manager", {JOBS, FAILED, REJECTED}, {JOBS, FAILED, REJECTED}),
        ("Order desk", {JOBS, FAILED, REJECTED}, {JOBS, FAILED, REJECTED}),
        ("Warehouse", {JOBS}, set()),
        ("Read-only", {JOBS, FAILED, REJECTED}, set()),
    ],
)
def test_a_role_sees_and_exports_what_it_may(client, role, opens, exports):
    as_role(client, role)
    names = {name: name for name in LISTS} | {
        JOBS: "admin:kit_job_export",
        FAILED: "admin:channels_outboxmessage_export",
        REJECTED: "admin:channels_rejectedrecord_export",
        CALLS: "admin:channels_calllog_export",
    }

    assert {name for name in LISTS if client.get(reverse(name)).status_code == 200} == opens
    assert {name for name in LISTS if client.get(reverse(names[name])).status_code == 200} == exports


@pytest.mark.req("R-USE-01")
@pytest.mark.parametrize("role", ["Warehouse", "Read-only"])
def test_who_may_not_act_has_no_button_and_changes_nothing(client, role):
    store = factories.store()
    parked = message(store, 1, parked_at=timezone.now())
    job = Job.objects.create(kind="x", title="Long")
    as_role(client, role)

    for url, action, row in (
        (reverse(FAILED), "retry", parked),
        (reverse("admin:store_messages", args=[store.pk]) + "?tab=failed", "skip", parked),
        (reverse(JOBS), "cancel", job),
    ):
        data = {"action": action, "index": "0", "_selected_action": row.pk, "confirmed": "1"}
        assert client.post(url, data).status_code == 403
    page = client.get(reverse(JOBS)).content.decode()

    parked.refresh_from_db()
    job.refresh_from_db()
    assert (parked.parked_at is None, parked.skipped_at, job.state) == (False, None, "waiting")
    assert 'name="action"' not in page


def test_no_form_of_django_shows_a_store_or_a_message(owner):
    store = factories.store(credentials={"secret_key": "TOP-SECRET"})
    row = message(store, 1)

    for address in (
        f"channels/connection/{store.pk}/change/",
        f"channels/outboxmessage/{row.pk}/change/",
        f"integrations/parked-messages/{row.pk}/change/",
        f"integrations/ecommerce-sales-channels/{store.pk}/change/",
    ):
        assert owner.get(f"/admin/{address}").status_code == 404
    for name in ("outboxmessage_change", "rejectedrecord_change", "calllog_delete", "connection_delete"):
        with pytest.raises(NoReverseMatch):
            reverse(f"admin:channels_{name}", args=[row.pk])
    assert reverse("admin:channels_connection_change", args=[store.pk]) == reverse(
        "admin:store", args=[store.pk]
    )


# --- inside a store ---


def test_the_tab_of_a_store_shows_its_rows_alone_whatever_the_address_says(owner):
    ours, theirs = factories.store("Ours"), factories.store("Theirs")
    for store, number in ((ours, 1), (theirs, 2)):
        message(store, number, parked_at=timezone.now())
        record(store, number)
        call(store, number)

    for name in OF_A_STORE:
        for query in ("?tab=failed", f"?store={theirs.pk}&tab=failed", "?store=x&tab=open", "?tab=all"):
            rows = shown(owner, name, query, ours.pk)
            assert {row.connection_id for row in rows} <= {ours.pk}, (name, query)
    page = owner.get(reverse("admin:store_refused", args=[ours.pk]))
    text = page.content.decode()
    assert [row.external_id for row in page.context["cl"].rows] == ["1"]
    assert (text.count("<h1"), "Sync Orders" in text, 'aria-current="page"' in text) == (1, True, True)
    assert f'<input type="hidden" name="store" value="{ours.pk}">' in text
    assert f"?store={ours.pk}" in page.context["export_url"]
    assert "store" not in [column.name for column in page.context["columns"]]


def test_addresses_of_before_lead_to_the_same_rows(owner):
    store = factories.store()
    waits = message(store, 1)
    parked = message(store, 2, parked_at=timezone.now())
    held = message(store, 3, is_held=True)
    price = message(store, 4, kind="state", topic="price", key="", group=None)
    call(store, 1)
    wrong = call(store, 2, status=500)
    none = call(store, 3, status=None)

    messages = {
        query: [row.pk for row in shown(owner, "admin:store_messages", query, store.pk)]
        for query in ("", "?show=waiting", "?show=parked", "?show=held", "?show=sent", "?topic=price")
    }

    assert messages == {
        "": [waits.pk, price.pk],
        "?show=waiting": [waits.pk, price.pk],
        "?show=parked": [parked.pk],
        "?show=held": [held.pk],
        "?show=sent": [],
        "?topic=price": [price.pk],
    }
    assert [row.pk for row in shown(owner, FAILED, f"?store={store.pk}")] == [parked.pk]
    assert [row.pk for row in shown(owner, "admin:store_calls", "?only=failed", store.pk)] == [
        none.pk,
        wrong.pk,
    ]


def test_an_action_in_a_store_comes_back_to_the_store_and_says_where_the_rows_are(owner):
    store = factories.store()
    parked = message(store, 1, parked_at=timezone.now(), attempts=9)
    page = reverse("admin:store_messages", args=[store.pk])

    answer = send(owner, f"{page}?tab=failed", "retry", parked)

    assert answer.redirect_chain[0][0].startswith(page)
    assert [line.split("<a")[0].strip() for line in said(answer)] == ["Retry: 1 row."]
    assert "1 now in To send" in said(answer)[0]
    parked.refresh_from_db()
    assert (parked.parked_at, parked.attempts) == (None, 0)


# --- messages ---


def test_what_was_sent_meanwhile_is_not_skipped(owner):
    store = factories.store()
    parked = message(store, 1, parked_at=timezone.now())
    gone = message(store, 2, parked_at=timezone.now())
    page = reverse(FAILED)
    asked = send(owner, page, "skip", parked, gone)
    OutboxMessage.objects.filter(pk=gone.pk).update(sent=1, parked_at=None, sent_at=timezone.now())

    answer = send(owner, page, "skip", parked, gone, confirmed="1")

    assert "Shipped #1" in asked.content.decode()
    assert said(answer) == ["Skip: 1 row."]
    assert [row.skipped_at is None for row in OutboxMessage.objects.order_by("pk")] == [False, True]


def test_messages_are_called_by_what_they_are_about(owner):
    store = factories.store()
    listed = factories.listed("MUG", store)
    now = timezone.now()
    message(store, listed.pk, kind="state", topic="stock", group=None, key="", parked_at=now)
    message(store, listed.listing_id, kind="state", topic="listing.update", group=None, key="", parked_at=now)
    message(store, 77, parked_at=now)

    rows = shown(owner, FAILED)

    product = reverse("admin:catalogue_product_change", args=[listed.listing.product_id])
    assert {(str(row.words.topic), row.words.subject, row.words.url) for row in rows} == {
        ("Stock", "MUG", product),
        ("Listing update", listed.listing.product.title, product),
        ("Shipped", "#77", ""),
    }


def test_tabs_count_the_messages_of_the_store_that_is_shown(owner):
    ours, theirs = factories.store("Ours"), factories.store("Theirs")
    message(ours, 1, parked_at=timezone.now())
    message(theirs, 2, parked_at=timezone.now())
    message(theirs, 3, is_held=True)

    def counts(url: str) -> list[str]:
        return [figure for _label, _url, _here, figure, _flag in owner.get(url).context["tab_links"]]

    assert counts(reverse(FAILED)) == ["2", "0", "1", ""]
    assert counts(reverse(FAILED) + f"?store={ours.pk}") == ["1", "0", "0", ""]
    assert counts(reverse("admin:store_messages", args=[theirs.pk])) == ["1", "0", "1", ""]


# --- rejected records ---


def test_rejected_records_are_found_by_id_and_asked_for_again(owner):
    store = factories.store()
    SyncStream.objects.create(connection=store, name="products", period=300)
    one, two = record(store, 42), record(store, 43)
    record(store, 44, resolved_at=timezone.now())

    assert [row.pk for row in shown(owner, REJECTED, "?q=43")] == [two.pk]
    assert [row.external_id for row in shown(owner, REJECTED, "?tab=resolved")] == ["44"]
    answer = send(owner, reverse(REJECTED), "retry", one)

    assert said(answer) == ["Retry: 1 row. It is requested from the channel again."]
    assert store.streams.get().wanted_ids == ["42"]


# --- jobs ---


def test_jobs_by_state_store_and_person(owner, django_user_model):
    store = factories.store()
    ann = django_user_model.objects.create_user("ann")
    running = Job.objects.create(
        kind="x", title="A", state="running", subject_kind="connection", subject_id=store.pk
    )
    done = Job.objects.create(kind="x", title="B", state="done", author=ann)
    other = Job.objects.create(kind="x", title="C", state="failed", subject_kind="order", subject_id=store.pk)

    assert [row.pk for row in shown(owner, JOBS)] == [other.pk, done.pk, running.pk]
    assert [row.pk for row in shown(owner, JOBS, "?tab=live")] == [running.pk]
    assert [row.pk for row in shown(owner, JOBS, f"?store={store.pk}")] == [running.pk]
    assert [row.pk for row in shown(owner, JOBS, "?person=ann")] == [done.pk]
    assert owner.get(reverse(JOBS) + "?store=99999999999999999999").status_code == 200


def test_chosen_jobs_are_cancelled_and_ended_ones_are_refused(owner):
    jobs.register("test.nothing", lambda job: False)
    waits = jobs.start(kind="test.nothing", title="Waits")
    ended = Job.objects.create(kind="x", title="Ended", state="done", finished_at=timezone.now())

    answer = send(owner, reverse(JOBS), "cancel", waits, ended)

    assert said(answer) == ["Cancel job: 1 row.", "Ended: The job has finished already."]
    assert [Job.objects.get(pk=job.pk).state for job in (waits, ended)] == ["cancelled", "done"]


def test_jobs_are_exported_as_filtered(owner):
    Job.objects.create(kind="x", title="=HYPERLINK()", state="done", created_at=timezone.now())
    Job.objects.create(kind="x", title="Live", state="running", created_at=timezone.now() - timedelta(days=1))
    form = owner.get(reverse("admin:kit_job_export") + "?tab=done").context["form"]
    fields = {name: "on" for name in form.fields if name.startswith("jobresource_")}

    answer = owner.post(
        reverse("admin:kit_job_export") + "?tab=done", {"format": "0", "resource": "0", **fields}
    )

    lines = io.BytesIO(b"".join(answer.streaming_content)).getvalue().decode("utf-8-sig").splitlines()
    assert lines[0].startswith("Job,State,Done,Total,")
    assert [line.split(",")[0] for line in lines[1:]] == ["'=HYPERLINK()"]

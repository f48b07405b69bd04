"""The address that channels call: genuine, once, at once."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.urls import include, path
from django.utils import timezone

from channels import tasks
from channels.models import Connection, SyncRun, SyncStream, WebhookEvent
from channels.stores import services, webhooks
from tests.channels.conftest import Shelf
from tests.channels.fakes import FakeShop, order, sign, store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine"), pytest.mark.urls(__name__)]

urlpatterns = [path("", include("channels.urls"))]


def send(connection: Connection, secret: str = "hook-secret-0001", **data: Any) -> Any:
    body = json.dumps({"event": "e-1", "id": "5", **data}).encode()
    return Client(enforce_csrf_checks=True).post(
        f"/hooks/{connection.channel}/{connection.pk}/",
        body,
        content_type="application/json",
        headers={"X-Fake-Signature": sign(body, secret)},
    )


@pytest.mark.req("R-ORD-06")
def test_a_call_is_stored_answered_at_once_and_wakes_the_stream_for_that_one_order(
    shop: FakeShop, shelf: Shelf, rings: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    shop.orders = [order("5", timezone.now() - timedelta(days=200)), order("6")]
    connection = store()
    with django_capture_on_commit_callbacks(execute=True):
        answer = send(connection)

    event = WebhookEvent.objects.get()
    assert answer.status_code == 202
    assert (event.event_id, event.external_id, event.handled_at) == ("e-1", "5", None)
    assert rings == [("handle_webhooks", connection.pk)]
    assert shop.calls == []  # nothing is asked while the channel waits for our answer

    tasks.handle_webhooks(connection.pk)
    event.refresh_from_db()
    assert event.handled_at is not None
    assert list(shelf.stored) == ["5"]
    stream = SyncStream.objects.get(connection=connection, name="orders.changed")
    assert stream.wanted_ids == []


def test_the_same_event_again_has_no_effect(
    shop: FakeShop, shelf: Shelf, rings: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    connection = store()
    with django_capture_on_commit_callbacks(execute=True):
        send(connection)
        again = send(connection)
    assert again.status_code == 200
    assert WebhookEvent.objects.count() == 1
    assert len(rings) == 1

    tasks.handle_webhooks(connection.pk)
    runs = SyncRun.objects.count()
    tasks.handle_webhooks(connection.pk)  # a ring that was doubled
    assert send(connection).status_code == 200
    assert SyncRun.objects.count() == runs


@pytest.mark.parametrize("secret", ["wrong", ""])
def test_a_forged_call_is_refused_and_not_stored(shop: FakeShop, rings: list[Any], secret: str) -> None:
    assert send(store(), secret=secret or "x").status_code == 401
    assert (WebhookEvent.objects.count(), rings) == (0, [])


def test_a_store_without_a_secret_believes_nobody(shop: FakeShop) -> None:
    assert send(store(webhook_secret={}), secret="").status_code == 401


def test_a_disconnected_or_unknown_store_has_no_address(shop: FakeShop) -> None:
    connection = store()
    services.disconnect(connection=connection)
    assert send(connection).status_code == 404
    assert Client().post("/hooks/fake/999/").status_code == 404
    assert Client().post(f"/hooks/etsy/{connection.pk}/").status_code == 404
    assert Client().get(f"/hooks/fake/{connection.pk}/").status_code == 405


def test_a_body_that_is_too_large_is_not_read(shop: FakeShop) -> None:
    assert send(store(), note="x" * (1024 * 1024)).status_code == 413


def test_a_burst_is_worked_by_one_ring(shop: FakeShop, shelf: Shelf, rings: list[Any]) -> None:
    shop.page_size = 50
    shop.orders = [order(str(n), timezone.now() - timedelta(days=200)) for n in range(20)]
    connection = store()
    for number in range(20):
        send(connection, event=f"e-{number}", id=str(number))
    tasks.handle_webhooks(connection.pk)

    assert len(shelf.stored) == 20
    assert [verb for verb in shop.verbs() if verb == "pull_orders"] == ["pull_orders"]
    assert WebhookEvent.objects.filter(handled_at=None).count() == 0


def test_news_without_an_id_makes_the_stream_due(shop: FakeShop, shelf: Shelf, rings: list[Any]) -> None:
    connection = store()
    send(connection, id="", stream="orders.new")
    later = timezone.now() + timedelta(hours=1)
    SyncStream.objects.filter(name="orders.new").update(due_at=later)
    tasks.handle_webhooks(connection.pk)
    assert SyncRun.objects.get().stream == "orders.new"


def test_a_paused_store_keeps_its_events_until_it_goes_on(
    shop: FakeShop, shelf: Shelf, rings: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    shop.orders = [order("5")]
    connection = store()
    services.pause(connection=connection)
    assert send(connection).status_code == 202
    tasks.handle_webhooks(connection.pk)
    assert shelf.stored == {}

    services.resume(connection=connection)
    database.run_on_commit.clear()  # the rings so far were lost
    with django_capture_on_commit_callbacks(execute=True):
        tasks.tick("orders")  # the sweep finds it
    assert ("handle_webhooks", connection.pk) in rings
    tasks.handle_webhooks(connection.pk)
    assert list(shelf.stored) == ["5"]


def test_old_events_are_deleted_and_open_ones_are_not(shop: FakeShop) -> None:
    connection = store()
    long_ago = timezone.now() - timedelta(days=31)
    for number, handled in enumerate([long_ago, timezone.now(), None]):
        WebhookEvent.objects.create(
            connection=connection, event_id=str(number), topic="x", stream="x", handled_at=handled,
            received_at=long_ago,
        )  # fmt: skip
    assert webhooks.prune() == 1
    assert sorted(WebhookEvent.objects.values_list("event_id", flat=True)) == ["1", "2"]

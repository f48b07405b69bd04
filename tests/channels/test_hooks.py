"""Outgoing webhooks: found in what is stored anyway, signed, retried, sent again, switched off after long failure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import responses
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from channels.models import HookDelivery, HookSubscription, OutboxMessage
from channels.ops.hooks import collecting, sending, subscriptions
from channels.ops.hooks.sources import switched_off
from channels.ops.hooks.subscriptions import HookError
from inventory.services import adjust
from oms.kit import problems
from oms.kit.api import signatures
from oms.kit.authors.actors import SYSTEM
from oms.kit.models import AuditEntry
from orders.models import Order
from orders.services import packing
from tests import factories
from tests.admin import desk_data

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-USE-02")]

URL = "https://hooks.example/orders"
PAGE = "/admin/integrations/outgoing-webhooks/"
ALL = ["order.created", "order.status_changed", "stock.changed", "problem.raised"]


@pytest.fixture(autouse=True)
def _public(monkeypatch) -> None:
    monkeypatch.setattr("channels.http.ssrf.resolve", lambda host, port: ["93.184.216.34"])


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def hook(*events: str) -> HookSubscription:
    return subscriptions.create(name="ERP", url=URL, events=events or ALL, by=SYSTEM)[0]


def found(row: HookSubscription) -> list[str]:
    collecting.collect()
    return list(row.deliveries.order_by("pk").values_list("event", flat=True))


def bodies(web: responses.RequestsMock) -> list[dict[str, Any]]:
    return [json.loads(call.request.body or b"") for call in web.calls]


def test_without_a_subscription_the_sweep_is_one_statement():
    with CaptureQueriesContext(database) as asked:
        collecting.collect()
    assert len(asked) == 1


def test_an_order_its_status_and_its_stock_are_found_once(web):
    store = desk_data.shop()
    row = hook()
    assert found(row) == []
    order = desk_data.order(store)
    packing.release([order.pk], by=SYSTEM)

    assert set(found(row)) == {"order.created", "order.status_changed", "stock.changed"}
    before = row.deliveries.count()
    assert len(found(row)) == before  # read again, and nothing new
    web.post(URL, status=204)
    assert sending.send_due(row.pk) is False

    sent = {one["type"]: one["data"] for one in bodies(web)}
    assert (sent["order.created"]["number"], sent["order.created"]["store"]["name"]) == (
        order.number,
        store.name,
    )
    assert sent["order.status_changed"]["to_status"] == Order.objects.get().status
    assert "customer" not in json.dumps(sent)
    assert set(row.deliveries.values_list("state", flat=True)) == {"sent"}


def test_stock_and_problems_are_found_with_their_present_figures(web):
    factories.stocked("MUG", leeds=4)
    row = hook("stock.changed", "problem.raised")
    mug, leeds = factories.variant("MUG"), factories.warehouse()
    for _time in range(2):
        adjust.adjust(variant=mug, warehouse=leeds, delta=-1, reason="broken", by=SYSTEM)
    problems.open_problems([problems.Fault("odd", "catalogue.variant", mug.pk, "Look at it.")])

    assert sorted(found(row)) == ["problem.raised", "stock.changed"]
    web.post(URL, status=200)
    sending.send_due(row.pk)
    sent = {one["type"]: one["data"] for one in bodies(web)}
    stock, problem = sent["stock.changed"], sent["problem.raised"]
    assert (stock["sku"], stock["warehouses"][0]["on_hand"]) == ("MUG", 2)
    assert (problem["code"], problem["text"], problem["is_open"]) == ("odd", "Look at it.", True)


def test_a_call_is_signed_and_has_the_same_id_when_it_is_repeated(web):
    row, secret = subscriptions.create(name="ERP", url=URL, events=["stock.changed"], by=SYSTEM)
    delivery = waiting(row)
    web.post(URL, status=500)
    sending.send_due(row.pk)
    HookDelivery.objects.update(not_before=None)
    HookSubscription.objects.update(not_before=None)
    web.replace("POST", URL, status=200)
    sending.send_due(row.pk)

    ids = {
        signatures.verify(
            [secret], {k.lower(): v for k, v in call.request.headers.items()}, call.request.body
        )
        for call in web.calls
    }
    assert ids == {f"{row.pk}-{delivery.key}"}
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.answer) == ("sent", 2, "")


def waiting(row: HookSubscription, key: str = "one") -> HookDelivery:
    mug = factories.stocked("MUG", leeds=4)
    return HookDelivery.objects.create(subscription=row, event="stock.changed", key=key, subject=mug.pk)


def test_a_dead_address_waits_and_a_refused_delivery_holds_up_no_other(web):
    row = hook("stock.changed")
    first, second = waiting(row, "one"), waiting(row, "two")
    web.post(URL, status=503)
    assert sending.send_due(row.pk) is False
    assert len(web.calls) == 1
    first.refresh_from_db()
    assert (first.state, first.attempts, first.status) == ("waiting", 1, 503)
    row.refresh_from_db()
    assert row.failing_since is not None

    HookSubscription.objects.update(not_before=None)
    HookDelivery.objects.filter(pk=first.pk).update(not_before=None)
    web.replace("POST", URL, status=422)
    sending.send_due(row.pk)
    second.refresh_from_db()
    assert (len(web.calls), second.status) == (3, 422)
    HookDelivery.objects.update(attempts=11, not_before=None)
    sending.send_due(row.pk)
    assert set(row.deliveries.values_list("state", flat=True)) == {"failed"}


@pytest.mark.parametrize(
    ("status", "days", "reason"), [(500, 3, "It only failed for three days"), (410, 0, "HTTP 410")]
)
def test_long_failure_switches_it_off_with_an_alert(web, status, days, reason):
    row = hook("stock.changed")
    waiting(row)
    HookSubscription.objects.update(failing_since=timezone.now() - timedelta(days=days))
    web.post(URL, status=status)
    sending.send_due(row.pk)

    row.refresh_from_db()
    assert (row.is_active, reason in row.off_reason) == (False, True)
    (cause,) = switched_off()
    assert "ERP was switched off" in cause.text
    assert sending.send_due(row.pk) is False
    subscriptions.switch(subscription=row, is_on=True, by=SYSTEM)
    assert list(switched_off()) == []


def test_what_a_delivery_is_about_may_be_gone(web):
    row = hook("stock.changed")
    HookDelivery.objects.create(subscription=row, event="stock.changed", key="x", subject=999_999)
    sending.send_due(row.pk)
    assert (len(web.calls), row.deliveries.get().state) == (0, "failed")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"url": "http://hooks.example"}, "begins with https"),
        ({"url": "https://10.0.0.1/x"}, "private address"),
        ({"events": ["nothing"]}, "at least one event"),
        ({"name": " "}, "Enter a name"),
    ],
)
def test_a_wrong_subscription_is_one_sentence(fields, error):
    with pytest.raises(HookError, match=error):
        subscriptions.create(**{"name": "ERP", "url": URL, "events": ALL, "by": SYSTEM, **fields})


def test_the_cursor_passes_rows_that_are_no_events():
    row = hook("order.created")
    collecting.collect()
    HookSubscription.objects.update(
        cursors={**HookSubscription.objects.get().cursors, "order.created/order_event:mark": [7, 0]}
    )
    collecting.collect()
    assert HookSubscription.objects.get(pk=row.pk).cursors["order.created/order_event"] == 7


def test_the_page_makes_one_shows_its_secret_once_tests_replays_and_deletes(
    web, client: Client, django_user_model
):
    client.force_login(django_user_model.objects.create_superuser("owner"))
    assert "No outgoing webhooks." in client.get(PAGE).content.decode()
    text = client.post(
        f"{PAGE}new/", {"name": "ERP", "url": URL, "events": ["stock.changed"]}
    ).content.decode()
    (secret,) = re.findall(r"whsec_[\w+/=]+", text)
    row = HookSubscription.objects.get()
    page = f"{PAGE}{row.pk}/"
    assert secret not in client.get(page).content.decode()
    assert secret not in repr(row.secrets)

    web.post(URL, status=200)
    assert "The test was sent and taken." in client.post(page, {"what": "test"}, follow=True).content.decode()
    assert bodies(web)[0]["type"] == "test"
    assert (
        "There is nothing to send again."
        in client.post(page, {"what": "replay"}, follow=True).content.decode()
    )
    delivery = waiting(row)
    HookDelivery.objects.filter(pk=delivery.pk).update(state="failed")
    answer = client.post(page, {"what": "replay", "delivery": delivery.pk}, follow=True).content.decode()
    assert "1 deliveries are sent again" in answer
    new = client.post(page, {"what": "secret"}).content.decode()
    assert secret not in new
    assert "whsec_" in new
    client.post(page, {"what": "change", "name": "Stock", "url": URL, "events": ["stock.changed"]})
    client.post(page, {"what": "off"})
    row.refresh_from_db()
    assert (row.name, row.is_active) == ("Stock", False)
    assert "with its log?" in client.post(page, {"what": "delete"}).content.decode()
    assert HookSubscription.objects.count() == 1
    client.post(page, {"what": "delete", "confirmed": "1"})

    assert HookSubscription.objects.count() == 0
    assert client.post(page, {"what": "show"}).status_code == 404
    written = AuditEntry.objects.filter(action__startswith="hook.", author_name="owner")
    assert {
        "hook.created",
        "hook.replayed",
        "hook.secret",
        "hook.changed",
        "hook.off",
        "hook.deleted",
    } <= set(written.values_list("action", flat=True))
    assert OutboxMessage.objects.count() == 0

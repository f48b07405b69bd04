"""Limits, errors and webhooks of BigCommerce (`bigcommerce.md` §2, §8)."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from django.core.cache import cache

from channels.connectors.bigcommerce.auth import webhook_signature
from channels.connectors.bigcommerce.sandbox.api import CLIENT_SECRET
from channels.contract.errors import AuthError, RateLimited, Rejected, TemporaryError
from channels.contract.records.pages import PullQuery
from channels.contract.spec import Stream
from channels.sandbox.server import Response
from tests.channels.bigcommerce import connected


@pytest.fixture
def running(serve_bigcommerce):
    return serve_bigcommerce()


@pytest.fixture(autouse=True)
def _nothing_believed():
    cache.clear()


# ---------------------------------------------------------------- limits and errors


def test_429_with_headers_waits_for_the_window_and_without_them_backs_off(serve_bigcommerce):
    running = serve_bigcommerce(quota=3)
    adapter = connected(running)
    adapter.pull_statuses()  # two calls
    with pytest.raises(RateLimited) as caught:
        connected(running).verify()
    assert 0 < caught.value.retry_after <= 31

    running.sandbox.configure(quota=0)
    running.sandbox.handle = lambda request: Response.json({"status": 429, "title": "slow"}, 429)
    with pytest.raises(TemporaryError, match="under load"):
        adapter.pull_statuses()


def test_the_quota_is_read_from_every_answer(serve_bigcommerce, monkeypatch):
    running = serve_bigcommerce(quota=450)
    adapter = connected(running)
    told: list[Any] = []
    monkeypatch.setattr(
        type(adapter.client.session), "correct_budget", lambda self, **given: told.append(given)
    )

    adapter.pull_statuses()

    assert 29 < told[-1].pop("full_in") <= 30
    assert told[-1] == {"remaining": 448.0, "capacity": 450.0, "per_second": 15.0}


def test_maintenance_is_marked_and_a_dead_token_asks_for_the_seller(running):
    running.sandbox.configure(maintenance=True)
    with pytest.raises(TemporaryError) as caught:
        connected(running).pull_orders(PullQuery())
    assert caught.value.maintenance is True
    running.sandbox.configure(maintenance=False, revoked=True)
    with pytest.raises(AuthError, match="reconnect with a new one"):
        connected(running).pull_orders(PullQuery())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'[{"status":400,"message":"The field is bad."}]', "The field is bad."),
        (b'{"status":422,"title":"Wrong.","errors":{"name":"too long"}}', "Wrong; too long."),
        (b"<html>", "it gave no reason."),
        (b"", "it gave no reason."),
        (b'{"batch_errors":[{"title":"Variant 5 was not found","errors":{}}]}', "Variant 5 was not found."),
        (b'"odd"', "it gave no reason."),
    ],
)
def test_errors_of_both_versions_are_read(running, body, words):
    running.sandbox.handle = lambda request: Response(400, body, {"Content-Type": "application/json"})

    with pytest.raises(Rejected) as caught:
        connected(running).pull_statuses()

    assert str(caught.value) == f"BigCommerce refused: {words}"


# ---------------------------------------------------------------- webhooks

HOOK = "https://oms.example.com/hooks/bigcommerce/1/"
SECRET = "s" * 32


@pytest.mark.req("R-CONN-01")
def test_hooks_are_made_once_woken_when_idle_and_made_anew(serve_bigcommerce):
    running = serve_bigcommerce(strict_hooks=True)
    adapter, hooks = connected(running), running.sandbox.shop.hooks
    adapter.register_webhooks(HOOK, SECRET)
    count = len(hooks)
    adapter.register_webhooks(HOOK, SECRET)
    assert len(hooks) == count == 10
    running.sandbox.idle()

    adapter.register_webhooks(HOOK, SECRET)
    assert all(hook["is_active"] for hook in hooks.values())
    hooks.clear()
    adapter.register_webhooks(HOOK, SECRET)

    assert len(hooks) == 10
    with pytest.raises(Rejected, match="443"):
        connected(running).register_webhooks("http://oms.example.com:8000/", SECRET)


def event(running: Any, scope: str = "store/order/created", **more: Any) -> bytes:
    content = {
        "producer": f"stores/{running.sandbox.store_hash}",
        "scope": scope,
        "hash": "h1",
        "data": {"type": "order", "id": 118},
    }
    return json.dumps({**content, **more}).encode()


def signed(body: bytes, *, secret: str = CLIENT_SECRET, age: int = 0) -> dict[str, str]:
    at = str(int(time.time()) - age)
    return {
        "X-OMS-Secret": SECRET, "webhook-id": "h1", "webhook-timestamp": at,
        "webhook-signature": f"v1,bad {webhook_signature(secret, 'h1', at, body)}",
    }  # fmt: skip


def test_a_genuine_call_is_news_of_one_order(running):
    adapter, body = connected(running), event(running)

    for headers in (signed(body), {"x-oms-secret": SECRET}):  # the older kind has no signature
        [record] = adapter.read_webhook(headers, body, SECRET)
        assert (record.event_id, record.stream, record.external_id) == ("h1", Stream.ORDERS_NEW, "118")
    [record] = adapter.read_webhook(signed(b := event(running, "store/order/statusUpdated")), b, SECRET)
    assert record.stream == Stream.ORDERS_CHANGED


def test_forged_stale_and_foreign_calls_are_refused(running):
    adapter, body = connected(running), event(running)
    foreign = event(running, producer="stores/other1")
    cases = [
        (signed(body, secret="wrong"), body), (signed(body, age=400), body), (signed(body), body + b" "),
        ({**signed(body), "X-OMS-Secret": "x"}, body), ({}, body), (signed(foreign), foreign),
    ]  # fmt: skip
    for headers, content in cases:
        with pytest.raises(Rejected):
            adapter.read_webhook(headers, content, SECRET)


@pytest.mark.req("R-CAT-07")
def test_products_wake_nobody_unless_the_store_takes_their_changes(running):
    body = event(running, "store/product/updated")

    assert connected(running).read_webhook(signed(body), body, SECRET) == []
    taking = connected(running, options={"auto_update_products": True})
    [record] = taking.read_webhook(signed(body), body, SECRET)
    assert (record.stream, record.external_id) == (Stream.PRODUCTS, "118")

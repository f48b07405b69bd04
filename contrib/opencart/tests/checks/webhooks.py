"""The shop calls out."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

from checks.harness import LISTEN_HOST, SECRET, Listener, buy, check, hook, item, refused, same, state


@check
def webhook_settings() -> None:
    listener = Listener(silent=True)
    try:
        first = hook(listener.url, ["order.created"])
        same({"id", "url", "events"}, set(first), "answer")
        second = hook(listener.url, ["order.created", "order.updated"])
        same(
            (first["id"], ["order.created", "order.updated"]),
            (second["id"], second["events"]),
            "same address, same id",
        )
        refused(
            422,
            "invalid",
            "events",
            "webhook_set",
            {"url": listener.url, "events": ["order.eaten"], "secret": SECRET},
        )
        refused(
            422,
            "invalid",
            "secret",
            "webhook_set",
            {"url": listener.url, "events": ["order.created"], "secret": "short"},
        )
        refused(
            422,
            "invalid",
            "url",
            "webhook_set",
            {"url": "ftp://x/", "events": ["order.created"], "secret": SECRET},
        )
    finally:
        hook(listener.url, [])
        listener.close()


@check
def webhook_on_order() -> Any:
    listener = Listener()
    try:
        hook(listener.url, ["order.created", "order.updated"])
        began = time.time()
        order = buy(state["simple"])
        got = listener.wait()
        same(1, len(got), "events")
        at, headers, body = got[0]
        event = json.loads(body)
        same({"id", "event", "order_id", "from", "to", "at"}, set(event), "fields")
        same(
            ("order.created", order["order_id"], 0, order["status"]["id"]),
            (event["event"], event["order_id"], event["from"], event["to"]),
            "event",
        )
        same(
            (hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest(), "order.created"),
            (headers["x-oms-signature"], headers["x-oms-event"]),
            "headers",
        )
        item("order_history", order_id=order["order_id"], order_status_id=7)
        time.sleep(0.5)
        same(1, len(listener.got), "our own write wakes nobody")
        return {"checkout_and_event_seconds": round(at - began, 2)}
    finally:
        hook(listener.url, [])
        listener.close()


@check
def checkout_survives_a_dead_webhook() -> Any:
    silent = Listener(silent=True)
    closed = f"http://{LISTEN_HOST}:1/hook"
    plain = time.monotonic()
    buy(state["simple"])
    plain = time.monotonic() - plain
    try:
        hook(silent.url, ["order.created"])
        hook(closed, ["order.created"])
        began = time.monotonic()
        order = buy(state["simple"])
        took = time.monotonic() - began
        same(True, took < plain + 2.5, f"checkout took {took:.2f} s, without webhooks {plain:.2f} s")
        same(state["ping"]["new_order_status"], order["status"]["id"], "order")
        return {"with_dead_webhooks": round(took, 2), "without": round(plain, 2)}
    finally:
        hook(silent.url, [])
        hook(closed, [])
        silent.close()

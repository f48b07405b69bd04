"""Channels tell their news in the background: who calls them never waits for a receiver."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import SimpleQueue
from typing import Any

import pytest
import requests

from channels.connectors.bigcommerce.sandbox.api import HOOK_TIMEOUT


@pytest.fixture
def slow_receiver() -> Iterator[tuple[str, threading.Event, SimpleQueue[bool]]]:
    """Its address; it answers when the event is set, or not at all, and notes which of the two."""
    may_answer, was_let_go = threading.Event(), SimpleQueue[bool]()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            was_let_go.put(may_answer.wait(HOOK_TIMEOUT / 2))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Silent."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", may_answer, was_let_go
    finally:
        may_answer.set()
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_buyer_at_bigcommerce_does_not_wait_for_the_receiver_of_its_news(serve_bigcommerce, slow_receiver):
    """Measured before: a receiver whose name was looked up for 5 s held each eighteenth call, and so every benchmark."""
    url, may_answer, was_let_go = slow_receiver
    running = serve_bigcommerce(seed="demo")
    shop = running.sandbox.shop
    shop.hooks[1] = {
        "id": 1,
        "scope": "store/order/created",
        "destination": url,
        "is_active": True,
        "headers": {},
    }

    product = next(iter(shop.products))
    answer = requests.post(f"{running.url}/_sandbox/buy", json={"product_id": product}, timeout=30)
    assert answer.status_code == 200
    may_answer.set()

    assert was_let_go.get(timeout=10), "the buyer was answered first"

"""Etsy sandboxes over real HTTP, and stores connected to them that need no database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from channels.connectors.etsy.adapter import EtsyAdapter
from channels.connectors.etsy.sandbox import make_sandbox
from channels.models import Budget, Connection, SyncStream
from channels.pull import runner
from channels.push import dispatcher
from channels.sandbox.server import Running
from channels.stores import services
from channels.stores.connect import set_up
from channels.workers.enqueue import LANES
from tests import factories
from tests.support.shops import unsaved_store

MUG = {"sku": "MUG", "price": "12.50", "quantity": 8}


@contextmanager
def shop(seed: str = "empty", **options: Any) -> Iterator[Running]:
    with make_sandbox(seed=seed, **options).serve() as running:
        yield running


def placed(running: Running, *, ago: float = 0, status: str = "", **options: Any) -> int:
    """Place an order as a buyer, `ago` seconds ago; return its id."""
    order_id: int = running.sandbox.place_order(moment=time.time() - ago, **options)["order_id"]
    if status:
        receipt = running.sandbox.shop.receipts[str(order_id)]
        running.sandbox.shop.move(receipt, status)
    return order_id


def connected(running: Running, **fields: Any) -> EtsyAdapter:
    return EtsyAdapter(unsaved_store(running, channel="etsy", **fields))


def adapter_of(store: Connection) -> EtsyAdapter:
    """Return the adapter of a saved store, as the engine creates it."""
    adapter = runner.adapter_of(store)
    assert isinstance(adapter, EtsyAdapter)
    return adapter


def connected_store(running: Running, name: str = "Etsy shop", **fields: Any) -> Connection:
    """Return a saved store, set up as after connecting, with a request limit that is never reached."""
    account = {"extra": {"shop_id": running.sandbox.shop.settings["shop_id"]}}
    store = factories.store(
        name,
        channel="etsy",
        credentials=running.credentials,
        currency=running.sandbox.shop.settings["currency"],
        account=account,
        fingerprint=str(running.sandbox.shop.settings["shop_id"]),
        **fields,
    )
    set_up(store, runner.adapter_of(store).pull_statuses())
    Budget.objects.filter(pk=store.pk).update(capacity=10_000, per_second=10_000, tokens=10_000)
    return store


def remote(running: Running, sku: str) -> tuple[str, int]:
    """Return the state and the quantity of the listing that has this SKU."""
    listing, product = running.sandbox.shop.find_product(sku)
    return listing["state"], product["offerings"][0]["quantity"]


def asked(running: Running, method: str, part: str) -> list[str]:
    """Return the targets of the calls of this method that contain `part`."""
    rows = running.sandbox.requests
    return [row["target"] for row in rows if row["method"] == method and part in row["target"]]


def read(store: Connection, stream: str = "orders.new") -> None:
    """Import one of the store's streams now, to its end."""
    services.refresh_now(connection=store, stream=stream)
    while runner.run_stream(SyncStream.objects.get(connection=store, name=stream).pk):
        pass


def send(store: Connection) -> None:
    """Send all waiting messages of the store, lane by lane."""
    for lane in LANES:
        while dispatcher.dispatch(store.pk, lane):
            pass

"""The engine's tests ask for `engine`: the fake channel, and no sleeping."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from channels.http import session
from channels.models import Connection
from channels.pull import streams
from channels.pull.streams import Counts
from channels.push import dispatcher, outbox
from channels.workers import enqueue, failures, heartbeat
from oms.kit.background import jobs
from tests.channels import fakes


class Shelf:
    """A sink that keeps what it was given, and fails where it is told to."""

    def __init__(self) -> None:
        self.stored: dict[str, Any] = {}
        self.pages: list[list[str]] = []
        self.poison: set[str] = set()
        self.errors: list[Exception] = []

    def __call__(self, connection: Connection, records: Any, run: Any) -> Counts:
        ids = [record.external_id for record in records]
        self.pages.append(ids)
        if self.errors:
            raise self.errors.pop(0)
        for record in records:
            if record.external_id in self.poison:
                raise BadRecord(f"{record.external_id} has no currency.")
        new = [external_id for external_id in ids if external_id not in self.stored]
        self.stored.update({record.external_id: record for record in records})
        return Counts(new=len(new), changed=len(ids) - len(new))


class BadRecord(Exception):
    """A sink's own complaint, in a sentence."""


@pytest.fixture
def fake_channel() -> Iterator[None]:
    before = fakes.install(fakes.make_spec())
    sinks, handlers, subjects = dict(streams._sinks), dict(outbox._handlers), dict(outbox._subjects)
    fakes.SHOPS.clear()
    yield
    fakes.uninstall(before)
    registries: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
        (streams._sinks, sinks),
        (outbox._handlers, handlers),
        (outbox._subjects, subjects),
    )
    for registry, kept in registries:
        registry.clear()
        registry.update(kept)


@pytest.fixture
def shop(engine: None) -> fakes.FakeShop:
    return fakes.SHOPS.setdefault("shop-1", fakes.FakeShop())


@pytest.fixture
def shelf(engine: None) -> Shelf:
    """One sink for every kind of record but statuses."""
    kept = Shelf()
    for name in ("categories", "brands", "attributes", "products"):
        streams.register_sink(name, kept)
    for name in ("orders.new", "orders.changed", "orders.cancelled", "orders.history"):
        streams.register_sink(name, kept)
    return kept


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was put on the queue: (function, ids...)."""
    rung: list[tuple[Any, ...]] = []

    def send(function: str, *args: Any, lane: str) -> None:
        rung.append((function, *args))

    monkeypatch.setattr(enqueue, "send_task", send)
    return rung


@pytest.fixture
def engine(fake_channel: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What every test of the engine stands on."""

    def never(seconds: float) -> None:
        raise AssertionError(f"a test would have slept for {seconds} s")

    for module in (session, dispatcher, jobs):
        monkeypatch.setattr(module, "_sleep", never)
    monkeypatch.setattr(failures, "_random", lambda: 0.0)
    monkeypatch.setattr(heartbeat, "_last_beat", {})


@pytest.fixture
def serve_bigcommerce() -> Iterator[Any]:
    """Start BigCommerce sandboxes: `serve_bigcommerce()` an empty one, `serve_bigcommerce(seed="demo", quota=150)` ..."""
    from channels.connectors.bigcommerce.sandbox import make_sandbox

    with ExitStack() as stack:

        def start(*, seed: str = "empty", **options: Any) -> Any:
            return stack.enter_context(make_sandbox(seed=seed, **options).serve())

        yield start

"""Etsy shops to talk to over real HTTP, and stores connected to them that need no database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from channels.etsy.adapter import EtsyAdapter
from channels.etsy.sandbox import make_sandbox
from channels.sandbox import Running
from tests.support.shops import unsaved_store

MUG = {"sku": "MUG", "price": "12.50", "quantity": 8}


@contextmanager
def shop(seed: str = "empty", **options: Any) -> Iterator[Running]:
    with make_sandbox(seed=seed, **options).serve() as running:
        yield running


def connected(running: Running, **fields: Any) -> EtsyAdapter:
    return EtsyAdapter(unsaved_store(running, channel="etsy", **fields))


def asked(running: Running, method: str, part: str) -> list[str]:
    """Targets of the calls of this method whose target holds `part`."""
    rows = running.sandbox.requests
    return [row["target"] for row in rows if row["method"] == method and part in row["target"]]

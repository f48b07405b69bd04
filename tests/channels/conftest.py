"""Shops to talk to, over real HTTP on this machine, and stores connected to them that need no database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from channels.models import Connection
from channels.opencart.adapter import OpenCartAdapter
from channels.opencart.sandbox import make_sandbox
from channels.sandbox import Running


def unsaved_store(running: Running, *, channel: str = "opencart", **fields: Any) -> Connection:
    """A store of that sandbox that is not stored: no budget, no call log. Settings go into `options`."""
    fields.setdefault("currency", "EUR")
    fields.setdefault("time_zone", "Europe/Berlin")
    credentials = {**running.credentials, **fields.pop("credentials", {})}
    return Connection(channel=channel, name="Shop", credentials=credentials, **fields)


@pytest.fixture
def serve() -> Iterator[Callable[..., Running]]:
    """Start OpenCart sandboxes: `serve()` an empty one, `serve(seed="demo", timezone="UTC")` and so on."""
    with ExitStack() as stack:

        def start(*, seed: str = "empty", **options: Any) -> Running:
            return stack.enter_context(make_sandbox(seed=seed, **options).serve())

        yield start


@pytest.fixture
def shop(serve: Callable[..., Running]) -> Running:
    """An empty OpenCart shop with our extension."""
    return serve()


@pytest.fixture
def adapter(shop: Running) -> OpenCartAdapter:
    """The adapter of a store connected to `shop`."""
    return OpenCartAdapter(unsaved_store(shop))

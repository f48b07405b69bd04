"""Sandboxes over real HTTP on this machine, and stores connected to them that need no database.

Fixtures for every test: `serve_opencart` starts sandboxes, `opencart` is an empty one, `opencart_adapter` its adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from channels.sandbox.server import Running


def unsaved_store(running: Running, *, channel: str = "opencart", **fields: Any) -> Any:
    """Return an unsaved `Connection` to a sandbox: without budget and call log. Settings go into `options`."""
    from channels.models import Connection

    fields.setdefault("currency", "EUR")
    fields.setdefault("time_zone", "Europe/Berlin")
    credentials = {**running.credentials, **fields.pop("credentials", {})}
    return Connection(channel=channel, name="Shop", credentials=credentials, **fields)


@pytest.fixture
def serve_opencart() -> Iterator[Callable[..., Running]]:
    """Start OpenCart sandboxes: `serve_opencart()` an empty one, `serve_opencart(seed="demo", timezone="UTC")` ..."""
    from channels.connectors.opencart.sandbox import make_sandbox

    with ExitStack() as stack:

        def start(*, seed: str = "empty", **options: Any) -> Running:
            return stack.enter_context(make_sandbox(seed=seed, **options).serve())

        yield start


@pytest.fixture
def opencart(serve_opencart: Callable[..., Running]) -> Running:
    """An empty OpenCart shop with the Manifold extension."""
    return serve_opencart()


@pytest.fixture
def opencart_adapter(opencart: Running) -> Any:
    """The adapter of a store connected to `opencart`."""
    from channels.connectors.opencart.adapter import OpenCartAdapter

    return OpenCartAdapter(unsaved_store(opencart))

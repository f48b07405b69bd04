"""Fixtures of the pages' tests: the sandboxes of all channels, and a signed-in owner."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from channels.contract.registry import specs
from channels.sandbox.server import Running


@pytest.fixture
def serve() -> Iterator[Any]:
    contexts: list[Any] = []

    def start(channel: str) -> Running:
        context = specs()[channel].make_sandbox(seed="demo").serve()
        contexts.append(context)
        running: Running = context.__enter__()
        return running

    yield start
    for context in reversed(contexts):
        context.__exit__(None, None, None)


@pytest.fixture
def owner(client: Client, django_user_model: Any) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client

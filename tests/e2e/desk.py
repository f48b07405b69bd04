"""A connected OpenCart sandbox that pushes, for the browser tests of the desk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.utils import timezone
from playwright.sync_api import Page

from channels.models import Connection, SyncStream
from channels.stores import connect, services
from tests.e2e.shop import sandbox, work


@contextmanager
def pushing_shop(page: Page) -> Iterator[tuple[Any, Connection]]:
    """(sandbox, store): connected by keys, its first sync done, sending switched on."""
    page.goto("about:blank")
    with sandbox() as (shop, running):
        store = connect.connect(
            channel="opencart",
            name="UK shop",
            credentials={"domain_url": running.url, "secret_key": running.secret_key},
        )
        work(page)
        services.switch_on(connection=store)
        work(page)
        yield shop, Connection.objects.get(pk=store.pk)


def poll(page: Page, store: Connection) -> None:
    """What the five-minute schedule does: read the new orders now."""
    SyncStream.objects.filter(connection=store, name="orders.new").update(due_at=timezone.now())
    work(page)

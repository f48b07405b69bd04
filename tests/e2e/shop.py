"""What the browser tests of a store need: a sandbox shop over HTTP, and the queue's work done by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Page

from channels.connectors.opencart.sandbox import make_sandbox
from channels.contract.spec import Lane
from channels.models import Connection, SyncStream
from channels.pull import runner
from channels.push import dispatcher
from oms.kit.background import jobs
from oms.kit.models import Job

STORES = "/admin/integrations/ecommerce-sales-channels/"


@contextmanager
def sandbox(**options: Any) -> Iterator[tuple[Any, Any]]:
    """(shop, running) of an OpenCart sandbox on a free port."""
    shop = make_sandbox(**options)
    with shop.serve() as running:
        yield shop, running


def work(page: Page, *, slices: int = 200) -> int:
    """Do what the worker clusters would do, at most so many slices; returns how many there were.

    The page is put aside meanwhile: the SQLite of the tests has one connection for browser and worker.
    """
    address = page.url
    page.goto("about:blank")
    done = 0
    while done < slices:
        due = [lambda pk=job.pk: jobs.work(pk) for job in Job.objects.due()]
        for lane in Lane:
            due += [
                lambda pk=pk: runner.run_stream(pk)
                for pk in SyncStream.objects.due(lane).values_list("pk", flat=True)
            ]
        if not due:
            break
        for step in due[: slices - done]:
            step()
            done += 1
    for store in Connection.objects.active():
        for lane in Lane:
            while store.may_push and dispatcher.dispatch(store.pk, str(lane)):
                done += 1
    page.goto(address)
    return done


def connect(page: Page, running: Any, *, name: str = "UK shop", key: str = "") -> None:
    """Through the wizard to the first sync."""
    page.goto(STORES)
    page.get_by_role("link", name="Connect store").first.click()
    page.get_by_role("link", name="Connect OpenCart").click()
    page.get_by_label("Display name").fill(name)
    page.get_by_label("Domain URL").fill(running.url)
    page.get_by_label("Secret key").fill(key or running.secret_key)
    page.get_by_role("button", name="Connect store").click()

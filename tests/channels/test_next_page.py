"""While a page is stored the next one is on its way, and nothing else changes (docs/adr/0005-prefetch.md)."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.utils import timezone

from channels.contract.errors import TemporaryError
from channels.contract.records.pages import Page, PullQuery
from channels.http import call_log, rate_limit
from channels.models import Budget, CallLog, Connection, SyncRun, SyncStream
from channels.pull import prefetch, runner, streams
from tests.channels.conftest import Shelf
from tests.channels.fakes import FakeShop, store
from tests.channels.test_sync import due, recent

ENGINE = pytest.mark.usefixtures("engine", "rings")


class Watch:
    """What happened, in order: pages asked for (and by which thread), pages stored."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, shelf: Shelf) -> None:
        self.seen: list[str] = []
        self.asked = threading.Event()
        self.threads: set[str] = set()
        real = streams.pull

        def pull(adapter: Any, name: str, query: Any, page: str | None) -> Any:
            self.seen.append(f"ask {page}")
            self.threads.add(threading.current_thread().name.partition("_")[0])
            rate_limit.take(adapter.connection.pk)
            call_log.add(
                CallLog(connection_id=adapter.connection.pk, at=timezone.now(), method="GET", url="/")
            )
            self.asked.set()
            return real(adapter, name, query, page)

        def sink(connection: Connection, records: Any, run: SyncRun) -> Any:
            self.asked.wait(5)  # the next call is made while this transaction is open
            self.asked.clear()
            self.seen.append(f"store {records[0].external_id}")
            return shelf(connection, records, run)

        monkeypatch.setattr(streams, "pull", pull)
        streams.register_sink("orders.changed", sink)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch, shelf: Shelf) -> Watch:
    return Watch(monkeypatch, shelf)


@pytest.mark.db
@pytest.mark.django_db(transaction=True)
@ENGINE
@pytest.mark.req("R-CONN-08", "R-ORD-06")
def test_the_next_page_is_asked_for_before_this_one_is_stored(
    shop: FakeShop, shelf: Shelf, watch: Watch
) -> None:
    shop.orders = recent(6)
    connection = store()
    Budget.objects.filter(pk=connection.pk).update(capacity=50, tokens=50, per_second=0.001)

    watch.asked.set()
    assert runner.run_stream(due(connection).pk) is False

    assert shelf.pages == [["000", "001"], ["002", "003"], ["004", "005"]]
    assert watch.seen.index("ask 001") < watch.seen.index("store 000")
    assert watch.seen.index("ask 003") < watch.seen.index("store 002")
    assert len([line for line in watch.seen if line.startswith("ask")]) == 3  # and none twice
    assert watch.threads == {"MainThread", "next-page"}
    assert CallLog.objects.count() == 3  # the helper's calls are in the log of the slice
    assert round(Budget.objects.get().tokens) == 47  # and in the store's budget
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("next-page")]


@pytest.mark.db
@pytest.mark.django_db(transaction=True)
@ENGINE
def test_a_fault_of_the_next_page_comes_after_this_one_is_stored_and_the_run_goes_on_there(
    shop: FakeShop, shelf: Shelf, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.orders = recent(6)
    stream = due(store())
    watched = streams.pull

    def broken(adapter: Any, name: str, query: Any, page: str | None) -> Any:
        if page == "001":
            watch.asked.set()
            raise TemporaryError("The shop fell over.")
        return watched(adapter, name, query, page)

    with monkeypatch.context() as patch:
        patch.setattr(streams, "pull", broken)
        runner.run_stream(stream.pk)

    run = SyncRun.objects.get()
    assert (shelf.pages, run.state, run.page, run.pages) == ([["000", "001"]], "running", "001", 1)
    SyncStream.objects.update(not_before=None)
    Connection.objects.update(blocked_until=None)
    watch.asked.set()
    runner.run_stream(stream.pk)
    assert shelf.pages == [["000", "001"], ["002", "003"], ["004", "005"]]
    assert SyncRun.objects.get().state == "done"


@pytest.mark.db
@pytest.mark.django_db(transaction=True)
@ENGINE
@pytest.mark.req("R-ORD-06")
def test_a_worker_that_lost_its_lease_stores_nothing_of_what_it_asked_ahead(
    shop: FakeShop, shelf: Shelf, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.orders = recent(6)
    stream = due(store())

    pulled = streams.pull

    def pull(adapter: Any, name: str, query: Any, page: str | None) -> Any:
        if page == "003":  # asked ahead while the second page waits to be stored
            SyncStream.objects.filter(pk=stream.pk).update(
                lease_token="another's", lease_until=timezone.now() + timedelta(minutes=2)
            )
        return pulled(adapter, name, query, page)

    monkeypatch.setattr(streams, "pull", pull)
    watch.asked.set()
    runner.run_stream(stream.pk)

    assert SyncRun.objects.get().pages == len(shelf.pages) <= 2
    assert "004" not in shelf.stored
    stream.refresh_from_db()
    assert stream.lease_token == "another's"


@pytest.mark.db
@pytest.mark.django_db(transaction=True)
@ENGINE
def test_a_slice_that_is_over_stores_what_is_on_its_way_and_asks_for_no_more(
    shop: FakeShop, shelf: Shelf, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.orders = recent(10)
    times = iter([0.0, 0.0, 100.0])
    monkeypatch.setattr(runner, "_clock", lambda: next(times, 100.0))

    watch.asked.set()
    assert runner.run_stream(due(store()).pk) is True

    assert shelf.pages == [["000", "001"], ["002", "003"]]
    assert [line for line in watch.seen if line.startswith("ask")] == ["ask None", "ask 001"]


@pytest.mark.django_db
@ENGINE
def test_inside_a_transaction_and_on_sqlite_each_page_is_asked_for_when_it_is_wanted(
    shop: FakeShop, shelf: Shelf, watch: Watch
) -> None:
    assert database.in_atomic_block
    shop.orders = recent(4)
    watch.asked.set()
    shelf_calls = watch.seen
    real = watch.asked.wait
    watch.asked.wait = lambda timeout=None: real(0)  # type: ignore[method-assign]

    runner.run_stream(due(store()).pk)

    assert shelf_calls == ["ask None", "store 000", "ask 001", "store 002"]
    assert watch.threads == {"MainThread"}


def test_a_page_that_was_not_asked_ahead_is_asked_for_now_and_what_was_is_thrown_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str | None] = []

    def pull(query: PullQuery, token: str | None) -> Page[Any]:
        asked.append(token)
        return Page([], token)

    monkeypatch.setattr(prefetch, "is_possible", lambda: True)
    with prefetch.pages(pull) as pages:
        pages.request(PullQuery(), "2")
        assert pages.is_requested
        assert pages.fetch(PullQuery(), "3").next_page == "3"
        is_asked = pages.is_requested
    assert (asked, is_asked) == (["2", "3"], False)

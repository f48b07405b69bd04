"""A shop that was away, and what somebody did in the middle of a send: nothing is given up, nothing waits for long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from channels.contract.errors import AuthError, Rejected, TemporaryError
from channels.contract.records.updates import Outcome
from channels.models import Connection, OutboxMessage, RejectedRecord, SyncStream
from channels.pull import runner, single_records, streams
from channels.push import dispatcher, outbox, results
from channels.push.topics import Topic
from channels.stores import connect, services
from channels.workers import failures
from tests.channels.conftest import Shelf
from tests.channels.fakes import FakeShop, order, store
from tests.channels.test_outbox import StockHandler, touch
from tests.channels.test_sync import due, recent

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine", "rings")]


@pytest.fixture
def stock() -> StockHandler:
    handler = StockHandler()
    outbox.register_handler(Topic.STOCK, handler)
    return handler


def away(connection: Connection, minutes: float) -> None:
    """The shop has not answered for so long."""
    since = timezone.now() - timedelta(minutes=minutes)
    Connection.objects.filter(pk=connection.pk).update(failing_since=since, failure="No answer.")
    connection.refresh_from_db()


# ---------------------------------------------------------------- a shop that was away


@pytest.mark.req("R-INV-01")
def test_what_waits_for_a_shop_that_was_away_leaves_as_soon_as_it_is_back(
    shop: FakeShop, stock: StockHandler, rings: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    connection = store()
    with django_capture_on_commit_callbacks(execute=True):
        touch(connection, 1)
    OutboxMessage.objects.update(attempts=9, not_before=timezone.now() + timedelta(hours=1))
    stream = SyncStream.objects.get(connection=connection, name="orders.changed")
    SyncStream.objects.filter(pk=stream.pk).update(
        failures=9, not_before=timezone.now() + timedelta(minutes=30)
    )
    away(connection, 90)
    assert dispatcher.dispatch(connection.pk, "stock") is False
    assert shop.stock == {}
    rings.clear()

    with django_capture_on_commit_callbacks(execute=True):
        failures.record_success(connection)  # a pull, say, has had its answer

    stream.refresh_from_db()
    assert stream.not_before is None
    assert sorted(rings) == [("drain", connection.pk, "stock"), ("pull", stream.pk)]
    dispatcher.dispatch(connection.pk, "stock")
    assert shop.stock == {"1": 0}


def test_a_fault_of_a_moment_leaves_every_wait_as_it_is(shop: FakeShop, stock: StockHandler) -> None:
    connection = store()
    touch(connection, 1)
    OutboxMessage.objects.update(attempts=3, not_before=timezone.now() + timedelta(minutes=1))
    away(connection, 5)

    failures.record_success(connection)

    assert OutboxMessage.objects.get().not_before is not None
    assert dispatcher.dispatch(connection.pk, "stock") is False
    assert stock.batches == []


def test_what_waits_for_a_step_of_the_channel_keeps_its_time(shop: FakeShop, stock: StockHandler) -> None:
    connection = store()
    touch(connection, 1)
    OutboxMessage.objects.update(
        attempts=3, step="queued 7", not_before=timezone.now() + timedelta(minutes=1)
    )
    away(connection, 90)

    failures.record_success(connection)

    assert OutboxMessage.objects.get().not_before is not None


def test_nothing_is_parked_because_a_shop_is_away_for_hours(shop: FakeShop, stock: StockHandler) -> None:
    connection = store()
    touch(connection, 1)
    for _attempt in range(12):
        away(connection, 60)
        shop.fail("push_stock", TemporaryError("No answer."))
        OutboxMessage.objects.update(not_before=None)
        dispatcher.dispatch(connection.pk, "stock")

    row = OutboxMessage.objects.get()
    assert (row.attempts, row.parked_at) == (12, None)
    assert row.not_before is not None
    assert row.not_before - timezone.now() <= timedelta(hours=1, minutes=15)


# ---------------------------------------------------------------- in the middle of a send


def test_what_changes_while_it_is_refused_is_sent_and_not_parked_with_it(
    shop: FakeShop, stock: StockHandler
) -> None:
    connection = store()
    touch(connection, 1)
    shop.refuse_stock_of = {"1"}

    def mended() -> None:
        touch(connection, 1)

    def accepts_it_now() -> None:
        shop.refuse_stock_of = set()

    stock.during += [mended, accepts_it_now]
    assert dispatcher.dispatch(connection.pk, "stock"), "the change is due, for the next slice"
    assert not dispatcher.dispatch(connection.pk, "stock")

    row = OutboxMessage.objects.get()
    assert (row.wanted, row.sent, row.parked_at) == (2, 2, None)
    assert (stock.batches, shop.stock) == ([[1], [1]], {"1": 0})


def test_a_refusal_of_what_it_still_is_parks_it(shop: FakeShop, stock: StockHandler) -> None:
    connection = store()
    touch(connection, 1, 2)
    shop.refuse_stock_of = {"1", "2"}
    stock.during.append(lambda: touch(connection, 2))

    dispatcher.dispatch(connection.pk, "stock")

    rows = OutboxMessage.objects.order_by("subject").values_list("subject", "wanted", "attempts", "parked_at")
    assert [(subject, wanted, attempts, at is not None) for subject, wanted, attempts, at in rows] == [
        (1, 1, 1, True),
        (2, 2, 1, True),  # tried a second time, as what it had become
    ]


def test_a_retry_in_the_middle_of_a_lease_that_is_released_breaks_nothing(
    shop: FakeShop, stock: StockHandler
) -> None:
    connection = store()
    touch(connection, 1, 2, 3)
    claim = dispatcher.lease(connection, "stock")
    services.retry(messages=[message.pk for message in claim])

    results.return_unsent(claim)

    assert set(OutboxMessage.objects.values_list("attempts", "lease_token")) == {(0, "")}


def test_an_answer_that_comes_after_the_lease_was_lost_writes_nothing(
    shop: FakeShop, stock: StockHandler
) -> None:
    connection = store()
    touch(connection, 1)
    [message] = dispatcher.lease(connection, "stock")
    OutboxMessage.objects.update(lease_token="another")

    results.finish([message], {str(message.pk): Outcome(str(message.pk), error=Rejected("No."))})

    row = OutboxMessage.objects.get()
    assert (row.parked_at, row.lease_token, row.last_error) == (None, "another", "")


@pytest.mark.req("R-CONN-09")
def test_a_refusal_of_the_old_key_does_not_stop_a_store_that_was_just_reconnected(
    shop: FakeShop, shelf: Shelf
) -> None:
    connection = store()
    at_work = Connection.objects.get(pk=connection.pk)
    shop.key = "right-key-0002"
    connect.reconnect(connection=connection, credentials={"key": "right-key-0002"})

    failures.record_failure(at_work, AuthError("The key was revoked."))

    connection.refresh_from_db()
    assert connection.state == "active"
    failures.record_failure(connection, AuthError("The key was revoked."))
    connection.refresh_from_db()
    assert (connection.state, connection.state_reason) == ("needs_seller", "The key was revoked.")


# ---------------------------------------------------------------- single records


@pytest.fixture
def falls_over_at(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Ids at which the shop falls over, whenever one of them is asked for."""
    ids: set[str] = set()
    pull = streams.pull

    def pulled(adapter: Any, name: str, query: Any, page: Any) -> Any:
        if ids.intersection(query.ids):
            raise TemporaryError("The shop fell over (500).")
        return pull(adapter, name, query, page)

    monkeypatch.setattr(streams, "pull", pulled)
    return ids


@pytest.mark.req("R-ORD-01")
def test_a_record_that_the_shop_cannot_give_keeps_no_other_order_away(
    shop: FakeShop, shelf: Shelf, falls_over_at: set[str]
) -> None:
    shop.orders = [order("old", timezone.now() - timedelta(days=300)), *recent(1)]
    falls_over_at.add("bad")
    connection = store()
    stream = due(connection)
    single_records.request_records(stream, ["bad", "old"])

    runner.run_stream(stream.pk)  # the shop may be away
    stream.refresh_from_db()
    assert (shelf.stored, stream.failures, stream.wanted_ids) == ({}, 1, ["bad", "old"])
    SyncStream.objects.filter(pk=stream.pk).update(not_before=None)
    while runner.run_stream(stream.pk):
        pass

    stream.refresh_from_db()
    connection.refresh_from_db()
    assert sorted(shelf.stored) == ["000", "old"]
    refused = RejectedRecord.objects.get()
    assert (refused.external_id, refused.reason) == ("bad", "The shop fell over (500).")
    assert (stream.wanted_ids, stream.failures, stream.not_before) == ([], 0, None)
    assert connection.failing_since is None


def test_a_refused_record_that_is_asked_for_again_in_vain_is_no_fault_of_the_shop(
    shop: FakeShop, shelf: Shelf, falls_over_at: set[str]
) -> None:
    falls_over_at.add("bad")
    connection = store()
    stream = due(connection, due_at=None)
    single_records.request_records(stream, ["bad"])
    for _turn in range(2):
        runner.run_stream(stream.pk)
        SyncStream.objects.filter(pk=stream.pk).update(not_before=None, due_at=timezone.now())
    runner.run_stream(stream.pk)
    assert RejectedRecord.objects.get().attempts == 1
    SyncStream.objects.filter(pk=stream.pk).update(due_at=None, wanted_ids=[])

    single_records.request_records(stream, ["bad"])
    runner.run_stream(stream.pk)

    stream.refresh_from_db()
    connection.refresh_from_db()
    assert (stream.wanted_ids, stream.failures, connection.failing_since) == ([], 0, None)
    assert RejectedRecord.objects.get().attempts == 2
    falls_over_at.clear()
    shop.orders = [order("bad", timezone.now() - timedelta(days=300))]
    single_records.request_records(stream, ["bad"])
    runner.run_stream(stream.pk)
    assert list(shelf.stored) == ["bad"]
    assert RejectedRecord.objects.get().resolved_at is not None


def test_a_refused_record_that_is_gone_there_is_not_asked_for_without_end(
    shop: FakeShop, shelf: Shelf
) -> None:
    connection = store()
    stream = due(connection, due_at=None)
    refused = RejectedRecord.objects.create(
        connection=connection, stream=stream.name, external_id="gone", reason="No currency.", native=b""
    )
    for _run in range(2):
        single_records.request_records(stream, ["gone"])
        runner.run_stream(stream.pk)

    refused.refresh_from_db()
    assert (refused.attempts, refused.resolved_at) == (3, None)

"""The oldest change is sent first, however often it changes again, and its age is shown."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from channels.contract.errors import TemporaryError
from channels.models import OutboxMessage
from channels.push import dispatcher, outbox
from channels.push.topics import Topic
from channels.stores.health import freshness
from tests.channels.fakes import FakeShop, store
from tests.channels.test_outbox import StockHandler

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("engine"),
    pytest.mark.fault("F-55"),
]

START = datetime.fromisoformat("2026-11-30T12:00:00+00:00")


class Time:
    def __init__(self) -> None:
        self.now = START

    def at(self, seconds: float) -> None:
        self.now = START + timedelta(seconds=seconds)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    monkeypatch.setattr(timezone, "now", lambda: made.now)
    return made


@pytest.fixture
def stock() -> StockHandler:
    handler = StockHandler()
    outbox.register_handler(Topic.STOCK, handler)
    return handler


def ages() -> dict[int, float]:
    """Seconds after the start since which each subject waits."""
    rows = OutboxMessage.objects.values_list("subject", "waiting_since")
    return {subject: (since - START).total_seconds() for subject, since in rows}


def test_a_change_keeps_its_age_until_it_is_sent(time: Time, shop: FakeShop, stock: StockHandler) -> None:
    connection = store()
    outbox.touch(Topic.STOCK, [(connection.pk, 1)])
    time.at(10)
    outbox.touch(Topic.STOCK, [(connection.pk, 1), (connection.pk, 2)])
    assert ages() == {1: 0, 2: 10}
    [line] = [each for each in freshness.freshness(connection).lines if each.name == "push.stock"]
    assert (line.since, line.age) == (START, timedelta(seconds=10))
    time.at(70)
    [line] = [each for each in freshness.freshness(connection).lines if each.name == "push.stock"]
    assert line.is_late, "over a minute"
    dispatcher.dispatch(connection.pk, "stock")
    assert not OutboxMessage.objects.unsent().exists()
    time.at(100)
    outbox.touch(Topic.STOCK, [(connection.pk, 1)])
    assert ages()[1] == 100, "the change after it was sent is a new one"


def test_the_oldest_change_is_sent_first_also_when_others_change_all_the_time(
    time: Time, shop: FakeShop, stock: StockHandler
) -> None:
    """By the number of the row, SKUs with low numbers that change all the time would always be before the others."""
    connection = store()
    outbox.touch(Topic.STOCK, [(connection.pk, number) for number in range(1, 7)])
    dispatcher.dispatch(connection.pk, "stock")
    stock.batches.clear()
    for second, subject in enumerate((6, 2, 5, 1, 4)):
        time.at(10 + second)
        outbox.touch(Topic.STOCK, [(connection.pk, subject), (connection.pk, 6)])
    dispatcher.dispatch(connection.pk, "stock")
    sent = [subject for batch in stock.batches for subject in batch]
    assert sent == [6, 2, 5, 1, 4]


def test_a_change_during_the_send_is_as_old_as_itself(
    time: Time, shop: FakeShop, stock: StockHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = store()
    outbox.touch(Topic.STOCK, [(connection.pk, 1)])
    send = stock.send

    def and_change(*args: Any) -> Any:
        if len(stock.batches) == 0:
            time.at(20)
            outbox.touch(Topic.STOCK, [(connection.pk, 1)])
        return send(*args)

    monkeypatch.setattr(stock, "send", and_change)
    with monkeypatch.context() as patch:
        patch.setattr(dispatcher, "SLICE_SECONDS", -1.0)
        rows = dispatcher.lease(connection, "stock")
    assert [row.subject for row in rows] == [1]
    OutboxMessage.objects.update(lease_token="", lease_until=None)
    dispatcher.dispatch(connection.pk, "stock")
    assert ages() == {1: 20}


def test_a_failed_send_keeps_the_age(time: Time, shop: FakeShop, stock: StockHandler) -> None:
    connection = store()
    outbox.touch(Topic.STOCK, [(connection.pk, 1)])
    shop.fail("push_stock", TemporaryError("No answer."))
    time.at(5)
    dispatcher.dispatch(connection.pk, "stock")
    assert OutboxMessage.objects.unsent().exists()
    assert ages() == {1: 0}

"""One bucket per store, shared by every process."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.utils import timezone

from channels.connectors.onbuy.channel import SPEC
from channels.contract.spec import BudgetWindow
from channels.http import rate_limit
from channels.models import Budget, Connection
from tests.channels.fakes import FakeShop, store

pytestmark = pytest.mark.usefixtures("engine")


def bucket(connection: Connection, **fields: Any) -> None:
    values = {"tokens": 10.0, "capacity": 10.0, "per_second": 0.001, "filled_at": timezone.now(), **fields}
    Budget.objects.filter(pk=connection.pk).update(**values)


@pytest.mark.django_db
def test_the_bucket_empties_and_fills_again_with_time(shop: FakeShop) -> None:
    connection = store()
    bucket(connection, tokens=2.0, per_second=0.5)
    assert [rate_limit.take(connection.pk) for _ in range(2)] == [0.0, 0.0]
    assert 1.9 < rate_limit.take(connection.pk) <= 2.0

    Budget.objects.filter(pk=connection.pk).update(filled_at=timezone.now() - timedelta(seconds=3))
    assert rate_limit.take(connection.pk) == 0.0
    Budget.objects.filter(pk=connection.pk).update(filled_at=timezone.now() - timedelta(hours=1))
    rate_limit.take(connection.pk)
    assert round(Budget.objects.get().tokens) == 9  # never more than the bucket holds


@pytest.mark.django_db
def test_lower_work_leaves_a_reserve_for_order_events(shop: FakeShop) -> None:
    connection = store()
    bucket(connection)
    taken = {}
    for priority in (40, 30, 20, 10):
        count = 0
        with rate_limit.spending(priority):
            while rate_limit.take(connection.pk) == 0.0:
                count += 1
        taken[priority] = count
    assert taken == {40: 7, 30: 1, 20: 1, 10: 1}


@pytest.mark.django_db
def test_the_channels_headers_lower_the_bucket_and_never_fill_it(shop: FakeShop) -> None:
    connection = store()
    bucket(connection)
    rate_limit.correct(connection.pk, remaining=3)
    assert round(Budget.objects.get().tokens) == 3
    rate_limit.correct(connection.pk, remaining=9)
    assert round(Budget.objects.get().tokens) == 3
    rate_limit.correct(connection.pk, capacity=2, per_second=4)
    row = Budget.objects.get()
    assert (row.capacity, row.per_second, round(row.tokens)) == (2, 4, 2)
    rate_limit.correct(connection.pk, wait=30)
    assert 29 < rate_limit.take(connection.pk) < 31


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time passes, however slow the machine is."""
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)


@pytest.mark.django_db
def test_a_window_of_the_channel_is_full_again_at_its_end_and_never_before(
    shop: FakeShop, frozen: None
) -> None:
    connection = store()
    bucket(connection, tokens=100.0, capacity=150.0, per_second=5.0)
    rate_limit.correct(connection.pk, remaining=2, full_in=20)
    assert [rate_limit.take(connection.pk) for _ in range(2)] == [0.0, 0.0]
    assert (
        19 < rate_limit.take(connection.pk) <= 20
    )  # five a second would let the third through in 0.2 s, too early

    past = timezone.now() - timedelta(seconds=0.1)
    Budget.objects.filter(pk=connection.pk).update(full_at=past)
    assert rate_limit.left(connection) == (150.0, 150.0)
    assert rate_limit.take(connection.pk) == 0.0
    assert (Budget.objects.get().tokens, Budget.objects.get().full_at) == (149.0, None)
    rate_limit.correct(connection.pk, wait=12)
    rate_limit.correct(connection.pk, remaining=0, full_in=11.5)  # a 429: its reset, and a little on top
    assert rate_limit.take(connection.pk) == 12


@pytest.mark.django_db
def test_the_reserve_of_a_window_shrinks_with_the_time_that_is_left_of_it(
    shop: FakeShop, frozen: None
) -> None:
    """What is kept for orders to the last second would be lost at the window's end."""
    connection = store()
    bucket(connection, tokens=150.0, capacity=150.0, per_second=5.0)
    taken = []
    for left in (30, 20, 2, 0.1):
        rate_limit.correct(connection.pk, full_in=left)
        with rate_limit.spending(40):
            count = 0
            while (wait := rate_limit.take(connection.pk)) == 0.0:
                count += 1
        taken.append((count, round(wait, 1)))
    # 45 are kept of the whole window, 30 of its last 20 s, 3 of its last 2, and one to the very end
    assert [count for count, _wait in taken] == [105, 15, 27, 2]
    assert [wait for _count, wait in taken] == [0.7, 0.7, 0.7, 0.1]
    assert rate_limit.take(connection.pk) == 0.0  # an order's
    assert rate_limit.take(connection.pk) > 0


@pytest.mark.django_db
def test_requests_of_the_day_are_counted(shop: FakeShop) -> None:
    connection = store()
    bucket(connection, day=timezone.now().date() - timedelta(days=1), used_today=500)
    rate_limit.take(connection.pk)
    rate_limit.take(connection.pk)
    assert Budget.objects.get().used_today == 2
    left, size = rate_limit.left(connection)
    assert (round(left), size) == (8, 10)


@pytest.mark.db
@pytest.mark.django_db(transaction=True)
def test_many_processes_never_take_more_than_there_is(shop: FakeShop) -> None:
    connection = store()
    bucket(connection)
    taken: list[int] = []

    def work() -> None:
        try:
            mine = sum(rate_limit.take(connection.pk) == 0.0 for _ in range(5))
            taken.append(mine)
        finally:
            database.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 8
    assert sum(taken) == 10


PUT_HOUR = BudgetWindow(3600, 6, "PUT")


def spend(connection: Connection, *windows: BudgetWindow) -> list[rate_limit.Slot]:
    turns = []
    while (turn := rate_limit.take_slot(connection.pk, windows)).wait == 0.0:
        turns.append(turn)
    return [*turns, turn]


@pytest.mark.django_db
def test_a_window_lets_its_limit_through_and_says_when_the_next_is_free(shop: FakeShop) -> None:
    connection = store()
    bucket(connection, tokens=1000.0, capacity=1000.0)
    *taken, refused = spend(connection, PUT_HOUR)
    assert len(taken) == 6
    assert refused.scope == "PUT"
    assert 3600 < refused.wait <= 3600 + 120
    assert rate_limit.take_slot(connection.pk, ()).wait == 0.0  # another method goes on
    assert Budget.objects.get().spent["PUT:3600"]


def test_no_stretch_of_a_window_ever_holds_more_than_the_limit() -> None:
    window, moment = BudgetWindow(3600, 10, "PUT"), 1_800_000_007.0
    spent: dict[str, dict[str, int]] = {}
    sent: list[float] = []
    while len(sent) < 60:
        wait = rate_limit.window_wait(window, spent, moment)
        if wait == 0.0:
            spent = rate_limit._count([window], spent, moment)
            sent.append(moment)
            moment += 11.0
        else:
            moment += wait
    for begin in sent:
        assert len([at for at in sent if begin <= at < begin + 3600]) <= 10
    hours = (sent[-1] - sent[0]) / 3600
    assert len(sent) / (hours + 1) >= 0.9 * 10  # and nearly all of it is used
    assert len(spent["PUT:3600"]) <= 31


def steadily(seconds: float, windows: list[BudgetWindow], reserve: float = 0.1) -> list[float]:
    """The seconds that a change waits for its request when something changes all the time: one request after the other."""
    spent: Any = {}
    moment, end, waits = 1_000_000.0, 1_000_000.0 + seconds, []
    waited = 0.0
    while moment < end:
        wait = max(
            max(
                rate_limit.window_wait(each, spent, moment, reserve),
                rate_limit.spread_wait(each, spent, moment, reserve),
            )
            for each in windows
        )
        if wait > 0:
            waited += wait
            moment += wait
            continue
        spent = rate_limit._count(windows, spent, moment)
        waits.append(waited)
        waited = 0.0
        moment += 0.5  # the call; the next change is there already
    return waits


def p95(waits: list[float]) -> float:
    return sorted(waits)[int(len(waits) * 0.95)]


@pytest.mark.fault("F-55")
def test_onbuys_limits_are_the_only_brake_under_steady_change() -> None:
    """With four requests a minute of our own the 95th percentile was 55 s; without a spread it is most of an hour."""
    hour, day = [each for each in SPEC.budget.windows if each.method == "PUT"]
    first_hour = steadily(3600, [hour, day])
    assert len(first_hour) >= 0.9 * 240
    assert first_hour[:60] == [0.0] * 60, "a burst is sent at once"
    assert p95(first_hour) <= 22
    whole_day = steadily(86_400, [hour, day])
    assert len(whole_day) >= 0.95 * 4800
    assert p95(whole_day) <= 22, "4,800 a day are one each 18 s"
    assert max(whole_day) <= 30
    at_once = [replace(each, is_spread=False) for each in (hour, day)]
    assert max(steadily(7200, at_once)) > 1800


@pytest.mark.django_db
@pytest.mark.fault("F-55")
def test_spread_requests_make_stock_wait_and_no_order(shop: FakeShop) -> None:
    connection = store()
    bucket(connection, tokens=1000.0, capacity=1000.0)
    window = BudgetWindow(3600, 40, "PUT", is_spread=True)
    with rate_limit.spending(20):
        *taken, refused = spend(connection, window)
        assert len(taken) == 10, "a quarter of the window at once"
        assert refused.scope == "PUT"
        assert 3600 / 30 - 2 < refused.wait <= 3720 / 29
    with rate_limit.spending(10):
        assert rate_limit.take_slot(connection.pk, [window]).wait == 0.0
    other = BudgetWindow(3600, 40, "GET", is_spread=True)
    with rate_limit.spending(20):
        assert rate_limit.take_slot(connection.pk, [other]).wait == 0.0


@pytest.mark.django_db
def test_lower_work_leaves_some_of_a_window(shop: FakeShop) -> None:
    connection = store()
    bucket(connection, tokens=1000.0, capacity=1000.0)
    window = BudgetWindow(3600, 40, "PUT")
    with rate_limit.spending(20):
        assert len(spend(connection, window)) == 40  # 39 and the refusal
    with rate_limit.spending(10):
        assert len(spend(connection, window)) == 2


@pytest.mark.django_db
def test_a_bucket_that_is_larger_than_believed_was_fuller_too(shop: FakeShop) -> None:
    connection = store()
    bucket(connection, tokens=100.0, capacity=150.0, per_second=5.0)
    rate_limit.correct(connection.pk, remaining=19_900.0, capacity=20_000.0, per_second=600.0)
    row = Budget.objects.get(pk=connection.pk)
    assert row.capacity == 20_000.0
    assert 19_900.0 >= row.tokens >= 19_890.0
    rate_limit.correct(connection.pk, remaining=40.0, capacity=20_000.0)
    assert Budget.objects.get(pk=connection.pk).tokens == 40.0  # others have spent it

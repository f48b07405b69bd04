"""One quota for all stores of an application: shared, believed from the headers, planned over the stores."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from channels.contract.errors import RateLimited
from channels.http import app_quota, rate_limit
from channels.http import session as http_session
from channels.http.app_quota import Level
from channels.models import AppQuota, Connection, SyncStream
from channels.pull import runner
from channels.stores import connect
from channels.stores.connect import StoreError, set_up
from tests import factories
from tests.support.etsy import shop

pytestmark = [pytest.mark.django_db, pytest.mark.real_pace]

TOKENS = {"access_token": "1.a", "refresh_token": "1.r", "keystring": "key", "shared_secret": "s"}


def etsy_store(name: str = "Shop", **credentials: str) -> Connection:
    return factories.store(name, channel="etsy", credentials={**TOKENS, **credentials}, currency="EUR")


def row() -> AppQuota:
    return AppQuota.objects.get()


def test_stores_of_one_key_spend_one_quota_and_another_key_has_its_own():
    first, second, other = etsy_store("A"), etsy_store("B"), etsy_store("C", keystring="other")

    for store in (first, second, first):
        AppQuota.objects.update(tokens=1)
        assert app_quota.take(store).wait == 0.0
    assert app_quota.take(other).wait == 0.0

    assert sorted(round(each.left_today) for each in AppQuota.objects.all()) == [9997, 9999]
    left, of = app_quota.left(first) or (0, 0)
    assert (round(left), of) == (9997, 10_000)


def test_a_channel_without_an_application_has_no_quota():
    shop = factories.store()

    assert (app_quota.take(shop).wait, app_quota.left(shop), app_quota.stretch(shop)) == (0.0, None, 1.0)
    assert not AppQuota.objects.exists()


def test_requests_of_a_second_are_spread_so_that_no_second_holds_more_and_nine_tenths_are_used(
    monkeypatch: pytest.MonkeyPatch,
):
    stores = [etsy_store("A"), etsy_store("B")]
    clock = [timezone.now()]
    monkeypatch.setattr("channels.http.app_quota.timezone.now", lambda: clock[0])
    taken: list[float] = []
    began = clock[0]
    while (clock[0] - began).total_seconds() < 20:
        slot = app_quota.take(stores[len(taken) % 2])
        if slot.is_taken:
            taken.append((clock[0] - began).total_seconds() + slot.wait)
            late = (
                0.03 if len(taken) % 3 else 0.0
            )  # who waits wakes late, and loses nobody's time but his own
            clock[0] += timedelta(seconds=slot.wait + late if slot.wait else 0)
        else:
            clock[0] += timedelta(seconds=slot.wait)

    assert max(sum(at <= other < at + 1 for other in taken) for at in taken) == 10
    assert len(taken) >= 0.9 * 10 * 20
    clock[0] += timedelta(minutes=5)  # nobody asked: that is no stock for a burst
    assert app_quota.take(stores[0]).wait == 0.0
    assert app_quota.take(stores[1]).wait == pytest.approx(1 / 9.25)


def test_a_turn_that_is_near_is_taken_ahead_and_one_that_is_far_is_asked_for_again(monkeypatch):
    store, now = etsy_store(), timezone.now()
    monkeypatch.setattr("channels.http.app_quota.timezone.now", lambda: now)

    slots = [app_quota.take(store) for _ in range(5)]

    step = 1 / 9.25
    assert [slot.is_taken for slot in slots] == [True, True, True, False, False]
    assert [slot.wait for slot in slots] == pytest.approx([0.0, step, 2 * step, 3 * step, 3 * step])


def test_the_headers_lower_what_is_left_and_never_give_back():
    store = etsy_store()
    app_quota.take(store)

    app_quota.correct(store, left_today=500)
    assert round(row().left_today) == 500
    app_quota.correct(store, left_today=9000)  # a slow answer
    assert round(row().left_today) == 500
    app_quota.correct(
        store, left_today=95_000, per_day=100_000, per_second=150
    )  # the key was given a larger quota
    assert (row().per_day, row().per_second, round(row().left_today)) == (100_000, 150, 90_500)


def test_what_is_left_flows_back_over_the_day():
    store = etsy_store()
    app_quota.take(store)
    AppQuota.objects.update(left_today=0, tokens=1, filled_at=timezone.now() - timedelta(hours=12))

    assert round(app_quota.level(row(), timezone.now()).left_today) == 5000


@pytest.mark.req("R-ORD-01")
def test_the_last_tenth_of_the_day_is_for_orders():
    store = etsy_store()
    app_quota.take(store)
    AppQuota.objects.update(left_today=900, tokens=1, filled_at=timezone.now())

    with rate_limit.spending(40):
        assert app_quota.take(store).wait > 60
    with rate_limit.spending(30):
        assert app_quota.take(store).wait == 0.0
    AppQuota.objects.update(left_today=900, tokens=1, filled_at=timezone.now())
    with rate_limit.spending(10):
        assert app_quota.take(store).wait == 0.0
    AppQuota.objects.update(left_today=0.5, tokens=1, filled_at=timezone.now())
    with rate_limit.spending(10):
        assert app_quota.take(store).wait > 0


def test_a_greedy_store_leaves_the_rest_of_the_day_to_its_mates():
    greedy, modest = etsy_store("A"), etsy_store("B")
    for store in (greedy, modest):
        set_up(store, ())
    etsy_store("C"), etsy_store("D")
    app_quota.take(greedy)
    today = timezone.now().date()
    type(greedy.budget).objects.filter(pk=greedy.pk).update(used_today=5100, day=today)
    AppQuota.objects.update(left_today=4000, tokens=1, filled_at=timezone.now())

    with rate_limit.spending(40):
        assert app_quota.take(greedy).wait > 1
        assert app_quota.take(modest).wait == 0.0
    AppQuota.objects.update(tokens=1)
    with rate_limit.spending(10):
        assert app_quota.take(greedy).wait == 0.0  # orders are never kept waiting by this


@pytest.mark.parametrize(
    ("needed", "per_day", "left", "factor"),
    [
        (360, 10_000, 9000, 1.0),
        (10_000, 10_000, 9000, 2.0),
        (360, 10_000, 2000, 2.0),
        (360, 10_000, 900, 4.0),
        (1_000_000, 10_000, 0, app_quota.SLOWEST),
    ],
)
def test_pulls_are_planned_over_what_all_stores_need(needed, per_day, left, factor):
    assert app_quota.planned(needed, per_day, left) == factor


@pytest.mark.req("R-USE-04")
def test_thirty_stores_of_a_key_are_read_less_often_than_one():
    store = etsy_store("first")
    set_up(store, ())
    assert app_quota.stretch(store) == 1.0
    for number in range(29):
        set_up(etsy_store(f"mate {number}"), ())

    assert 2.0 < app_quota.stretch(store) < 2.5  # 30 stores x 360 calls, half the day is 5,000
    SyncStream.objects.exclude(connection=store).update(is_on=False)
    assert app_quota.stretch(store) == 1.0


def test_wait_names_what_is_short():
    have = AppQuota(per_day=10_000, per_second=10)

    assert app_quota.wait_for(Level(10, 100), have, 0.0, is_greedy=False) == 0.0
    assert app_quota.wait_for(Level(0.5, 100), have, 0.0, is_greedy=False) == pytest.approx(0.5 / 9.25)
    assert app_quota.wait_for(Level(10, 0), have, 0.0, is_greedy=False) == pytest.approx(8.64)


def test_with_no_quota_left_nothing_is_sent_and_the_error_says_when(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(http_session, "_sleep", lambda seconds: None)
    with shop("demo") as running:
        store: Any = factories.store(channel="etsy", credentials=running.credentials, currency="EUR")
        app_quota.take(store)
        AppQuota.objects.update(left_today=0, filled_at=timezone.now())

        with pytest.raises(RateLimited) as caught:
            http_session.ChannelSession(store).call(
                "GET", f"{running.url}/v3/application/users/me", repeatable=True
            )

        assert caught.value.code == "budget"
        assert caught.value.retry_after > 5
        assert not running.sandbox.requests


def test_an_answer_corrects_the_quota_by_its_headers():
    with shop("demo", per_day=700) as running:
        store = factories.store(channel="etsy", credentials=running.credentials, currency="EUR")
        runner.adapter_of(store).verify()

        assert row().per_day == 700
        assert 690 < row().left_today < 700


def test_the_requests_of_a_store_that_is_being_connected_count_like_any_other():
    """Three to recognise the account, and ten of the sync in the same second, were one too many."""
    with shop("demo", per_second=10, per_day=10_000) as running:
        connect.verify_account(channel="etsy", credentials=running.credentials)
        asked = [each for each in running.sandbox.requests if "/oauth/" not in each["target"]]

        assert asked
        assert row().left_today == pytest.approx(10_000 - len(asked), abs=0.5)

        AppQuota.objects.update(left_today=0, filled_at=timezone.now())
        running.sandbox.requests.clear()
        with pytest.raises(StoreError, match=r"^The API limit of Etsy is used up\. Try again in \d+ s\.$"):
            connect.verify_account(channel="etsy", credentials=running.credentials)
        assert not running.sandbox.requests


def test_who_misses_his_turn_takes_the_next_one(monkeypatch: pytest.MonkeyPatch):
    """A turn used late would leave less than a second between it and the tenth after it."""
    with shop("demo") as running:
        store: Any = factories.store(channel="etsy", credentials=running.credentials, currency="EUR")
        session = http_session.ChannelSession(store)
        app_quota.take(store)
        slept: list[float] = []

        def sleep(late: float) -> Callable[[float], None]:
            def act(seconds: float) -> None:
                slept.append(seconds)
                time.sleep(seconds + (late if len(slept) == 1 else 0))

            return act

        def left_after_a_call(late: float) -> float:
            slept.clear()
            AppQuota.objects.update(tokens=0.0, left_today=1000, filled_at=timezone.now())
            monkeypatch.setattr(http_session, "_sleep", sleep(late))
            session.call(
                "GET", f"{running.url}/v3/application/openapi-ping", repeatable=True, classify=lambda _: None
            )
            return row().left_today

        assert left_after_a_call(0.0) == pytest.approx(999, abs=0.5)
        assert left_after_a_call(0.2) == pytest.approx(998, abs=0.5)
        assert len(running.sandbox.requests) == 2


def test_a_refusal_holds_all_stores_of_the_application_for_its_second(monkeypatch: pytest.MonkeyPatch):
    """Each would run into the same wall for itself otherwise."""
    with shop("demo") as running:
        first, second = (
            factories.store(name, channel="etsy", credentials=running.credentials, currency="EUR")
            for name in ("A", "B")
        )
        running.sandbox.inject("rate_limit", times=1, retry_after=20)
        with pytest.raises(RateLimited):
            runner.adapter_of(first).verify()

        held = app_quota.take(second).wait
        assert 1.5 < held <= 2.0, "seconds, whatever was asked of the one store"
        app_quota.hold(first, 0.5)  # a shorter wait takes nothing back
        assert app_quota.take(second).wait > 1.0

        AppQuota.objects.update(tokens=0.0, filled_at=timezone.now())
        app_quota.hold(first, 2)
        waited: list[float] = []

        def sleep(seconds: float) -> None:
            waited.append(seconds)
            time.sleep(seconds)

        monkeypatch.setattr(http_session, "_sleep", sleep)
        runner.adapter_of(second).verify()
        assert sum(waited) > 1.5

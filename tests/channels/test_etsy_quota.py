"""One day's requests for all shops of one Etsy application: counted together, planned together, shown (`etsy.md` §2, §10)."""

from __future__ import annotations

import html
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from channels.connectors.etsy.adapter import EtsyAdapter
from channels.contract.records.pages import PullQuery
from channels.http import app_quota, rate_limit
from channels.models import AppQuota, Connection, SyncRun, SyncStream
from channels.pull import runner
from channels.sandbox.server import Running
from channels.stores import services
from channels.stores.health.limits_text import limits_used
from orders.models import Order
from tests import factories
from tests.support.etsy import adapter_of, connected_store, shop

pytestmark = [pytest.mark.django_db, pytest.mark.real_pace]

DAY = 600


@pytest.fixture
def shops() -> Iterator[tuple[Running, Running]]:
    """Two shops that have allowed one application, which has few requests a day; Etsy counts both together."""
    with shop(per_day=DAY, per_second=1000) as first, shop(per_day=DAY, per_second=1000) as second:
        second.sandbox.spent = first.sandbox.spent
        yield first, second


@pytest.fixture
def stores(shops: tuple[Running, Running]) -> tuple[Connection, Connection]:
    return connected_store(shops[0], "Pots"), connected_store(shops[1], "Candles")


def day(store: Connection) -> str:
    """What the store's page says of the application's day."""
    return next(each.text for each in limits_used(store) if "1 day" in each.when)


@pytest.mark.req("R-USE-04")
def test_both_shops_spend_one_day_and_each_page_says_what_is_left(
    stores: tuple[Connection, Connection],
) -> None:
    pots, candles = stores
    for _ in range(5):
        adapter_of(pots).client.get("/users/me")
    for _ in range(3):
        adapter_of(candles).client.get("/users/me")

    assert [app_quota.left(store) for store in stores] == [pytest.approx((DAY - 8, DAY), abs=1)] * 2
    assert {int(day(store).partition(" of ")[0]) for store in stores} <= {DAY - 8, DAY - 7}
    get_user_model().objects.create_superuser("olga", password="secret")
    client = Client()
    client.login(username="olga", password="secret")
    for store in stores:
        page = html.unescape(client.get(reverse("admin:store", args=[store.pk])).content.decode())
        assert f"of {DAY} requests left within 1 day, shared by all stores of this application" in page


def test_what_another_program_spends_with_the_key_is_seen_in_the_headers(
    shops: tuple[Running, Running], stores: tuple[Connection, Connection]
) -> None:
    shops[0].sandbox.spent.extend([shops[0].sandbox.clock()] * 400)

    adapter_of(stores[1]).client.get("/users/me")

    left, per_day = app_quota.left(stores[0]) or (0, 0)
    assert (per_day, 195 <= left <= 200) == (DAY, True)


@pytest.mark.req("R-ORD-01", "R-USE-04")
def test_both_shops_are_read_less_often_when_their_day_is_small(
    shops: tuple[Running, Running], stores: tuple[Connection, Connection]
) -> None:
    """Each needs 288 + 48 + 24 reads a day and a few; 600 of which half is for pulls is not enough for two."""
    adapter_of(stores[0]).client.get("/users/me")
    alone = app_quota.planned(360.3, DAY, DAY - 1)
    both = app_quota.stretch(stores[0])
    assert both == pytest.approx(app_quota.stretch(stores[1])) == pytest.approx(2 * alone, rel=0.01)

    services.refresh_now(connection=stores[0], stream="orders.new")
    row = SyncStream.objects.get(connection=stores[0], name="orders.new")
    begun = timezone.now()
    while runner.run_stream(row.pk):
        pass

    row.refresh_from_db()
    assert row.due_at is not None
    assert row.due_at - begun == pytest.approx(timedelta(seconds=300 * both), abs=timedelta(seconds=5))
    services.pause(connection=stores[1])  # nobody plans for a store that is not read
    assert app_quota.stretch(stores[0]) == pytest.approx(alone, rel=0.01)


@pytest.mark.req("R-ORD-01")
def test_the_last_tenth_of_the_day_is_for_orders_whoever_spent_the_rest(
    shops: tuple[Running, Running], stores: tuple[Connection, Connection]
) -> None:
    pots, candles = stores
    shops[0].sandbox.spent.extend([shops[0].sandbox.clock()] * int(DAY * 0.93))
    adapter_of(pots).client.get("/users/me")
    order_id = shops[1].sandbox.place_order()["order_id"]

    for name in ("attributes", "categories", "orders.new"):
        services.refresh_now(connection=candles, stream=name)
        runner.run_stream(SyncStream.objects.get(connection=candles, name=name).pk)
        Connection.objects.filter(pk=candles.pk).update(blocked_until=None)

    # The catalogue waits for the day to flow back, with nothing asked and nothing lost.
    assert [row["target"].partition("?")[0][-9:] for row in shops[1].sandbox.requests] == ["/receipts"]
    assert Order.objects.filter(connection=candles, external_id=str(order_id)).exists()
    waiting = SyncStream.objects.filter(connection=candles, name__in=("attributes", "categories"))
    assert [row.completed_at for row in waiting] == [None, None]
    assert SyncRun.objects.filter(connection=candles, state=SyncRun.State.FAILED).count() == 0


def test_never_one_request_more_than_the_day_holds(
    shops: tuple[Running, Running], stores: tuple[Connection, Connection]
) -> None:
    app_quota.take(stores[0])
    shops[0].sandbox.configure(per_day=30)
    adapter_of(stores[0]).client.get("/users/me")
    refused = 0
    with rate_limit.spending(10):
        for number in range(60):
            try:
                EtsyAdapter(stores[number % 2]).client.get("/users/me")
            except Exception:
                refused += 1

    answers = [answer.status for running in shops for _request, answer in running.sandbox.exchanges]
    assert (answers.count(200), answers.count(429), refused) == (30, 0, 31)
    assert AppQuota.objects.get().left_today < 1


def test_a_store_of_another_application_is_counted_by_itself(
    shops: tuple[Running, Running], stores: tuple[Connection, Connection]
) -> None:
    other = factories.store(
        "Own key", channel="etsy", credentials={**shops[0].credentials, "keystring": "another0key"}
    )
    adapter_of(stores[0]).client.get("/users/me")

    left, per_day = app_quota.left(other) or (0, 0)

    assert (round(left), per_day) == (10_000, 10_000)
    assert adapter_of(stores[0]).pull_orders(PullQuery()).records == []

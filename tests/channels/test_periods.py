"""How often each channel's streams run: as the guides say, and as often as the channel's limits bear."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from channels.contract.registry import specs
from channels.http.app_quota import left, stores_of
from channels.models import AppQuota, Budget, Connection, SyncRun, SyncStream
from channels.pull import intervals
from channels.stores import connect, services
from channels.stores.connect import set_up
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.real_pace, pytest.mark.req("R-USE-04")]

MINUTE, HOUR = 60, 3600
#: Seconds between two runs of each stream of a new store; None: at connection and by hand.
INTERVALS = {
    "opencart": {
        "categories": 6 * HOUR, "attributes": 6 * HOUR, "statuses": 6 * HOUR, "products": None,
        "orders.new": 5 * MINUTE, "orders.changed": 30 * MINUTE, "orders.history": None,
    },
    "bigcommerce": {
        "categories": 6 * HOUR, "brands": 6 * HOUR, "attributes": 6 * HOUR, "statuses": 6 * HOUR, "products": None,
        "orders.new": 5 * MINUTE, "orders.changed": 30 * MINUTE, "orders.history": None,
    },
    "onbuy": {
        "categories": 168 * HOUR, "brands": 168 * HOUR, "attributes": 168 * HOUR, "statuses": 168 * HOUR,
        "products": 6 * HOUR, "orders.new": 5 * MINUTE, "orders.changed": 30 * MINUTE, "orders.history": None,
    },
    "etsy": {
        "categories": 168 * HOUR, "attributes": 168 * HOUR, "products": None, "orders.new": 5 * MINUTE,
        "orders.changed": 30 * MINUTE, "orders.cancelled": HOUR, "orders.history": None,
    },
    "offline": {},
}  # fmt: skip


def furnished(channel: str, **fields: Any) -> Connection:
    store = factories.store(f"{channel} {Connection.objects.count()}", channel=channel, **fields)
    set_up(store, ())
    return store


def stream(store: Connection, name: str) -> SyncStream:
    return SyncStream.objects.get(connection=store, name=name)


def cost(store: Connection, name: str, pages: int) -> None:
    SyncRun.objects.create(connection=store, stream=name, state="done", pages=pages)


@pytest.mark.req("R-ORD-01", "R-ORD-02", "R-ORD-03")
@pytest.mark.parametrize("channel", sorted(specs()))
def test_a_new_store_has_the_intervals_of_the_guides(channel: str) -> None:
    store = furnished(channel)
    assert dict(store.streams.values_list("name", "period")) == INTERVALS[channel]


@pytest.mark.parametrize("channel", ["opencart", "bigcommerce", "onbuy", "etsy"])
def test_every_channel_bears_new_orders_each_minute_while_a_run_is_one_page(channel: str) -> None:
    store = furnished(channel)
    assert services.change_stream(stream=stream(store, "orders.new"), period=60).period == 60


def test_a_sweep_of_a_large_catalogue_is_bound_by_the_reads_of_an_hour() -> None:
    """OnBuy: 600 GETs an hour, half of them for reading; a sweep of 100,000 SKUs is 1,000 of them."""
    store = furnished("onbuy")
    cost(store, "products", 1000)
    sweep = stream(store, "products")
    assert intervals.reads_per_second(store) * HOUR == 300
    # 300 an hour less 12 + 2 of the orders and 4 lists a week
    assert intervals.shortest(sweep) == 3 * HOUR + 30 * MINUTE
    with pytest.raises(connect.StoreError) as said:
        services.change_stream(stream=sweep, period=HOUR)
    assert str(said.value) == (
        "The API limit of OnBuy does not allow an import every 1 h. Choose 3 h 30 min or more, "
        "or run another import less often."
    )
    assert said.value.field == "period"
    assert stream(store, "products").period == 6 * HOUR
    assert services.change_stream(stream=sweep, period=4 * HOUR).period == 4 * HOUR

    services.change_settings(connection=store, options={"gets_per_hour": 6000})
    assert services.change_stream(stream=stream(store, "products"), period=HOUR).period == HOUR


def test_less_often_is_always_allowed() -> None:
    store = furnished("onbuy")
    cost(store, "products", 100_000)
    assert (
        intervals.shortest(stream(store, "orders.new")) == 24 * HOUR
    )  # the sweep alone takes more than there is
    assert services.change_stream(stream=stream(store, "orders.new"), period=900).period == 900
    with pytest.raises(connect.StoreError, match="Choose 1 day or more"):
        services.change_stream(stream=stream(store, "orders.new"), period=300)


def test_stores_of_one_application_share_its_day() -> None:
    """Etsy: 10,000 a day for all shops of the key; with ten of them one may read 500 times a day."""
    app = {"keystring": "k" * 20, "shared_secret": "s"}
    stores = [furnished("etsy", credentials=app) for _ in range(10)]
    other = furnished("etsy", credentials={**app, "keystring": "o" * 20})
    assert (stores_of(stores[0]), stores_of(other)) == (10, 1)
    assert left(stores[0]) == (10_000, 10_000)
    assert round(intervals.reads_per_second(stores[0]) * 24 * HOUR) == 500
    # 500 less 48 of the changed ones, 24 of the cancelled ones and two lists a week
    assert intervals.shortest(stream(stores[0], "orders.new")) == 4 * MINUTE
    assert intervals.shortest(stream(other, "orders.new")) == MINUTE
    with pytest.raises(connect.StoreError, match=r"^The API limit of Etsy .* Choose 4 min or more"):
        services.change_stream(stream=stream(stores[0], "orders.new"), period=60)
    AppQuota.objects.update(per_day=100_000)  # what the headers said
    assert services.change_stream(stream=stream(stores[0], "orders.new"), period=60).period == 60


def test_the_bucket_that_the_headers_gave_counts() -> None:
    store = furnished("bigcommerce")
    cost(store, "orders.changed", 40)
    changed = stream(store, "orders.changed")
    assert intervals.shortest(changed) == MINUTE
    Budget.objects.filter(pk=store.pk).update(per_second=0.1)  # other apps leave little
    assert intervals.shortest(stream(store, "orders.changed")) == 15 * MINUTE


def test_the_page_says_it_and_changes_nothing() -> None:
    store = furnished("onbuy")
    cost(store, "products", 1000)
    owner = Client()
    owner.force_login(get_user_model().objects.create_superuser("owner"))
    sweep = stream(store, "products")
    answer = owner.post(
        reverse("admin:store_stream", args=[store.pk, sweep.pk]), {"every": "3600"}, follow=True
    )
    assert "The API limit of OnBuy does not allow an import every 1 h" in answer.content.decode()
    assert stream(store, "products").period == 6 * HOUR

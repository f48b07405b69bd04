"""What is left of each limit of a store, in words (design §6)."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from channels.contract.spec import BudgetWindow
from channels.http import app_quota, rate_limit
from channels.models import Connection
from channels.stores.connect import set_up
from channels.stores.health.limits_text import limits_used, tightest_limit
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.real_pace]


def furnished(channel: str, **fields: Any) -> Connection:
    number = Connection.objects.count() + 1
    store = factories.store(f"{channel} {number}", channel=channel, **fields)
    set_up(store, ())
    return store


def test_the_bucket_of_a_store_is_counted_down():
    store = furnished("bigcommerce")
    assert [each.text for each in limits_used(store)] == ["150 of 150 requests left now"]

    rate_limit.correct(store.pk, remaining=12, per_second=0.001)

    (only,) = limits_used(store)
    assert (only.left, only.size, only.is_short) == (12, 150, True)


def test_each_window_of_onbuy_is_shown_with_what_is_left_and_pacing_is_not():
    store = furnished("onbuy", options={"puts_per_day": 9000})
    gets = rate_limit.windows_of(store, "GET")
    for _request in range(3):
        assert rate_limit.take_slot(store.pk, gets).wait == 0.0

    shown = [each.text for each in limits_used(store)]

    assert shown[1:] == [
        "597 of 600 read requests left within 1 h",
        "240 of 240 change requests left within 1 h",
        "9,000 of 9,000 change requests left within 1 day",
        "240 of 240 create requests left within 1 h",
        "4,800 of 4,800 create requests left within 1 day",
        "240 of 240 delete requests left within 1 h",
    ]


def test_a_window_gives_back_what_has_left_it():
    window = BudgetWindow(3600, 600, "GET")
    now = timezone.now().timestamp()
    spent = {
        "GET:3600": {str(rate_limit._part(window, now)): 5, str(rate_limit._part(window, now - 7200)): 70}
    }

    assert rate_limit.window_left(window, spent, now) == 595
    assert rate_limit.window_left(window, {}, now) == 600


def test_the_day_of_an_application_is_shared_by_its_stores(settings):
    settings.OMS_APPS = {**settings.OMS_APPS, "etsy": {"keystring": "key", "shared_secret": "s"}}
    first, second = furnished("etsy"), furnished("etsy")
    app_quota.correct(first, left_today=400)

    shown = limits_used(second)

    assert (
        shown[1].text == "400 of 10,000 requests left within 1 day, shared by all stores of this application"
    )
    assert tightest_limit(shown) == shown[1]
    assert shown[1].short == "400 of 10,000 requests left"


def test_a_store_without_a_wire_has_none():
    assert limits_used(furnished("offline")) == ()
    assert tightest_limit(()) is None

"""The refresh token of Etsy is spent by using it and dies of disuse: neither may take the seller by surprise (§1)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from channels.http import oauth_tokens
from channels.models import AppInstall, Connection
from channels.pull import runner
from channels.sandbox.server import Running
from channels.stores import services
from channels.stores.connect import StoreError, connect, reconnect, verify_account
from channels.stores.health import alarms
from channels.stores.health.health_text import health_of
from tests import factories
from tests.support.etsy import asked, connected_store, shop

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-CONN-04", "R-CONN-06", "R-CONN-09")]


@pytest.fixture
def etsy() -> Iterator[Running]:
    with shop(per_second=10_000) as running:
        yield running


def renewals(etsy: Running) -> int:
    return len(asked(etsy, "POST", "/oauth/token"))


# ---------------------------------------------------------------- connecting with an access token that is over


def test_what_connecting_spent_is_replaced_in_the_store(etsy: Running) -> None:
    given = dict(etsy.credentials)
    etsy.sandbox.expire()

    store = connect(channel="etsy", name="Etsy", credentials=given)

    assert renewals(etsy) == 1
    assert store.credentials["refresh_token"] != given["refresh_token"]
    assert store.credentials["refresh_token"] in etsy.sandbox.shop.refresh
    assert given["refresh_token"] not in etsy.sandbox.shop.refresh
    etsy.sandbox.expire()  # an hour later another worker renews it
    assert runner.adapter_of(Connection.objects.get(pk=store.pk)).verify().identity == store.fingerprint
    assert renewals(etsy) == 2


def test_by_the_command_too_and_a_dry_run_costs_no_sign_in(etsy: Running) -> None:
    given = dict(etsy.credentials)
    etsy.sandbox.expire()
    words = [
        f"--{name.replace('_', '-')}={given[name]}" for name in ("access_token", "refresh_token", "api_url")
    ]
    app = {"keystring": given["keystring"], "shared_secret": given["shared_secret"]}

    def run(*more: str) -> dict[str, Any]:
        out = StringIO()
        call_command("connect_store", "etsy", *words, "--json", *more, stdout=out)
        answer: dict[str, Any] = json.loads(out.getvalue())
        return answer

    from django.test import override_settings

    with override_settings(OMS_APPS={"etsy": {**app, "api_url": etsy.url}}):
        assert run("--dry-run")["dry_run"] is True
        assert not Connection.objects.exists()
        assert run("--name=Etsy", "--no-wait")["ok"] is True  # with the token that the dry run had spent

    store = Connection.objects.get()
    assert store.credentials["refresh_token"] in etsy.sandbox.shop.refresh
    assert renewals(etsy) == 1


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 403}])
def test_a_fault_after_the_renewal_loses_nothing(etsy: Running, fault: dict[str, Any]) -> None:
    given = dict(etsy.credentials)
    etsy.sandbox.expire()
    etsy.sandbox.inject("server_error", match="/shops/", times=3, **fault)
    with pytest.raises(StoreError):
        connect(channel="etsy", name="Etsy", credentials=given)
    assert not Connection.objects.exists()
    assert renewals(etsy) == 1
    etsy.sandbox.faults.clear()

    store = connect(channel="etsy", name="Etsy", credentials=given)  # the same tokens, typed again

    assert store.credentials["refresh_token"] in etsy.sandbox.shop.refresh
    assert renewals(etsy) == 1


def test_it_is_found_even_when_it_is_over_itself_and_after_several(etsy: Running) -> None:
    given = dict(etsy.credentials)
    for _ in range(3):
        etsy.sandbox.expire()
        AppInstall.objects.update(
            credentials={**_kept(), "expires_at": 1} if AppInstall.objects.exists() else {}
        )
        verify_account(channel="etsy", credentials=given)

    assert renewals(etsy) == 3
    row = AppInstall.objects.get(channel="etsy")
    assert row.credentials["refresh_token"] in etsy.sandbox.shop.refresh
    assert given["refresh_token"] not in json.dumps(row.details)  # only its digest
    store = connect(channel="etsy", name="Etsy", credentials=given)
    assert store.credentials["refresh_token"] in etsy.sandbox.shop.refresh


def _kept() -> dict[str, Any]:
    return dict(AppInstall.objects.get(channel="etsy").credentials)


def test_another_shops_tokens_are_none_of_ours_and_a_revoked_one_says_what_to_do(etsy: Running) -> None:
    given = dict(etsy.credentials)
    etsy.sandbox.expire()
    verify_account(channel="etsy", credentials=given)
    stranger = {**given, "refresh_token": f"{given['refresh_token']}x", "access_token": "1.dead"}

    with pytest.raises(StoreError, match="Etsy password was changed"):
        verify_account(channel="etsy", credentials=stranger)
    etsy.sandbox.revoke()
    with pytest.raises(StoreError, match="reconnect the store"):
        verify_account(channel="etsy", credentials=given)


def test_reconnecting_with_a_token_that_is_over_keeps_what_it_was_spent_for(etsy: Running) -> None:
    store = connected_store(etsy)
    fresh = etsy.sandbox.credentials()
    etsy.sandbox.expire()

    back = reconnect(connection=store, credentials=fresh)

    assert back.credentials["refresh_token"] in etsy.sandbox.shop.refresh
    assert back.credentials["refresh_token"] != fresh["refresh_token"]


# ---------------------------------------------------------------- 90 days


def last_used(store: Connection, days: float) -> None:
    """The store's token was renewed so long ago."""
    at = timezone.now() - timedelta(days=days)
    oauth_tokens.put_token(
        store, oauth_tokens.Token("1.a", at + timedelta(hours=1), {"refresh_token": "1.r"})
    )


@pytest.mark.parametrize(("days", "words"), [(10, ""), (75, ""), (77, "ends on"), (91, "ended on")])
def test_a_paused_stores_sign_in_is_watched(days: float, words: str) -> None:
    store = factories.store(channel="etsy", credentials={"access_token": "1.a", "refresh_token": "1.r"})
    services.pause(connection=store)
    store.refresh_from_db()
    last_used(store, days)

    shown = health_of(store)

    assert shown.text.startswith("Nothing is imported or sent until it is resumed")
    assert (words in shown.text, words in alarms.alarm(store)) == (True, True)
    assert (shown.colour == "danger", "sign-in" in shown.text) == (bool(words), bool(words))
    if words:
        day = (timezone.now() - timedelta(days=days) + timedelta(days=90) - timedelta(hours=1)).date()
        assert f"{day.day} {day:%B %Y}" in shown.text


def test_one_that_was_never_used_counts_from_its_sign_in(etsy: Running) -> None:
    at = timezone.now() - timedelta(days=80)
    store = factories.store(
        channel="etsy",
        credentials={"access_token": "1.a", "refresh_token": "1.r", "expires_at": int(at.timestamp())},
    )
    Connection.objects.filter(pk=store.pk).update(state="paused")
    store.refresh_from_db()

    assert "Resume the store before that day" in alarms.alarm(store)


def test_stores_in_use_and_channels_whose_keys_do_not_die_have_no_such_alarm() -> None:
    active = factories.store(channel="etsy", credentials={"access_token": "1.a", "refresh_token": "1.r"})
    last_used(active, 89)  # it is read in a minute, and renewed by it
    other = factories.store("Other")
    services.pause(connection=other)
    other.refresh_from_db()

    assert (alarms.alarm(active), alarms.alarm(other), alarms.grant_ends(other)) == ("", "", None)

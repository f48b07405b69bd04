# long because: one sign-in from its first page to its last call.
"""Signing in at Etsy: PKCE, one-time state, rotating tokens, the pages, the address that Etsy calls (`etsy.md` §1, §8)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from channels.connectors.etsy import auth, webhooks
from channels.connectors.etsy.client import app_of, text_of
from channels.connectors.etsy.sandbox.api import KEYSTRING, SHARED_SECRET
from channels.contract.errors import AuthError, Rejected, TemporaryError
from channels.contract.records.pages import PullQuery
from channels.http import oauth_tokens
from channels.models import Connection, WebhookEvent
from channels.sandbox.server import Running
from channels.stores.connect import reconnect
from channels.workers.failures import record_failure
from tests import factories
from tests.channels.test_etsy_orders import SECRET, called, event
from tests.support.etsy import adapter_of, asked, connected, shop

START, CALLBACK, HOOK = "/apps/etsy/start/", "/apps/etsy/callback/", "/apps/etsy/webhook/"


@pytest.fixture
def etsy() -> Iterator[Running]:
    with shop("demo") as running:
        yield running


@pytest.fixture
def app(etsy: Running, settings: Any) -> Running:
    settings.OMS_PUBLIC_URL = "https://oms.example"
    settings.OMS_APPS = {
        "etsy": {
            "keystring": KEYSTRING,
            "shared_secret": SHARED_SECRET,
            "webhook_secret": SECRET,
            "api_url": etsy.url,
            "sign_in_url": f"{etsy.url}/oauth/connect",
        }
    }
    return etsy


@pytest.fixture
def owner(db: None) -> Client:
    get_user_model().objects.create_superuser("olga", password="secret")
    client = Client()
    client.login(username="olga", password="secret")
    return client


def sign_in(client: Client, *, answer: str = "allow", **query: str) -> str:
    """Begin, press Allow (or Deny) at Etsy; answers where Etsy sends the person back, as path and query."""
    begun = client.get(START, query or {"name": "Etsy shop"})
    at_etsy = requests.get(f"{begun.headers['Location']}&answer={answer}", allow_redirects=False, timeout=5)
    parts = urlsplit(at_etsy.headers["Location"])
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://oms.example/apps/etsy/callback/"
    return f"{parts.path}?{parts.query}"


# ---------------------------------------------------------------- PKCE


def test_the_challenge_is_the_verifiers_hash_without_padding():
    verifier = auth.new_verifier()

    assert 43 <= len(verifier) <= 128
    assert set(verifier) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-")
    assert verifier != auth.new_verifier()
    # RFC 7636, appendix B
    assert (
        auth.challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
        == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )


def test_nothing_is_asked_for_that_is_not_used():
    assert "listings_d" not in auth.SCOPES
    assert set(auth.SCOPES) == {
        "listings_r",
        "listings_w",
        "shops_r",
        "shops_w",
        "transactions_r",
        "transactions_w",
    }


def test_values_as_etsys_forms_want_them():
    assert [text_of(value) for value in (True, False, [1, 2], "a")] == ["true", "false", "1,2", "a"]


def test_without_an_application_the_sentence_names_the_settings(settings):
    settings.OMS_APPS = {}
    with pytest.raises(Rejected, match="ETSY_KEYSTRING"):
        app_of()


# ---------------------------------------------------------------- pages


@pytest.mark.req("R-CONN-04", "R-CONN-06")
def test_a_store_is_connected_by_signing_in(app, owner):
    back = sign_in(owner)
    query = parse_qs(urlsplit(owner.get(START, {"name": "x"}).headers["Location"]).query)
    assert query["code_challenge_method"] == ["S256"]
    assert query["scope"] == [" ".join(auth.SCOPES)]

    answer = owner.get(back)

    store = Connection.objects.get()
    assert answer.headers["Location"] == reverse("admin:store_first_sync", args=[store.pk])
    assert (store.channel, store.name, store.fingerprint) == (
        "etsy",
        "Etsy shop",
        str(app.sandbox.shop.settings["shop_id"]),
    )
    assert (store.currency, store.is_read_only) == ("EUR", True)
    assert set(store.credentials) == {"access_token", "refresh_token", "expires_at"}
    assert {stream.name: stream.period for stream in store.streams.all()} == {
        "categories": 604_800, "attributes": 604_800, "products": None, "orders.new": 300, "orders.changed": 1800,
        "orders.cancelled": 3600, "orders.history": None,
    }  # fmt: skip


def test_a_sign_in_works_once(app, owner):
    back = sign_in(owner)
    owner.get(back)
    Connection.objects.all().delete()

    owner.get(back)

    assert not Connection.objects.exists()


def test_a_code_that_was_used_connects_nothing_whatever_state_it_comes_with(app, owner):
    first = parse_qs(urlsplit(sign_in(owner)).query)
    owner.get(CALLBACK, {"code": first["code"][0], "state": first["state"][0]})
    Connection.objects.all().delete()
    fresh = parse_qs(urlsplit(sign_in(owner)).query)["state"][0]

    answer = owner.get(CALLBACK, {"code": first["code"][0], "state": fresh}, follow=True)

    assert "its code works once, for a short time. Start again." in answer.content.decode()
    assert "password was changed" not in answer.content.decode()
    assert not Connection.objects.exists()


@pytest.mark.parametrize("state", ["", "made-up", None])
def test_a_state_that_is_not_ours_connects_nothing(app, owner, state):
    back = urlsplit(sign_in(owner))
    code = parse_qs(back.query)["code"][0]

    answer = owner.get(CALLBACK, {"code": code, **({} if state is None else {"state": state})}, follow=True)

    assert "This sign-in is unknown" in answer.content.decode()
    assert not Connection.objects.exists()
    assert asked(app, "POST", "/oauth/token") == []


def test_somebody_elses_sign_in_connects_nothing(app, owner):
    back = sign_in(owner)
    get_user_model().objects.create_superuser("mallory", password="secret")
    other = Client()
    other.login(username="mallory", password="secret")

    other.get(back)

    assert not Connection.objects.exists()


def test_a_sign_in_that_took_too_long_is_begun_again(app, owner, monkeypatch):
    back = sign_in(owner)
    monkeypatch.setattr("channels.connectors.etsy.app.views.LIFE", 0)

    owner.get(back)

    assert not Connection.objects.exists()


def test_a_seller_who_says_no_sees_it(app, owner):
    answer = owner.get(sign_in(owner, answer="deny"), follow=True)

    assert "Etsy refused the sign-in: The user denied the request" in answer.content.decode()
    assert not Connection.objects.exists()


def test_only_those_who_may_connect_stores_may_begin(app, db):
    get_user_model().objects.create_user("packer", password="secret", is_staff=True)
    client = Client()
    assert client.get(START, {"name": "x"}).status_code == 302  # to our own sign-in
    client.login(username="packer", password="secret")

    assert client.get(START, {"name": "x"}).status_code == 403


@pytest.mark.req("R-CONN-07")
def test_the_account_that_is_connected_already_is_recognised(app, owner):
    owner.get(sign_in(owner))

    answer = owner.get(sign_in(owner, name="Again"), follow=True)

    assert "already connected as “Etsy shop”" in answer.content.decode()
    assert Connection.objects.count() == 1


@pytest.mark.req("R-CONN-09")
def test_the_password_was_changed_and_the_seller_signs_in_again(app, owner):
    owner.get(sign_in(owner))
    store = Connection.objects.get()
    app.sandbox.revoke()
    with pytest.raises(AuthError) as caught:
        adapter_of(store).verify()
    record_failure(store, caught.value)
    assert store.state == Connection.State.NEEDS_SELLER
    assert "Etsy password was changed" in store.state_reason

    owner.get(sign_in(owner, store=str(store.pk)))

    store.refresh_from_db()
    assert store.state == Connection.State.ACTIVE
    assert adapter_of(store).verify().identity == store.fingerprint


@pytest.mark.req("R-CONN-06")
def test_a_permission_that_was_not_given_is_named(app, owner):
    back = sign_in(owner)
    app.sandbox.configure(scopes="listings_r shops_r transactions_r transactions_w listings_w")

    answer = owner.get(back, follow=True)

    assert "lacks these permissions: shops_w" in answer.content.decode()
    assert not Connection.objects.exists()


def test_the_wizard_leads_to_etsy_and_shows_the_trademark(app, owner):
    url = reverse("admin:connect_channel", args=["etsy"])
    page = owner.get(url).content.decode()
    assert "is a trademark of Etsy, Inc." in page
    assert "access_token" not in page
    answer = owner.post(url, {"name": "My & shop"})
    assert answer.headers["Location"] == "/apps/etsy/start/?name=My+%26+shop"

    owner.get(sign_in(owner))
    store = Connection.objects.get()
    assert (
        "is a trademark of Etsy, Inc." in owner.get(reverse("admin:store", args=[store.pk])).content.decode()
    )
    reconnect_page = reverse("admin:store_reconnect", args=[store.pk])
    assert "Etsy opens next. Sign in as the owner of" in owner.get(reconnect_page).content.decode()
    again = owner.post(reconnect_page)
    assert again.headers["Location"] == f"/apps/etsy/start/?store={store.pk}"


# ---------------------------------------------------------------- tokens


@pytest.mark.django_db
def test_a_token_that_is_over_is_renewed_once_and_stored_before_use(etsy):
    store = factories.store(channel="etsy", credentials=etsy.credentials, currency="EUR")
    first = adapter_of(store)
    first.verify()
    spent = store.credentials["refresh_token"]
    etsy.sandbox.expire()

    first.verify()

    assert len(asked(etsy, "POST", "/oauth/token")) == 1
    assert spent not in etsy.sandbox.shop.refresh
    again = adapter_of(Connection.objects.get(pk=store.pk))  # another worker
    assert again.verify().identity
    assert len(asked(etsy, "POST", "/oauth/token")) == 1
    stored = oauth_tokens.stored_token(store)
    assert stored is not None
    assert stored.extra["refresh_token"] in etsy.sandbox.shop.refresh


@pytest.mark.django_db
def test_the_rotated_token_is_used_the_next_time_and_not_the_first(etsy):
    store = factories.store(channel="etsy", credentials=etsy.credentials, currency="EUR")
    for _ in range(3):
        etsy.sandbox.expire()
        assert adapter_of(Connection.objects.get(pk=store.pk)).verify().identity

    assert len(asked(etsy, "POST", "/oauth/token")) == 3


@pytest.mark.django_db
def test_a_fault_of_the_token_endpoint_does_not_ask_to_reconnect(etsy):
    store = factories.store(channel="etsy", credentials=etsy.credentials, currency="EUR")
    etsy.sandbox.expire()
    etsy.sandbox.inject("server_error", match="/oauth/token")

    with pytest.raises(TemporaryError):
        adapter_of(store).verify()
    assert adapter_of(store).verify().identity  # the same refresh token still works


@pytest.mark.db
@pytest.mark.django_db(transaction=True)
def test_many_workers_with_one_dead_token_renew_it_once(etsy):
    store = factories.store(channel="etsy", credentials=etsy.credentials, currency="EUR")
    adapter_of(store).verify()
    etsy.sandbox.expire()
    failures: list[Exception] = []

    def work() -> None:
        from django.db import connection as database

        try:
            adapter_of(Connection.objects.get(pk=store.pk)).client.get("/users/me")
        except Exception as error:
            failures.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert failures == []
    assert len(asked(etsy, "POST", "/oauth/token")) == 1


@pytest.mark.parametrize("key", [KEYSTRING, f"{KEYSTRING}:wrong"])
def test_a_wrong_application_is_said_to_be_that_and_not_the_sellers_fault(etsy, key):
    """Etsy's words read like a fault of permissions."""
    name, _, secret = key.partition(":")
    store = connected(etsy, credentials={"keystring": name, "shared_secret": secret or "x"})

    with pytest.raises(Rejected, match="ETSY_SHARED_SECRET"):
        store.verify()


@pytest.mark.django_db
def test_the_token_endpoint_says_of_a_wrong_application_that_it_is_that_too(etsy):
    store = connected(etsy, credentials={"keystring": "nobody", "expires_at": 1})

    with pytest.raises(Rejected, match="check ETSY_KEYSTRING"):
        store.verify()


def test_a_permission_missing_in_the_middle_is_named(etsy):
    etsy.sandbox.configure(scopes="shops_r listings_r")

    with pytest.raises(AuthError, match=r"transactions_r .*Sign in again and allow all of them\.$"):
        connected(etsy).pull_orders(PullQuery())


@pytest.mark.django_db
def test_new_credentials_never_use_the_old_ones_token(etsy):
    store = factories.store(
        channel="etsy", credentials=etsy.credentials, currency="EUR",
        fingerprint=str(etsy.sandbox.shop.settings["shop_id"]),
    )  # fmt: skip
    adapter_of(store).verify()
    etsy.sandbox.revoke()
    fresh = etsy.sandbox.credentials()

    reconnect(connection=store, credentials=fresh)

    assert adapter_of(Connection.objects.get(pk=store.pk)).verify().identity


# ---------------------------------------------------------------- the address that Etsy calls


@pytest.mark.django_db
def test_a_webhook_is_kept_once_and_forged_ones_are_not(app):
    store = factories.store(
        channel="etsy", fingerprint="7", credentials={"access_token": "a", "refresh_token": "r"}
    )
    headers, body = called(event())

    def post(headers: dict[str, str], body: bytes) -> int:
        return Client().post(HOOK, body, content_type="application/json", headers=headers).status_code

    assert post(headers, body) == 202
    assert post(headers, body) == 200  # Etsy's own retry, or a replay
    assert post({**headers, "Webhook-Signature": "v1,AAAA"}, body) == 401
    assert post({}, body) == 401
    assert post(headers, b"{") == 401
    assert post(*called(event(shop_id=99))) == 200
    assert post(*called(event(), age=400)) == 401
    assert list(WebhookEvent.objects.values_list("connection", "stream", "external_id")) == [
        (store.pk, "orders.new", "42")
    ]


@pytest.mark.django_db
def test_a_call_that_is_nothing_but_brackets_is_refused(app):
    answer = Client().post(HOOK, b"[" * 60_000, content_type="application/json")

    assert answer.status_code == 401


def test_the_signature_is_over_id_time_and_body():
    key = base64.b64decode("c2FuZGJveC13ZWJob29rLXNlY3JldA==")
    wanted = base64.b64encode(hmac.new(key, b"msg_1.1700000000.{}", hashlib.sha256).digest())

    assert webhooks.webhook_signature(SECRET, "msg_1", "1700000000", b"{}") == wanted

"""BigCommerce's single-click app: install, launch, uninstall, users; frames, tickets and the claim (R-CONN-01)."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import timezone

from channels.connectors.bigcommerce import auth
from channels.connectors.bigcommerce.app import installs
from channels.connectors.bigcommerce.sandbox.api import CLIENT_ID, CLIENT_SECRET
from channels.models import AppInstall, Connection, SyncStream
from channels.pull.runner import run_stream

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-CONN-01")]


@pytest.fixture
def store(serve_bigcommerce, settings):
    running = serve_bigcommerce(seed="demo")
    settings.OMS_APPS = {
        "bigcommerce": {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "login_url": running.url,
            "api_url": running.url,
        }
    }
    return running


@pytest.fixture
def seller(client):
    user = User.objects.create_user("seller", password="x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="add_connection"))
    return user


def url(name: str) -> str:
    return reverse(f"channels:bigcommerce:{name}")


def install(client: Any, running: Any, **query: Any) -> Any:
    return client.get(url("auth"), {**running.sandbox.install(), **query})


def ticket_in(response: Any) -> str:
    link = response.context["link"]
    assert link.startswith("http://127.0.0.1:9/apps/bigcommerce/open?ticket=")
    return parse_qs(urlsplit(link).query)["ticket"][0]


def connect(client: Any, running: Any, seller: Any) -> Connection:
    response = install(client, running)
    client.force_login(seller)
    client.get(url("open"), {"ticket": ticket_in(response)})
    answer = client.post(url("claim"), {"name": "UK Shop"})
    assert answer.status_code == 302, answer.content
    return Connection.objects.get(name="UK Shop")


# ---------------------------------------------------------------- install


def test_install_shows_app_connected_and_keeps_the_token_under_the_hash(client, store):
    response = install(client, store)

    assert response.status_code == 200
    assert b"App connected" in response.content
    assert b"Open the app under My Apps to get a new link" in response.content  # this page's code is spent
    row = AppInstall.objects.get()
    assert (row.channel, row.account) == ("bigcommerce", store.sandbox.store_hash)
    assert row.credentials["access_token"] == store.sandbox.token
    assert not Connection.objects.exists()  # nobody of this house has claimed it yet


def test_the_code_is_exchanged_with_what_bigcommerce_gave_and_the_registered_address(
    client, store, monkeypatch
):
    bodies: list[Any] = []
    exchange = store.sandbox._exchange

    def noted(request: Any) -> Any:
        bodies.append(json.loads(request.body))
        return exchange(request)

    monkeypatch.setattr(store.sandbox, "_exchange", noted)
    given = store.sandbox.install()

    client.get(url("auth"), {**given, "account_uuid": "2a1b"})

    assert bodies == [
        {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "code": given["code"],
            "scope": given["scope"],
            "context": given["context"],
            "grant_type": "authorization_code",
            "redirect_uri": "http://127.0.0.1:9/apps/bigcommerce/auth",
        }
    ]


def test_the_store_is_the_one_that_bigcommerce_names_not_the_one_in_the_address(client, store):
    install(client, store, context="stores/evil1")

    assert AppInstall.objects.get().account == store.sandbox.store_hash


def test_pages_show_in_the_control_panels_frame_and_in_no_other(client, store):
    for response in (install(client, store), client.get(url("load"), store.sandbox.launch())):
        assert "X-Frame-Options" not in response.headers
        policy = response.headers["Content-Security-Policy"]
        assert "frame-ancestors https://*.mybigcommerce.com" in policy
        assert "default-src 'self'" in policy
        assert 'target="_blank"' in response.content.decode()
        assert not response.cookies
    other = client.get(url("claim"))
    assert "mybigcommerce" not in other.headers.get("Content-Security-Policy", "")
    assert other.headers["X-Frame-Options"] == "DENY"


def test_errors_show_in_the_frame_too(client, store):
    response = client.get(url("load"), {"signed_payload_jwt": "x.y.z"})

    assert response.status_code == 403
    assert "X-Frame-Options" not in response.headers
    assert b"could not be verified" in response.content


def test_a_code_that_is_spent_or_missing_is_a_sentence(client, store):
    given = store.sandbox.install()
    assert client.get(url("auth"), given).status_code == 200

    again = client.get(url("auth"), given)
    empty = client.get(url("auth"))

    assert again.status_code == empty.status_code == 403
    assert b"install the app once more" in again.content
    assert b"opened by BigCommerce when the app is installed" in empty.content


def test_without_an_app_of_our_own_the_pages_say_so(client, settings):
    settings.OMS_APPS = {
        "bigcommerce": {"client_id": "", "client_secret": "", "login_url": "", "api_url": ""}
    }

    response = client.get(url("auth"), {"code": "c", "scope": "s", "context": "stores/abc"})

    assert response.status_code == 403
    assert b"store-level API account" in response.content


def test_scopes_that_were_not_granted_are_named(client, store):
    response = client.get(url("auth"), store.sandbox.install(scope="store_v2_orders store_v2_products"))

    assert "store_inventory" in response.context["missing"]
    assert "store_v2_orders" not in response.context["missing"]
    assert b"store_inventory" in response.content


def test_a_full_scope_is_as_good_as_the_read_only_one():
    granted = " ".join(scope.removesuffix("_read_only") for scope in auth.SCOPES)

    assert auth.missing_scopes(granted) == []


# ---------------------------------------------------------------- out of the frame


def test_ticket_asks_to_sign_in_and_leads_to_the_claim(client, store, seller):
    ticket = ticket_in(install(client, store))
    first = client.get(url("open"), {"ticket": ticket})
    assert first.status_code == 302
    assert first.headers["Location"].startswith(reverse("admin:login"))

    client.force_login(seller)
    second = client.get(url("open"), {"ticket": ticket})

    assert second.headers["Location"] == url("claim")
    assert client.get(url("claim")).status_code == 200


def test_ticket_works_once_and_not_for_ever(client, store, seller, monkeypatch):
    response = install(client, store)
    client.force_login(seller)
    ticket = ticket_in(response)
    assert client.get(url("open"), {"ticket": ticket}).status_code == 302
    again = client.get(url("open"), {"ticket": ticket})
    forged = client.get(url("open"), {"ticket": ticket[:-3] + "abc"})
    late = installs.ticket_for(AppInstall.objects.get())
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 601)
    old = client.get(url("open"), {"ticket": late})

    assert [again.status_code, forged.status_code, old.status_code] == [403, 403, 403]
    assert b"used already" in again.content
    assert b"has expired" in old.content


def test_claim_makes_a_read_only_store_with_its_first_sync(client, store, seller):
    connection = connect(client, store, seller)

    assert connection.fingerprint == store.sandbox.store_hash
    assert connection.is_read_only is True
    assert connection.currency == "GBP"
    assert connection.account["extra"]["default_location"] == 1


def test_nobody_claims_without_the_right_or_without_a_ticket(client, store, seller):
    client.force_login(seller)
    assert client.get(url("claim")).status_code == 403
    ticket = ticket_in(install(client, store))
    reader = User.objects.create_user("reader", password="x", is_staff=True)
    client.force_login(reader)
    client.get(url("open"), {"ticket": ticket})

    answer = client.post(url("claim"), {"name": "Mine"})

    assert answer.status_code == 403
    assert not Connection.objects.exists()


def test_launch_of_a_connected_store_leads_to_its_page(client, store, seller):
    connection = connect(client, store, seller)
    response = client.get(url("load"), store.sandbox.launch())
    assert b"Reload this page to get a new link" in response.content

    answer = client.get(url("open"), {"ticket": ticket_in(response)})

    assert answer.headers["Location"] == reverse("admin:store", args=[connection.pk])


# ---------------------------------------------------------------- again, and away


def test_install_again_replaces_the_dead_token_and_keeps_the_store(client, store, seller):
    connection = connect(client, store, seller)
    before = connection.credentials["access_token"]
    Connection.objects.filter(pk=connection.pk).update(state=Connection.State.NEEDS_SELLER)

    response = client.get(url("auth"), store.sandbox.install(scope="store_v2_orders"))

    connection.refresh_from_db()
    assert Connection.objects.count() == 1
    assert connection.credentials["access_token"] == store.sandbox.token != before
    assert connection.state == Connection.State.ACTIVE
    assert response.context["is_connected"] is True
    assert any("store_inventory" in warning for warning in connection.account["warnings"])


def test_a_revoked_token_stops_the_store_and_asks_for_the_seller(client, store, seller):
    connection = connect(client, store, seller)
    store.sandbox.configure(revoked=True)
    stream = SyncStream.objects.get(connection=connection, name="orders.new")
    SyncStream.objects.filter(pk=stream.pk).update(due_at=timezone.now() - timedelta(minutes=1))

    run_stream(stream.pk)

    connection.refresh_from_db()
    assert connection.state == Connection.State.NEEDS_SELLER
    assert "reconnect" in connection.state_reason


def test_uninstall_disconnects_and_keeps_the_data(client, store, seller):
    connection = connect(client, store, seller)
    token = store.sandbox.launch()
    AppInstall.objects.update(installed_at=timezone.now() - timedelta(hours=1))
    store.sandbox.configure(revoked=True)

    assert client.get(url("uninstall"), token).status_code == 200

    connection.refresh_from_db()
    assert connection.state == Connection.State.DISCONNECTED
    assert not connection.credentials
    assert AppInstall.objects.get().uninstalled_at is not None
    assert client.get(url("load"), token).status_code == 403


@pytest.mark.fault("F-32")
def test_an_uninstall_by_another_user_changes_nothing(client, store, seller):
    """The attack of F-32: any user of the control panel has a signed token."""
    connection = connect(client, store, seller)
    AppInstall.objects.update(installed_at=timezone.now() - timedelta(hours=1))
    store.sandbox.configure(revoked=True)

    assert client.get(url("uninstall"), store.sandbox.launch(user_id=77, owner_id=1)).status_code == 200

    connection.refresh_from_db()
    assert connection.state == Connection.State.ACTIVE
    assert connection.credentials
    assert AppInstall.objects.get().uninstalled_at is None


@pytest.mark.fault("F-32")
@pytest.mark.parametrize("fault", ["works", "cannot be asked"])
def test_an_uninstall_while_the_token_is_not_dead_changes_nothing(client, store, seller, fault):
    connection = connect(client, store, seller)
    AppInstall.objects.update(installed_at=timezone.now() - timedelta(hours=1))
    if fault != "works":
        store.sandbox.inject("server_error", times=20)

    assert client.get(url("uninstall"), store.sandbox.launch()).status_code == 200

    connection.refresh_from_db()
    assert connection.state == Connection.State.ACTIVE
    assert connection.credentials
    assert AppInstall.objects.get().uninstalled_at is None


def test_an_uninstall_from_before_the_present_installation_changes_nothing(client, store, seller):
    connection = connect(client, store, seller)
    old = store.sandbox.launch(iat=int(time.time()) - 3600, nbf=int(time.time()) - 3600)

    assert client.get(url("uninstall"), old).status_code == 200

    connection.refresh_from_db()
    assert connection.state == Connection.State.ACTIVE


def test_a_user_who_was_removed_or_is_unknown_may_not_open_it(client, store):
    install(client, store)
    assert client.get(url("load"), store.sandbox.launch(user_id=1, owner_id=1)).status_code == 200
    assert client.get(url("load"), store.sandbox.launch(user_id=77, owner_id=1)).status_code == 403
    row = AppInstall.objects.get()
    row.details = {**row.details, "users": ["1", "77"]}
    row.save()
    assert client.get(url("load"), store.sandbox.launch(user_id=77, owner_id=1)).status_code == 200

    assert client.get(url("remove_user"), store.sandbox.launch(user_id=77, owner_id=1)).status_code == 200

    assert client.get(url("load"), store.sandbox.launch(user_id=77, owner_id=1)).status_code == 403


def test_the_owner_hears_who_asks_and_an_administrator_lets_them_in_or_not(client, store):
    install(client, store)
    stranger = client.get(url("load"), store.sandbox.launch(user_id=77, owner_id=1))
    assert stranger.status_code == 403
    assert b"Its owner has been asked" in stranger.content
    owner = client.get(url("load"), store.sandbox.launch())
    assert [user.user_id for user in owner.context["asking"]] == ["77"]
    assert b"user@example.com" in owner.content
    row = AppInstall.objects.get()
    page = reverse("channels:bigcommerce:people", args=[row.pk])
    assert owner.context["people_link"] == f"http://127.0.0.1:9{page}"
    assert client.get(page).status_code == 302  # signed in first

    reader = User.objects.create_user("reader", password="x", is_staff=True)
    client.force_login(reader)
    assert client.post(page, {"user": "77", "do": "allow"}).status_code == 403
    assert client.get(url("load"), store.sandbox.launch(user_id=77)).status_code == 403
    reader.user_permissions.add(Permission.objects.get(codename="change_connection"))
    client.force_login(User.objects.get(pk=reader.pk))
    assert client.post(page, {"user": "99", "do": "allow"}).status_code == 422  # has not asked
    assert client.post(page, {"user": "77", "do": "allow"}).status_code == 200
    again = client.get(url("load"), store.sandbox.launch(user_id=77, owner_id=1))
    assert again.status_code == 200
    assert again.context["asking"] == []  # only the owner is told
    assert client.get(url("load"), store.sandbox.launch()).context["asking"] == []

    assert client.post(page, {"user": "77", "do": "refuse"}).status_code == 200
    refused = client.get(url("load"), store.sandbox.launch(user_id=77, owner_id=1))
    assert refused.status_code == 403
    assert b"ask the owner of the store" in refused.content
    assert [(user.email, user.state) for user in installs.people(AppInstall.objects.get())] == [("user@example.com", "refused")]  # fmt: skip
    assert client.get(url("remove_user"), store.sandbox.launch(user_id=77)).status_code == 200
    assert installs.people(AppInstall.objects.get()) == []


def test_a_new_owner_is_accepted_and_a_store_that_is_not_installed_is_not(client, store):
    install(client, store)
    assert client.get(url("load"), store.sandbox.launch(user_id=5, owner_id=5)).status_code == 200
    assert AppInstall.objects.get().details["owner"] == "5"

    foreign = client.get(url("load"), store.sandbox.launch(sub="stores/another1"))

    assert foreign.status_code == 403
    assert b"not installed on this store" in foreign.content


def test_forged_calls_of_the_server_change_nothing(client, store, seller):
    connection = connect(client, store, seller)
    good = store.sandbox.launch()["signed_payload_jwt"]
    for path in ("uninstall", "remove_user"):
        assert client.get(url(path), {"signed_payload_jwt": good[:-2] + "xx"}).status_code == 403
        assert client.get(url(path)).status_code == 403
        assert client.post(url(path), {"signed_payload_jwt": good}).status_code == 405
    connection.refresh_from_db()
    assert connection.state == Connection.State.ACTIVE

"""The connect wizard and the reconnect form, against the sandbox over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from channels.connectors.opencart.sandbox import make_sandbox
from channels.models import Connection
from channels.stores import services
from oms.kit.models import Job
from tests import factories

pytestmark = pytest.mark.django_db

KEYS = "/admin/integrations/ecommerce-sales-channels/connect/opencart/"


@pytest.fixture
def shop(settings) -> Iterator[Any]:
    settings.OMS_PUBLIC_URL = ""
    with make_sandbox(seed="empty").serve() as running:
        yield running


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def given(shop: Any, **changes: str) -> dict[str, str]:
    return {"name": "UK shop", "domain_url": shop.url, "secret_key": shop.secret_key} | changes


def test_each_channel_says_what_it_can_and_why_not(owner):
    text = owner.get(reverse("admin:connect")).content.decode()

    assert "Connect OpenCart" in text
    assert "an order is shipped as a whole" in text


@pytest.mark.req("R-CONN-02", "R-CONN-06", "R-CONN-08")
def test_the_right_key_connects_and_leads_to_the_first_sync(owner, shop):
    answer = owner.post(KEYS, given(shop))

    store = Connection.objects.get()
    assert (store.name, store.state, store.is_read_only) == ("UK shop", "active", True)
    assert answer.url == reverse("admin:store_first_sync", args=[store.pk])
    assert Job.objects.get().kind == "channels.first_sync"
    assert str(Job.objects.get().author) == "owner"
    page = owner.get(answer.url).content.decode()
    assert "You can leave this page. The first sync continues." in page
    assert f'data-poll="{reverse("admin:job_progress", args=[Job.objects.get().pk])}"' in page
    assert '<noscript><meta http-equiv="refresh"' in page


@pytest.mark.req("R-CONN-06")
@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"secret_key": "0" * 48}, "secret_key", "did not accept the secret key"),
        ({"secret_key": ""}, "secret_key", "required"),
        ({"name": " "}, "name", "required"),
        ({"domain_url": "not a shop"}, "domain_url", "is not the address of a store"),
        ({"domain_url": "http://169.254.1.1"}, None, ""),
    ],
)
def test_what_is_wrong_is_one_sentence_beside_its_input_and_nothing_is_stored(
    owner, shop, changes, field, says
):
    answer = owner.post(KEYS, given(shop, **changes))

    assert answer.status_code == 200
    errors = answer.context["form"].errors
    assert sum(len(found) for found in errors.values()) == 1
    if field:
        assert says in errors[field][0]
    assert Connection.objects.count() == 0
    assert Job.objects.count() == 0
    if changes.get("secret_key") != "":
        assert shop.secret_key.encode() not in answer.content


@pytest.mark.req("R-CONN-07")
def test_the_same_shop_twice_is_refused_and_named(owner, shop):
    owner.post(KEYS, given(shop))

    answer = owner.post(KEYS, given(shop, name="Another"))

    assert answer.context["form"].non_field_errors() == [
        "This account is already connected as “UK shop”. An account can be connected once."
    ]
    assert Connection.objects.count() == 1


@pytest.mark.req("R-CONN-09")
def test_reconnecting_keeps_the_store_and_never_shows_the_key(owner, shop):
    owner.post(KEYS, given(shop))
    store = Connection.objects.get()
    Connection.objects.update(state="needs_seller", state_reason="The shop refused the key.")
    url = reverse("admin:store_reconnect", args=[store.pk])

    form = owner.get(url)
    wrong = owner.post(url, {"domain_url": shop.url, "secret_key": "1" * 48})
    right = owner.post(url, {"domain_url": shop.url, "secret_key": ""})

    assert shop.url in form.content.decode()
    assert shop.secret_key not in form.content.decode()
    assert "did not accept the secret key" in wrong.context["form"].errors["secret_key"][0]
    assert right.url == reverse("admin:store", args=[store.pk])
    store.refresh_from_db()
    assert (store.state, store.state_reason) == ("active", "")


@pytest.mark.req("R-CONN-04", "R-USE-04")
def test_where_the_installation_has_no_application_the_sign_in_is_off_and_says_why(owner, settings):
    page = reverse("admin:connect_channel", args=["etsy"])
    why = "Set ETSY_KEYSTRING and ETSY_SHARED_SECRET: this installation has no application at Etsy yet."
    settings.OMS_APPS = {**settings.OMS_APPS, "etsy": {"keystring": "", "shared_secret": ""}}
    without = owner.get(page).content.decode()
    settings.OMS_APPS = {**settings.OMS_APPS, "etsy": {"keystring": "key", "shared_secret": "secret"}}
    given = owner.get(page).content.decode()

    assert (f">{why}</div>" in without, "data-off>Sign in to Etsy</button>" in without) == (True, True)
    assert (why in given, "data-off" in given, "Sign in to Etsy</button>" in given) == (False, False, True)


@pytest.mark.req("R-CONN-06")
def test_a_disconnected_store_asks_for_its_keys_anew(owner):
    """What was disconnected has no key any more: “leave empty to keep it” would be untrue."""
    store = factories.store(
        "Ours", channel="bigcommerce", credentials={"api_path": "abc123", "access_token": "t" * 20}
    )
    page = reverse("admin:store_reconnect", args=[store.pk])
    keeps = "Leave empty to keep the stored value."
    token = "In BigCommerce: Settings » Store-level API accounts » Create API account."

    before = owner.get(page).content.decode()
    services.disconnect(connection=store)
    after = owner.get(page).content.decode()
    refused = owner.post(page, {"api_path": "abc123", "access_token": ""}).content.decode()

    assert (before.count(keeps), token in before) == (1, False)
    assert (after.count(keeps), token in after) == (0, True)
    assert "This field is required." in refused
    store.refresh_from_db()
    assert store.state == "disconnected"

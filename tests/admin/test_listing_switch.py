"""Activate, Deactivate and Delete: from the product's page and from a store's list, down to what the channel shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalogue.models import Listing, Product
from channels.contract.registry import specs
from channels.contract.spec import Capability
from channels.models import Connection, OutboxMessage
from channels.sandbox.server import Running
from channels.stores import connect, services
from tests import factories
from tests.support.workers import work

pytestmark = pytest.mark.django_db

SWITCHABLE = ["bigcommerce", "etsy"]


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


@pytest.fixture
def house(request, settings) -> Iterator[tuple[Running, Connection]]:
    """(sandbox, store) of the channel that the test names: read, and told what changes."""
    settings.OMS_PUBLIC_URL = ""
    channel = request.param
    sandbox = specs()[channel].make_sandbox
    with ExitStack() as stack:
        running = stack.enter_context(sandbox().serve())
        store = connect.connect(channel=channel, name=channel, credentials=running.credentials)
        work()
        services.switch_on(connection=store)
        work()
        yield running, store


def is_on(running: Running, external_id: str) -> bool:
    shop = running.sandbox.shop
    if hasattr(shop, "products"):
        return bool(shop.products[int(external_id)].get("is_visible"))
    return bool(shop.listings[external_id]["state"] == "active")


def act(owner: Client, listing: Listing, verb: str, **more: str) -> Any:
    url = reverse("admin:product_act", args=[listing.product_id, verb])
    return owner.post(url, {"listing": listing.pk, **more}, follow=True)


def said(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


@pytest.mark.req("R-CAT-10")
@pytest.mark.parametrize("house", SWITCHABLE, indirect=True)
def test_a_listing_goes_off_and_on_by_its_buttons_and_several_from_the_stores_list(owner, house):
    running, store = house
    listing = Listing.objects.filter(connection=store, state="active", variants__sent_quantity__gt=0).first()
    assert listing is not None
    page = reverse("admin:catalogue_product_change", args=[listing.product_id])
    assert ">Deactivate</button>" in owner.get(page).content.decode()

    answer = act(owner, listing, "off")
    work()

    assert f"Deactivated in {store}. It cannot be bought in this store until you activate it again." in said(
        answer
    )
    assert not is_on(running, listing.external_id)
    assert ">Activate</button>" in owner.get(page).content.decode()

    act(owner, listing, "on")
    work()
    assert is_on(running, listing.external_id)

    rows = list(Listing.objects.filter(connection=store, state="active")[:3])
    page = reverse("admin:store_listings", args=[store.pk])

    answer = owner.post(page, {"row": [row.pk for row in rows[:2]], "do": "off"}, follow=True)
    work()

    assert said(answer) == ["2 listings are being deactivated."]
    assert [is_on(running, row.external_id) for row in rows] == [False, False, True]
    assert said(owner.post(page, {"do": "off"}, follow=True)) == ["Select at least one listing."]


@pytest.mark.req("R-CAT-10", "R-CAT-13")
@pytest.mark.parametrize("channel", ["opencart", "onbuy", "offline"])
def test_where_the_channel_cannot_the_button_is_off_with_its_reason_and_nothing_is_written(owner, channel):
    store = factories.store(channel=channel)
    listing = factories.listed("MUG", store).listing
    reason = store.spec.reason(Capability.SET_LISTING_ACTIVE)
    shown = owner.get(reverse("admin:catalogue_product_change", args=[listing.product_id]))
    page = reverse("admin:store_listings", args=[store.pk])

    assert {
        why
        for column in shown.context["columns"]
        for verb, _words, why, _p in column.buttons
        if verb == "off"
    } == {reason}
    assert [why for verb, _words, why in owner.get(page).context["verbs"] if verb in ("on", "off")] == [
        reason,
        reason,
    ]
    assert said(act(owner, listing, "off")) == [reason]
    assert said(owner.post(page, {"row": listing.pk, "do": "off"}, follow=True)) == [reason]
    bulk = reverse("admin:catalogue_listing_changelist")
    answer = owner.post(bulk, {"action": "switch_off", "_selected_action": [listing.pk]}, follow=True)
    assert said(answer) == [f"Mug · Shop: {reason}"]
    listing.refresh_from_db()
    assert listing.state == "active"
    assert not OutboxMessage.objects.filter(topic="listing.active").exists()


@pytest.mark.req("R-CAT-11")
@pytest.mark.parametrize("house", ["opencart"], indirect=True)
def test_deleting_several_asks_first_and_keeps_the_products(owner, house):
    running, store = house
    rows = list(Listing.objects.filter(connection=store, state="active")[:2])
    page = reverse("admin:store_listings", args=[store.pk])
    chosen = {"row": [row.pk for row in rows], "do": "delete"}

    asked = owner.post(page, chosen).content.decode()
    work()
    assert f"Delete 2 listings from {store}?" in asked
    assert "stay in Manifold" in asked
    assert all(int(row.external_id) in running.sandbox.shop.products for row in rows)

    answer = owner.post(page, {**chosen, "confirmed": "1"}, follow=True)
    work()
    assert said(answer) == ["2 listings are being deleted."]
    assert not any(int(row.external_id) in running.sandbox.shop.products for row in rows)
    assert Product.objects.filter(listings__in=rows).count() == 2


@pytest.mark.req("R-CAT-11", "R-CAT-13")
@pytest.mark.parametrize("channel", ["bigcommerce", "onbuy", "etsy", "offline"])
def test_deleting_is_off_where_the_guides_say_so(owner, channel):
    store = factories.store(channel=channel)
    listing = factories.listed("MUG", store).listing

    answer = owner.post(
        reverse("admin:store_listings", args=[store.pk]),
        {"row": listing.pk, "do": "delete", "confirmed": "1"},
        follow=True,
    )

    assert said(answer) == [store.spec.reason(Capability.DELETE_LISTING)]
    assert said(act(owner, listing, "delete", confirmed="1")) == [
        store.spec.reason(Capability.DELETE_LISTING)
    ]
    assert not OutboxMessage.objects.filter(topic="listing.delete").exists()

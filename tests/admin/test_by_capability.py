"""Every page of a store of each channel: what the channel cannot do is a control that is off, with its reason (R-CAT-13)."""

from __future__ import annotations

import html

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from channels.contract.registry import specs
from channels.contract.spec import Capability
from channels.models import Connection, SyncRun, SyncStream
from channels.stores.connect import set_up
from oms.kit.models import Job
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-CAT-13", "R-USE-04")]

C = Capability
CHANNELS = ("opencart", "bigcommerce", "onbuy", "etsy", "offline")
SYNCS = {
    "Sync Orders": ("store_sync_orders", C.PULL_ORDERS),
    "Sync Products": ("store_sync_products", C.PULL_PRODUCTS),
    "Sync Stock": ("store_sync_stock", C.PUSH_STOCK),
    "Sync Prices": ("store_sync_prices", C.PUSH_PRICE),
}
PAGES = (
    "store", "store_listings", "store_price_rule", "store_differences", "store_reconcile", "store_refused", "store_messages",
    "store_warehouses",
    "store_statuses", "store_carriers", "store_capabilities", "store_calls", "store_settings", "store_plan",
    "store_first_sync", "store_reconnect", "store_disconnect", *[name for name, _needed in SYNCS.values()],
)  # fmt: skip
OF_A_WIRE = ("store_plan", "store_first_sync")


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


@pytest.fixture(params=CHANNELS)
def store(request) -> Connection:
    made = factories.store("Ours", channel=request.param, maps={"leeds": 1})
    set_up(made, ())
    return made


def text_of(owner: Client, name: str, store: Connection) -> str:
    answer = owner.get(reverse(f"admin:{name}", args=[store.pk]))
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def test_every_page_of_every_channel_opens(owner, store):
    own = reverse("admin:store", args=[store.pk])
    for name in PAGES:
        if name in OF_A_WIRE and not store.has_wire:
            assert owner.get(reverse(f"admin:{name}", args=[store.pk])).headers["Location"] == own, name
        else:
            assert "Ours" in text_of(owner, name, store), name


def test_an_offline_store_shows_nothing_of_keys_accounts_and_sending(owner, store):
    """Its pages speak of what it has; a store with a wire is told that its keys are forgotten."""
    page = text_of(owner, "store_disconnect", store)

    assert (
        "The keys are deleted" in page,
        "If you connect the same account again" in page,
        "The store sells nothing." in page,
    ) == (store.has_wire, store.has_wire, not store.has_wire)
    assert "Products, orders, stock and history stay in Manifold." in page


@pytest.mark.req("R-CONN-09")
def test_a_read_only_store_that_stands_still_does_not_claim_to_be_read(owner, store):
    if not store.has_wire:
        return
    Connection.objects.update(is_read_only=True)
    going = text_of(owner, "store", store)
    Connection.objects.update(state="paused")
    paused = text_of(owner, "store", store)

    claim = "data is imported, nothing is sent."
    assert (claim in going, claim in paused) == (True, False)
    assert "This store is read-only: nothing is sent, also after it is resumed." in paused
    assert "Nothing is imported or sent until it is resumed (paused for" in paused


def test_the_four_syncs_are_on_or_off_as_the_channel_declares(owner, store):
    page = text_of(owner, "store", store)

    for words, (name, needed) in SYNCS.items():
        url = reverse(f"admin:{name}", args=[store.pk])
        reason = store.spec.reason(needed)
        if store.spec.supports(needed):
            assert f'href="{url}">{words}</a>' in page
            assert "<form" in text_of(owner, name, store).split("oms-narrow")[1]
        else:
            assert f'href="{url}"' not in page
            assert f'aria-description="{reason}" data-off>{words}</button>' in page
            assert reason in text_of(owner, name, store)
            owner.post(url, {})
    if not store.has_wire:
        assert Job.objects.count() == 0
    assert ("requests left</span>" in page or "reads left</span>" in page) is store.has_wire
    assert ("API limit" in page) is store.has_wire


def test_tabs_of_what_the_channel_has_not_are_off_with_the_reason(owner, store):
    tabs = owner.get(reverse("admin:store", args=[store.pk])).context["tabs"]
    off = {str(words): why for words, _url, _here, _count, why in tabs if why}

    if store.has_wire:
        assert off == {}
    else:
        assert set(off) == {
            "Listings", "Prices", "Reconcile", "Rejected records", "Messages", "Status map", "Carrier map", "Calls",
        }  # fmt: skip
        assert off["Listings"] == "An offline store has no web shop."
        assert "nothing is sent" not in text_of(owner, "store", store)


def test_attributes_that_come_with_the_products_were_not_never_read(owner, store):
    page = text_of(owner, "store", store)

    assert ("imported with the products" in page) is store.spec.attributes_with_products
    SyncStream.objects.update(completed_at=timezone.now())
    assert "imported with the products" not in text_of(owner, "store", store)


def test_streams_are_those_that_the_channel_declares(owner, store):
    declared = {str(stream.name): stream.period for stream in store.spec.streams}
    shown = owner.get(reverse("admin:store", args=[store.pk])).context["streams"]

    assert {row["fresh"].stream.name: row["fresh"].stream.period for row in shown} == declared
    assert all(store.spec.supports(stream.capability) for stream in store.spec.streams)


def test_an_account_that_is_offered_less_says_so_on_the_buttons(owner, store):
    if not store.has_wire:
        return
    store.account = {"offered": {str(C.PUSH_PRICE): "Your plan has no price calls."}}
    store.save()

    page = text_of(owner, "store", store)

    assert 'aria-description="Your plan has no price calls." data-off>Sync Prices</button>' in page
    assert "Your plan has no price calls." in text_of(owner, "store_sync_prices", store)
    assert "data-off>Sync Stock" not in page


@pytest.mark.req("R-CONN-09")
def test_a_store_that_stands_still_says_why_instead_of_offering_a_sync(owner, store):
    store.state, store.state_reason = "needs_seller", "The channel refused our key."
    store.save()

    page = text_of(owner, "store", store)

    for words, (name, needed) in SYNCS.items():
        assert f'href="{reverse(f"admin:{name}", args=[store.pk])}"' not in page
        reason = "The channel refused our key." if store.spec.supports(needed) else store.spec.reason(needed)
        assert f'aria-description="{reason}" data-off>{words}</button>' in page
    assert ">Reconnect</a>" in page


def test_buttons_of_a_listing_follow_the_declaration(owner, store):
    listing = factories.listed("MUG", store).listing
    page = owner.get(reverse("admin:catalogue_product_change", args=[listing.product_id]))
    column = next(column for column in page.context["columns"] if column.store == store)

    spec = store.spec
    assert {verb: why for verb, _words, why, _permission in column.buttons} == {
        "update": spec.reason(C.UPDATE_LISTING) if not spec.supports(C.UPDATE_LISTING) else "",
        "off": spec.reason(C.SET_LISTING_ACTIVE) if not spec.supports(C.SET_LISTING_ACTIVE) else "",
        "delete": spec.reason(C.DELETE_LISTING) if not spec.supports(C.DELETE_LISTING) else "",
    }


def test_the_trademark_of_etsy_stands_on_each_page_of_its_store_and_of_no_other(owner, store):
    notice = "The term 'Etsy' is a trademark of Etsy, Inc."
    for name in ("store", "store_listings", "store_settings", "store_reconnect"):
        assert (notice in text_of(owner, name, store)) is (store.channel == "etsy"), name


def test_the_wizard_shows_each_channel_with_what_it_can_and_cannot(owner):
    page = html.unescape(owner.get(reverse("admin:connect")).content.decode())

    for channel in CHANNELS:
        spec = specs()[channel]
        assert f"Connect {spec.label}" in page
        if not spec.supports(C.WEBHOOKS):
            assert f"instant updates: {spec.reason(C.WEBHOOKS)}" in page


@pytest.mark.req("R-ORD-01")
def test_a_period_that_the_channels_limit_does_not_bear_is_refused_with_the_shortest_that_it_does(owner):
    store = factories.store("Slow", channel="onbuy")
    set_up(store, ())
    row = store.streams.get(name="orders.new")
    SyncRun.objects.create(connection=store, stream=row.name, state="done", pages=12)
    control = reverse("admin:store_stream", args=[store.pk, row.pk])

    answer = owner.post(control, {"every": "60"}, follow=True)
    row.refresh_from_db()
    assert [str(message) for message in answer.context["messages"]] == [
        (
            "The API limit of OnBuy does not allow an import every 1 min. Choose 3 min or more, or run another import less "
            "often."
        )
    ]
    assert row.period == 300

    owner.post(control, {"every": "600"})
    row.refresh_from_db()
    assert row.period == 600


@pytest.mark.req("R-CONN-01", "R-CONN-09")
def test_a_store_connected_by_the_app_says_where_to_renew_it(owner, settings):
    app = {
        "client_id": "c",
        "client_secret": "s",
        "login_url": "https://l.example",
        "api_url": "https://a.example",
    }
    settings.OMS_APPS = {**settings.OMS_APPS, "bigcommerce": app}
    by_app = factories.store(
        "By app", channel="bigcommerce", credentials={"access_token": "t", "app": "installed"}
    )
    by_keys = factories.store("By keys", channel="bigcommerce", credentials={"access_token": "t"})

    words = "This store is connected by the app. In BigCommerce's control panel, open Apps » My Apps and launch it"
    assert words in text_of(owner, "store_reconnect", by_app)
    assert words not in text_of(owner, "store_reconnect", by_keys)
    assert ">Reconnect with the app</a>" in text_of(owner, "store", by_app)
    assert ">Change keys</a>" in text_of(owner, "store", by_keys)
    wizard = reverse("admin:connect_channel", args=["bigcommerce"])
    assert "With the app" in owner.get(wizard).content.decode()

    settings.OMS_APPS = {**settings.OMS_APPS, "bigcommerce": {**app, "client_id": ""}}
    assert "With the app" not in owner.get(wizard).content.decode()


def test_what_the_account_warns_of_stands_on_the_store(owner):
    store = factories.store(
        "US", channel="bigcommerce", account={"warnings": ["Made for the UK and France."]}
    )

    assert text_of(owner, "store", store).count("Made for the UK and France.") == 1
    assert "Made for the UK and France." not in text_of(owner, "store_messages", store)

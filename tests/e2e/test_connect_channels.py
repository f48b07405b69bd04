"""The wizard of each channel in the browser: refused, connected, once only, read, looked at, switched on, sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from catalogue.models import Listing, ListingVariant
from channels.contract.registry import specs
from channels.models import CallLog, Connection
from inventory.models import StockItem
from inventory.services import adjust as stock
from oms.kit.authors.actors import SYSTEM
from oms.kit.models import Job
from orders.models import Order
from tests.e2e.conftest import shot
from tests.e2e.shop import STORES, work

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@dataclass(frozen=True)
class Way:
    """How a seller connects a channel: what is typed, what is typed wrongly, what the wizard then says."""

    channel: str
    label: str
    fields: dict[str, str]  # label -> name of the credential
    wrong: dict[str, str]
    refusal: str
    verified: str
    findings: tuple[str, ...]
    quantity: Callable[[Any, ListingVariant], int]


def _opencart(sandbox: Any, row: ListingVariant) -> int:
    return int(sandbox.product(int(row.listing.external_id))["quantity"])


def _bigcommerce(sandbox: Any, row: ListingVariant) -> int:
    product = sandbox.shop.products[int(row.listing.external_id)]
    [variant] = [one for one in product["variants"] if one["sku"] == row.external_sku]
    return int(sandbox.shop.stock[f"1/{variant['id']}"])


def _onbuy(sandbox: Any, row: ListingVariant) -> int:
    return int(sandbox.market.listing(row.external_sku)["stock"])


def _etsy(sandbox: Any, row: ListingVariant) -> int:
    products = sandbox.shop.listings[row.listing.external_id]["inventory"]["products"]
    [product] = [one for one in products if one["sku"] == row.external_sku]
    return int(product["offerings"][0]["quantity"])


WAYS = {
    "opencart": Way(
        "opencart",
        "OpenCart",
        {"Domain URL": "domain_url", "Secret key": "secret_key"},
        {"Secret key": "0" * 48},
        "did not accept the secret key",
        "Verified: Fern & Kettle",
        ("Duplicate SKU", "Statuses not mapped", "Rejected records", "Carriers imported"),
        _opencart,
    ),
    "bigcommerce": Way(
        "bigcommerce",
        "BigCommerce",
        {"API path": "api_path", "Access token": "access_token"},
        {"Access token": "wrong"},
        "BigCommerce does not accept the access token",
        "Verified: Fern & Kettle",
        ("Products without a description", "Carriers not mapped"),
        _bigcommerce,
    ),
    "onbuy": Way(
        "onbuy",
        "OnBuy",
        {
            "Consumer key": "consumer_key",
            "Secret key": "secret_key",
            "Address of the API": "api_url",
        },
        {"Secret key": "wrong"},
        "OnBuy did not accept these keys",
        "Verified: Fern & Kettle",
        ("Product without a SKU", "Products without a description", "Carriers imported"),
        _onbuy,
    ),
    "etsy": Way(
        "etsy",
        "Etsy",
        {},
        {},
        "Etsy refused the sign-in: The user denied the request",
        "Verified: FernAndKettle",
        ("Carriers not mapped", "Carriers imported"),
        _etsy,
    ),
}


@pytest.fixture(autouse=True)
def _no_webhooks(settings, live_server):
    settings.OMS_PUBLIC_URL = ""


@contextmanager
def market(way: Way, settings: Any, live_server: Any) -> Iterator[Any]:
    """The channel's sandbox, served; where sellers sign in there, our application is known to it."""
    sandbox = specs()[way.channel].make_sandbox
    with sandbox().serve() as running:
        if way.channel == "etsy":
            from channels.connectors.etsy.sandbox import environment

            given = environment(running.url)
            settings.OMS_PUBLIC_URL = live_server.url
            settings.OMS_APPS = {
                **settings.OMS_APPS,
                "etsy": {name.removeprefix("ETSY_").lower(): value for name, value in given.items()},
            }
        yield running


def connect(page: Page, way: Way, running: Any, *, name: str, answer: str = "Allow", **typed: str) -> None:
    """From the stores through the wizard: typed and checked here, or signed in at the channel."""
    page.goto(STORES)
    page.get_by_role("link", name="Connect store").first.click()
    page.get_by_role("link", name=f"Connect {way.label}").click()
    page.get_by_label("Display name").fill(name)
    for label, key in way.fields.items():
        page.get_by_label(label).fill(typed.get(label) or running.credentials[key])
    if way.fields:
        page.get_by_role("button", name="Connect store").click()
    else:
        page.get_by_role("button", name=f"Sign in to {way.label}").click()
        page.get_by_role("button", name=answer).or_(page.get_by_role("link", name=answer)).first.click()


@pytest.mark.req("R-CONN-01", "R-CONN-02", "R-CONN-03", "R-CONN-04", "R-CONN-06", "R-CONN-07", "R-CONN-08")
@pytest.mark.req("R-CAT-02", "R-CAT-14", "R-INV-06", "R-PLUS-13")
@pytest.mark.parametrize("channel", list(WAYS))
def test_a_channel_is_connected_from_the_wizard_to_its_first_push(
    signed_in: Page, settings: Any, live_server: Any, channel: str
):
    page, way = signed_in, WAYS[channel]
    with market(way, settings, live_server) as running:
        # refused: one sentence on the form, nothing stored
        connect(page, way, running, name="Ours", answer="Deny", **way.wrong)
        expect(page.get_by_text(way.refusal)).to_be_visible()
        shot(page, f"{channel}-1-refused")
        assert page.get_by_label("Display name").input_value() == "Ours"
        assert (Connection.objects.count(), Job.objects.count(), CallLog.objects.count()) == (0, 0, 0)

        # connected: verified in words, the first sync runs in the background
        connect(page, way, running, name="Ours")
        expect(page.get_by_role("heading", name="First sync of Ours")).to_be_visible()
        expect(page.get_by_text(way.verified)).to_be_visible()
        store = Connection.objects.get()
        assert (store.is_read_only, store.report_seen_at) == (True, None)
        work(page, slices=3)
        expect(page.get_by_text("You can leave this page. The first sync continues.")).to_be_visible()
        expect(page.get_by_role("progressbar")).to_be_visible()
        expect(page.get_by_role("row", name="Categories")).to_contain_text("done")
        shot(page, f"{channel}-2-running")

        # the same account again, while it runs: refused, and its store named
        connect(page, way, running, name="Twice")
        expect(page.get_by_text("already connected as “Ours”")).to_be_visible()
        shot(page, f"{channel}-3-twice")
        assert Connection.objects.count() == 1

        # the report
        page.goto(f"{STORES}{store.pk}/first-sync/")
        work(page)
        expect(page.get_by_role("heading", name="First sync report of Ours")).to_be_visible()
        products, orders = Listing.objects.count(), Order.objects.count()
        assert min(products, orders) > 10
        expect(page.get_by_role("link", name=f"{products} products")).to_be_visible()
        expect(page.get_by_role("link", name=f"{orders} orders")).to_be_visible()
        for words in way.findings:
            expect(page.locator("#findings")).to_contain_text(words)
        shot(page, f"{channel}-4-report")

        # the report was shown, so the store can go live; until then nothing is sent
        row = (
            ListingVariant.objects.filter(connection=store, listing__state="active", remote_quantity__gt=20)
            .select_related("listing", "variant")
            .first()
        )
        assert row is not None
        shelf = StockItem.objects.filter(variant=row.variant, on_hand__gt=10).first()
        assert shelf is not None
        before = way.quantity(running.sandbox, row)
        stock.adjust(
            variant=row.variant, warehouse=shelf.warehouse, delta=-3, reason="three broken", by=SYSTEM
        )
        page.goto(f"{STORES}{store.pk}/plan/")
        expect(page.get_by_role("button", name="Go live")).not_to_have_attribute("aria-disabled", "true")
        page.goto(f"{STORES}{store.pk}/first-sync/")
        page.get_by_role("button", name="Choose warehouses").click()
        expect(page.get_by_role("checkbox", name="Sell from").first).to_be_checked()
        page.get_by_role("button", name="Save").click()
        work(page)
        assert way.quantity(running.sandbox, row) == before

        # the first push as a plan: old, new, why; and as a file
        page.get_by_role("link", name="Preview and go live", exact=True).first.click()
        line = page.get_by_role("row", name=f"Stock of {row.external_sku}")
        expect(line.locator("[data-label='In the store']")).to_have_text(str(before))
        expect(line.locator("[data-label='New value']")).to_have_text(str(before - 3))
        shot(page, f"{channel}-5-plan")
        with page.expect_download() as download:
            page.get_by_role("link", name="Export (CSV)").click()
        text = download.value.path().read_text(encoding="utf-8-sig")
        assert re.search(rf"Stock of {re.escape(row.external_sku)},{before},{before - 3},", text)

        # switched on: the first push
        page.get_by_role("button", name="Go live").click()
        expect(page.get_by_text("is live. Stock, prices and order events are sent.")).to_be_visible()
        work(page)
        shot(page, f"{channel}-6-store")
        assert way.quantity(running.sandbox, row) == before - 3

    store.refresh_from_db()
    assert not store.is_read_only
    assert store.report_seen_at is not None


@pytest.mark.req("R-CONN-05")
def test_an_offline_store_is_made_with_a_name_and_a_currency(signed_in: Page):
    page = signed_in
    page.goto(f"{STORES}connect/")
    page.get_by_role("link", name="Connect Offline").click()
    page.get_by_label("Display name").fill("Market stall")
    page.get_by_label("Currency").fill("euros")
    page.get_by_role("button", name="Create store").click()
    expect(page.locator(".oms-error")).to_have_text("Enter a currency with three letters, such as EUR.")
    assert Connection.objects.count() == 0
    shot(page, "offline-1-refused")

    page.get_by_label("Currency").fill("EUR")
    page.get_by_role("button", name="Create store").click()
    expect(page.get_by_text("Store “Market stall” created. Choose its warehouses.")).to_be_visible()
    shot(page, "offline-2-warehouses")
    store = Connection.objects.get()
    work(page)
    page.goto(f"{STORES}{store.pk}/")
    expect(
        page.get_by_text("This store has no web shop. It sells stock from your warehouses.")
    ).to_be_visible()
    expect(page.get_by_text("read-only")).to_have_count(0)
    for name in ("Sync Orders", "Sync Products", "Sync Stock", "Sync Prices"):
        expect(page.get_by_role("button", name=name)).to_have_attribute("aria-disabled", "true")
    page.get_by_role("button", name="Sync Stock").click(force=True)
    expect(page.locator(".oms-why[role=status]")).to_have_text("An offline store has no web shop.")
    shot(page, "offline-3-store")

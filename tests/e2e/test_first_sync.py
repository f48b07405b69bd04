"""The first sync in the browser: progress that may be left, the report, the plan, switching on."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from catalogue.models import Listing
from channels.models import Connection
from orders.models import Order
from tests.e2e.conftest import shot
from tests.e2e.shop import connect, sandbox, work

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _no_webhooks(settings):
    settings.OMS_PUBLIC_URL = ""


@pytest.mark.req("R-CONN-08", "R-CAT-02", "R-CAT-14")
def test_first_sync_to_its_report_and_on(signed_in: Page):
    page = signed_in
    with sandbox() as (_shop, running):
        connect(page, running)
        work(page, slices=2)
        expect(page.get_by_role("heading", name="First sync of UK shop")).to_be_visible()
        expect(page.get_by_role("progressbar")).to_be_visible()
        expect(page.get_by_role("row", name="Order statuses")).to_contain_text("done")
        shot(page, "first-sync")

        work(page)
        expect(page.get_by_role("heading", name="Report of the first sync of UK shop")).to_be_visible()
        products, orders = Listing.objects.count(), Order.objects.count()
        assert products > 10
        assert orders > 10
        expect(page.get_by_role("link", name=f"{products} products")).to_be_visible()
        expect(page.get_by_role("link", name=f"{orders} orders")).to_be_visible()
        findings = page.locator("#findings")
        expect(findings).to_contain_text("Two products with one SKU")
        expect(findings).to_contain_text("Statuses with no meaning yet")
        expect(findings).to_contain_text("Carriers found")
        shot(page, "first-report")

        page.get_by_role("button", name="Choose warehouses").click()
        expect(page.get_by_role("checkbox", name="Sell from")).to_be_checked()
        page.get_by_role("button", name="Save").click()
        page.get_by_role("link", name="What would be sent", exact=True).click()
        shot(page, "first-plan")
        assert Connection.objects.get().is_read_only
        page.get_by_role("button", name="Switch sending on").click()
        expect(page.get_by_text("From now on stock, prices and order events are sent")).to_be_visible()
        shot(page, "store")

    store = Connection.objects.get()
    assert not store.is_read_only
    assert store.report_seen_at is not None


@pytest.mark.req("R-CONN-08")
def test_a_store_with_no_products_says_so(signed_in: Page):
    page = signed_in
    with sandbox(seed="empty") as (_shop, running):
        connect(page, running)
        work(page)
        expect(page.get_by_text("The store has no products, so none were read.").first).to_be_visible()
    assert Listing.objects.count() == 0

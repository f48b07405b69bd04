"""A stock adjustment in the browser, seen in the shop."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from inventory.models import StockItem
from tests.e2e.conftest import shot
from tests.e2e.desk import pushing_shop
from tests.e2e.shop import work

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _as_in_the_demo(settings):
    """No webhooks."""
    settings.OMS_PUBLIC_URL = ""


@pytest.mark.req("R-INV-01", "R-INV-05")
def test_an_adjustment_is_seen_in_the_shop(signed_in: Page):
    page = signed_in
    with pushing_shop(page) as (shop, store):
        item = StockItem.objects.filter(
            on_hand__gt=20, allocated=0, variant__listing_variants__connection=store
        ).first()
        assert item is not None
        listed = item.variant.listing_variants.get(connection=store)
        product = int(listed.listing.external_id)
        assert shop.product(product)["quantity"] == item.on_hand

        page.goto(f"/admin/inventory/stockitem/{item.pk}/")
        page.get_by_role("link", name="Adjust").click()
        page.get_by_label("Units").fill("2.5")
        page.get_by_label("Reason").fill("broken in the cellar")
        page.get_by_role("button", name="Preview").click()
        expect(page.get_by_text("“2.5” is not a whole number of units.")).to_be_visible()
        shot(page, "stock-adjust-refused")

        page.get_by_label("Units").fill("-3")
        page.get_by_role("button", name="Preview").click()
        expect(page.get_by_text(f"{item.on_hand} on hand becomes {item.on_hand - 3} (-3).")).to_be_visible()
        expect(page.get_by_text("Stock is sent to: UK shop.")).to_be_visible()
        shot(page, "stock-adjust-confirm")
        page.get_by_role("button", name="Adjust").click()
        expect(page.get_by_role("cell", name="broken in the cellar")).to_be_visible()
        work(page)
        shot(page, "stock-ledger")

        assert shop.product(product)["quantity"] == item.on_hand - 3

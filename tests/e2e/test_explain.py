"""“Explain this number” in the browser: from the product's page to the sum behind what a store is offered."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from inventory.models import StockItem
from inventory.services.selling_limits import set_policy
from orders.models import Order
from tests.e2e.conftest import shot
from tests.e2e.desk import poll, pushing_shop
from tests.e2e.shop import work

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _as_in_the_demo(settings):
    """No webhooks."""
    settings.OMS_PUBLIC_URL = ""


@pytest.mark.req("R-INV-04")
def test_an_offered_number_is_opened_into_its_sum(signed_in: Page):
    page = signed_in
    with pushing_shop(page) as (shop, store):
        item = StockItem.objects.filter(
            on_hand__gt=20, allocated=0, variant__listing_variants__connection=store
        ).first()
        assert item is not None
        listed = item.variant.listing_variants.get(connection=store)
        placed = shop.place_order([{"product_id": int(listed.listing.external_id), "quantity": 2}])
        poll(page, store)
        order = Order.objects.get(external_id=str(placed["order_id"]))
        set_policy(store, listing_variant=listed, buffer=4)
        work(page)
        on_hand = StockItem.objects.get(pk=item.pk).on_hand

        page.goto(f"/admin/catalogue/product/{item.variant.product_id}/")
        shot(page, "product")
        page.get_by_role("row", name=listed.external_sku).get_by_role("link", name=str(on_hand - 6)).click()
        lines = page.locator("#sum")
        expect(lines).to_contain_text("allocated to #" + order.number)
        expect(lines).to_contain_text("Minus the buffer of 4")
        expect(lines.get_by_role("row", name="Offered")).to_contain_text(str(on_hand - 6))
        expect(page.locator("#sent")).to_contain_text(f"Sent: {on_hand - 6}, accepted.")
        shot(page, "explain")
        page.get_by_role("link", name=f"#{order.number}").click()
        expect(page.get_by_role("heading", name=f"#{order.number}")).to_be_visible()

        assert shop.product(int(listed.listing.external_id))["quantity"] == on_hand - 6

"""An order in the browser, from New to the manifest, and seen as shipped in the shop."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from inventory.models import StockItem
from oms.kit.authors.actors import SYSTEM
from orders.models import Order
from orders.services import carriers
from tests.e2e.conftest import shot
from tests.e2e.desk import poll, pushing_shop
from tests.e2e.shop import work

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _as_in_the_demo(settings):
    """No webhooks."""
    settings.OMS_PUBLIC_URL = ""


@pytest.mark.req("R-SHIP-03", "R-SHIP-04", "R-ORD-08")
def test_an_order_goes_from_new_to_the_manifest(signed_in: Page):
    page = signed_in
    with pushing_shop(page) as (shop, store):
        carriers.save_carrier(name="Royal Mail", tracking_url="https://track.example/{number}", by=SYSTEM)
        item = StockItem.objects.filter(on_hand__gt=20, variant__listing_variants__connection=store).first()
        assert item is not None
        listed = item.variant.listing_variants.get(connection=store)
        placed = shop.place_order(
            [{"product_id": int(listed.listing.external_id), "quantity": 2}], customer="Amelia Hargreaves"
        )
        poll(page, store)
        order = Order.objects.get(external_id=str(placed["order_id"]))
        on_hand = StockItem.objects.get(pk=item.pk).on_hand

        page.goto("/admin/orders/order/?tab=new")
        expect(page.get_by_role("link", name=f"#{order.number}", exact=True)).to_be_visible()
        shot(page, "orders-new")
        page.get_by_label(f"Select #{order.number}").check()
        bar = page.get_by_role("region", name="Selected rows")
        expect(bar).to_contain_text("1 selected")
        bar.get_by_role("button", name="Release").click()
        expect(page.get_by_text("Release: 1 order moved.")).to_be_visible()

        page.goto(f"/admin/orders/order/{order.pk}/")
        page.get_by_role("button", name="Mark packed").click()
        expect(page.locator(".d-steps [aria-current]")).to_have_text("Packed")
        page.get_by_label("Carrier").select_option(label="Royal Mail")
        page.get_by_label("Tracking number").fill("AB123456785GB")
        page.get_by_role("button", name="Mark ready to ship").click()
        expect(page.locator(".d-steps [aria-current]")).to_have_text("Ready to ship")
        shot(page, "order-ready-to-ship")

        page.get_by_role("link", name="Put on a manifest").click()
        expect(page.get_by_label(f"Shipment of order {order.number}")).to_be_checked()
        shot(page, "manifest-new")
        page.get_by_role("button", name="Create manifest").click()
        expect(page.get_by_role("heading", name="Manifest M")).to_be_visible()
        expect(page.get_by_text("Waiting to be sent")).to_be_visible()
        work(page)
        expect(page.get_by_role("cell", name="Sent")).to_be_visible()
        shot(page, "manifest")

        page.goto(f"/admin/orders/order/{order.pk}/")
        expect(page.locator(".d-steps [aria-current]")).to_have_text("In transit")
        shot(page, "order-in-transit")
        there = shop.shop.orders[int(placed["order_id"])]

    order.refresh_from_db()
    assert order.status == "in_transit"
    assert StockItem.objects.get(pk=item.pk).on_hand == on_hand - 2
    assert there["status_id"] == 3  # OpenCart's Shipped

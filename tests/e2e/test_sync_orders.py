"""Integrations » Ecommerce Sales Channels » store » Sync Orders, for one number."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from orders.models import Order
from tests.e2e.conftest import shot
from tests.e2e.shop import connect, sandbox, work

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _no_webhooks(settings):
    settings.OMS_PUBLIC_URL = ""


@pytest.mark.req("R-ORD-04")
def test_sync_orders_for_one_number(signed_in: Page):
    page = signed_in
    with sandbox() as (shop, running):
        connect(page, running)
        work(page)
        known = Order.objects.count()
        number = str(shop.place_order()["order_id"])
        other = str(shop.place_order()["order_id"])

        page.get_by_role("link", name="Ecommerce Sales Channels").first.click()
        page.get_by_role("link", name="UK shop").click()
        page.get_by_role("link", name="Sync Orders").click()
        expect(page.get_by_role("heading", name="Sync Orders")).to_be_visible()
        trail = page.get_by_role("navigation", name="You are here").get_by_role("listitem").all_inner_texts()
        assert [text.strip("» \n") for text in trail] == [
            "Integrations",
            "Ecommerce Sales Channels",
            "UK shop",
            "Sync Orders",
        ]
        shot(page, "sync-orders")
        page.get_by_label("Order number").fill(f"#{number}")
        page.get_by_role("button", name="Sync Orders").click()
        page.wait_for_url("**/jobs/*/")
        work(page, slices=1)
        expect(page.get_by_text("1 new, 0 changed, 0 unchanged, 0 rejected.")).to_be_visible()
        shot(page, "sync-orders-done")

    assert Order.objects.filter(number=number).exists()
    assert not Order.objects.filter(number=other).exists()
    assert Order.objects.count() == known + 1

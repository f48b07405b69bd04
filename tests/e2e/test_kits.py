"""A kit in the browser: made on the product page, explained, and its order with the components."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from catalogue.models import ListingVariant, Variant
from orders.models import Order
from tests.e2e.conftest import shot
from tests.kits.desk import listed
from tests.orders import desk

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.django_db(transaction=True),
    pytest.mark.req("R-CAT-05", "R-INV-04"),
]


def narrow(page: Page, name: str) -> None:
    """Look at the page as a phone shows it: nothing is wider than the screen."""
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    shot(page, f"{name}-phone")
    page.set_viewport_size({"width": 1440, "height": 900})
    shot(page, name)


def test_a_kit_is_made_explained_and_sold(signed_in: Page):
    page = signed_in
    shop = desk.store()
    for sku, units in (("MUG", 7), ("BOX", 9)):
        desk.stocked(sku, leeds=units)
    desk.stocked("GIFT")
    listed("GIFT", shop)
    gift = Variant.objects.get(sku="GIFT")

    page.goto(f"/admin/catalogue/product/{gift.product_id}/")
    page.get_by_role("link", name="Make it a kit").click()
    page.get_by_label("Add SKU 1").press_sequentially("mu")
    expect(page.locator("datalist option[value=MUG]")).to_be_attached()
    page.get_by_label("Add SKU 1").fill("MUG")
    page.get_by_label("Units in one kit 1").fill("2")
    page.get_by_label("Add SKU 2").fill("BOX")
    narrow(page, "kit-form")
    page.get_by_role("button", name="Save components").click()
    card = page.locator("#kits")
    expect(card.get_by_role("row", name="Kits that can be made")).to_contain_text("3")
    narrow(page, "kit-product")

    desk.comes(shop, desk.record("1", lines=(desk.line("1-1", "GIFT", 2, "19.99"),)))
    page.goto(f"/admin/inventory/explain/{ListingVariant.objects.get(variant=gift).pk}/")
    expect(page.locator("#sum").get_by_role("row", name="Offered")).to_contain_text("1")
    narrow(page, "kit-explain")
    page.goto(f"/admin/orders/order/{Order.objects.get().pk}/")
    expect(page.locator("#lines").get_by_role("row", name="The MUG")).to_contain_text("allocated 4")
    narrow(page, "kit-order")

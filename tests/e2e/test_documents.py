"""Printing in the browser: the key p, the menu Print, the card of an order, the settings with their previews."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.documents import shelf
from tests.e2e.conftest import shot
from tests.orders import desk

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.req("R-SHIP-05")]

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def orders() -> list[Any]:
    store = desk.store("Fern")
    shelf.seller(store, label_size="a4_4", colour="#0b7a4b")
    return [shelf.sold(store) for _number in range(3)]


def test_p_opens_the_print_menu_of_the_chosen_orders(signed_in: Page, orders: list[Any]):
    page = signed_in
    page.goto("/admin/orders/order/")
    for order in orders[:2]:
        page.check(f'input[name="_selected_action"][value="{order.pk}"]')
    page.keyboard.press("p")

    menu = page.locator("#bulk-bar details.menu .list")
    expect(menu.get_by_role("button", name="Print packing slips")).to_be_visible()
    box = menu.bounding_box()
    assert box is not None
    assert box["y"] > 0
    shot(page, "documents-menu")
    menu.get_by_role("button", name="Print labels").click()
    expect(page.get_by_label("First free label of the sheet")).to_be_visible()
    shot(page, "documents-start")


def test_the_card_of_an_order_on_a_phone(signed_in: Page, orders: list[Any]):
    page = signed_in
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.goto(f"/admin/orders/order/{orders[0].pk}/")

    with page.expect_popup():
        page.get_by_role("button", name="Issue invoice").click()
    page.reload()

    expect(page.locator("#documents").get_by_role("link", name="Issue credit note")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.locator("#documents").scroll_into_view_if_needed()
    shot(page, "documents-card")


def test_the_settings_show_a_preview_of_each_document(signed_in: Page, orders: list[Any]):
    page = signed_in
    page.goto(f"/admin/integrations/ecommerce-sales-channels/{orders[0].connection_id}/documents/")

    for name in ("Shipping label", "Packing slip", "Invoice", "Return slip"):
        picture = page.get_by_role("img", name=f"Sample: {name}")
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("naturalWidth", 620)
    shot(page, "documents-settings")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    shot(page, "documents-settings-phone")

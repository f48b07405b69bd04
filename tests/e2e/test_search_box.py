"""The search box by keyboard alone: / goes there, results while typing, arrow keys, Enter, Esc."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from orders.models import Order
from tests.admin import desk_data
from tests.e2e.conftest import shot
from tests.e2e.test_order_list import fits

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> list[Order]:
    monkeypatch.setattr(desk_data, "picture", lambda letters: "")
    store = desk_data.shop()
    return [desk_data.order(store) for _number in range(9)]


def test_the_box_is_used_by_keyboard(signed_in: Page, orders: list[Order]):
    page = signed_in
    page.set_viewport_size({"width": 1440, "height": 900})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.goto("/admin/orders/order/")
    field, results = page.get_by_role("combobox", name="Search orders"), page.locator("#oms-find-list")

    page.keyboard.press("/")
    expect(field).to_be_focused()
    page.keyboard.type("mug")
    expect(results).to_be_visible()
    expect(field).to_have_attribute("aria-expanded", "true")
    expect(results.get_by_role("group", name="SKUs").get_by_role("option").first).to_contain_text("MUG-")
    shot(page, "search-box-1440")

    page.keyboard.press("ArrowDown")
    first = results.get_by_role("option").first
    expect(first).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-activedescendant", first.get_attribute("id") or "")
    page.keyboard.press("ArrowUp")
    expect(results.locator("[aria-selected=true]")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(results).to_be_hidden()
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    expect(field).not_to_be_focused()

    page.keyboard.press("/")
    page.keyboard.type(orders[3].number)
    expect(results.get_by_role("option").first).to_contain_text(f"#{orders[3].number}")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/admin/orders/order/{orders[3].pk}/")

    page.keyboard.press("/")
    page.keyboard.type("example")
    every = results.get_by_role("option", name="All 9 orders with “example”")
    expect(every).to_be_visible()
    every.click()
    page.wait_for_url("**/admin/orders/order/?q=example")
    expect(page.locator("#list-table tbody tr")).to_have_count(9)

    page.keyboard.press("s")
    expect(page.locator("#searchbar")).to_be_focused()
    page.keyboard.press("/")  # a sign in a text field stays a sign
    expect(page.locator("#searchbar")).to_have_value("/")

    page.goto("/admin/")
    page.keyboard.press("/")
    page.keyboard.type("no-such-thing")
    expect(results).to_contain_text("Nothing is found with “no-such-thing”.")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/search/?q=no-such-thing")
    expect(page.get_by_role("heading", level=1)).to_have_text("Search: “no-such-thing”")
    assert [text for text in said if "img.example" not in text and "ERR_" not in text] == []


def test_box_and_page_fit_a_phone(signed_in: Page, orders: list[Order]):
    page = signed_in
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/admin/orders/order/")
    page.locator("#oms-find").click()
    page.keyboard.type("mug")
    expect(page.locator("#oms-find-list")).to_be_visible()
    assert fits(page)
    shot(page, "search-box-390")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/search/?q=mug")
    assert fits(page)
    shot(page, "search-page-390")

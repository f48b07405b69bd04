"""A phone order by keyboard alone, and how many key strokes it takes (R-OFF-01)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from orders.models import Order
from tests.e2e.conftest import shot
from tests.orders import desk

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.req("R-OFF-01")]
#: Of somebody who knows the page; two strokes a second are 20 s.
MOST_STROKES = 40


class Keys:
    """A keyboard that counts its strokes."""

    def __init__(self, page: Page) -> None:
        self.page, self.strokes = page, 0

    def type(self, text: str) -> None:
        self.strokes += len(text)
        self.page.keyboard.type(text)

    def press(self, *names: str) -> None:
        for name in names:
            self.strokes += name.count("+") + 1
            self.page.keyboard.press(name)


def test_a_phone_order_of_three_lines_by_keyboard_alone(signed_in: Page):
    page = signed_in
    stall = desk.store("Telephone", channel="offline", options={"tax_rate": "20"})
    for sku, price in (("MUG-RED", "12.00"), ("TEE-M", "24.00"), ("TEA-250", "8.50")):
        variant = desk.stocked(sku, leeds=9)
        variant.price, variant.currency = Decimal(price), "GBP"
        variant.save(update_fields=["price", "currency"])
    desk.comes(stall, desk.record("OLD", lines=(desk.line("OLD-1", "MUG-RED", 1),)))

    page.goto("/admin/orders/order/new/")
    keys = Keys(page)
    expect(page.locator("#entry-buyer")).to_be_focused()
    keys.type("jo d")
    expect(page.locator("#entry-buyers [role=option]")).to_have_count(1)
    keys.press("Enter")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Jo Doe")
    expect(page.locator("#entry-history")).to_contain_text("#OLD")
    for line, (text, units) in enumerate((("mug", "2"), ("tee", "3"), ("tea", "1")), 1):
        field = page.locator("[name=sku]").nth(line - 1)
        expect(field).to_be_focused()
        keys.type(text)
        option = page.locator("#entry-lines [role=option]:visible")
        expect(option).to_have_count(1)
        expect(option).to_contain_text("available")
        keys.press("Enter")
        expect(page.locator("[name=quantity]").nth(line - 1)).to_be_focused()
        keys.type(units)
        if line < 3:
            keys.press("Enter")
    expect(page.locator("#entry-total")).to_contain_text("104.50")
    shot(page, "new-order-typed")
    keys.press("Control+Enter")
    expect(page.get_by_text("Order #M-1 entered.")).to_be_visible()

    order = Order.objects.get(number="M-1")
    assert [(line.sku, line.quantity) for line in order.lines.all()] == [
        ("MUG-RED", 2),
        ("TEE-M", 3),
        ("TEA-250", 1),
    ]
    assert (order.total, order.status, order.customer_email) == (Decimal("104.50"), "new", "jo@example.com")
    assert order.ship_to["postcode"] == "LS1 1AA"
    assert keys.strokes <= MOST_STROKES, keys.strokes


def test_a_scanner_types_and_sends_enter_before_the_list_has_come(signed_in: Page):
    page = signed_in
    desk.store("Stall", channel="offline")
    variant = desk.stocked("MUG-RED", leeds=9)
    variant.price, variant.currency, variant.barcode = Decimal(12), "GBP", "5000112548167"
    variant.save(update_fields=["price", "currency", "barcode"])

    page.goto("/admin/orders/order/new/")
    page.locator("[name=sku]").first.focus()
    page.keyboard.type("5000112548167")
    page.keyboard.press("Enter")

    expect(page.locator("[name=sku]").first).to_have_value("MUG-RED")
    expect(page.locator("[name=quantity]").first).to_be_focused()
    expect(page.locator("#entry-total")).to_contain_text("12.00")
    page.get_by_role("button", name="Remove this line").first.click()
    expect(page.locator("#entry-total")).to_have_count(0)
    assert Order.objects.count() == 0

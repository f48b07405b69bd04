"""The order list and the page of an order in the browser: by keyboard, on a desk and on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from channels.contract.records.orders import RemoteState
from oms.kit.authors.actors import SYSTEM
from orders.models import Order
from orders.services import decisions, packing
from tests.admin import desk_data
from tests.e2e.conftest import shot

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> list[Order]:
    """Thirty orders of every kind that a desk sees; their pictures are not fetched."""
    monkeypatch.setattr(desk_data, "picture", lambda letters: "")
    store = desk_data.shop()
    skus = ("MUG-RED", "MUG-BLUE", "TEA-250")
    made = []
    for number in range(26):
        lines = [desk_data.line(skus[number % 3])]
        if number % 4 == 1:
            lines.append(desk_data.line("TEE-M", 3, "24.00"))
        if number % 9 == 5:
            lines.append(desk_data.line("WHO-KNOWS", 1, title="Something that nobody has seen before"))
        made.append(desk_data.order(store, *lines, buyer=number))
    made.append(desk_data.ready(store, desk_data.line("MUG-RED")))
    made.append(desk_data.order(store, state=RemoteState.UNPAID))
    decisions.hold([made[8].pk], reason="buyer asked to wait", by=SYSTEM)
    packing.release([made[0].pk, made[3].pk], by=SYSTEM)
    return made


def fits(page: Page) -> bool:
    """Whether nothing is wider than the screen."""
    wide: bool = page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    return wide


def test_the_list_is_worked_by_keyboard_and_shows_fifteen_compact_orders(
    signed_in: Page, orders: list[Order]
):
    page = signed_in
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto("/admin/orders/order/?tab=new")
    page.screenshot(path=str(shot(page, "orders-compact-full").with_name("orders-compact-1440.png")))
    tops = page.evaluate(
        "[...document.querySelectorAll('#list-table tbody tr')]"
        ".filter((row) => row.getBoundingClientRect().bottom <= window.innerHeight).length"
    )
    assert tops >= 15
    assert page.evaluate(
        "(({scrollWidth, clientWidth}) => scrollWidth <= clientWidth)(document.querySelector('.d-scroll'))"
    )
    assert fits(page)

    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    bar = page.get_by_role("region", name="Selected rows")
    expect(bar).to_contain_text("2 selected")
    page.screenshot(path=str(shot(page, "orders-chosen-full").with_name("orders-chosen-1440.png")))
    bar.get_by_role("button", name="Release").focus()
    page.keyboard.press("Enter")
    link = page.get_by_role("link", name="→ 2 now in Ready for fulfilment")
    expect(link).to_be_visible()
    expect(page.get_by_role("button", name="Undo “Release” for 2")).to_be_visible()
    shot(page, "orders-released")
    link.click()
    expect(bar).to_contain_text("2 selected")

    page.keyboard.press("s")
    page.keyboard.type("argreav")
    page.keyboard.press("Enter")
    expect(page.get_by_role("searchbox")).to_have_value("argreav")
    page.goto("/admin/orders/order/?tab=rfp")
    page.keyboard.press("j")
    page.keyboard.press("o")
    expect(page.locator(".d-steps [aria-current]")).to_have_text("Ready for fulfilment")
    shot(page, "order-1440")
    assert fits(page)


def test_list_and_order_fit_a_phone(signed_in: Page, orders: list[Order]):
    page = signed_in
    page.set_viewport_size({"width": 390, "height": 844})
    for name, place in (
        ("orders", "/admin/orders/order/?tab=new"),
        ("order", f"/admin/orders/order/{orders[5].pk}/"),
        ("order-rts", f"/admin/orders/order/{orders[26].pk}/"),
        ("shipments", "/admin/orders/shipment/"),
        ("manifests", "/admin/orders/manifest/"),
        ("carriers", "/admin/orders/carrier/"),
        ("manifest-new", "/admin/orders/manifest/add/"),
    ):
        page.goto(place)
        shot(page, f"{name}-390")
        assert fits(page), name
    page.set_viewport_size({"width": 1440, "height": 900})
    for name, place in (
        ("order-problem", f"/admin/orders/order/{orders[5].pk}/"),
        ("orders-plain", "/admin/orders/order/"),
        ("shipments", "/admin/orders/shipment/"),
        ("manifests", "/admin/orders/manifest/"),
        ("export", "/admin/orders/order/export/"),
    ):
        page.goto(place)
        shot(page, f"{name}-1440")

"""The packing table by keyboard and scanner alone, and how many key strokes it takes (R-PLUS-18)."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import Page, expect

from orders.models import Order
from orders.services import carriers, packing
from orders.services.station import scan as scanning
from tests import factories
from tests.e2e.conftest import shot
from tests.orders import desk

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.req("R-PLUS-18")]
ORDERS = 20
MOST_STROKES = 25


@pytest.fixture
def store():
    royal = carriers.save_carrier(name="Royal Mail", tracking_url="https://t.example/{number}", by=desk.DESK)
    made = desk.store("Shop", settings={"default_carrier": royal})
    for sku in ("MUG", "TEE"):
        desk.stocked(sku, leeds=90)
    return made


def released(store, count: int = 1, **skus) -> list[Order]:
    orders = [desk.an_order(store, **(skus or {"MUG": 1})) for _n in range(count)]
    packing.release([order.pk for order in orders], by=desk.DESK)
    return orders


def scanned(page: Page, code: str) -> None:
    """A scanner types a code and sends Enter; people press no key for it."""
    page.keyboard.type(code)
    page.keyboard.press("Enter")


def test_twenty_orders_leave_with_two_key_strokes_besides_the_scans(signed_in: Page, store):
    page, orders = signed_in, released(store, ORDERS)
    page.goto("/admin/orders/station/")
    expect(page.locator("input[name^=number-]")).to_have_count(ORDERS)
    strokes = 0
    for number in range(ORDERS):
        expect(page.locator("input[name^=number-]").nth(number)).to_be_focused()
        scanned(page, f"AB{number:09}GB")
    expect(page.locator("#station-ship")).to_be_focused()
    expect(page.locator("#station-said")).to_have_text("20 selected")
    shot(page, "ship-station-scanned")
    page.keyboard.press("Enter")
    strokes += 1
    expect(page.get_by_text("20 orders are ready to ship.")).to_be_visible()

    assert strokes <= MOST_STROKES
    assert {desk.status(order) for order in orders} == {"rts"}
    assert orders[0].shipments.get().tracking_number == "AB000000000GB"


def test_a_pasted_column_a_number_twice_and_a_missing_one(signed_in: Page, store):
    page, orders = signed_in, released(store, 3)
    page.goto("/admin/orders/station/")
    paste = """([field, text]) => {
        const data = new DataTransfer();
        data.setData("text", text);
        field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    }"""
    field = page.locator("input[name^=number-]").first
    page.evaluate(paste, [field.element_handle(), "AB1\r\nAB2\tx\r\nAB1\r\n"])
    expect(page.locator("#station-said")).to_have_text("The number AB1 is in two rows. · 3 selected")

    page.locator("input[name^=number-]").nth(2).fill("")
    page.locator("[name=pick]").nth(2).check()
    expect(page.locator("#station-said")).to_have_text("3 selected · 1 of them without a tracking number")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was changed yet")
    shot(page, "ship-station-asks")
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 orders are ready to ship.")).to_be_visible()

    assert [desk.status(order) for order in orders] == ["rts", "rts", "rfp"]


def test_scan_to_pack_with_a_wrong_and_a_surplus_item(signed_in: Page, store):
    page = signed_in
    (order,) = released(store, MUG=2, TEE=1)
    desk.stocked("CUP", leeds=1)
    page.goto("/admin/orders/pack/")
    expect(page.locator("#pack-code")).to_be_focused()
    scanned(page, order.number)
    expect(page.locator("#pack-form")).to_be_visible()
    page.wait_for_load_state()  # until the script listens, a scan sends the form and loads the page again
    said = page.locator("#pack-said")
    for code, kind, text in (
        ("CUP", "wrong", "CUP is not in this order. Remove it."),
        ("TEE", "ok", "TEE: 1 of 1."),
        ("TEE", "surplus", "TEE is complete: 1 of 1. Remove this one."),
        ("MUG", "ok", "MUG: 1 of 2."),
    ):
        expect(page.locator("#pack-code")).to_be_focused()
        scanned(page, code)
        expect(said).to_have_text(text)
        expect(said).to_have_attribute("data-kind", kind)
        assert page.evaluate("document.body.classList.contains('e-alarm')") == (kind not in ("ok", "packed"))
        if kind == "surplus":
            shot(page, "scan-to-pack-surplus")
    scanned(page, "MUG")
    expect(page.get_by_text(f"Order #{order.number} is packed.")).to_be_visible()
    page.wait_for_url("**/orders/pack/")
    expect(page.locator("#pack-code")).to_be_focused()

    assert desk.status(order) == "packed"


def test_the_second_person_is_told(signed_in: Page, store):
    page = signed_in
    (order,) = released(store, MUG=2)
    scanning.begin(order.pk, user=factories.user("anna"))

    page.goto(f"/admin/orders/pack/{order.pk}/")
    expect(page.get_by_role("alert")).to_contain_text("anna is packing this order")
    expect(page.locator("#pack-code")).to_have_count(0)
    shot(page, "scan-to-pack-second")
    page.get_by_role("button", name="Pack it instead").click()
    expect(page.locator("#pack-code")).to_be_focused()

    assert order.packing_session.author == get_user_model().objects.get(username="owner")

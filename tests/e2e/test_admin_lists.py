"""Admin lists in the browser: a figure edited by keyboard, the count, columns, compact rows, cards on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from catalogue.models import ProductImage
from inventory.models import StockItem, StockMovement
from tests import factories
from tests.admin import desk_data
from tests.e2e.conftest import SCREENSHOTS, shot

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
STOCK = "/admin/inventory/stockitem/"


@pytest.fixture
def stock(signed_in: Page) -> Page:
    desk_data.shop()
    ProductImage.objects.all().delete()  # their host is not there
    for number in range(70):
        factories.shelf(
            factories.variant(f"A-{number:03}", reorder_point=5), "leeds" if number % 3 else "lyon", number
        )
    return signed_in


def window(page: Page, name: str) -> None:
    """A picture of what is on the screen, without what is below."""
    page.screenshot(path=str(SCREENSHOTS / f"{name}.png"))


def is_wider_than_the_window(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


@pytest.mark.req("R-INV-05")
def test_a_figure_is_saved_cancelled_refused_and_undone_by_keyboard(stock: Page):
    page = stock
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(STOCK + "?q=MUG-RED")
    item = StockItem.objects.get(variant__sku="MUG-RED")
    field = page.locator("[data-edit=on_hand]")

    field.focus()
    page.keyboard.press("Enter")
    page.keyboard.type("55")
    page.keyboard.press("Escape")
    expect(field).to_have_text("40")

    page.keyboard.press("Enter")
    page.keyboard.type("4.5")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("“4.5” is not a whole number of units.")
    shot(page, "list-figure-refused")

    factories.shelf(item.variant, "leeds", 38)  # a sale meanwhile
    page.keyboard.type("42")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("changed this to 38 at")
    shot(page, "list-figure-changed-meanwhile")
    page.keyboard.type("42")
    page.keyboard.press("Enter")
    expect(page.locator("#list-toast")).to_contain_text("Saved: 38 → 42")
    expect(field).to_have_text("42")
    expect(field).to_be_focused()
    shot(page, "list-figure-saved")

    page.get_by_role("button", name="Undo").click()
    expect(field).to_have_text("38")
    reasons = StockMovement.objects.filter(stock_item=item).order_by("id").values_list("reason", flat=True)
    assert list(reasons)[-2:] == ["Counted", "Undone"]


def test_the_list_at_1440_and_on_a_phone(stock: Page):
    page = stock
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(STOCK)
    expect(page.locator("#list-count")).to_contain_text("74")
    assert not is_wider_than_the_window(page)
    shot(page, "list-stock-1440")

    page.get_by_text("Columns and views").click()
    page.get_by_label("Compact rows").check()
    shot(page, "list-stock-columns")
    page.get_by_role("button", name="Save columns").click()
    page.wait_for_load_state()
    rows = page.locator("#list-table tbody tr")
    last = rows.nth(14).bounding_box()
    assert last is not None
    assert last["y"] + last["height"] <= 900, "15 rows are on the screen"
    window(page, "list-stock-compact")

    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.locator("tr.oms-selected").count() == 1
    page.keyboard.press("s")
    expect(page.locator("#searchbar")).to_be_focused()

    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(STOCK)
    assert not is_wider_than_the_window(page)
    window(page, "list-stock-390")
    page.goto("/admin/inventory/stockmovement/")
    assert not is_wider_than_the_window(page)
    window(page, "list-movements-390")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto("/admin/inventory/stockmovement/")
    window(page, "list-movements-1440")
    page.goto(STOCK + "?q=A-0")
    page.get_by_role("link", name="Export").click()
    shot(page, "list-export-1440")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    assert download.value.suggested_filename.startswith("StockItem-")
    page.goto("/admin/inventory/warehouse/")
    shot(page, "list-warehouses-1440")

"""The lists of the catalogue in a browser: a price edited by keyboard, undone, and refused; a phone has no overflow."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.cache import cache
from playwright.sync_api import Page, expect

from catalogue.models import Variant
from tests import factories
from tests.admin import desk_data
from tests.e2e.conftest import shot

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
LISTS = ("product", "variant", "listing", "brand", "category")


@pytest.fixture
def shop():
    cache.clear()
    store = desk_data.shop()
    for number in range(20):
        factories.stocked(f"SPOON-{number:02}", connection=store, leeds=number)
    Variant.objects.filter(sku__startswith="SPOON").update(reorder_point=3, barcode="5012345678900")
    Variant.objects.filter(sku="SPOON-04").update(is_stopped=True, selling_price=Decimal("8.5"))
    return store


def test_a_price_is_edited_in_its_row_by_keyboard_and_undone(signed_in: Page, shop):
    # A page of its own: the refusals that this test asks for are errors in the browser's console.
    page = signed_in.context.new_page()
    page.goto("/admin/catalogue/variant/?q=spoon-07")
    figure = page.get_by_role("button", name="Edit price of SPOON-07: 10.00")
    figure.press("Enter")
    field = page.get_by_role("textbox", name="Edit price of SPOON-07")
    field.fill("cheap")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_have_text(
        "“cheap” is not an amount. Enter the price as a number such as 12.50."
    )
    field.fill("12.5")
    field.press("Enter")
    expect(page.get_by_role("button", name="Edit price of SPOON-07: 12.50")).to_be_focused()
    assert Variant.objects.get(sku="SPOON-07").price == Decimal("12.5")
    shot(page, "variant-edited")

    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Edit price of SPOON-07: 10.00").wait_for()
    assert Variant.objects.get(sku="SPOON-07").price == Decimal(10)

    Variant.objects.filter(sku="SPOON-07").update(price=Decimal(11))
    page.get_by_role("button", name="Edit price of SPOON-07: 10.00").click()
    page.get_by_role("textbox", name="Edit price of SPOON-07").fill("9")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Another person changed this figure. It is now 11.00.")
    page.keyboard.press("Escape")
    assert Variant.objects.get(sku="SPOON-07").price == Decimal(11)
    page.close()


@pytest.mark.parametrize("width", [1440, 390])
def test_lists_and_product_page_fit_the_screen(signed_in: Page, shop, width):
    page = signed_in
    page.set_viewport_size({"width": width, "height": 900 if width > 1000 else 844})
    mug = Variant.objects.get(sku="MUG-RED").product_id
    addresses = [(name, f"/admin/catalogue/{name}/") for name in LISTS]
    addresses += [
        ("product-page", f"/admin/catalogue/product/{mug}/"),
        ("sku-inbox", "/admin/catalogue/sku-inbox/"),
    ]
    addresses += [("product-new", "/admin/catalogue/product/add/")]
    for name, address in addresses:
        page.goto(address)
        page.get_by_role("main").wait_for()
        shot(page, f"catalogue-{name}-{width}")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, (name, wide)

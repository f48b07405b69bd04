"""The product page in a browser: a group is made with its pictures, which are uploaded, dragged and moved by keyboard."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.cache import cache
from PIL import Image
from playwright.sync_api import Page, expect

from catalogue.models import Product
from tests import factories
from tests.e2e.conftest import shot

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def picture(name: str, colour: str) -> Any:
    target = io.BytesIO()
    Image.new("RGB", (300, 240), colour).save(target, "PNG")
    return {"name": name, "mimeType": "image/png", "buffer": target.getvalue()}


def order(product: Product) -> list[int]:
    return list(product.images.order_by("position", "pk").values_list("pk", flat=True))


@pytest.mark.req("R-CAT-05", "R-CAT-09")
def test_a_group_is_made_with_pictures(signed_in: Page, settings, tmp_path):
    cache.clear()
    settings.MEDIA_ROOT = tmp_path
    product = factories.product("TEE", title="Tee")
    factories.listed("TEE", factories.store("UK Shop"))
    page = signed_in
    page.goto(f"/admin/catalogue/product/{product.pk}/")

    page.get_by_label("Options and values").fill("Size: S, M\nColour: Red, Blue")
    page.get_by_role("button", name="Save options").click()
    page.get_by_label("Pattern of new SKUs").fill("TEE-{Size}-{Colour}")
    page.get_by_role("button", name="Preview SKUs").click()
    expect(page.get_by_text("3 SKUs are missing:")).to_be_visible()
    page.get_by_role("button", name="Make missing SKUs").click()
    expect(page.get_by_text("3 SKUs were made.")).to_be_visible()

    page.get_by_label("Picture files").set_input_files(
        [picture("a.png", "red"), picture("b.png", "blue"), picture("c.png", "green")]
    )
    page.get_by_role("button", name="Upload pictures").click()
    expect(page.get_by_text("3 pictures were added.")).to_be_visible()
    first, second, third = order(product)
    page.locator(f'li[data-key="{third}"] img').drag_to(page.locator(f'li[data-key="{first}"] img'))
    expect(page.get_by_text("The order of the pictures was saved.")).to_be_visible()
    assert order(product) == [third, first, second]
    page.get_by_role("button", name="Move picture 2 to the front").press("Enter")
    expect(page.get_by_text("The order of the pictures was saved.")).to_be_visible()
    assert order(product) == [first, third, second]
    page.get_by_label("SKU of picture 1").select_option(label="TEE-M-RED")
    page.get_by_label("Description of picture 1").fill("The red tee")
    page.get_by_role("button", name="Save picture").first.click()
    expect(page.get_by_text("The picture was saved.")).to_be_visible()
    assert product.images.filter(pk=first, variant__sku="TEE-M-RED").exists()

    page.get_by_label("Description (HTML)").fill("Soft")
    page.get_by_label("Description (HTML)").select_text()
    page.get_by_role("button", name="<strong>").click()
    page.get_by_role("button", name="Preview description").click()
    expect(page.locator("#preview strong")).to_have_text("Soft")
    shot(page, "product-editor")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    shot(page, "product-editor-phone")

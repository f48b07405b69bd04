"""The brand of a product is suggested while one types, from OnBuy as well (R-CAT-12)."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.urls import reverse
from playwright.sync_api import Page

from catalogue.models import Product
from channels.connectors.onbuy.sandbox import make_sandbox
from channels.stores import connect
from tests import factories

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.req("R-CAT-12")]


def test_the_brand_is_suggested_while_one_types(signed_in: Page):
    cache.clear()
    mug = factories.product("MUG")
    with make_sandbox().serve() as running:
        connect.connect(channel="onbuy", name="OnBuy UK", credentials=running.credentials)
        signed_in.goto(reverse("admin:catalogue_product_change", args=[mug.pk]))
        field = signed_in.locator("input[name=brand]")
        field.press_sequentially("kiln", delay=60)
        option = signed_in.locator(f"datalist#{field.get_attribute('list')} option")
        option.first.wait_for(state="attached")
        assert [one.get_attribute("value") for one in option.all()] == ["Kiln Street"]
        assert len([row for row in running.sandbox.requests if "/brands" in row["target"]]) <= 2
        field.fill("Kiln Street")
        field.press("Enter")
        signed_in.get_by_text("Saved.").first.wait_for()
    brand = Product.objects.get(pk=mug.pk).brand
    assert brand is not None
    assert brand.name == "Kiln Street"

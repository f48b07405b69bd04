"""The tab Prices of a store in a browser: a rule is previewed, switched on, and a price explained."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.cache import cache
from django.urls import reverse
from playwright.sync_api import Page, expect

from catalogue.models import Variant
from tests import factories
from tests.e2e.conftest import shot

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.mark.req("R-PRICE-01", "R-PLUS-08")
def test_a_rule_is_previewed_and_switched_on(signed_in: Page):
    cache.clear()
    store = factories.store("UK Shop")
    for number in range(4):
        factories.listed(f"MUG-{number}", store)
    Variant.objects.filter(sku="MUG-1").update(cost=Decimal(11))
    page = signed_in
    page.goto(reverse("admin:store_price_rule", args=[store.pk]))
    page.get_by_label("Change of the default price").fill("+10%")
    page.get_by_label("Ending").fill(".99")
    page.get_by_label("Least margin over the cost (%)").fill("20")
    page.get_by_role("button", name="Preview prices").click()
    expect(page.get_by_text("10.99")).to_have_count(3)
    expect(page.get_by_text("13.99")).to_have_count(1)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    shot(page, "price-rule-phone")
    page.set_viewport_size({"width": 1440, "height": 900})
    shot(page, "price-rule")
    page.get_by_role("button", name="Switch on this rule").click()
    expect(page.get_by_text("The price rule is on.")).to_be_visible()
    page.get_by_role("link", name="MUG-1").click()
    expect(page.get_by_text("raised to the least margin over the cost")).to_be_visible()
    shot(page, "explain-price")

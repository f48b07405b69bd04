"""The SKU inbox in a browser: a suggestion accepted by keyboard, undone, and dismissed; a phone has no overflow."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from playwright.sync_api import Page, expect

from catalogue.models import SkuMerge
from inventory.models import StockItem
from orders.models import OrderLine
from tests import factories
from tests.admin import desk_data
from tests.catalogue.records import pull, record
from tests.e2e.conftest import shot

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.req("R-PLUS-12")]


@pytest.fixture
def waiting():
    cache.clear()
    store = desk_data.shop()
    order = desk_data.order(store, desk_data.line("tee m", 1, title="T-shirt Harbour"))
    pull(store, record("900", "MUG-RED", title="Mug, red, second batch"), record("901", "", title="Vase"))
    return order


def test_a_suggestion_is_accepted_by_keyboard_and_undone(signed_in: Page, waiting):
    page = signed_in
    page.goto("/admin/catalogue/sku-inbox/")
    offer = page.get_by_role("button", name="Use TEE-M for tee m")
    expect(offer).to_contain_text("same but for case, spaces and signs")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_role("checkbox", name="tee m")).to_be_checked()
    page.keyboard.press("a")
    expect(page.get_by_text("“tee m” of UK Shop was mapped to TEE-M. 1 order continues.")).to_be_visible()
    shot(page, "sku-inbox-accepted")

    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("1 decision is undone.")).to_be_visible()
    expect(page.get_by_role("button", name="Use TEE-M for tee m")).to_be_visible()
    page.goto("about:blank")
    assert OrderLine.objects.get(order=waiting).variant_id is None


@pytest.mark.parametrize("width", [1440, 390])
def test_rows_and_what_was_decided_fit_the_screen(signed_in: Page, waiting, width):
    page = signed_in
    page.set_viewport_size({"width": width, "height": 900 if width > 1000 else 844})
    page.goto("/admin/catalogue/sku-inbox/")
    page.get_by_role("checkbox", name="MUG-RED").check()
    shot(page, f"sku-inbox-{width}")
    page.get_by_role("button", name="Dismiss selected").click()
    expect(page.get_by_text("“MUG-RED” of UK Shop was dismissed.")).to_be_visible()
    for address in ("", "?code=done", "?code=merged", "?code=which_sku"):
        page.goto(f"/admin/catalogue/sku-inbox/{address}")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, (address, wide)


@pytest.mark.req("R-CAT-04")
def test_two_skus_are_merged_and_the_merge_is_undone(signed_in: Page):
    cache.clear()
    old, new = factories.stocked("MUG-OLD", leeds=4), factories.stocked("MUG", leeds=1)
    page = signed_in
    page.goto(f"/admin/catalogue/skus/{old.pk}/merge/?into=MUG")
    page.get_by_role("button", name="Preview").click()
    shot(page, "sku-merge")
    page.get_by_role("button", name="Merge").last.click()
    expect(page.get_by_text("MUG-OLD was merged into MUG.")).to_be_visible()
    assert dict(StockItem.objects.values_list("variant", "on_hand")) == {old.pk: 0, new.pk: 5}
    page.goto("/admin/catalogue/sku-inbox/?code=merged")
    page.get_by_role("link", name="Undo merge").click()
    page.get_by_role("button", name="Undo merge").click()
    page.goto("/admin/catalogue/sku-inbox/?code=merged")
    expect(page.get_by_text("No SKUs are merged.")).to_be_visible()
    assert dict(StockItem.objects.values_list("variant", "on_hand")) == {old.pk: 4, new.pk: 1}
    assert not SkuMerge.objects.filter(undone_at=None).exists()

"""What a person sees: own pictures, times of their own zone, low rows; Esc leaves the search of a list (F-42, F-45)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from catalogue.models import Variant
from catalogue.pictures import sweep
from catalogue.services import products
from inventory.models import StockMovement
from tests import factories
from tests.admin import desk_data
from tests.e2e.conftest import shot
from tests.support.picture_host import PictureHost, image, serve

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
STORE = "/admin/integrations/ecommerce-sales-channels/"


@pytest.fixture
def host(settings: Any, tmp_path: Path) -> Iterator[PictureHost]:
    settings.MEDIA_ROOT = tmp_path
    settings.OMS_PUBLIC_URL = ""
    cache.clear()
    with serve() as running:
        yield running


@pytest.mark.fault("F-42")
def test_pages_show_our_own_copies_and_ask_no_store(signed_in: Page, host: PictureHost):
    mug = products.create_product(
        title="Mug",
        variants=[products.NewVariant(sku="MUG")],
        image_urls=[host.put("/mug.jpg", image(1200, 900)), host.put("/drawing.svg", b"<svg/>")],
    )
    page = signed_in
    page.goto("/admin/catalogue/product/")
    expect(page.locator("#result_list .oms-no-picture, .d-list .oms-no-picture")).to_have_text("M")
    sweep.run()
    downloads = len(host.asked)

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/admin/catalogue/product/")
    picture = page.locator("img.oms-thumb")
    assert picture.evaluate("image => image.naturalWidth") == 80
    page.goto(f"/admin/catalogue/product/{mug.pk}/")
    large = page.locator("img.oms-picture")
    large.scroll_into_view_if_needed()
    large.evaluate("image => image.decode()")
    assert large.evaluate("image => image.naturalWidth") == 400
    expect(page.get_by_text("It is a vector drawing (SVG), which is not shown.")).to_be_visible()
    shot(page, "product-pictures")
    assert (len(host.asked), [url for url in asked if url.startswith(host.url)]) == (downloads, [])


@pytest.mark.fault("F-45")
def test_times_are_those_of_the_browser_from_the_first_page_on(
    browser: Browser, live_server: Any, django_user_model: Any
):
    item = factories.shelf(factories.variant("MUG"), on_hand=5)
    moment = timezone.now().replace(hour=15, minute=4) - timedelta(days=40)
    StockMovement.objects.update(at=moment)
    django_user_model.objects.create_superuser("owner", password="correct horse battery")
    for zone in ("Asia/Tokyo", "America/New_York"):
        context = browser.new_context(base_url=live_server.url, timezone_id=zone)
        page = context.new_page()
        page.goto(f"/admin/login/?next=/admin/inventory/stockitem/{item.pk}/")
        page.fill('input[name="username"]', "owner")
        page.fill('input[name="password"]', "correct horse battery")
        page.click('#login-form button[type="submit"]')
        local = moment.astimezone(ZoneInfo(zone))
        expect(page.locator("#history time")).to_have_text(f"{local.day} {local:%b %Y %H:%M}")
        context.close()


@pytest.mark.fault("F-45")
def test_esc_leaves_the_search_of_a_list_and_keeps_what_was_typed(signed_in: Page):
    page = signed_in
    page.goto("/admin/orders/order/")
    page.keyboard.press("s")
    field = page.locator("#searchbar")
    expect(field).to_be_focused()
    page.keyboard.type("mug")
    page.keyboard.press("Escape")
    expect(field).not_to_be_focused()
    expect(field).to_have_value("mug")
    page.keyboard.press("/")
    expect(page.locator("#oms-find")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#oms-find")).not_to_be_focused()


@pytest.mark.fault("F-45")
def test_rows_are_low_and_begin_high(signed_in: Page, host: PictureHost):
    store = desk_data.shop()
    for number in range(12):
        factories.stocked(f"SPOON-{number:02}", connection=store, leeds=number)
    Variant.objects.update(barcode="5012345678900")
    page = signed_in
    heights = "rows => Math.max(...rows.map(row => row.getBoundingClientRect().height))"

    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{STORE}{store.pk}/listings/")
    rows = page.locator("table[data-rows] tbody tr")
    assert rows.evaluate_all(heights) <= 44
    middles = "row => [...row.children].map(cell => { const text = cell.querySelector('a, input, .oms-chip, .oms-num') || cell; const box = text.getBoundingClientRect(); return box.top + box.height / 2; })"
    places = rows.first.evaluate(middles)
    assert max(places) - min(places) <= 4
    page.goto(f"{STORE}{store.pk}/status-map/")
    if page.locator(".oms-table-low tbody tr").count():
        assert (
            page.locator(".oms-table-low tbody tr")
            .nth(1)
            .evaluate("row => row.getBoundingClientRect().height")
            <= 60
        )
    desk_data.order(store, desk_data.line("MUG-RED"))
    page.goto("/admin/orders/order/?since=2020-01-01")
    assert page.locator(".d-list thead, .d-orders thead").first.bounding_box()["y"] < 240  # type: ignore[index]

    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{STORE}{store.pk}/listings/")
    whole = "rows => rows.filter(row => row.getBoundingClientRect().bottom <= innerHeight).length"
    assert rows.evaluate_all(whole) >= 2
    shot(page, "store-listings-390")

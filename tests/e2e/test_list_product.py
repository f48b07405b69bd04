"""A product is listed on two channels in the browser: form, problem, preview, publishing; the pages fit a phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from playwright.sync_api import Page, expect

from catalogue.models import Listing, Product
from catalogue.services.listings import list_on_store
from channels.contract.registry import specs
from channels.sandbox.server import Running
from tests.admin.listing_data import connected, pot, send
from tests.e2e.conftest import shot

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.req("R-CAT-08")]


@pytest.fixture
def serve() -> Iterator[Any]:
    contexts: list[Any] = []

    def start(channel: str) -> Running:
        context = specs()[channel].make_sandbox(seed="demo").serve()
        contexts.append(context)
        running: Running = context.__enter__()
        return running

    yield start
    for context in reversed(contexts):
        context.__exit__(None, None, None)


def test_a_product_is_listed_on_two_channels(signed_in: Page, serve: Any) -> None:
    cache.clear()
    page = signed_in
    onbuy = serve("onbuy")
    onbuy.sandbox.market.features["2102"]["rows"][0]["required"] = True
    market, shop = connected(onbuy, "onbuy", "OnBuy UK"), connected(serve("opencart"), "opencart", "Tea shop")
    product = pot("GBP")
    shop.currency = "GBP"
    shop.save()
    Product.objects.filter(pk=product.pk).update(brand=None)

    page.goto(f"/admin/catalogue/product/{product.pk}/")
    page.locator(f'a[href$="/list/{market.pk}/"]').click()
    category = page.get_by_label("Category in the store *")
    category.press_sequentially("tea", delay=20)
    expect(page.locator("datalist option")).to_have_count(1)
    category.fill(page.locator("datalist option").get_attribute("value") or "")
    page.get_by_role("button", name="Show attributes").click()
    expect(page.get_by_label("Colour *")).to_be_visible()
    shot(page, "listing-form")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("2 fields must be mended before the listing can be published")).to_be_visible()
    expect(page.get_by_text("OnBuy needs a brand. Enter the brand of the product.")).to_be_visible()
    expect(page.get_by_text("OnBuy needs a value for Colour in this category.")).to_be_visible()
    assert not onbuy.sandbox.market.queues
    shot(page, "listing-problems")

    page.get_by_role("link", name="Mend it").first.click()
    page.go_back()
    page.get_by_role("link", name="Edit listing").click()
    page.get_by_label("Colour *").select_option("Moss")
    page.get_by_role("button", name="Save draft").click()
    page.goto(f"/admin/catalogue/product/{product.pk}/")
    page.get_by_label("Brand", exact=True).fill("Kiln Street")
    page.get_by_role("button", name="Save details").click()
    listing = Listing.objects.get(connection=market)
    page.goto(f"/admin/catalogue/listing/{listing.pk}/")
    page.get_by_role("link", name="Show what will be sent").click()
    expect(page.get_by_text('"product_name": "Clay teapot"')).to_be_visible()
    shot(page, "listing-preview")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("The listing is being created in OnBuy UK.")).to_be_visible()
    send(market)
    assert len(onbuy.sandbox.market.queues) == 1

    page.goto(f"/admin/catalogue/product/{product.pk}/list/{shop.pk}/")
    page.get_by_role("button", name="Save draft").click()
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("The listing is being created in Tea shop.")).to_be_visible()
    send(shop)
    page.reload()
    expect(page.get_by_text("Active", exact=True).first).to_be_visible()
    assert set(Listing.objects.values_list("state", flat=True)) == {"pending", "active"}

    page.goto(f"/admin/catalogue/list-on-store/?ids={product.pk}")
    shot(page, "list-many")
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for path in (
            f"/admin/catalogue/listing/{listing.pk}/?preview=1",
            f"/admin/catalogue/product/{product.pk}/list/{shop.pk}/",
            f"/admin/catalogue/product/{product.pk}/attributes/",
            f"/admin/catalogue/list-on-store/?ids={product.pk}",
            "/admin/catalogue/productcategory/",
            "/admin/catalogue/productcategory/add/",
        ):
            page.goto(path)
            overflow = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert overflow <= 0, (path, width)
            shot(page, f"listing-{path.strip('/').replace('/', '-').partition('?')[0]}-{width}")


@pytest.mark.req("R-CAT-09")
def test_a_change_is_previewed_for_its_store_before_it_is_saved(signed_in: Page, serve: Any) -> None:
    cache.clear()
    page = signed_in
    shop = connected(serve("opencart"), "opencart", "Tea shop")
    product = pot(shop.currency)
    list_on_store(product, shop)
    send(shop)
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"/admin/catalogue/product/{product.pk}/")
        page.locator('#details input[name="title"]').fill("Iron teapot")
        page.get_by_role("button", name="Preview what stores are sent").click()
        preview = page.locator("#stores-preview")
        expect(preview.get_by_role("cell", name="Clay teapot")).to_be_visible()
        expect(preview.get_by_role("cell", name="Iron teapot")).to_be_visible()
        preview.get_by_text("1 request").click()
        expect(preview.get_by_text('"name": "Iron teapot"')).to_be_visible()
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, width
        preview.scroll_into_view_if_needed()
        shot(page, f"listing-change-{width}")
    assert Product.objects.get(pk=product.pk).title == "Clay teapot"

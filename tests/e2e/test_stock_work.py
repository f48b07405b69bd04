"""A shelf is counted, a delivery received and a transfer made in the browser; no page is wider than a phone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from inventory.models import Exposure, StockItem, Supplier
from tests import factories
from tests.e2e.conftest import shot

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.req("R-INV-05")]


def on_hand(sku: str, code: str = "leeds") -> int:
    return StockItem.objects.get(variant__sku=sku, warehouse__code=code).on_hand


def fits_a_phone(page: Page, name: str) -> None:
    shot(page, name)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
    shot(page, f"{name}-390")
    page.set_viewport_size({"width": 1440, "height": 900})


def test_a_delivery_is_received_by_scanner(signed_in: Page):
    page = signed_in
    factories.variant("MUG-RED", barcode="5012345678900")
    factories.warehouse()
    Supplier.objects.create(name="Potters")

    page.goto("/admin/inventory/delivery/")
    page.get_by_role("link", name="New delivery").click()
    page.get_by_label("Supplier").select_option(label="Potters")
    page.get_by_label("Warehouse").select_option(label="Leeds")
    page.get_by_role("textbox", name="SKUs").fill("MUG-RED\t3\t2.50")
    fits_a_phone(page, "delivery-new")
    page.get_by_role("button", name="Create delivery").click()

    page.get_by_label("Scan a SKU or barcode").fill("5012345678900")
    page.keyboard.press("Enter")  # a scanner ends with Enter
    expect(page.get_by_text("MUG-RED: 1 of 3 received.")).to_be_visible()
    expect(page.get_by_label("Scan a SKU or barcode")).to_be_focused()
    fits_a_phone(page, "delivery")
    page.get_by_label("Units of MUG-RED that came").fill("2")
    page.get_by_role("button", name="Receive units").click()
    expect(page.get_by_text("Goods received. The delivery is complete.")).to_be_visible()

    assert on_hand("MUG-RED") == 3


def test_a_shelf_is_counted(signed_in: Page):
    page = signed_in
    factories.stocked("MUG-RED", leeds=10)
    factories.stocked("CUP", leeds=4)

    page.goto("/admin/inventory/stockcount/new/")
    page.get_by_label("Warehouse").select_option(label="Leeds")
    page.get_by_role("button", name="Start count").click()
    page.get_by_label("Counted units of MUG-RED").fill("8")
    page.get_by_role("button", name="Save counts").click()
    expect(page.get_by_text("Saved: 1 lines changed.")).to_be_visible()
    page.get_by_role("button", name="Finish count").click()
    fits_a_phone(page, "count")
    page.get_by_role("button", name="Approve differences").click()
    expect(page.get_by_text("Approved: 1 differences were applied.")).to_be_visible()

    assert (on_hand("MUG-RED"), on_hand("CUP")) == (8, 4)


def test_a_transfer_goes_from_one_warehouse_to_another(signed_in: Page):
    page = signed_in
    factories.stocked("MUG-RED", leeds=10)
    factories.warehouse("lyon")

    page.goto("/admin/inventory/transfer/new/")
    page.locator("#id_source").select_option(label="Leeds")
    page.locator("#id_destination").select_option(label="Lyon")
    page.get_by_role("textbox", name="SKUs").fill("MUG-RED 4")
    page.get_by_role("button", name="Create transfer").click()
    fits_a_phone(page, "transfer-draft")
    page.get_by_role("button", name="Ship transfer").click()
    page.get_by_label("Units of MUG-RED that came").fill("3")
    page.get_by_label("Units of MUG-RED that were lost").fill("1")
    fits_a_phone(page, "transfer")
    page.get_by_role("button", name="Receive units").click()
    expect(page.get_by_text("Nothing of it is in transit any more.")).to_be_visible()

    assert (on_hand("MUG-RED"), on_hand("MUG-RED", "lyon")) == (6, 3)


@pytest.mark.req("R-PLUS-02", "R-INV-08")
def test_the_reports_fit_a_phone(signed_in: Page):
    page = signed_in
    store = factories.store(maps={"leeds": 1})
    mug = factories.stocked("MUG-RED", connection=store, leeds=10)
    mug.reorder_point = 20
    mug.save()
    Supplier.objects.create(name="Potters")
    now = timezone.now()
    Exposure.objects.create(
        listing_variant=mug.listing_variants.get(),
        started_at=now - timedelta(minutes=5),
        ended_at=now,
        seconds=300,
        shown=12,
        available=10,
        overlap=2,
        cause="down",
    )
    for path in ("exposure", "reorder", "ageing", "unusable"):
        page.goto(f"/admin/inventory/{path}/")
        fits_a_phone(page, f"stock-{path}")
    page.goto("/admin/inventory/exposure/")
    page.get_by_role("button", name="Set buffer 2").click()
    expect(page.get_by_text("keeps a buffer of 2 units of MUG-RED now.")).to_be_visible()

"""A warehouse system in the browser: connected, made live, and an order of it from picked to label."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from orders.models import Handover
from tests.e2e.conftest import shot
from tests.orders.desk import status
from tests.wms.site import accepted_by_channel, site

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}


def both(page: Page, name: str) -> None:
    """A picture at the width of a desk and of a phone; nothing is wider than the phone."""
    for size in (DESK, PHONE):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        shot(page, f"wms-{name}-{size['width']}")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.set_viewport_size(DESK)  # type: ignore[arg-type]


@pytest.mark.req("R-WMS-01", "R-WMS-02")
def test_an_order_from_picked_to_label(signed_in: Page):
    page = signed_in
    with site() as here:
        order = here.released()
        page.goto("/admin/integrations/warehouse-systems/")
        both(page, "list")
        page.get_by_role("link", name="Leeds WMS").click()
        both(page, "system")
        page.get_by_role("button", name="Make read-only").click()
        expect(page.get_by_text("Leeds WMS is read-only. Nothing is sent to it.")).to_be_visible()
        assert here.send() == []
        page.get_by_role("button", name="Make live").click()
        expect(page.get_by_text("Leeds WMS is live. Shipments are sent to it.")).to_be_visible()
        assert here.send() == ["shipment.released"]

        here.report(order, "shipment.picked", parcels=[{"tracking_number": "D1", "carrier": "DPD"}])
        accepted_by_channel(order)
        assert here.send()[-1] == "shipment.label_ready"
        page.goto(f"/admin/orders/order/{order.pk}/")
        shipments = page.locator("#shipments")
        expect(shipments.get_by_text("Picked")).to_be_visible()
        expect(page.locator("#timeline").get_by_text("WMS Leeds WMS").first).to_be_visible()
        both(page, "order")
        assert (status(order), Handover.objects.get().state) == ("rts", "picked")


def test_a_key_is_created_and_revoked(signed_in: Page):
    page: Any = signed_in
    page.goto("/admin/settings/api-keys/")
    both(page, "keys-none")
    page.get_by_label("Name").fill("ERP")
    page.get_by_label("See stock and warehouses").check()
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_text("Copy it now: it is not shown again.")).to_be_visible()
    both(page, "keys-new")
    page.get_by_role("link", name="Revoke").click()
    page.get_by_role("button", name="Revoke API key").click()
    expect(page.get_by_text("API key “ERP” revoked.")).to_be_visible()


def test_the_pages_have_no_accessibility_findings(
    browser: Any, live_server: Any, django_user_model: Any, client: Any, settings: Any
):
    django_user_model.objects.create_superuser("owner", password="correct horse battery")
    client.login(username="owner", password="correct horse battery")
    context = browser.new_context(base_url=live_server.url, bypass_csp=True)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    page = context.new_page()
    with site() as here:
        paths = ("", "connect/", f"{here.wms.pk}/", f"{here.wms.pk}/disconnect/")
        addresses = [f"/admin/integrations/warehouse-systems/{path}" for path in paths]
        found = []
        for address in (*addresses, "/admin/settings/api-keys/"):
            for size in (DESK, PHONE):
                page.set_viewport_size(size)
                assert page.goto(address).status == 200
                found += [
                    (address, rule["id"], [node["target"] for node in rule["nodes"]][:2])
                    for rule in Axe().run(page).response["violations"]
                    if rule["impact"] in ("critical", "serious", "moderate")
                ]
    context.close()
    assert found == []

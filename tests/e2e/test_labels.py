"""Labels in the browser: compare prices, buy, print, print again, cancel; at a desk and on a phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.carriers.desk import Desk, desk
from tests.e2e.conftest import shot

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.django_db(transaction=True),
    pytest.mark.req("R-SHIP-02", "R-SHIP-05"),
]

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def here() -> Iterator[Desk]:
    with desk() as found:
        yield found


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_a_label_is_bought_printed_again_and_cancelled(signed_in: Page, here: Desk):
    page, shipment = signed_in, here.packed()
    page.goto(f"/admin/orders/order/{shipment.order_id}/")
    card = page.locator("#labels")
    card.get_by_role("link", name="Compare prices").click()
    expect(page.get_by_text("Royal Mail Tracked 48")).to_be_visible()
    shot(page, "label-prices")
    page.get_by_role("button", name="Buy label: Royal Mail Tracked 48").click()
    expect(page.get_by_text("Label bought: Royal Mail").first).to_be_visible()
    with page.expect_popup():
        card.get_by_role("button", name="Print label").click()
    page.reload()
    with page.expect_popup():
        card.get_by_role("button", name="Print again (1)").click()
    page.reload()
    expect(card.get_by_role("button", name="Print again (2)")).to_be_visible()
    card.scroll_into_view_if_needed()
    shot(page, "label-bought")
    card.get_by_role("button", name="Cancel label").click()
    expect(page.get_by_text("The label is cancelled.").first).to_be_visible()
    expect(card.get_by_role("button", name="Buy label")).to_be_visible()
    assert here.sold == 0


def test_the_pages_fit_a_phone(signed_in: Page, here: Desk):
    page, shipment = signed_in, here.packed()
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    for name, address in {
        "label-prices-phone": f"labels/shipment/{shipment.pk}/prices/",
        "carrier-accounts-phone": "integrations/carriers/",
        "carrier-account-phone": f"integrations/carriers/{here.account.pk}/",
        "carrier-names-phone": "orders/carrier-names/",
    }.items():
        page.goto(f"/admin/{address}")
        shot(page, name)
        assert fits(page), name
    here.buy(shipment)
    page.goto(f"/admin/orders/order/{shipment.order_id}/")
    page.locator("#labels").scroll_into_view_if_needed()
    shot(page, "label-card-phone")
    assert fits(page)

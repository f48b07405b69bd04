"""The ten commonest jobs of staff by keyboard alone: how many keys each takes, and that the focus can be seen."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from catalogue.models import ProductImage, Variant
from channels.models import OutboxMessage, SyncStream
from inventory.models import StockItem
from oms.kit.authors.actors import SYSTEM
from oms.kit.models import Job
from orders.models import Manifest, Order, OrderSettings
from orders.services import packing
from tests import factories
from tests.admin import desk_data

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

ORDERS = "/admin/orders/order/"
#: Whether what has the focus shows it: an outline, or a shadow as a ring.
SHOWS_FOCUS = """(node) => {
    const style = getComputedStyle(node);
    return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1) || style.boxShadow !== "none";
}"""


class Keyboard:
    """A person without a mouse on a page; counts the keys that are no text."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.presses = 0

    def press(self, *keys: str) -> None:
        for key in keys:
            self.presses += 1
            self.page.wait_for_load_state()
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def tab_to(self, target: Locator, *, at_most: int) -> None:
        """Press Tab until the target has the focus, which may be at once; it must show it."""
        for press in range(at_most + 1):
            if press:
                self.press("Tab")
            if target.evaluate("(node) => node === document.activeElement"):
                assert target.evaluate(SHOWS_FOCUS), "the focus cannot be seen"
                return
        where = self.page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
        pytest.fail(f"{at_most} times Tab do not lead there; the focus is on {where}")

    def skip_to_content(self) -> None:
        """Use the skip link, the first thing on each page."""
        self.press("Tab")
        expect(self.page.get_by_role("link", name="Skip to the content")).to_be_focused()
        self.press("Enter")


@pytest.fixture
def keys(signed_in: Page) -> Iterator[Keyboard]:
    """The keyboard; a press of the mouse fails the test."""
    page = signed_in
    page.add_init_script(
        "addEventListener('pointerdown', () => sessionStorage.setItem('mouse', 'used'), true)"
    )
    page.goto("/admin/")
    yield Keyboard(page)
    assert page.evaluate("sessionStorage.getItem('mouse')") is None


@pytest.fixture
def store() -> Any:
    found = desk_data.shop()
    ProductImage.objects.all().delete()  # their host is not there
    return found


def step(page: Page) -> Locator:
    return page.locator(".d-steps [aria-current]")


def test_an_order_is_found_and_opened(keys: Keyboard, store: Any):
    made = [desk_data.order(store, buyer=number) for number in range(4)]
    keys.page.goto(ORDERS)

    keys.press("s")
    keys.type("Marchand")
    keys.press("Enter")
    expect(keys.page.locator("#list-table tbody tr")).to_have_count(1)
    keys.press("j", "o")

    expect(keys.page.get_by_role("heading", level=1)).to_have_text(f"#{made[1].number}")
    assert keys.presses == 4


def test_several_orders_are_released(keys: Keyboard, store: Any):
    made = [desk_data.order(store, buyer=number) for number in range(4)]
    keys.page.goto(f"{ORDERS}?tab=new")

    keys.press("j", "x", "j", "x", "m")
    release = keys.page.locator("#bulk-bar").get_by_role("button", name="Release")
    keys.tab_to(release, at_most=3)
    keys.press("Enter")

    expect(keys.page.get_by_role("link", name="→ 2 now in Ready for fulfilment")).to_be_visible()
    assert [Order.objects.get(pk=one.pk).status for one in made] == ["rfp", "rfp", "new", "new"]
    assert keys.presses <= 10


def test_an_order_is_packed(keys: Keyboard, store: Any):
    order = desk_data.order(store)
    packing.release([order.pk], by=SYSTEM)
    keys.page.goto(f"{ORDERS}{order.pk}/")

    keys.skip_to_content()
    keys.tab_to(keys.page.locator("main .oms-button-main"), at_most=2)
    keys.press("Enter")

    expect(step(keys.page)).to_have_text("Packed")
    assert keys.presses <= 5


def test_tracking_is_set_and_the_order_marked_ready_to_ship(keys: Keyboard, store: Any):
    desk_data.carrier()
    order = desk_data.order(store)
    packing.release([order.pk], by=SYSTEM)
    packing.pack([order.pk], by=SYSTEM)
    keys.page.goto(f"{ORDERS}{order.pk}/")

    keys.skip_to_content()
    keys.tab_to(keys.page.get_by_label("Carrier"), at_most=12)
    keys.type("Royal")
    keys.tab_to(keys.page.get_by_label("Tracking number"), at_most=1)
    keys.type("AB123456785GB")
    keys.press("Enter")

    expect(step(keys.page)).to_have_text("Ready to ship")
    shipment = order.shipments.get()
    assert (str(shipment.carrier), shipment.tracking_number) == ("Royal Mail", "AB123456785GB")
    assert keys.presses <= 16


def test_a_manifest_is_made(keys: Keyboard, store: Any):
    OrderSettings.objects.update_or_create(
        connection=store, defaults={"last_look": "off"}
    )  # this store has no channel that could answer
    order = desk_data.ready(store)
    keys.page.goto(f"{ORDERS}{order.pk}/")

    keys.skip_to_content()
    keys.tab_to(keys.page.locator("main .oms-button-main"), at_most=2)
    keys.press("Enter")
    create = keys.page.locator("main form .oms-button-main")
    expect(create).to_be_visible()
    keys.skip_to_content()
    keys.tab_to(create, at_most=5)
    keys.press("Enter")

    expect(keys.page.get_by_role("heading", name="Manifest M")).to_be_visible()
    assert Manifest.objects.get().shipments.get().order_id == order.pk
    assert keys.presses <= 15


def test_a_stock_figure_is_changed_in_the_list(keys: Keyboard, store: Any):
    keys.page.goto("/admin/inventory/stockitem/")

    keys.press("s")
    keys.type("MUG-RED")
    keys.press("Enter")
    expect(keys.page.locator("#list-table tbody tr")).to_have_count(1)
    keys.press("j")
    keys.tab_to(keys.page.locator("[data-edit=on_hand]"), at_most=3)
    keys.press("Enter")
    keys.type("41")
    keys.press("Enter")

    expect(keys.page.locator("#list-toast")).to_contain_text("40 → 41")
    assert StockItem.objects.get(variant__sku="MUG-RED").on_hand == 41
    assert keys.presses <= 8


def test_a_price_is_changed_in_the_list(keys: Keyboard, store: Any):
    keys.page.goto("/admin/catalogue/variant/")

    keys.press("s")
    keys.type("MUG-RED")
    keys.press("Enter")
    expect(keys.page.locator("#list-table tbody tr")).to_have_count(1)
    keys.press("j")
    keys.tab_to(keys.page.locator("[data-edit=price]"), at_most=4)
    keys.press("Enter")
    keys.type("13.50")
    keys.press("Enter")

    expect(keys.page.locator("#list-toast")).to_contain_text("13.50")
    assert Variant.objects.get(sku="MUG-RED").price == Decimal("13.50")
    assert keys.presses <= 9


def test_an_unknown_sku_is_mapped(keys: Keyboard, store: Any):
    order = desk_data.order(store, desk_data.line("WHO-KNOWS", title="Something else"))
    keys.page.goto(f"{ORDERS}{order.pk}/")

    keys.skip_to_content()
    keys.tab_to(keys.page.locator("input[name=sku]"), at_most=8)
    keys.type("TEE")
    keys.press("Enter")
    expect(keys.page.get_by_role("radio")).to_be_focused()
    keys.press("Enter")

    expect(keys.page.locator("input[name=sku]")).to_have_count(0)
    assert order.lines.get().variant == factories.variant("TEE-M")
    assert keys.presses <= 12


def test_a_failed_message_is_retried(keys: Keyboard, store: Any):
    message = OutboxMessage.objects.create(
        connection=store, kind="event", topic="shipped", lane="orders", group=1, key="1", subject=1,
        attempts=3, parked_at=timezone.now(),
    )  # fmt: skip
    keys.page.goto("/admin/integrations/parked-messages/")

    keys.press("j", "x", "m")
    keys.tab_to(keys.page.locator("#bulk-bar").get_by_role("button", name="Retry"), at_most=2)
    keys.press("Enter")

    expect(keys.page.get_by_text("Retry: 1 row.")).to_be_visible()
    message.refresh_from_db()
    assert message.parked_at is None
    assert keys.presses <= 6


def test_the_orders_of_a_store_are_synced(keys: Keyboard, store: Any):
    SyncStream.objects.create(connection=store, name="orders.history", period=0, lane="orders")
    keys.page.goto(f"/admin/integrations/ecommerce-sales-channels/{store.pk}/")

    keys.skip_to_content()
    keys.tab_to(keys.page.get_by_role("link", name="Sync orders"), at_most=2)
    keys.press("Enter")
    number = keys.page.get_by_label("Order number")
    expect(number).to_be_visible()
    keys.skip_to_content()
    keys.tab_to(number, at_most=2)
    keys.press("Enter")  # any field sends its form

    keys.page.wait_for_url("**/jobs/**")
    assert Job.objects.filter(state__in=("waiting", "running")).count() == 1
    assert keys.presses <= 9

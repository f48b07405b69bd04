"""A rule in the browser: write it, try it on past orders, switch it on, see its trace on the next order (R-PLUS-19)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from orders.models import Order, OrderRule
from orders.services import carriers
from tests.e2e.conftest import shot
from tests.orders import desk

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.req("R-PLUS-19")]


def test_a_rule_is_made_tried_switched_on_and_traced(signed_in: Page):
    page = signed_in
    store = desk.store("Fern")
    desk.serves(store, "Leeds", "Lyon")
    desk.stocked("MUG", leeds=50, lyon=50)
    carriers.save_carrier(name="DHL", tracking_url="", by=desk.DESK)
    for units in (1, 5):
        desk.an_order(store, MUG=units)
    Order.objects.update(placed_at=timezone.now() - timedelta(days=2))

    page.goto("/admin/orders/orderrule/")
    page.get_by_role("link", name="Add rule").first.click()
    page.get_by_label("Name").fill("Big orders")
    page.get_by_label("Condition 1: what is compared").select_option(label="Order value")
    expect(page.get_by_label("Condition 1: value")).to_have_attribute("placeholder", "100 GBP")
    assert (
        page.get_by_label("Condition 1: how").evaluate("e => [...e.options].filter(o => !o.hidden).length")
        == 3
    )
    page.get_by_label("Condition 1: value").fill("50")
    page.get_by_label("Action 1: what is done").select_option(label="Set the carrier")
    expect(page.get_by_label("Action 1: value")).to_have_attribute("list", "list-carrier")
    page.get_by_label("Action 1: value").fill("DHL")
    page.get_by_label("Action 2: what is done").select_option(label="Allocate first from")
    page.get_by_label("Action 2: value").fill("Lyon")
    page.keyboard.press("Enter")  # saves: it is not “Add rows”
    expect(page.get_by_text("Enter the order value with its currency, for example: 100 GBP")).to_be_visible()
    shot(page, "rule-refused")
    page.get_by_label("Condition 1: value").fill("50 GBP")
    page.get_by_role("button", name="Save rule").last.click()

    expect(page.locator("#trial-result")).to_contain_text(
        "The rule would have been applied to 1 order of the last 30 days."
    )
    expect(page.locator("#touched tbody tr")).to_have_count(1)
    shot(page, "rule-trial")
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_text("Rule “Big orders” is on.")).to_be_visible()
    shot(page, "rules")
    assert OrderRule.objects.get().is_active

    order = desk.an_order(store, MUG=6)
    page.goto(f"/admin/orders/order/{order.pk}/")
    expect(page.locator("#warehouse-reason")).to_have_text("Rule “Big orders” (version 1)")
    expect(
        page.get_by_text("Rule “Big orders” (version 1): Set the carrier: DHL; Allocate first from: Lyon")
    ).to_be_visible()
    page.get_by_role("link", name="Move to another warehouse").click()
    page.get_by_label("To the warehouse").select_option(label="Leeds")
    page.get_by_label("Reason").fill("Lyon is closed")
    page.get_by_role("button", name="Move to warehouse").click()
    expect(page.locator("#warehouse-reason")).to_have_text("Chosen by hand: Lyon is closed")
    shot(page, "order-routing")
    page.set_viewport_size({"width": 390, "height": 844})
    for address in (
        f"/admin/orders/order/{order.pk}/",
        f"/admin/orders/order/{order.pk}/warehouse/",
        "/admin/orders/orderrule/",
        f"/admin/orders/orderrule/{OrderRule.objects.get().pk}/",
    ):
        page.goto(address)
        shot(page, f"phone-{address.strip('/').replace('/', '-')}")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), address


def test_a_choice_made_before_the_script_has_run_is_followed(signed_in: Page):
    """On a slow line a person chooses first: the comparison offered is the same as after the script."""
    page = signed_in
    held: list[Route] = []
    page.route("**/oms/rules*.js", lambda route: held.append(route))
    page.goto("/admin/orders/orderrule/add/", wait_until="commit")
    page.get_by_label("Condition 1: what is compared").select_option(label="Order value")
    page.get_by_label("Condition 2: what is compared").select_option(label="Order value")
    page.get_by_label("Condition 2: how").select_option("at_most")
    expect(page.get_by_label("Condition 1: how")).to_have_value("is")
    for route in held:
        route.continue_()
    expect(page.get_by_label("Condition 1: how")).to_have_value("at_least")
    expect(page.get_by_label("Condition 2: how")).to_have_value("at_most")

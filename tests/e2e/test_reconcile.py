"""Reconcile in a browser: a store is compared over HTTP, a missing order is imported and a price is sent; a phone has no overflow."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import Page, expect

from catalogue.models import ListingVariant
from channels.models import Difference
from channels.stores import connect, services
from orders.models import Order
from orders.ops import reconcile as orders_part
from tests import factories
from tests.e2e.conftest import shot
from tests.e2e.shop import STORES, sandbox, work

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.req("R-PLUS-05")]


def test_a_store_is_compared_and_its_differences_are_repaired(
    signed_in: Page, monkeypatch: pytest.MonkeyPatch
):
    cache.clear()
    monkeypatch.setattr(orders_part, "POLLED", timedelta(days=-1))
    page = signed_in
    with sandbox(seed="empty", products=2) as (shop, running):
        store = connect.connect(channel="opencart", name="UK shop", credentials=running.credentials)
        work(page)
        services.switch_on(connection=store)
        work(page)
        number = str(shop.place_order()["order_id"])
        row = ListingVariant.objects.filter(connection=store).order_by("pk")[0]
        ListingVariant.objects.filter(pk=row.pk).update(price=Decimal("77.00"))

        page.goto(f"{STORES}{store.pk}/reconcile/")
        page.get_by_role("button", name="Compare now").click()
        expect(page.get_by_text("The comparison has started.")).to_be_visible()
        work(page)

        page.goto(f"{STORES}{store.pk}/reconcile/?part=orders")
        page.get_by_role("row", name=number).get_by_role("checkbox").check()
        shot(page, "reconcile-orders")
        page.get_by_role("button", name="Import", exact=True).click()
        expect(page.get_by_text("1 difference is being repaired.")).to_be_visible()
        page.goto(f"{STORES}{store.pk}/reconcile/?part=prices")
        page.get_by_role("row", name=row.external_sku).get_by_role("checkbox").check()
        page.get_by_role("button", name="Send Manifold's price").click()
        expect(page.get_by_text("No open differences.")).to_be_visible()
        work(page)

        page.goto("about:blank")
        assert Order.objects.filter(external_id=number).exists()
        assert Decimal(shop.product(row.external_id)["price"]) == Decimal("77.00")
        assert set(Difference.objects.values_list("ended", flat=True)) == {"repaired"}


@pytest.mark.parametrize("width", [1440, 390])
def test_the_parts_fit_the_screen(signed_in: Page, width: int):
    page = signed_in
    page.set_viewport_size({"width": width, "height": 900})
    store = factories.store("Fern & Kettle UK", maps={"leeds": 1})
    for number in range(3):
        Difference.objects.create(
            connection=store, part="details", key=f"47{number}", field="title", kind="differs",
            name="Enamel mug with a rather long name, red, 350 ml", ours="Enamel mug, 350 ml",
            theirs="Enamel mug with a rather long name, red, 350 ml (new)", found_at=timezone.now() - timedelta(hours=5),
        )  # fmt: skip
    for part in ("details", "orders", "stock"):
        page.goto(f"{STORES}{store.pk}/reconcile/?part={part}")
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        shot(page, f"reconcile-{part}-{width}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, part

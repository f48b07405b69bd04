"""Ready to ship without a tracking number: a warning with the count, a filter, a setting that requires one."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from orders.models import Carrier, OrderSettings, Shipment
from orders.services import packing, tracking
from tests.admin.test_orders import act
from tests.factories import user
from tests.orders.desk import DESK, an_order, status, stocked, store
from tests.orders.test_moves import manifest, ok, to_ready

pytestmark = pytest.mark.django_db
NO_NUMBER = "No tracking number. This store requires one: enter it first."


@pytest.fixture
def owner(client: Any) -> Any:
    client.force_login(user(is_superuser=True))
    return client


def packed(shop: Any, count: int = 1) -> list[Any]:
    orders = [an_order(shop, MUG=1) for _each in range(count)]
    ids = [order.pk for order in orders]
    ok(packing.release(ids, by=DESK))
    ok(packing.pack(ids, by=DESK))
    return orders


@pytest.mark.fault("F-17")
@pytest.mark.parametrize(("channel", "link", "warns"), [
    ("opencart", "https://rm.example/{number}", True),
    ("opencart", "", False),
    ("etsy", "", True),
    ("onbuy", "", True),
])  # fmt: skip
def test_orders_without_a_number_are_counted_before_they_are_moved(
    owner: Any, channel: str, link: str, warns: bool
) -> None:
    shop = store(channel=channel)
    stocked("MUG", leeds=9)
    orders = packed(shop, 3)
    Carrier.objects.filter(name="Royal Mail").update(tracking_url=link)
    Shipment.objects.filter(order=orders[0]).update(tracking_number="RM1")

    page = act(owner, "ready_to_ship", *orders, query="?tab=packed").content.decode()

    text = "2 of 3 orders have no tracking number. The filter “without tracking” shows them."
    assert (text in page) is warns
    assert [status(order) for order in orders] == (["packed"] * 3 if warns else ["rts"] * 3)


@pytest.mark.fault("F-17")
def test_the_filter_lists_them(owner: Any) -> None:
    shop = store()
    stocked("MUG", leeds=9)
    with_number, without = packed(shop, 2)
    Shipment.objects.filter(order=with_number).update(tracking_number="RM1")
    page = owner.get(reverse("admin:orders_order_changelist"), {"tracking": "none"}).content.decode()
    assert (f"#{without.number}" in page, f"#{with_number.number}" in page) == (True, False)


@pytest.mark.fault("F-17")
def test_a_store_may_require_a_number_to_be_ready_and_to_leave() -> None:
    shop = store(settings={"require_tracking": True})
    stocked("MUG", leeds=9)
    [order] = packed(shop)
    [outcome] = packing.mark_ready_to_ship([order.pk], by=DESK)
    assert (outcome.ok, outcome.message, status(order)) == (False, NO_NUMBER, "packed")
    ok(packing.mark_ready_to_ship([order.pk], by=DESK, tracking={order.pk: (None, "RM1")}))
    shipment = Shipment.objects.select_related("carrier").get()
    tracking.set_tracking(shipment=shipment, carrier=shipment.carrier, number="", by=DESK)
    made = manifest()
    assert (made.manifest, made.outcomes[0].message) == (None, NO_NUMBER)


@pytest.mark.fault("F-17")
def test_the_setting_is_on_the_stores_page_and_the_manifest_counts(owner: Any) -> None:
    shop = store()
    stocked("MUG", leeds=9)
    to_ready(an_order(shop, MUG=1))
    Carrier.objects.update(tracking_url="https://rm.example/{number}")
    shipment = Shipment.objects.get()
    query = {"carrier": shipment.carrier_id, "warehouse": shipment.warehouse_id}
    page = owner.get(reverse("admin:orders_manifest_add"), query).content.decode()
    assert "1 shipment has no tracking number." in page
    settings = reverse("admin:store_settings", args=[shop.pk])
    assert "orders-require_tracking" in owner.get(settings).content.decode()
    assert OrderSettings.objects.get(connection=shop).require_tracking is False

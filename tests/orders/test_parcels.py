"""Several parcels of one order: each with its own tracking, sent as the channel takes them; money adds up (R-PLUS-10)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.errors import OrderError
from orders.models import Carrier, Order, Shipment
from orders.services import carriers, packing, tracking
from orders.services.corrections.one_parcel import same_parcel
from orders.services.corrections.parcels import shares, split_parcel, values_of_parcels
from tests.orders.desk import DESK, an_order, counters, shelf, status, stocked, store, told
from tests.orders.test_moves import manifest, ok

pytestmark = [pytest.mark.req("R-PLUS-10"), pytest.mark.req("R-ORD-13")]
db = pytest.mark.django_db


def released(channel: str = "bigcommerce") -> Order:
    shop = store(channel=channel)
    for sku in ("MUG", "TEE"):
        stocked(sku, leeds=9)
    order = an_order(shop, MUG=3, TEE=1)
    packing.release([order.pk], by=DESK)
    return order


def split(order: Order, **skus: int) -> str:
    ids = dict(order.lines.values_list("sku", "pk"))
    first = order.shipments.order_by("number")[0]
    return split_parcel(
        order_id=order.pk,
        shipment_id=first.pk,
        units={ids[sku]: count for sku, count in skus.items()},
        by=DESK,
    )


def ready(order: Order) -> None:
    royal = Carrier.objects.get(name="Royal Mail")
    ok(packing.pack([order.pk], by=DESK))
    Shipment.objects.filter(order=order).update(carrier=royal)
    ok(packing.mark_ready_to_ship([order.pk], by=DESK))


def parcels(order: Order) -> list[dict[str, int]]:
    rows = order.shipments.exclude(state="cancelled").order_by("number")
    return [dict(row.lines.values_list("line__sku", "quantity")) for row in rows]


@db
def test_units_go_into_a_parcel_of_their_own():
    order = released()
    text = split(order, MUG=2, TEE=1)
    assert text == (
        "Shipment S1 split: 2 × MUG, 1 × TEE in parcel S2. Shop is sent each parcel with its own tracking number."
    )
    assert parcels(order) == [{"MUG": 1}, {"MUG": 2, "TEE": 1}]
    assert (status(order), counters(order), shelf("MUG")) == ("rfp", [(3, 3, 0, 0), (1, 1, 0, 0)], (9, 3))
    assert order.events.get(kind="split").actor == "person"


@db
@pytest.mark.parametrize(("channel", "sent"), [("bigcommerce", 2), ("opencart", 1)])
def test_each_parcel_has_its_own_tracking_and_the_channel_is_sent_what_it_takes(channel, sent):
    order = released(channel)
    text = split(order, MUG=1)
    assert ("takes no part shipments" in text) == (sent == 1)
    royal = carriers.save_carrier(name="Royal Mail", tracking_url="", by=DESK)
    for number, row in enumerate(order.shipments.order_by("number"), 1):
        assert tracking.set_tracking(shipment=row, carrier=royal, number=f"AB{number}", by=DESK).ok
    ready(order)
    rows = order.shipments.order_by("number")
    assert [row.tracking_number for row in rows] == ["AB1", "AB2"]
    assert told(order).count("ready_to_ship") == sent
    manifest()
    assert (status(order), counters(order)) == ("in_transit", [(3, 0, 3, 0), (1, 0, 1, 0)])
    assert shelf("MUG") == (6, 0)


@db
@pytest.mark.parametrize(
    ("skus", "sentence"),
    [
        ({}, "Enter how many units go into the new parcel."),
        ({"MUG": 4}, "Choose units of this shipment, at most as many as it has."),
        ({"MUG": 3, "TEE": 1}, "At least one unit must stay in the first parcel."),
    ],
)
def test_a_split_that_is_not_possible_changes_nothing(skus, sentence):
    order = released()
    with pytest.raises(OrderError) as refused:
        split(order, **skus)
    assert str(refused.value) == sentence
    assert parcels(order) == [{"MUG": 3, "TEE": 1}]


@db
def test_a_shipment_that_is_ready_is_not_split():
    order = released()
    carriers.save_carrier(name="Royal Mail", tracking_url="", by=DESK)
    ready(order)
    with pytest.raises(OrderError, match="Only a shipment that is not ready to ship yet can be split"):
        split(order, MUG=1)


@db
def test_undo_packing_puts_the_parcels_together_again():
    order = released()
    split(order, MUG=1)
    ok(packing.undo_packing([order.pk], by=DESK))
    ok(packing.release([order.pk], by=DESK))
    assert parcels(order) == [{"MUG": 3, "TEE": 1}]


@db
def test_the_page_splits_once_and_shows_the_share_of_each_parcel(client: Client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("owner"))
    order = released()
    line = order.lines.get(sku="MUG")
    sent = {"shipment": Shipment.objects.get().pk, f"units-{line.pk}": "1", "token": "t"}
    address = reverse("admin:order_act", args=[order.pk, "parcel"])
    client.post(address, sent)
    page = client.post(address, sent, follow=True)
    messages = [strip_tags(str(one)) for one in page.context["messages"]]
    assert messages[-1] == "This shipment was already split. Nothing was changed again."
    assert parcels(order) == [{"MUG": 2, "TEE": 1}, {"MUG": 1}]
    shown = " ".join(strip_tags(page.content.decode()).split())
    assert "30.00 GBP of the order total" in shown
    assert "10.00 GBP of the order total" in shown


@db
def test_orders_of_one_buyer_to_one_address_are_offered_for_one_parcel(client: Client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("owner"))
    order, shop = released(), store("Second", channel="opencart")
    same, other_place, held = (an_order(shop, MUG=1) for _n in range(3))
    Order.objects.filter(pk=other_place.pk).update(ship_to={**order.ship_to, "line1": "2 High Street"})
    Order.objects.filter(pk=held.pk).update(holds_open=1)
    assert [row.pk for row in same_parcel(order)] == [same.pk]
    page = reverse("admin:orders_order_change", args=[order.pk])
    assert "Same buyer and address" in client.get(page).content.decode()
    address = reverse("admin:order_act", args=[order.pk, "one_parcel"])

    def says(**sent) -> str:
        answer = client.post(address, sent, follow=True)
        return strip_tags(str(list(answer.context["messages"])[-1]))

    assert says() == "Choose the orders that go into this parcel."
    assert says(other=[held.pk]) == "An order has changed since you opened this page. Choose again."
    assert says(other=[same.pk]) == "Enter the tracking number of the shipment of this order first."
    royal = carriers.save_carrier(name="Royal Mail", tracking_url="", by=DESK)
    tracking.set_tracking(shipment=order.shipments.get(), carrier=royal, number="AB1", by=DESK)
    assert says(other=[same.pk]) == f"{same} has no shipment yet. Release it first."
    packing.release([same.pk], by=DESK)
    assert says(other=[same.pk]) == (
        f"In one parcel with {order}: {same}. Each channel is sent about its own order."
    )
    shipment = same.shipments.get()
    assert (shipment.tracking_number, shipment.carrier) == ("AB1", royal)
    assert same.events.get(kind="one_parcel").text == f"In one parcel with {order} of Shop"
    assert (told(order), told(same)) == ([], [])
    for each in (order, same):
        ready(each)
    assert (told(order), told(same)) == (["ready_to_ship"], ["ready_to_ship"])


@db
def test_the_shares_of_an_order_add_up():
    order = released()
    Order.objects.filter(pk=order.pk).update(total=Decimal("100.0001"))
    order.refresh_from_db()
    ids = dict(order.lines.values_list("sku", "pk"))
    found = values_of_parcels(order, [{ids["MUG"]: 1}, {ids["MUG"]: 1, ids["TEE"]: 1}])
    assert found == [Decimal("25.0001"), Decimal("50.00"), Decimal("25.00")]


amounts = st.decimals(min_value=0, max_value=10_000, places=4)


@settings(max_examples=60, deadline=None)
@given(
    total=st.decimals(min_value=-10_000, max_value=10_000, places=4),
    lines=st.lists(st.tuples(st.integers(0, 9), amounts), min_size=1, max_size=5),
    parcels=st.lists(st.lists(st.integers(0, 9), min_size=5, max_size=5), max_size=4),
    currency=st.sampled_from(["GBP", "JPY", "KWD"]),
)
def test_the_shares_of_any_split_add_up_exactly(total, lines, parcels, currency):
    rows = [(number, units, amount) for number, (units, amount) in enumerate(lines)]
    found = shares(total, rows, [dict(enumerate(units)) for units in parcels], currency)
    assert len(found) == len(parcels) + 1
    assert sum(found, Decimal(0)) == total

"""Manifests: what is ready goes on one list, leaves the stock, and its channels are told."""

from __future__ import annotations

import pytest
from django.test import Client

from channels.models import OutboxMessage
from inventory.models import StockItem
from oms.kit.authors.actors import SYSTEM
from orders.models import Manifest
from orders.services import decisions
from tests import factories
from tests.admin import desk_data

pytestmark = pytest.mark.django_db
NEW = "/admin/orders/manifest/add/"


@pytest.fixture
def store():
    return desk_data.shop()


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


@pytest.mark.req("R-SHIP-04")
def test_ready_parcels_are_handed_over_and_the_channel_is_informed(owner, store):
    good = desk_data.ready(store)
    held = desk_data.ready(store)
    decisions.hold([held.pk], reason="buyer rang", by=SYSTEM)
    wish = {"carrier": desk_data.carrier().pk, "warehouse": factories.warehouse("leeds").pk}

    shown = owner.get(NEW, wish)
    assert {parcel.order_id for parcel in shown.context["shipments"]} == {good.pk, held.pk}
    response = owner.post(
        NEW, {**wish, "pick": [parcel.pk for parcel in shown.context["shipments"]]}, follow=True
    )

    good.refresh_from_db()
    held.refresh_from_db()
    assert (good.status, held.status) == ("in_transit", "rts")
    manifest = Manifest.objects.get()
    assert [parcel.order_id for parcel, _units, _sent in response.context["rows"]] == [good.pk]
    assert [str(message) for message in response.context["messages"]] == [
        f"Not included: #{held.number}: On hold: buyer rang",
        "1 order was handed over to Royal Mail.",
    ]
    assert StockItem.objects.get(variant__sku="MUG-RED").on_hand == 38
    assert OutboxMessage.objects.filter(topic="shipped", group=good.pk).count() == 1
    assert OutboxMessage.objects.filter(topic="shipped", group=held.pk).count() == 0
    listed = owner.get("/admin/orders/manifest/")
    assert [(one.pk, one.shipment_count) for one in listed.context["cl"].result_list] == [(manifest.pk, 1)]


def test_nothing_chosen_makes_no_manifest(owner, store):
    desk_data.ready(store)

    response = owner.post(NEW, {"carrier": desk_data.carrier().pk}, follow=True)

    assert [str(m) for m in response.context["messages"]] == [
        "Select a carrier, a warehouse and at least one shipment."
    ]
    assert Manifest.objects.count() == 0

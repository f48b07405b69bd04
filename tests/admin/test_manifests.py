"""Manifests: what is ready goes on one list, leaves the stock, and its channels are told."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from channels.models import OutboxMessage
from channels.pull.ask_orders import Asked
from inventory.models import StockItem
from oms.kit.authors.actors import SYSTEM
from orders.models import Manifest, Order, OrderSettings, Shipment
from orders.services import decisions
from orders.services.handing_over import last_look
from tests import factories
from tests.admin import desk_data

pytestmark = pytest.mark.django_db
NEW = "/admin/orders/manifest/add/"


@pytest.fixture
def store():
    """A store whose channel is not asked before a manifest."""
    made = desk_data.shop()
    OrderSettings.objects.update_or_create(connection=made, defaults={"last_look": "off"})
    return made


@pytest.fixture
def asked_store(store):
    OrderSettings.objects.filter(connection=store).update(last_look="warn")
    return store


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


@pytest.mark.req("R-PLUS-09")
def test_a_person_reads_what_the_channels_answered_before_the_parcels_leave(owner, asked_store, monkeypatch):
    gone, silent, good = (desk_data.ready(asked_store) for _each in range(3))
    asked = []

    def answer(connection, external_ids, *, seconds):
        asked.append(sorted(external_ids))
        Order.objects.filter(pk=gone.pk).update(cancelled_at=timezone.now(), cancel_asked_by="buyer")
        return Asked(answered={gone.external_id, good.external_id}, error="UK Shop answered with a web page.")

    monkeypatch.setattr(last_look, "ask_orders", answer)
    wish = {"carrier": desk_data.carrier().pk, "warehouse": factories.warehouse("leeds").pk}
    picks = list(Shipment.objects.order_by("pk").values_list("pk", flat=True))

    shown = owner.post(NEW, {**wish, "pick": picks})

    assert (shown.status_code, Manifest.objects.count()) == (200, 0)
    assert asked == [sorted(each.external_id for each in (gone, silent, good))]
    assert shown.context["answers"] == [
        {
            "name": "UK Shop",
            "same": 1,
            "cancelled": [(gone.pk, gone.number)],
            "changed": [],
            "unasked": [(silent.pk, silent.number)],
            "error": "UK Shop answered with a web page.",
            "blocks": False,
        }
    ]
    left_out = {row.order_id: row.left_out for row in shown.context["shipments"]}
    assert left_out == {
        gone.pk: "Cancelled or refunded on UK Shop. Do not ship it.",
        silent.pk: "",
        good.pk: "",
    }

    # The silent one is taken out of the list, and the rest is handed over without asking again.
    one = Shipment.objects.get(order=good).pk
    made = owner.post(NEW, {**wish, "pick": [one], "check": shown.context["check"].pk}, follow=True)

    assert len(asked) == 1
    assert [row[0].order_id for row in made.context["rows"]] == [good.pk]
    assert made.context["answers"] == shown.context["answers"]


@pytest.mark.req("R-PLUS-09")
def test_a_look_for_other_parcels_is_no_look(owner, asked_store, monkeypatch):
    first, second = desk_data.ready(asked_store), desk_data.ready(asked_store)
    asked = []

    def answer(connection, external_ids, *, seconds):
        asked.append(list(external_ids))
        return Asked(error="No answer.")

    monkeypatch.setattr(last_look, "ask_orders", answer)
    wish = {"carrier": desk_data.carrier().pk, "warehouse": factories.warehouse("leeds").pk}
    parcels = dict(Shipment.objects.values_list("order", "pk"))
    shown = owner.post(NEW, {**wish, "pick": [parcels[first.pk]]})

    owner.post(NEW, {**wish, "pick": list(parcels.values()), "check": shown.context["check"].pk})

    assert asked == [[first.external_id], [first.external_id, second.external_id]]
    assert Manifest.objects.count() == 0

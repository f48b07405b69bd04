"""The pages of pick waves, the bin of a SKU, and the weight field of pack by scanning."""

from __future__ import annotations

import pytest
from django.urls import reverse

from catalogue.models import Variant
from inventory.models import StockItem
from oms.kit.models import AuditEntry
from orders.models import OrderEvent, OrderSettings, PickWave
from orders.services import packing
from tests.orders import desk

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-PLUS-18")]


@pytest.fixture
def owner(client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def released(**skus):
    shop = desk.store("Shop", settings={"weight_tolerance": 5})
    for sku in skus:
        desk.stocked(sku, leeds=9)
    order = desk.an_order(shop, **skus)
    assert packing.release([order.pk], by=desk.DESK)[0].ok
    return order


def said(answer) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def test_a_wave_is_started_picked_and_ended_on_its_pages(owner):
    order = released(MUG=2)
    item = StockItem.objects.get()
    shelved = reverse("admin:inventory_stockitem_change", args=[item.pk])
    assert said(owner.post(shelved, {"bin_code": "  A1   3 "}, follow=True)) == ["The bin is A1 3."]
    assert AuditEntry.objects.filter(action="stock.bin").count() == 1
    page = reverse("admin:pick_waves")

    refused = owner.post(page, {"warehouse": item.warehouse_id, "zone": "B", "totes": "5"})
    assert said(refused) == ["No released order of this zone waits to be picked."]
    assert b'value="B"' in refused.content
    shown = owner.post(page, {"warehouse": item.warehouse_id, "zone": "a1", "totes": "5"}, follow=True)

    wave = PickWave.objects.get()
    assert shown.redirect_chain[-1][0] == reverse("admin:pick_wave", args=[wave.pk])
    text = shown.content.decode()
    assert "A1 3" in text
    assert '1 × <span class="oms-num">2</span>' in text
    act = reverse("admin:pick_wave_act", args=[wave.pk, "short"])
    line = order.lines.get()
    wrong = owner.post(act, {"order": order.pk, "line": line.pk, "units": "7", "reason": "x"}, follow=True)
    assert said(wrong) == ["Enter how many units are missing, at most as many as the order needs."]
    ended = owner.post(reverse("admin:pick_wave_act", args=[wave.pk, "end"]), follow=True)
    assert said(ended) == ["1 order can be picked in another wave."]
    assert (
        b"Everything in this wave is packed" in owner.get(reverse("admin:pick_wave", args=[wave.pk])).content
    )


def test_a_bin_that_is_too_long_is_refused_and_nothing_changes(owner):
    released(MUG=1)
    item = StockItem.objects.get()

    answer = owner.post(
        reverse("admin:inventory_stockitem_change", args=[item.pk]), {"bin_code": "x" * 61}, follow=True
    )

    assert said(answer) == ["A bin has at most 60 characters."]
    assert StockItem.objects.get().bin_code == ""


def test_the_pack_page_asks_for_the_weight_and_refuses_a_wrong_one_loudly(owner):
    order = released(MUG=1)
    Variant.objects.update(weight_grams=400)
    OrderSettings.objects.update(weight_tolerance=5)

    def act(what: str, **data: str):
        return owner.post(reverse("admin:pack_act", args=[order.pk, what]), data, follow=True)

    act("begin")
    asked = act("scan", code="MUG")
    assert b"Weight of the parcel (g)" in asked.content
    assert b"data-alarm" not in asked.content
    wrong = act("weigh", grams="500")
    assert b"data-alarm" in wrong.content
    assert b"The parcel weighs 500 g, expected are 400 g. Check its items." in wrong.content
    assert b"Enter the weight in whole grams." in act("weigh", grams="half a kilo").content
    assert desk.status(order) == "rfp"
    assert said(act("weigh", grams="500", reason="big box")) == [f"Order #{order.number} is packed."]
    assert (desk.status(order), OrderEvent.objects.filter(kind="weight").count()) == ("packed", 1)

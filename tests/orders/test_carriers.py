"""Carriers that a channel lists by itself are codes of its map; a carrier of ours comes only of an order (R-SHIP-01)."""

from __future__ import annotations

import pytest

from channels.records import CarrierRecord
from orders.carriers import learn, listed
from orders.models import Carrier, CarrierMap
from tests.orders.desk import store

pytestmark = pytest.mark.django_db


@pytest.mark.req("R-SHIP-01")
def test_listed_carriers_are_codes_until_an_order_names_one():
    shop = store()
    Carrier.objects.create(name="Royal Mail", key="royal mail")

    rows = [
        CarrierRecord("royal-mail", "Royal Mail"),
        CarrierRecord("dhl", "DHL"),
        CarrierRecord("", "nothing"),
    ]
    assert (listed(shop, rows), listed(shop, rows)) == (3, 3)

    def known() -> dict[str, str | None]:
        return dict(CarrierMap.objects.filter(connection=shop).values_list("external_id", "carrier__name"))

    assert known() == {"royal-mail": "Royal Mail", "dhl": None}
    assert Carrier.objects.count() == 1
    learn(shop, ["dhl"])
    assert known() == {"royal-mail": "Royal Mail", "dhl": "dhl"}
    learn(shop, ["dhl"])
    assert Carrier.objects.count() == 2

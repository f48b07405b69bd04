"""Carriers that a channel lists by itself are codes of its map; a carrier of ours comes only of an order (R-SHIP-01)."""

from __future__ import annotations

import pytest

from channels.contract.records.orders import CarrierRecord
from orders.domain.carriers import carriers_by_name, import_carrier_list, import_named_carriers
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
    assert (import_carrier_list(shop, rows), import_carrier_list(shop, rows)) == (3, 3)

    def known() -> dict[str, str | None]:
        return dict(CarrierMap.objects.filter(connection=shop).values_list("external_id", "carrier__name"))

    assert known() == {"royal-mail": "Royal Mail", "dhl": None}
    assert Carrier.objects.count() == 1
    import_named_carriers(shop, ["dhl"])
    assert known() == {"royal-mail": "Royal Mail", "dhl": "dhl"}
    import_named_carriers(shop, ["dhl"])
    assert Carrier.objects.count() == 2


@pytest.mark.req("R-SHIP-01", "R-CONN-08")
def test_one_carrier_however_the_channels_write_it(django_assert_num_queries):
    """Etsy's shipments say “royal-mail”, BigCommerce's “royalmail”: the desk has one Royal Mail to choose, not three."""
    etsy, bigcommerce = store(channel="etsy"), store(channel="bigcommerce", name="UK")
    ours = Carrier.objects.create(name="Royal Mail", key="royal mail")

    import_named_carriers(etsy, ["royal-mail", "Yodel"])
    import_named_carriers(bigcommerce, ["royalmail", "YODEL"])
    import_carrier_list(
        bigcommerce,
        [CarrierRecord("slug:yodel", "Yodel."), CarrierRecord("slug:royal-mail-2", "Royal Mail 2")],
    )

    assert list(Carrier.objects.order_by("name").values_list("name", "is_own")) == [
        ("Royal Mail", True),
        ("Yodel", False),
    ]
    rows = CarrierMap.objects.order_by("connection_id", "external_id")
    assert list(rows.values_list("connection_id", "external_id", "carrier__name")) == [
        (etsy.pk, "Yodel", "Yodel"),
        (etsy.pk, "royal-mail", "Royal Mail"),
        (bigcommerce.pk, "YODEL", "Yodel"),
        (bigcommerce.pk, "royalmail", "Royal Mail"),
        (bigcommerce.pk, "slug:royal-mail-2", None),
        (bigcommerce.pk, "slug:yodel", "Yodel"),
    ]
    with django_assert_num_queries(1):
        assert carriers_by_name(["ROYAL-MAIL", "royal mail"]) == {"royal-mail": ours, "royal mail": ours}
    with django_assert_num_queries(3):
        assert [carrier.name for carrier in carriers_by_name(["D.P.D", "dpd"]).values()] == ["dpd", "dpd"]

"""Etsy's and Offline's columns of the capability matrix, streams and settings (`requirements.md`, R-CAT-13)."""

from __future__ import annotations

import pytest

from channels.connectors.etsy.channel import NOTICE, SPEC
from channels.connectors.offline.channel import SPEC as OFFLINE
from channels.contract.spec import Capability, Stream
from channels.models import Connection, SyncStream
from channels.stores.connect import StoreError, connect, reconnect
from channels.stores.services import disconnect
from oms.kit.models import Job

ETSY = """connect_oauth pull_categories pull_attributes pull_carriers pull_products pull_single_product pull_group_product
create_listing_single create_listing_group update_listing set_listing_active push_stock push_price pull_orders
pull_order_updates history_90_days pull_cancellations webhooks push_ready_to_ship self_shipping wms_handover""".split()


@pytest.mark.req("R-CAT-06", "R-CAT-07", "R-CAT-10", "R-CAT-11", "R-CAT-12", "R-CAT-13")
def test_the_column_of_etsy():
    matrix = SPEC.as_matrix()

    assert {name for name, cell in matrix.items() if cell["supported"] and cell["default"]} == set(ETSY)
    assert not [name for name, cell in matrix.items() if cell["supported"] and not cell["default"]]
    assert set(matrix) == {str(capability) for capability in Capability}


@pytest.mark.req("R-CAT-13", "R-OFF-01")
def test_the_column_of_offline():
    matrix = OFFLINE.as_matrix()

    able = {name for name, cell in matrix.items() if cell["supported"]}
    assert able == {"manual_orders", "split_shipments", "self_shipping", "wms_handover"}
    assert set(matrix) == {str(capability) for capability in Capability}
    assert all(cell["reason"].endswith(".") for cell in matrix.values() if not cell["supported"])
    assert (OFFLINE.adapter, OFFLINE.streams, OFFLINE.sandbox) == ("", (), "")


@pytest.mark.req("R-ORD-01", "R-ORD-02", "R-ORD-03", "R-USE-04")
def test_streams_and_settings_of_etsy():
    assert {stream.name: stream.period for stream in SPEC.streams} == {
        Stream.CATEGORIES: 604_800,
        Stream.ATTRIBUTES: 604_800,
        Stream.PRODUCTS: None,  # never by itself after the first import (R-CAT-07)
        Stream.ORDERS_NEW: 300,
        Stream.ORDERS_CHANGED: 1800,
        Stream.ORDERS_CANCELLED: 3600,
        Stream.ORDERS_HISTORY: None,
    }
    defaults = {setting.name: setting.default for setting in SPEC.settings}
    assert (defaults["cancel_days"], defaults["renew_sold_out"], defaults["publish_new"]) == (5, False, False)
    assert SPEC.sale_price is False
    assert NOTICE.startswith("The term 'Etsy' is a trademark of Etsy, Inc.")


# ---------------------------------------------------------------- Offline is a store like the others


@pytest.mark.django_db
@pytest.mark.req("R-CONN-05", "R-OFF-01")
def test_an_offline_store_is_connected_by_its_name_and_currency():
    store = connect(
        channel="offline", name="Market stall", credentials={"currency": "gbp", "time_zone": "Europe/London"}
    )

    assert (store.currency, store.time_zone, store.state) == ("GBP", "Europe/London", Connection.State.ACTIVE)
    assert not SyncStream.objects.exists()
    assert Job.objects.filter(subject_id=store.pk).count() == 1  # its first report, empty of orders


@pytest.mark.django_db
@pytest.mark.req("R-CONN-05", "R-CONN-07")
def test_two_offline_stores_are_two_and_one_comes_back():
    first = connect(channel="offline", name="Stall", credentials={"currency": "GBP"})
    second = connect(channel="offline", name="Telephone", credentials={"currency": "EUR"})
    assert first.fingerprint != second.fingerprint
    disconnect(connection=first)

    back = reconnect(connection=first, credentials={"currency": "GBP"})

    assert (back.pk, back.state, back.time_zone) == (first.pk, Connection.State.ACTIVE, "UTC")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("credentials", "field"),
    [
        ({"currency": "pounds"}, "currency"),
        ({"currency": ""}, "currency"),
        ({"currency": "EUR", "time_zone": "Mars/North"}, "time_zone"),
    ],
)
def test_what_an_offline_store_cannot_be_made_of(credentials, field):
    with pytest.raises(StoreError) as caught:
        connect(channel="offline", name="Stall", credentials=credentials)

    assert caught.value.field == field
    assert not Connection.objects.exists()


@pytest.mark.django_db
def test_the_first_report_of_an_offline_store_comes_to_its_end():
    from channels.stores import first_sync

    store = connect(channel="offline", name="Stall", credentials={"currency": "GBP"})
    job = first_sync.latest(store)
    assert job is not None

    while first_sync.step(job):
        pass

    assert job.result["phases"] == {}
    assert job.result["warnings"] == []

"""A store of Etsy from its first sync to a shipped order, through the whole house, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings as house

from catalogue.models import ListingVariant
from channels.models import Connection, ConnectorState, SyncStream
from channels.pull import runner
from channels.push import dispatcher
from channels.sandbox.server import Running
from channels.stores import connect, services
from inventory.models import StockItem
from inventory.services import adjust as stock
from oms.kit.authors.actors import SYSTEM
from oms.kit.background import jobs
from oms.kit.models import Job
from orders.models import Carrier, CarrierMap, Order
from orders.services import carriers, packing
from orders.services.handing_over import manifests
from tests import factories
from tests.support.etsy import shop

pytestmark = pytest.mark.django_db


def work() -> None:
    """Every job and message that is due, as the clusters would work them."""
    while due := list(Job.objects.all().due()):
        for job in due:
            while jobs.work(job.pk):
                pass
    for store in Connection.objects.all():
        for lane in house.OMS_LANES:
            while dispatcher.dispatch(store.pk, lane):
                pass


def read(store: Connection, stream: str) -> None:
    services.refresh_now(connection=store, stream=stream)
    while runner.run_stream(SyncStream.objects.get(connection=store, name=stream).pk):
        pass


@pytest.fixture
def etsy() -> Iterator[Running]:
    with shop("demo", per_second=10_000) as running:
        yield running


@pytest.fixture
def store(etsy: Running) -> Connection:
    factories.warehouse("leeds")
    store = connect.connect(channel="etsy", name="Etsy shop", credentials=etsy.credentials)
    work()
    services.switch_on(connection=store)
    type(store.budget).objects.filter(pk=store.pk).update(capacity=10_000, per_second=10_000, tokens=10_000)
    work()
    return Connection.objects.get(pk=store.pk)


def remote(etsy: Running, sku: str) -> tuple[str, int]:
    listing, product = etsy.sandbox.shop.find_product(sku)
    return listing["state"], product["offerings"][0]["quantity"]


@pytest.mark.req("R-CONN-04", "R-CONN-08", "R-ORD-01", "R-SHIP-03", "R-SHIP-04", "R-INV-01")
def test_from_the_first_sync_to_a_parcel(store: Connection, etsy: Running) -> None:
    report = Job.objects.filter(subject_id=store.pk).latest("pk").result
    assert report["phases"]["products"]["new"] == 25
    assert report["phases"]["carriers"] == {"new": 3}
    assert {row.external_id for row in CarrierMap.objects.filter(connection=store)} == {
        "royal-mail",
        "dhl",
        "ups",
    }
    assert list(Carrier.objects.values_list("name", flat=True)) == ["royal-mail"]  # only what an order names
    assert Order.objects.filter(connection=store).count() == len(etsy.sandbox.shop.receipts)
    item = ListingVariant.objects.get(connection=store, external_sku="KET-EN-15")
    before = StockItem.objects.get(variant=item.variant).available

    order_id = etsy.sandbox.buy("KET-EN-15")["order_id"]
    read(store, "orders.new")
    work()

    order = Order.objects.get(connection=store, external_id=str(order_id))
    assert order.status == "new"
    assert StockItem.objects.get(variant=item.variant).available == before - 1
    assert remote(etsy, "KET-EN-15") == ("active", before - 1)

    carrier = carriers.save_carrier(name="Royal Mail", by=SYSTEM)
    for step in (packing.release, packing.pack):
        assert [outcome.message for outcome in step([order.pk], by=SYSTEM) if not outcome.ok] == []
    packing.mark_ready_to_ship([order.pk], tracking={order.pk: (carrier.pk, "RM123GB")}, by=SYSTEM)
    work()

    receipt = etsy.sandbox.shop.receipts[str(order_id)]
    assert receipt["status"] == "Completed"
    assert [parcel["tracking_code"] for parcel in receipt["shipments"]] == ["RM123GB"]
    read(store, "orders.changed")
    order.refresh_from_db()
    assert order.status == "rts"  # complete at Etsy, and still on our desk until its manifest
    warehouse = order.shipments.get().warehouse
    assert warehouse is not None
    manifests.create_manifest(carrier=carrier, warehouse=warehouse, by=SYSTEM)
    work()
    order.refresh_from_db()
    assert order.status == "in_transit"
    etsy.sandbox.set_status(order_id, "Delivered")
    read(store, "orders.changed")
    order.refresh_from_db()
    assert order.status == "delivered"
    assert len(receipt["shipments"]) == 1


@pytest.mark.req("R-INV-01", "R-ORD-03")
def test_the_last_unit_takes_the_listing_off_and_a_cancellation_brings_it_back(
    store: Connection, etsy: Running
) -> None:
    item = ListingVariant.objects.get(connection=store, external_sku="GRN-BRD")
    left = StockItem.objects.get(variant=item.variant).available
    order_id = etsy.sandbox.place_order([{"sku": "GRN-BRD", "quantity": left - 1}])["order_id"]
    read(store, "orders.new")
    work()
    assert remote(etsy, "GRN-BRD") == ("active", 1)
    stock.adjust(
        variant=item.variant, warehouse=StockItem.objects.get(variant=item.variant).warehouse,
        set_to=left - 1, reason="Counted", by=SYSTEM,
    )  # fmt: skip
    work()
    assert remote(etsy, "GRN-BRD")[0] == "inactive"
    assert ConnectorState.objects.filter(connection=store).count() == 1

    etsy.sandbox.set_status(order_id, "Canceled")
    read(store, "orders.cancelled")
    work()

    assert Order.objects.get(connection=store, external_id=str(order_id)).status == "cancelled"
    assert remote(etsy, "GRN-BRD") == ("active", left - 1)
    assert not ConnectorState.objects.exists()

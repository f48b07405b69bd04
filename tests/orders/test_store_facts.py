"""What a page needs of its store is read at once, as it is at that moment."""

from __future__ import annotations

from datetime import timedelta

import pytest

from channels.contract.records.orders import FulfilmentEvent, RemoteState
from channels.models import StatusMapEntry
from channels.stores import status_map
from inventory.models import Warehouse, WarehouseMapping
from orders.inbound.duplicates import KnownVersion
from orders.inbound.store_facts import store_facts
from orders.models import Carrier, CarrierMap, Order, OrderSettings
from tests.orders.desk import NOW, comes, record, serves, stocked, store

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("holds_stock", [None, True, False, pytest.param(True, marks=pytest.mark.db)])
def test_the_facts_are_those_of_the_models_with_their_types(holds_stock: bool | None):
    shop, other = store("Shop"), store("Other")
    for each in (shop, other):
        serves(each, "Leeds", "Lyon")
    Warehouse.objects.filter(name="Leeds").update(is_active=False)
    stocked("MUG", leeds=5, lyon=5)
    comes(shop, record("a", MUG=1), record("b", MUG=1))
    comes(other, record("c", MUG=1))
    carrier = Carrier.objects.create(name="DHL", key="dhl", is_own=True)
    OrderSettings.objects.update_or_create(
        connection=shop, defaults={"auto_release": True, "default_carrier": carrier, "unpaid_hold_hours": 7}
    )
    StatusMapEntry.objects.create(
        connection=shop,
        external_id="77",
        name="Käse “1”",
        remote_state=RemoteState.DRAFT,
        is_edited=True,
        holds_stock=holds_stock,
        events=["packed"] if "packed" in list(FulfilmentEvent) else [str(next(iter(FulfilmentEvent)))],
    )
    CarrierMap.objects.create(connection=shop, external_id="dhl-x", name="x", carrier=carrier)
    CarrierMap.objects.create(connection=shop, external_id="none", name="x", carrier=None)
    CarrierMap.objects.create(connection=other, external_id="theirs", name="x", carrier=carrier)

    facts = store_facts(shop, external_ids=["a", "b", "c"], carriers={"dhl-x", "none", "theirs"})

    settings = OrderSettings.objects.select_related("default_carrier").get(connection=shop)
    for field in OrderSettings._meta.concrete_fields:
        found, real = getattr(facts.settings, field.attname), getattr(settings, field.attname)
        assert (found, type(found)) == (real, type(real)), field.attname
    for field in Carrier._meta.concrete_fields:
        found, real = getattr(facts.settings.default_carrier, field.attname), getattr(carrier, field.attname)
        assert (found, type(found)) == (real, type(real)), field.attname
    assert facts.states == status_map.status_map(shop)
    assert facts.states["77"].holds_stock is holds_stock
    assert facts.known == {
        row.external_id: KnownVersion(
            row.pk, row.remote_hash, row.remote_state, row.remote_changed_at, row.read_at
        )
        for row in Order.objects.filter(connection=shop)
    }
    assert facts.warehouses == [Warehouse.objects.get(name="Lyon").pk]
    assert facts.carriers == {"dhl-x"}


@pytest.mark.req("R-INV-03", "R-ORD-08")
def test_a_page_uses_the_configuration_of_its_moment():
    """Nothing is kept from the page before, whoever changed it and by whatever way."""
    shop = store()
    serves(shop, "Leeds", "Lyon")
    stocked("MUG", leeds=50, lyon=50)
    StatusMapEntry.objects.filter(connection=shop, external_id="2").delete()
    StatusMapEntry.objects.create(connection=shop, external_id="2", name="New")
    OrderSettings.objects.update_or_create(connection=shop, defaults={"ship_within_hours": 1})
    comes(shop, record("a", MUG=1))
    before = Order.objects.get(external_id="a")
    assert before.ship_by_at == NOW + timedelta(hours=1)
    assert before.lines.get().allocations.get().stock_item.warehouse.name == "Leeds"

    OrderSettings.objects.filter(connection=shop).update(ship_within_hours=5)
    WarehouseMapping.objects.filter(connection=shop, warehouse__name="Leeds").delete()
    StatusMapEntry.objects.filter(connection=shop, external_id="2").update(
        remote_state=RemoteState.DRAFT, is_edited=True
    )
    comes(shop, record("b", MUG=1))

    after = Order.objects.get(external_id="b")
    assert after.ship_by_at == NOW + timedelta(hours=5)
    assert after.status == "draft"
    assert {
        row.stock_item.warehouse.name for line in after.lines.all() for row in line.allocations.all()
    } <= {"Lyon"}

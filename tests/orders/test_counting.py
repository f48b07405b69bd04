"""SKUs whose stock nobody counts: they hold nothing, wait for nothing, and still go into a parcel (ADR 0006)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.urls import reverse

from catalogue.models import ListingVariant, Variant
from channels.contract.records.orders import RemoteState, ShipmentRecord
from channels.models import OutboxMessage
from inventory.models import OpeningStock, StockItem, StockMovement
from inventory.offers.compute import offer_of
from inventory.services.adjust import receive
from orders.models import Order, OrderLine, Shipment
from orders.ops import doctor_checks
from orders.services import carriers, packing
from orders.services.stock import backorders, sku_mapping, stock_tracking
from tests import factories
from tests.catalogue.records import pull
from tests.catalogue.records import record as product
from tests.orders.desk import (
    DESK,
    an_order,
    comes,
    counters,
    problems,
    record,
    serves,
    shelf,
    status,
    stocked,
    store,
    told,
)
from tests.orders.test_invariants import healthy
from tests.orders.test_moves import manifest, ok, to_ready

pytestmark = pytest.mark.django_db
S = RemoteState


def loose(sku: str = "PDF") -> Variant:
    """A SKU that is not counted, without a shelf."""
    made = stocked(sku)
    Variant.objects.filter(pk=made.pk).update(is_counted=False)
    return made


def parcels(order: Order) -> list[tuple[str, str, dict[str, int]]]:
    return [
        (row.state, str(row.warehouse), dict(row.lines.values_list("line__sku", "quantity")))
        for row in order.shipments.select_related("warehouse").order_by("number")
    ]


@pytest.mark.req("R-INV-06", "R-ORD-09")
def test_a_store_that_counts_no_stock_opens_none_and_its_orders_are_not_partial():
    shop = store()
    pull(shop, product("7", "PDF", None), product("8", "MUG", 0))

    assert dict(Variant.objects.values_list("sku", "is_counted")) == {"PDF": False, "MUG": True}
    assert list(OpeningStock.objects.values_list("variant__sku", flat=True)) == ["MUG"]
    assert list(StockItem.objects.values_list("variant__sku", flat=True)) == ["MUG"]
    comes(
        shop,
        replace(record("1", PDF=3), stock_deducted=False),
        replace(record("2", MUG=1), stock_deducted=False),
    )
    fine, short = Order.objects.order_by("number")

    assert (status(fine), fine.allocation, counters(fine)) == ("new", "full", [(3, 0, 0, 0)])
    assert (status(short), problems(fine)) == ("partial", [])
    healthy()


def test_no_store_is_sent_a_quantity_of_it():
    shop = store()
    pull(shop, product("7", "PDF", None))
    listed = ListingVariant.objects.get()

    offer = offer_of(listed)

    assert offer.blocked
    assert not OutboxMessage.objects.filter(topic="stock").exists()


def test_a_sku_of_a_group_that_is_not_counted_says_why_nothing_is_sent():
    shop = store()
    listed = factories.listed(loose(), shop)

    assert offer_of(listed).blocked == "Stock not tracked: the store shows its own figure."


def test_it_goes_into_the_parcel_of_what_is_counted_and_moves_no_stock():
    shop = store()
    serves(shop, "Leeds", "Lyon")
    stocked("MUG", lyon=5)
    loose()
    order = an_order(shop, PDF=1, MUG=2)

    to_ready(order)

    assert parcels(order) == [("ready", "Lyon", {"MUG": 2, "PDF": 1})]
    manifest(warehouse="Lyon")
    assert (status(order), counters(order)) == ("in_transit", [(1, 0, 1, 0), (2, 0, 2, 0)])
    assert list(StockMovement.objects.filter(kind="shipment").values_list("quantity", flat=True)) == [-2]
    assert told(order) == ["ready_to_ship", "shipped"]
    assert problems(order) == []
    healthy()


def test_alone_it_leaves_from_the_nearest_warehouse():
    shop = store()
    serves(shop, "Lyon", "Leeds")
    loose()
    order = an_order(shop, PDF=2)

    to_ready(order)

    assert parcels(order) == [("ready", "Lyon", {"PDF": 2})]
    manifest(warehouse="Lyon")
    assert (status(order), counters(order), StockItem.objects.count()) == ("in_transit", [(2, 0, 2, 0)], 0)
    healthy()


def test_the_channel_is_sent_its_units():
    carrier = carriers.save_carrier(name="Royal Mail", by=DESK)
    shop = store(channel="bigcommerce", settings={"default_carrier": carrier})
    stocked("MUG", leeds=5)
    loose()
    order = an_order(shop, PDF=1, MUG=2)
    to_ready(order)
    from orders.outbound.fulfilment_handler import _native_statuses, _subject_of, _update

    message = OutboxMessage.objects.get(topic="ready_to_ship")
    update = _update(shop, message, _subject_of(shop, message), _native_statuses(shop))

    assert sorted(update.lines.values()) == [1, 2]
    assert update.is_whole_order


@pytest.mark.req("R-ORD-16")
def test_shipped_there_in_part_and_whole_it_is_never_short():
    shop = store()
    loose()
    order, whole = an_order(shop, PDF=3), an_order(shop, PDF=1)
    ok(packing.release([order.pk], by=DESK))
    key = order.lines.get().external_id

    given = record(order.number, minutes=5, PDF=3)
    part = ShipmentRecord("s1", lines={key: 1})
    comes(shop, replace(given, shipments=(part,)))
    comes(shop, record(whole.number, S.SHIPPED, minutes=5, PDF=1))

    assert (status(order), counters(order), problems(order)) == ("rfp", [(3, 0, 1, 0)], [])
    assert parcels(order) == [("planned", "Leeds", {"PDF": 2}), ("handed_over", "Leeds", {"PDF": 1})]
    assert (status(whole), problems(whole)) == ("in_transit", [])
    healthy()


def test_a_refill_never_waits_for_it():
    shop = store()
    mug = stocked("MUG", leeds=0)
    loose()
    order = an_order(shop, PDF=2, MUG=1)
    assert (status(order), order.allocation) == ("partial", "none")

    receive(variant=mug, warehouse=serves(shop, "Leeds")[0], quantity=1, reason="came", by=DESK)
    assert backorders.refill() == 1

    assert (status(order), counters(order)) == ("new", [(2, 0, 0, 0), (1, 1, 0, 0)])


def test_a_line_that_is_mapped_later_follows_its_sku():
    shop = store()
    mug, pdf = stocked("MUG", leeds=5), loose()
    order = an_order(shop, ODD=2)
    line = order.lines.get()

    sku_mapping.map_line(line=line, variant=mug, remember=False, by=DESK)
    assert (counters(order), shelf("MUG")) == ([(2, 2, 0, 0)], (5, 2))
    sku_mapping.map_line(line=OrderLine.objects.get(), variant=pdf, remember=False, by=DESK)

    assert (counters(order), shelf("MUG"), OrderLine.objects.get().is_counted) == (
        [(2, 0, 0, 0)],
        (5, 0),
        False,
    )
    healthy()


def test_counting_it_makes_open_orders_ask_and_released_ones_go_back():
    shop = store()
    pdf = loose()
    old, released, packed = an_order(shop, PDF=2), an_order(shop, PDF=2), an_order(shop, PDF=1)
    ok(packing.release([released.pk, packed.pk], by=DESK))
    ok(packing.pack([packed.pk], by=DESK))

    assert stock_tracking.set_stock_tracking([pdf.pk], is_counted=True, by=DESK) == 1

    assert [status(order) for order in (old, released, packed)] == ["partial", "partial", "packed"]
    assert list(packed.lines.values_list("is_counted", flat=True)) == [False]
    healthy()
    receive(variant=pdf, warehouse=serves(shop, "Leeds")[0], quantity=2, reason="came", by=DESK)
    backorders.refill()
    assert [status(order) for order in (old, released)] == ["new", "partial"]
    assert stock_tracking.set_stock_tracking([pdf.pk], is_counted=True, by=DESK) == 0


def test_not_counting_it_any_more_gives_back_what_is_held_and_keeps_the_ledger():
    shop = store()
    mug = stocked("MUG", leeds=3)
    listed = factories.listed(mug, shop)
    held, waiting = an_order(shop, MUG=2), an_order(shop, MUG=2)
    ok(packing.release([held.pk], by=DESK))
    assert status(waiting) == "partial"

    stock_tracking.set_stock_tracking([mug.pk], is_counted=False, by=DESK)

    assert (status(held), status(waiting), shelf("MUG")) == ("rfp", "new", (3, 0))
    assert parcels(held) == [("planned", "Leeds", {"MUG": 2})]
    assert offer_of(listed).blocked
    healthy()
    for order in (held, waiting):
        if status(order) == "new":
            ok(packing.release([order.pk], by=DESK))
        ok(packing.pack([order.pk], by=DESK))
        ok(packing.mark_ready_to_ship([order.pk], by=DESK))
    manifest()
    assert (status(held), status(waiting), shelf("MUG")) == ("in_transit", "in_transit", (3, 0))
    healthy()


def test_doctor_finds_a_line_that_is_not_counted_as_its_sku():
    shop = store()
    pdf = loose()
    order = an_order(shop, PDF=2)
    check = doctor_checks.CHECKS["order_lines_tracked_as_their_sku"]
    assert check().ok

    Variant.objects.filter(pk=pdf.pk).update(is_counted=True)
    assert not check().ok
    Variant.objects.filter(pk=pdf.pk).update(is_counted=False)
    order.lines.update(allocated=1)
    assert not check().ok


def test_a_person_changes_it_on_the_products_page(admin_client):
    mug = stocked("MUG", leeds=3)
    address = f"/admin/catalogue/product/{mug.product_id}/do/variants/"
    cells = {f"sku-{mug.pk}": "MUG", f"price-{mug.pk}": "", f"selling_price-{mug.pk}": ""}

    admin_client.post(address, {**cells, f"not_counted-{mug.pk}": "1"})
    assert Variant.objects.get().is_counted is False
    page = admin_client.get(f"/admin/catalogue/product/{mug.product_id}/").content.decode()
    assert f'name="not_counted-{mug.pk}" value="1" checked' in page

    admin_client.post(address, cells)
    assert Variant.objects.get().is_counted is True


def test_an_order_says_on_its_page_that_nobody_counts_it(admin_client):
    shop = store()
    loose()
    order = an_order(shop, PDF=1)

    page = admin_client.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()

    assert "stock not tracked" in page
    assert "waiting 1" not in page
    assert Shipment.objects.count() == 0

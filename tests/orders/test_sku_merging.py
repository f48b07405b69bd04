"""Merging two SKUs moves everything and doubles nothing; undoing it gives it back (R-CAT-04)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.extra.django import TestCase

from catalogue.errors import CatalogueError
from catalogue.models import Listing, ListingVariant, SkuAlias, SkuMerge, Variant, sku_key
from catalogue.sku_resolution import LineKey, resolve_variants
from channels.contract.records.orders import OrderRecord
from channels.models import OutboxMessage
from inventory.errors import StockError
from inventory.models import StockItem, Warehouse
from inventory.services.adjust import adjust
from oms.kit import doctor
from oms.kit.models import AuditEntry
from orders.models import Allocation, Order, OrderLine
from orders.services import packing
from orders.services.stock import backorders, sku_merging
from tests.factories import user
from tests.orders.desk import DESK, comes, line, record, serves, stocked, store

pytestmark = pytest.mark.django_db

CHECKS = [name for name in doctor.names() if name.startswith(("stock_", "order_", "listed_", "skus_"))]


def listing(connection: Any, variant: Variant, sku: str) -> ListingVariant:
    row = Listing.objects.create(
        product=variant.product, connection=connection, external_id=f"p-{sku}", state="active"
    )
    return ListingVariant.objects.create(
        listing=row,
        connection=connection,
        variant=variant,
        external_id=f"v-{sku}",
        external_sku=sku,
        sku_key=sku_key(sku),
    )


def sold(number: str | None, units: dict[str, int]) -> OrderRecord:
    lines = (line(f"{number}-{place}", sku, count) for place, (sku, count) in enumerate(units.items()))
    return record(number, lines=tuple(lines))


def bought(connection: Any, one: OrderRecord) -> Order:
    comes(connection, one)
    return Order.objects.get(connection=connection, external_id=one.external_id)


def leeds() -> Warehouse:
    return Warehouse.objects.get(code="LEEDS")


def units(variant: Variant) -> tuple[int, int]:
    rows = StockItem.objects.filter(variant=variant).values_list("on_hand", "allocated")
    return sum(row[0] for row in rows), sum(row[1] for row in rows)


def all_is_right() -> bool:
    return [result for result in doctor.run(CHECKS) if not result.ok] == []


@pytest.mark.req("R-CAT-04")
def test_stock_allocations_listings_and_orders_become_those_of_the_other_sku() -> None:
    shop = store()
    old, new = stocked("MUG-OLD", leeds=10), stocked("MUG", leeds=3)
    row = listing(shop, old, "MUG-OLD")
    order = bought(shop, sold("7", {"MUG-OLD": 4}))
    OutboxMessage.objects.all().delete()

    merge = sku_merging.merge(old, new, by=DESK)

    assert units(new) == (13, 4)
    assert units(old) == (0, 0)
    line = OrderLine.objects.get(order=order)
    assert (line.variant, line.sku, line.allocated) == (new, "MUG-OLD", 4)
    assert Allocation.objects.get(line=line).stock_item.variant == new
    row.refresh_from_db()
    assert (row.variant, row.external_sku, row.listing.product) == (new, "MUG-OLD", new.product)
    old.refresh_from_db()
    assert (old.merged_into, old.product.is_archived) == (new, True)
    alias = SkuAlias.objects.get()
    assert (alias.sku, alias.variant, alias.connection) == ("MUG-OLD", new, None)
    assert OutboxMessage.objects.filter(topic="stock", subject=row.pk).exists()
    assert order.events.filter(text="MUG-OLD was merged into MUG").count() == 1
    assert AuditEntry.objects.filter(action="sku.merged").count() == 1
    assert merge.moved["stock"] == {str(StockItem.objects.filter(variant=old)[0].warehouse_id): 10}
    assert all_is_right()


@pytest.mark.req("R-CAT-04")
def test_undoing_gives_everything_back() -> None:
    shop = store()
    old, new = stocked("MUG-OLD", leeds=10), stocked("MUG", leeds=3)
    row = listing(shop, old, "MUG-OLD")
    order = bought(shop, sold("7", {"MUG-OLD": 4}))
    merge = sku_merging.merge(old, new, by=DESK)

    sku_merging.unmerge(merge, by=DESK)

    assert (units(old), units(new)) == ((10, 4), (3, 0))
    assert OrderLine.objects.get(order=order).variant == old
    row.refresh_from_db()
    assert (row.variant, row.listing.product) == (old, old.product)
    old.refresh_from_db()
    assert (old.merged_into, old.product.is_archived) == (None, False)
    assert SkuAlias.objects.count() == 0
    assert all_is_right()
    with pytest.raises(CatalogueError, match="undone already"):
        sku_merging.unmerge(merge, by=DESK)
    sku_merging.merge(old, new, by=DESK)  # and it can be merged again
    assert units(new) == (13, 4)


@pytest.mark.req("R-CAT-04", "R-ORD-09")
def test_an_order_that_waited_for_one_sku_gets_the_units_of_the_other() -> None:
    shop = store()
    old, new = stocked("MUG-OLD", leeds=0), stocked("MUG", leeds=3)
    order = bought(shop, sold("7", {"MUG-OLD": 2}))
    assert order.status == "partial"

    sku_merging.merge(old, new, by=DESK)
    assert backorders.refill() == 1

    order.refresh_from_db()
    assert order.status == "new"
    assert units(new) == (3, 2)


@pytest.mark.req("R-CAT-04", "R-CAT-03")
def test_orders_and_products_with_the_old_sku_are_the_other_one_from_then_on() -> None:
    shop = store()
    old, new = stocked("MUG-OLD", leeds=1), stocked("MUG", leeds=3)
    sku_merging.merge(old, new, by=DESK)

    order = bought(shop, sold("8", {"mug-old": 2}))

    assert OrderLine.objects.get(order=order).variant == new
    assert resolve_variants(shop, [LineKey("", "MUG-OLD")]) == {LineKey("", "MUG-OLD"): new.pk}
    assert units(new) == (4, 2)


@pytest.mark.req("R-CAT-04")
def test_orders_that_came_since_from_a_listing_go_back_with_it() -> None:
    shop = store()
    old, new = stocked("MUG-OLD", leeds=5), stocked("MUG", leeds=3)
    listing(shop, old, "MUG-OLD")
    merge = sku_merging.merge(old, new, by=DESK)
    first = sold("9", {"MUG-OLD": 2})
    later = bought(shop, replace(first, lines=(replace(first.lines[0], variant_external_id="v-MUG-OLD"),)))
    assert OrderLine.objects.get(order=later).variant == new

    sku_merging.unmerge(merge, by=DESK)

    assert OrderLine.objects.get(order=later).variant == old
    assert (units(old), units(new)) == ((5, 2), (3, 0))
    assert all_is_right()


@pytest.mark.req("R-CAT-04")
def test_what_was_shipped_since_is_not_given_back() -> None:
    store()
    old, new = stocked("MUG-OLD", leeds=5), stocked("MUG", leeds=0)
    merge = sku_merging.merge(old, new, by=DESK)
    adjust(variant=new, warehouse=leeds(), delta=-4, reason="sold", by=DESK)

    sku_merging.unmerge(merge, by=DESK)

    assert (units(old), units(new)) == ((1, 0), (0, 0))


@pytest.mark.req("R-CAT-04")
def test_more_than_is_available_is_not_given_back() -> None:
    store()
    old, new = stocked("MUG-OLD", leeds=5), stocked("MUG", leeds=1)
    merge = sku_merging.merge(old, new, by=DESK)

    with pytest.raises(CatalogueError, match="Leeds has 6 units available of MUG: 7 cannot be moved"):
        sku_merging.unmerge(merge, units={leeds().pk: 7}, by=DESK)

    assert (units(old), units(new)) == ((0, 0), (6, 0))
    old.refresh_from_db()
    assert old.merged_into == new


@pytest.mark.req("R-CAT-04")
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("itself", "cannot be merged into itself"),
        ("source", "MUG-OLD is merged into CUP already"),
        ("target", "MUG is merged into CUP already"),
        ("tracking", "tracked for one of the two SKUs"),
    ],
)
def test_an_impossible_merge_changes_nothing(change: str, sentence: str) -> None:
    store()
    old, new, cup = stocked("MUG-OLD", leeds=5), stocked("MUG", leeds=1), stocked("CUP", leeds=1)
    if change in ("source", "target"):
        sku_merging.merge(old if change == "source" else new, cup, by=DESK)
    if change == "tracking":
        Variant.objects.filter(pk=new.pk).update(is_counted=False)
    before = units(old), units(new), units(cup), SkuMerge.objects.count()

    with pytest.raises(CatalogueError, match=sentence):
        sku_merging.merge(old, old if change == "itself" else new, by=DESK)

    assert (units(old), units(new), units(cup), SkuMerge.objects.count()) == before


@pytest.mark.req("R-CAT-04")
def test_a_merged_sku_has_no_stock_of_its_own_any_more() -> None:
    store()
    old, new = stocked("MUG-OLD", leeds=5), stocked("MUG", leeds=1)
    sku_merging.merge(old, new, by=DESK)

    with pytest.raises(StockError, match="MUG-OLD was merged into MUG"):
        adjust(variant=old, warehouse=leeds(), delta=1, reason="goods", by=DESK)

    assert units(old) == (0, 0)


def test_lines_stored_during_the_merge_are_moved_by_the_sweep() -> None:
    shop = store()
    old, new = stocked("MUG-OLD", leeds=5), stocked("MUG", leeds=1)
    order = bought(shop, sold("7", {"MUG": 1}))
    sku_merging.merge(old, new, by=DESK)
    OrderLine.objects.filter(order=order).update(variant=old)  # as by a transaction that began before

    assert sku_merging.move_stragglers() == 1
    assert sku_merging.move_stragglers() == 0
    assert OrderLine.objects.get(order=order).variant == new


@pytest.mark.req("R-CAT-04")
def test_by_page_what_moves_is_shown_first_and_a_form_sent_twice_acts_once(client: Client) -> None:
    client.force_login(user(is_superuser=True))
    shop = store()
    old, new = stocked("MUG-OLD", leeds=5), stocked("MUG", leeds=1)
    listing(shop, old, "MUG-OLD")
    comes(shop, sold("7", {"MUG-OLD": 2}))
    page = reverse("admin:sku_merge", args=[old.pk])

    shown = client.post(page, {"sku": "mug"}).content.decode()
    assert "5 units on hand, 2 of them allocated to orders" in shown
    assert "Listings: Shop." in shown
    assert SkuMerge.objects.count() == 0
    form = {"sku": "MUG", "confirmed": "1", "token": "once"}
    first, second = client.post(page, form, follow=True), client.post(page, form, follow=True)

    assert "MUG-OLD was merged into MUG. The stock is sent to its stores." in first.content.decode()
    assert "MUG-OLD is merged already. Nothing was changed again." in second.content.decode()
    assert units(new) == (6, 2)
    merge = SkuMerge.objects.get()
    undo = reverse("admin:sku_unmerge", args=[merge.pk])
    assert undo in first.content.decode()
    wrong = client.post(undo, {f"units_{leeds().pk}": "99"}).content.decode()
    assert "99 cannot be moved" in wrong
    client.post(undo, {f"units_{leeds().pk}": "3"})
    assert (units(old), units(new)) == ((5, 2), (1, 0))


def test_without_the_right_nothing_is_merged(client: Client) -> None:
    client.force_login(user("reader"))
    old = stocked("MUG-OLD", leeds=5)
    stocked("MUG", leeds=1)

    answer = client.post(reverse("admin:sku_merge", args=[old.pk]), {"sku": "MUG", "confirmed": "1"})

    assert answer.status_code == 403
    assert SkuMerge.objects.count() == 0


class AnyMerges(TestCase):
    """Whatever is merged, undone, sold and packed in between: the sums stay, and every check of the doctor holds."""

    @pytest.mark.req("R-CAT-04", "R-PLUS-01")
    @settings(max_examples=15, deadline=None)
    @given(
        steps=some.lists(
            some.tuples(
                some.sampled_from(["merge", "undo", "order", "pack"]),
                some.integers(0, 2),
                some.integers(0, 2),
            ),
            min_size=2,
            max_size=8,
        )
    )
    def test_the_sums_stay(self, steps: list[tuple[str, int, int]]) -> None:
        shop = store(f"Shop {Order.objects.count()}")
        serves(shop, "Leeds", "York")
        variants = [stocked(sku, leeds=4, york=2) for sku in ("A", "B", "C")]
        for what, one, other in steps:
            source, target = variants[one], variants[other]
            try:
                if what == "merge":
                    sku_merging.merge(source, target, by=DESK)
                elif what == "undo":
                    row = SkuMerge.objects.filter(undone_at=None).order_by("-pk").first()
                    if row is not None:
                        sku_merging.unmerge(row, by=DESK)
                elif what == "order":
                    comes(shop, sold(None, {source.sku: other + 1}))
                else:
                    waiting = list(Order.objects.filter(status="new").values_list("pk", flat=True)[:1])
                    packing.release(waiting, by=DESK)
                    packing.pack(waiting, by=DESK)
            except CatalogueError:
                pass
        total = sum(on_hand for on_hand in StockItem.objects.values_list("on_hand", flat=True))
        assert total == 18
        assert [result for result in doctor.run(CHECKS) if not result.ok] == []

"""A figure of a store that is not Manifold's is found, is shown with what it would change, and is never used when old."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalogue.inbound import products
from catalogue.models import ListingVariant, Variant
from channels.models import Connection, OutboxMessage, SyncStream
from inventory.errors import StockError
from inventory.models import StockDifference, StockItem, StockMovement
from inventory.services import difference_decisions, selling_limits, stock_differences
from inventory.services.adjust import adjust, receive
from oms.kit.authors.actors import SYSTEM
from oms.kit.models import UsedForm
from orders.models import Order
from orders.services.stock import backorders
from tests import factories
from tests.catalogue.records import record as product
from tests.orders.desk import comes, counters, record, shelf, store
from tests.orders.test_invariants import healthy

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The time, which the test moves."""

    class Clock:
        now = datetime(2026, 11, 21, 15, 0, tzinfo=timezone.get_current_timezone())

        def passes(self, **time: float) -> None:
            self.now += timedelta(**time)

    clock = Clock()
    monkeypatch.setattr(timezone, "now", lambda: clock.now)
    return clock


@pytest.fixture
def shop(clock: Any) -> Connection:
    """A store whose orders are imported up to now; its SKU MUG shows 121."""
    made = store(report_seen_at=clock.now)
    for name in ("products", "orders.new"):
        SyncStream.objects.create(connection=made, name=name, lane="default", period=300)
    shows(made, 121)
    return made


def shows(shop: Connection, quantity: int | None, sku: str = "MUG", external_id: str = "7") -> None:
    """The product is imported with this figure."""
    with transaction.atomic():
        products.store_page(
            shop, [product(external_id, sku, quantity)], read_from=timezone.now(), read_at=timezone.now()
        )


def compared(clock: Any) -> int:
    """A minute later the orders are imported, and the sweep compares."""
    clock.passes(minutes=1)
    SyncStream.objects.filter(name="orders.new").update(cursor_at=clock.now)
    cache.clear()
    return stock_differences.find_all_differences()


def drift(shop: Connection, clock: Any, figure: int = 117) -> StockDifference:
    """Somebody changes the figure in the store, and it is found."""
    clock.passes(hours=1)
    shows(shop, figure)
    assert compared(clock) == 1
    return StockDifference.objects.get(decided_at=None)


def sent(shop: Connection, clock: Any) -> None:
    """What waits is sent."""
    row = ListingVariant.objects.get(connection=shop)
    item = StockItem.objects.get(variant=row.variant)
    ListingVariant.objects.filter(pk=row.pk).update(
        sent_quantity=item.on_hand - item.allocated, sent_at=clock.now
    )
    OutboxMessage.objects.filter(topic="stock").update(sent=1000, wanted=1000)


def adjusts(units: int, **more: Any) -> None:
    mug, leeds = Variant.objects.get(), factories.warehouse("LEEDS")
    adjust(variant=mug, warehouse=leeds, set_to=units, reason="count", by=SYSTEM, **more)


def buys(shop: Connection, clock: Any, **skus: Any) -> None:
    """An order is placed now, and imported."""
    comes(shop, replace(record("1", **skus), placed_at=clock.now, changed_at=clock.now))


def resent() -> int:
    return sum(OutboxMessage.objects.filter(topic="stock").values_list("wanted", flat=True))


# ------------------------------------------------ found


@pytest.mark.fault("F-08")
@pytest.mark.parametrize("was_sent", [True, False])
def test_a_figure_that_was_changed_by_hand_in_the_shop_is_found(shop, clock, was_sent):
    if was_sent:
        adjusts(121 + 1)
        adjusts(121)
        sent(shop, clock)
    assert compared(clock) == 0

    row = drift(shop, clock, 5)

    assert (row.ours, row.theirs, StockItem.objects.get().on_hand) == (121, 5, 121)
    assert compared(clock) == 0  # it is known already
    assert StockDifference.objects.count() == 1


@pytest.mark.fault("F-08")
def test_the_same_wrong_figure_again_after_it_was_put_right_is_found_again(shop, clock):
    """The document of the product is the same as the time before, so only the time of the import says it."""
    difference_decisions.keep_own_figure(drift(shop, clock, 5))
    sent(shop, clock)
    clock.passes(hours=1)
    shows(shop, 5)

    assert compared(clock) == 1
    assert StockDifference.objects.get().decided_at is None


@pytest.mark.fault("F-08")
def test_where_manifold_is_the_master_it_is_put_right_at_once(shop, clock):
    selling_limits.set_master(shop, is_master=True)
    before = resent()
    clock.passes(hours=1)
    shows(shop, 5)

    assert compared(clock) == 1

    assert (resent(), StockDifference.objects.count()) == (before + 1, 0)
    sent(shop, clock)
    assert compared(clock) == 0


@pytest.mark.fault("F-08")
def test_an_order_that_is_not_imported_yet_is_no_difference(shop, clock):
    clock.passes(hours=1)
    shows(shop, 119)
    cache.clear()
    assert stock_differences.find_all_differences() == 0  # orders are imported up to an hour ago
    comes(shop, replace(record("1", MUG=2), placed_at=clock.now - timedelta(minutes=5), changed_at=clock.now))
    sent(shop, clock)
    assert compared(clock) == 0


@pytest.mark.fault("F-08")
def test_each_hour_the_products_that_were_imported_longest_ago_are_imported_again(shop, clock):
    for number in range(60):
        clock.passes(seconds=1)
        shows(shop, 3, f"S{number}", str(number + 100))
    stream = SyncStream.objects.get(name="products")

    assert stock_differences.sample_all_stores() == 20
    assert stock_differences.sample_all_stores() == 0  # not within the hour

    stream.refresh_from_db()
    assert stream.wanted_ids == ["7", *(str(number + 100) for number in range(19))]
    for external_id in stream.wanted_ids:
        rows = {row.listing.external_id: row for row in ListingVariant.objects.select_related("listing")}
        shows(shop, rows[external_id].remote_quantity, rows[external_id].external_sku, external_id)
    SyncStream.objects.update(wanted_ids=[])
    clock.passes(hours=1)
    cache.clear()
    stock_differences.sample_all_stores()
    stream.refresh_from_db()
    assert stream.wanted_ids[0] == "119"


@pytest.mark.fault("F-08")
def test_a_store_that_is_read_only_or_paused_is_not_sampled(shop, clock):
    shop.is_read_only = True
    shop.save()
    assert stock_differences.sample_all_stores() == 0


# ------------------------------------------------ used


@pytest.mark.fault("F-04")
def test_a_count_after_the_reading_closes_the_difference(shop, clock):
    row = drift(shop, clock)
    clock.passes(minutes=20)
    before = resent()

    adjusts(77)

    row.refresh_from_db()
    assert (row.decided_at, row.taken_over) == (clock.now, False)
    assert resent() > before
    with pytest.raises(StockError, match="already resolved"):
        difference_decisions.use_store_figure(row, SYSTEM)
    assert StockItem.objects.get().on_hand == 77


@pytest.mark.fault("F-04")
def test_goods_received_after_the_reading_are_added_to_the_figure(shop, clock):
    row = drift(shop, clock)
    clock.passes(minutes=1)
    leeds = factories.warehouse("LEEDS")
    receive(variant=Variant.objects.get(), warehouse=leeds, quantity=10, reason="goods", by=SYSTEM)

    difference_decisions.use_store_figure(row, SYSTEM, was=131, becomes=127)

    assert StockItem.objects.get().on_hand == 127


@pytest.mark.fault("F-04", "F-01")
def test_units_of_the_stores_orders_that_are_not_allocated_lie_on_the_shelf_too(shop, clock):
    """One unit on hand, an order of three: the store has taken three off and shows five, so eight lie there."""
    adjusts(1)
    sent(shop, clock)
    buys(shop, clock, MUG=3)
    assert counters(Order.objects.get()) == [(3, 1, 0, 0)]
    sent(shop, clock)
    row = drift(shop, clock, 5)

    difference_decisions.use_store_figure(row, SYSTEM)
    backorders.refill()

    assert shelf("MUG") == (8, 3)
    healthy()


@pytest.mark.fault("F-04")
def test_a_lower_figure_releases_what_is_allocated(shop, clock):
    adjusts(5)
    sent(shop, clock)
    other = store("Other")
    buys(other, clock, MUG=4)
    sent(shop, clock)
    row = drift(shop, clock, 2)

    difference_decisions.use_store_figure(row, SYSTEM)

    assert (shelf("MUG"), counters(Order.objects.get())) == ((2, 2), [(4, 2, 0, 0)])
    healthy()


@pytest.fixture
def anna(clock: Any) -> Client:
    client = Client()
    client.force_login(factories.user(is_superuser=True))
    return client


def page(shop: Connection) -> str:
    return reverse("admin:store_differences", args=[shop.pk])


@pytest.mark.fault("F-04")
def test_the_page_says_what_would_change_and_asks(shop, clock, anna):
    row = drift(shop, clock)
    asked = anna.post(page(shop), {"row": row.pk, "do": "take"})
    assert "MUG: 121 → 117 on hand" in asked.content.decode()
    assert StockItem.objects.get().on_hand == 121

    form = {"row": row.pk, "do": "take", "confirmed": "1", f"figures-{row.pk}": "121 117"}
    receive(
        variant=Variant.objects.get(),
        warehouse=factories.warehouse("LEEDS"),
        quantity=1,
        reason="goods",
        by=SYSTEM,
    )
    changed = anna.post(page(shop), form, follow=True).content.decode()
    assert "The stock has changed in the meantime: on hand 122 would become" in changed
    assert StockItem.objects.get().on_hand == 122

    anna.post(page(shop), form | {f"figures-{row.pk}": "122 118"})
    assert StockItem.objects.get().on_hand == 118


@pytest.mark.fault("F-04")
def test_an_old_figure_is_imported_again_before_it_can_be_used(shop, clock, anna):
    row = drift(shop, clock)
    clock.passes(minutes=20)

    said = anna.post(page(shop), {"row": row.pk, "do": "take"}, follow=True).content.decode()

    assert "The figure of MUG in Shop is older than 10 minutes. It is imported again" in said
    assert SyncStream.objects.get(name="products").wanted_ids == ["7"]
    assert StockItem.objects.get().on_hand == 121
    shows(shop, 117)  # nothing has changed in the store: the figure is fresh all the same
    assert "MUG: 121 → 117 on hand" in anna.post(page(shop), {"row": row.pk, "do": "take"}).content.decode()


@pytest.mark.fault("F-04")
def test_the_page_shows_the_figures_of_now(shop, clock, anna):
    drift(shop, clock)
    buys(shop, clock, MUG=4)

    assert not anna.get(page(shop)).context["choices"]
    assert not StockDifference.objects.exists()  # they agree now


# ------------------------------------------------ tracked from now on


@pytest.mark.fault("F-09")
def test_a_product_that_the_store_begins_to_track_is_a_difference_that_can_be_accepted(shop, clock):
    shows(shop, None, "PDF", "8")
    comes(shop, record("1", PDF=2))
    assert counters(Order.objects.get()) == [(2, 0, 0, 0)]
    clock.passes(hours=1)
    shows(shop, 10, "PDF", "8")
    [row] = StockDifference.objects.filter(decided_at=None)
    assert (row.is_tracking, row.theirs) == (True, 10)

    difference_decisions.use_store_figure(row, SYSTEM)
    backorders.refill()

    assert Variant.objects.get(sku="PDF").is_counted
    assert (shelf("PDF"), counters(Order.objects.get())) == ((12, 2), [(2, 2, 0, 0)])
    movement = StockMovement.objects.filter(stock_item__variant__sku="PDF").get()
    assert (movement.quantity, movement.reason) == (12, "Figure of Shop used")
    healthy()


@pytest.mark.fault("F-09")
def test_a_refusal_to_track_stays_until_the_store_starts_anew(shop, clock):
    shows(shop, None, "PDF", "8")
    shows(shop, 10, "PDF", "8")
    difference_decisions.keep_own_figure(StockDifference.objects.get())
    clock.passes(hours=1)
    shows(shop, 9, "PDF", "8")
    assert not StockDifference.objects.filter(decided_at=None).exists()
    assert not OutboxMessage.objects.filter(topic="stock").exists()

    shows(shop, None, "PDF", "8")
    shows(shop, 9, "PDF", "8")
    assert StockDifference.objects.filter(decided_at=None).count() == 1


# ------------------------------------------------ the same form twice


@pytest.mark.fault("F-05")
def test_the_same_form_sent_twice_adjusts_once(shop, clock, anna):
    leeds = factories.warehouse("LEEDS")
    url = reverse("admin:stock_adjust")
    form = {"sku": "MUG", "warehouse": leeds.pk, "how": "receive", "quantity": "5", "reason": "goods"}
    asked = anna.post(url, form)
    hidden = dict(asked.context["hidden"])
    assert StockItem.objects.get().on_hand == 121

    confirmed = {**{name: str(value) for name, value in hidden.items()}, "confirmed": "1"}
    anna.post(url, confirmed)
    again = anna.post(url, confirmed, follow=True).content.decode()

    assert StockItem.objects.get().on_hand == 126
    assert "This change was already saved. Nothing was changed again." in again
    anna.post(url, {**confirmed, "token": "another"})
    assert StockItem.objects.get().on_hand == 131


@pytest.mark.fault("F-05")
def test_a_form_whose_change_failed_can_be_sent_again(shop, clock, anna):
    leeds = factories.warehouse("LEEDS")
    form = {
        "sku": "MUG",
        "warehouse": leeds.pk,
        "how": "delta",
        "quantity": "-122",
        "reason": "lost",
        "token": "t",
        "confirmed": "1",
    }
    anna.post(reverse("admin:stock_adjust"), form)
    assert (StockItem.objects.get().on_hand, UsedForm.objects.count()) == (121, 0)
    anna.post(reverse("admin:stock_adjust"), form | {"quantity": "-1"})
    assert (StockItem.objects.get().on_hand, UsedForm.objects.count()) == (120, 1)

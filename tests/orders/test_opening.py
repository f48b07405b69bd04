"""The opening stock is the same however an order line becomes known, and whatever its order becomes before that."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import transaction

from catalogue.inbound import products
from catalogue.models import ListingVariant, Variant
from channels.contract.records.orders import RemoteState
from channels.models import Connection, OutboxMessage
from inventory.models import OpeningStock, StockItem
from inventory.offers.compute import offer_of
from oms.kit.models import Problem
from orders.models import Order
from orders.services.stock import backorders, sku_mapping
from tests.catalogue.records import record as product
from tests.orders.desk import (
    DESK,
    NOW,
    comes,
    counters,
    line,
    means,
    problems,
    record,
    status,
    stocked,
    store,
)
from tests.orders.test_invariants import healthy

pytestmark = pytest.mark.django_db
S = RemoteState
READ = NOW + timedelta(hours=1)


def shown(shop: Connection, sku: str, quantity: int, *, at: datetime = READ) -> None:
    """The product of the shop is imported with this figure."""
    with transaction.atomic():
        products.store_page(shop, [product("7", sku, quantity)], read_from=at, read_at=at)


def figures(sku: str) -> tuple[int, int, int]:
    """(on hand, allocated, offered to the store)."""
    item = StockItem.objects.get(variant__sku=sku)
    return item.on_hand, item.allocated, offer_of(ListingVariant.objects.get(variant=item.variant)).quantity


@pytest.mark.fault("F-01")
@pytest.mark.req("R-INV-06", "R-ORD-07")
def test_orders_before_their_product_are_part_of_its_opening_stock():
    shop = store()
    comes(shop, record("1", NEW=3), record("2", NEW=4))
    shown(shop, "NEW", 13)

    assert backorders.map_waiting(["new"]) == 2

    assert figures("NEW") == (20, 7, 13)
    assert [status(order) for order in Order.objects.all()] == ["new", "new"]
    assert backorders.map_waiting() == 0
    assert figures("NEW") == (20, 7, 13)
    healthy()


@pytest.mark.fault("F-01")
def test_a_line_that_a_person_maps_is_counted_and_a_wrong_choice_is_corrected():
    shop = store()
    comes(shop, record("1", WHAT=3))
    shown(shop, "NEW", 13)
    right, wrong = Variant.objects.get(sku="NEW"), stocked("CUP", leeds=5)
    order = Order.objects.get()

    sku_mapping.map_line(line=order.lines.get(), variant=right, remember=False, by=DESK)
    assert figures("NEW") == (16, 3, 13)

    sku_mapping.map_line(line=order.lines.get(), variant=wrong, remember=False, by=DESK)
    assert figures("NEW") == (13, 0, 13)
    assert StockItem.objects.values_list("on_hand", "allocated").get(variant=wrong) == (5, 3)

    sku_mapping.map_line(line=order.lines.get(), variant=right, remember=False, by=DESK)
    assert figures("NEW") == (16, 3, 13)
    healthy()


@pytest.mark.fault("F-01")
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda row: replace(row, status_id="7", remote_state=S.CANCELLED, stock_deducted=False),
            (13, 0, 13),
        ),
        (lambda row: replace(row, lines=(line("1-1", "NEW", 1),)), (14, 1, 13)),
        (lambda row: replace(row, lines=(line("1-1", "NEW", 5),)), (18, 5, 13)),
    ],
)
def test_a_change_before_the_figure_was_read_that_is_imported_after_it(change, expected):
    """The shop's figure was made with the later version of the order."""
    shop = store()
    comes(shop, record("1", NEW=3))
    Order.objects.update(read_at=NOW)
    shown(shop, "NEW", 13)
    backorders.map_waiting(["new"])
    assert figures("NEW") == (16, 3, 13)

    changed = replace(change(record("1", minutes=30, NEW=3)), native={"again": 1})
    comes(shop, changed)

    assert figures("NEW") == expected
    assert not Problem.objects.filter(code="opening_in_doubt").exists()
    healthy()


@pytest.mark.fault("F-01")
def test_a_change_around_the_reading_of_which_only_the_last_version_is_known_asks_for_a_count():
    shop = store()
    comes(shop, record("1", NEW=3))
    Order.objects.update(read_at=NOW)
    shown(shop, "NEW", 13)
    backorders.map_waiting(["new"])

    comes(shop, replace(record("1", minutes=90, NEW=2), native={"again": 1}))

    assert figures("NEW") == (16, 2, 14)
    assert Problem.objects.get(code="opening_in_doubt").data["units"] == 1


@pytest.mark.fault("F-01")
def test_an_order_that_was_paid_between_its_import_and_the_reading_counts():
    """OpenCart deducts with the status Processing, not while an order is pending."""
    shop = store()
    comes(shop, replace(record("1", S.UNPAID, NEW=3), stock_deducted=False))
    comes(shop, record("1", minutes=30, NEW=3))
    shown(shop, "NEW", 13)

    backorders.map_waiting(["new"])

    assert figures("NEW") == (16, 3, 13)


@pytest.mark.fault("F-03")
@pytest.mark.req("R-INV-06")
@pytest.mark.parametrize("orders_first", [True, False])
def test_a_figure_below_zero_opens_with_its_sign(orders_first: bool):
    shop = store()
    if orders_first:
        comes(shop, record("1", NEW=3))
    shown(shop, "NEW", -2)
    assert (OpeningStock.objects.get().quantity, StockItem.objects.get().on_hand) == (-2, 0)
    if orders_first:
        backorders.map_waiting(["new"])
    else:
        comes(shop, record("1", NEW=3))

    order = Order.objects.get()
    assert figures("NEW") == (1, 1, 0)
    assert (status(order), counters(order)) == ("partial", [(3, 1, 0, 0)])
    healthy()


@pytest.mark.fault("F-03")
def test_units_below_zero_are_counted_once_and_an_edit_moves_the_rest():
    shop = store()
    comes(shop, record("1", NEW=3), record("2", NEW=1))
    Order.objects.update(read_at=NOW)
    shown(shop, "NEW", -2)
    backorders.map_waiting(["new"])
    assert figures("NEW")[0] == 2

    comes(shop, replace(record("1", minutes=30, NEW=1), native={"again": 1}))
    assert figures("NEW") == (0, 0, 0)
    comes(shop, replace(record("1", minutes=40, NEW=4), native={"again": 2}))
    assert figures("NEW") == (3, 3, 0)
    healthy()


def resent(shop: Connection) -> int:
    """How often the stock of the shop's SKU was asked to be sent."""
    return sum(OutboxMessage.objects.filter(topic="stock").values_list("wanted", flat=True))


@pytest.fixture
def listed() -> Connection:
    shop = store()
    shown(shop, "NEW", 5, at=NOW - timedelta(hours=1))
    means(shop, "2", S.NEW, edited=False)
    shop.statuses.update(holds_stock=True)
    comes(shop, record("1", NEW=2))
    return shop


@pytest.mark.fault("F-10")
def test_a_status_never_seen_before_sends_the_figures_of_the_order_again(listed: Connection):
    before = resent(listed)
    odd = replace(record("1", S.UNKNOWN, minutes=5, NEW=2), status_id="4711", status_name="On the moon")

    comes(listed, odd)

    assert (resent(listed), problems(Order.objects.get())) == (before + 1, ["unknown_status"])
    comes(listed, replace(odd, changed_at=odd.changed_at + timedelta(minutes=1), native={"again": 1}))
    assert resent(listed) == before + 1  # the status is the same
    comes(listed, record("1", minutes=9, NEW=2))
    assert resent(listed) == before + 2  # back again: the shop may deduct them a second time


@pytest.mark.fault("F-10")
def test_lines_that_the_shop_changed_send_its_figures_again(listed: Connection):
    """The units of an edit go back on sale in the shop, also where none was allocated here."""
    StockItem.objects.update(on_hand=0, allocated=0)
    comes(listed, record("2", NEW=4))
    before = resent(listed)

    comes(listed, replace(record("2", minutes=5, NEW=3), native={"again": 1}))

    assert resent(listed) == before + 1


@pytest.mark.fault("F-01")
def test_an_order_that_was_cancelled_after_the_reading_and_before_its_first_import_asks_for_a_count():
    """The figure was read while the order had its units; the shop has put them back since."""
    shop = store()
    shown(shop, "NEW", 13)
    gone = replace(record("1", S.CANCELLED, minutes=90, NEW=3), stock_deducted=False)
    comes(shop, gone, replace(record("2", S.CANCELLED, minutes=30, NEW=2), stock_deducted=False))

    assert figures("NEW") == (13, 0, 13)
    assert [row.data["units"] for row in Problem.objects.filter(code="opening_in_doubt")] == [3]


@pytest.mark.fault("F-01")
def test_two_lines_that_are_added_to_a_known_order_are_both_counted():
    """They have no primary key yet when their units are added, which the stock history names."""
    shop = store()
    comes(shop, record("1", CUP=1))
    shown(shop, "NEW", 13)
    lines = (line("1-1", "CUP", 1), line("1-2", "NEW", 3), line("1-3", "NEW", 2))
    comes(shop, replace(record("1", minutes=30, lines=lines), native={"again": 1}))

    assert figures("NEW") == (18, 5, 13)
    healthy()


@pytest.mark.fault("F-01")
def test_an_order_that_is_cancelled_before_its_line_is_mapped_asks_for_a_count():
    """The figure was read while the shop had deducted the units; the shop has put them back since."""
    shop = store()
    comes(shop, record("1", NEW=3))
    shown(shop, "NEW", 13)
    comes(shop, replace(record("1", S.CANCELLED, minutes=90, NEW=3), stock_deducted=False))

    assert figures("NEW") == (13, 0, 13)
    assert [row.data["units"] for row in Problem.objects.filter(code="opening_in_doubt")] == [3]


@pytest.mark.fault("F-01", "F-10")
def test_a_status_never_seen_before_around_the_reading_asks_for_a_count():
    """Found by 1,000 runs of the state machine: nobody knows whether the figure had the units of the first order."""
    shop = store()
    shown(shop, "NEW", 13)
    odd = replace(record("1", S.UNKNOWN, minutes=90, NEW=3), stock_deducted=False)
    comes(shop, odd, replace(record("2", S.UNKNOWN, minutes=30, NEW=2), stock_deducted=False))

    assert figures("NEW")[0] == 13
    assert [row.data["units"] for row in Problem.objects.filter(code="opening_in_doubt")] == [3]


@pytest.mark.fault("F-01", "F-10")
def test_a_known_order_that_got_an_unknown_status_before_the_reading_asks_for_a_count():
    """Found by 1,000 runs of the state machine: the figure was perhaps made after the shop had put the units back."""
    shop = store()
    comes(shop, record("1", NEW=3))
    shown(shop, "NEW", 13)
    backorders.map_waiting(["new"])
    assert figures("NEW")[0] == 16

    comes(shop, replace(record("1", S.UNKNOWN, minutes=30, NEW=3), stock_deducted=False))

    assert figures("NEW")[0] == 16
    assert [row.data["units"] for row in Problem.objects.filter(code="opening_in_doubt")] == [3]

"""A page costs a constant number of statements, whatever its length; pinned."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalogue.models import Listing, ListingVariant, sku_key
from channels.contract.records.orders import OrderRecord, RemoteState
from channels.contract.records.pages import Page
from channels.models import Connection, OutboxMessage, SyncRun, SyncStream
from channels.pull.page_writer import PageWriter
from channels.workers import enqueue
from inventory.models import StockItem, StockMovement
from inventory.services import adjust
from inventory.services.opening_stock import opening_stock
from orders.models import Allocation, Order, OrderEvent, OrderLine
from orders.services import packing
from tests import factories
from tests.orders.desk import DESK, NOW, comes, line, record, serves, status, stocked, store

SKUS = 50


def a_store_with_listings() -> Connection:
    shop = store()
    serves(shop, "Leeds", "Lyon")
    for number in range(SKUS):
        variant = stocked(f"S{number}", leeds=100_000, lyon=100)
        listing = Listing.objects.create(
            product=variant.product, connection=shop, state="active", external_id=str(number)
        )
        ListingVariant.objects.create(
            listing=listing,
            connection=shop,
            variant=variant,
            external_id=str(number),
            external_sku=variant.sku,
            sku_key=sku_key(variant.sku),
        )
    return shop


def page_of(count: int, prefix: str = "p") -> list[OrderRecord]:
    """So many new orders with two lines each, as OpenCart gives them (the listed product's id is known)."""
    rows = []
    for number in range(count):
        first, second = number % SKUS, (number * 7 + 1) % SKUS
        lines = (
            line(f"{prefix}{number}a", f"S{first}", 2, variant_external_id=str(first)),
            line(f"{prefix}{number}b", f"S{second}", 1, variant_external_id=str(second)),
        )
        rows.append(record(f"{prefix}{number}", lines=lines))
    return rows


#: Many rows go in by COPY, which draws its keys first.
KEYS = 1


def statements(act) -> int:
    with CaptureQueriesContext(database) as asked:
        act()
    return len(asked)


def in_engine(shop: Connection, records: list[OrderRecord]) -> int:
    """Statements of a whole page as the engine stores it: fence, sink, counts, cursor."""
    token = "t" * 32
    stream, _made = SyncStream.objects.update_or_create(
        connection=shop, name="orders.changed", defaults={"lane": "orders", "lease_token": token}
    )
    SyncRun.objects.filter(connection=shop).delete()
    run = SyncRun(connection=shop, stream=stream.name)
    pages = PageWriter(shop, stream, token)
    return statements(
        lambda: pages.store(
            run, Page(records), run_fields={"page": "2"}, stream_fields={"cursor_at": timezone.now()}
        )
    )


@pytest.mark.db
@pytest.mark.django_db
@pytest.mark.req("R-ORD-01", "R-ORD-06")
def test_a_page_of_250_new_orders_takes_at_most_20_statements():
    shop = a_store_with_listings()
    in_engine(shop, page_of(3, "warm"))  # the carrier is new once

    assert in_engine(shop, page_of(250)) <= 20

    assert Order.objects.filter(status="new").count() == 253
    assert (Allocation.objects.count(), OrderEvent.objects.count()) == (506, 253)
    assert OutboxMessage.objects.filter(topic="stock").count() == SKUS


@pytest.mark.db
@pytest.mark.django_db
@pytest.mark.req("R-ORD-06")
def test_one_order_alone_takes_12_statements():
    """The import of a webhook; of these, 7 write and 1 locks."""
    shop = a_store_with_listings()
    comes(shop, *page_of(1, "warm"))

    assert statements(lambda: comes(shop, *page_of(1))) == 12

    order = Order.objects.get(external_id="p0")
    assert (order.status, order.lines.count(), order.events.count()) == ("new", 2, 1)
    assert Allocation.objects.filter(line__order=order).count() == 2


@pytest.mark.db
@pytest.mark.django_db
def test_the_sink_takes_the_same_statements_for_3_orders_and_for_250():
    shop = a_store_with_listings()
    comes(shop, *page_of(3, "warm"))

    few, many = (
        statements(lambda: comes(shop, *page_of(3, "a"))),
        statements(lambda: comes(shop, *page_of(250, "b"))),
    )

    assert many - few in (0, KEYS)
    assert many <= 13


@pytest.mark.db
@pytest.mark.django_db
def test_a_page_of_changed_orders_is_constant_too_and_the_same_again_costs_next_to_nothing():
    shop = a_store_with_listings()
    comes(shop, *page_of(120))
    orders = page_of(120)
    states = (RemoteState.CANCELLED, RemoteState.SHIPPED, RemoteState.NEW)
    changed = [
        replace(row, remote_state=states[number % 3], native={**row.native, "again": 1})
        for number, row in enumerate(orders)
    ]

    few = statements(lambda: comes(shop, *changed[:6]))
    many = statements(lambda: comes(shop, *changed))

    assert many - few in (0, KEYS)
    assert many <= 36
    assert statements(lambda: comes(shop, *changed)) == 2
    assert dict(Order.objects.values_list("external_id", "status"))["p1"] == "in_transit"


@pytest.mark.db
@pytest.mark.django_db
def test_a_move_of_100_orders_takes_as_many_statements_as_of_3():
    shop = a_store_with_listings()
    comes(shop, *page_of(103))
    ids = list(Order.objects.order_by("pk").values_list("pk", flat=True))

    for verb in (packing.release, packing.pack, packing.mark_ready_to_ship):
        few = statements(lambda: verb(ids[:3], by=DESK))  # noqa: B023 (called at once)
        many = statements(lambda: verb(ids[3:], by=DESK))  # noqa: B023
        assert many - few in (0, KEYS)
        assert many <= 22

    assert status(Order.objects.last()) == "rts"


@pytest.mark.db
@pytest.mark.django_db
@pytest.mark.parametrize("stores", [1, 6])
@pytest.mark.req("R-INV-01")
def test_a_stock_change_costs_5_statements_and_1_for_all_wake_ups_whatever_the_number_of_stores(
    stores: int, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks
):
    woken: list[tuple[object, ...]] = []
    monkeypatch.setattr(enqueue, "send_task", lambda name, *args, **_lane: woken.append((name, *args)))
    mug = factories.stocked("MUG", leeds=1)
    shops = [factories.store(f"Shop {number}", maps={"leeds": 1}) for number in range(stores)]
    quiet = factories.store("Quiet", maps={"leeds": 1}, is_read_only=True)
    for shop in [*shops, quiet]:
        factories.listed(mug, shop)

    def change() -> None:
        adjust.adjust(variant=mug, warehouse=factories.warehouse(), delta=1, reason="found", by=DESK)

    with django_capture_on_commit_callbacks() as after, CaptureQueriesContext(database) as asked:
        change()
    sent = [query["sql"] for query in asked.captured_queries]
    # The warehouse of the test is looked up, and the transaction is a savepoint here.
    assert len([sql for sql in sent if not sql.startswith(("SAVEPOINT", "RELEASE"))]) - 1 == 5
    assert OutboxMessage.objects.filter(topic="stock").count() == stores + 1

    assert statements(lambda: [callback() for callback in after]) == 1
    assert sorted(woken) == [("drain", shop.pk, "stock") for shop in shops]
    with django_capture_on_commit_callbacks(execute=True):
        change()
    assert len(woken) == stores, "a task of each is waiting already"


@pytest.mark.db
@pytest.mark.django_db
@pytest.mark.parametrize("count", [3, 60])
@pytest.mark.req("R-INV-06", "R-ORD-06")
def test_a_page_of_a_first_sync_writes_each_row_once_and_sends_no_stock_that_the_store_shows_already(
    count: int,
):
    """The shop had deducted these orders' units before it was read: they come on the shelf and are held at once."""
    shop = a_store_with_listings()
    comes(shop, *page_of(1, "warm"))
    OutboxMessage.objects.all().delete()
    variants = list(ListingVariant.objects.order_by("pk").values_list("variant_id", flat=True))
    for listed in range(SKUS):
        new = stocked(f"N{listed}")
        ListingVariant.objects.filter(variant_id=variants[listed]).update(variant=new)
        opening_stock(shop, {new.pk: 5}, read_from=NOW + timedelta(hours=1), read_at=NOW + timedelta(hours=2))

    with CaptureQueriesContext(database) as asked:
        comes(shop, *page_of(count))

    sent = [query["sql"] for query in asked.captured_queries]
    assert not any(sql.startswith('UPDATE "orders_') for sql in sent)
    assert len(sent) <= 19
    lines = set(OrderLine.objects.filter(order__external_id__startswith="p").values_list("pk", flat=True))
    added = StockMovement.objects.filter(kind="opening", reference_kind="order_line")
    assert set(added.values_list("reference_id", flat=True)) == lines
    assert len(lines) == 2 * count
    for item in StockItem.objects.filter(variant__sku__startswith="N"):
        assert item.on_hand - item.allocated == 5  # what the shop shows
    assert OutboxMessage.objects.filter(topic="stock").count() == 0


@pytest.mark.django_db
def test_orders_shipped_there_cost_no_question_each_where_that_may_be_our_own_echo():
    """OnBuy and Etsy say “shipped” of what they were told is ready."""
    shop = store(channel="onbuy")
    stocked("MUG", leeds=1000)

    def asked(first: int, count: int) -> int:
        numbers = range(first, first + count)
        comes(shop, *[record(f"e{number}", MUG=1) for number in numbers])
        gone = [record(f"e{number}", RemoteState.SHIPPED, minutes=5, MUG=1) for number in numbers]
        with CaptureQueriesContext(database) as queries:
            assert comes(shop, *gone).changed == count
        return len(queries)

    assert asked(0, 2) == asked(100, 12)
    assert set(Order.objects.values_list("status", flat=True)) == {"in_transit"}

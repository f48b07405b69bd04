"""The same as `test_kills`, for the other channels: a worker killed again and again leaves what an undisturbed one leaves.

What is there is asked of the channel through its own API at the end, and compared with the run that nobody killed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import F
from django.utils import timezone

from catalogue.models import ListingVariant
from channels.contract.records.orders import OrderRecord
from channels.contract.records.pages import PullQuery
from channels.contract.registry import specs
from channels.models import Budget, Connection, OutboxMessage, SyncStream
from channels.pull import runner
from channels.sandbox.server import Running
from channels.stores import connect, services
from inventory.models import OpeningStock, StockItem, StockMovement
from oms.kit.authors.actors import SYSTEM
from oms.kit.models import Problem
from orders.models import Order, OrderEvent
from orders.services import carriers, packing
from orders.services.handing_over import manifests
from tests import test_kills
from tests.support.workers import work
from tests.test_main_flow import broken_invariants

pytestmark = [pytest.mark.db, pytest.mark.django_db(transaction=True)]

CHANNELS = ("bigcommerce", "onbuy", "etsy")
Turn = Callable[[], int]


def an_hour() -> None:
    """Limits are whole again, and what waited for them may begin."""
    for row in Budget.objects.all():
        Budget.objects.filter(pk=row.pk).update(tokens=row.capacity, filled_at=timezone.now(), spent={})
    Connection.objects.update(blocked_until=None)
    SyncStream.objects.update(not_before=None)
    OutboxMessage.objects.unsent().update(not_before=None)


def to_the_end() -> None:
    """Work until nothing is left, over as many hours of the channel's limits as it takes."""
    for _hour in range(20):
        an_hour()
        work()
        if not OutboxMessage.objects.waiting().filter(connection__is_read_only=False).exists():
            return
    raise AssertionError("it never ends")


def undisturbed() -> int:
    to_the_end()
    return 0


class Killer(test_kills.Killer):
    """Lives of ever more statements; then a last one that is left alone."""

    def __call__(self) -> int:
        kills = 0
        for longer in range(test_kills.LIVES):
            an_hour()
            at = self.dice.randrange(12, 24) * 2**longer
            if not test_kills.killed(at, is_after=bool(self.dice.randrange(2))):
                break
            kills += 1
            test_kills.time_goes_by()
        to_the_end()
        return kills


@pytest.fixture
def serve() -> Iterator[Callable[[str], Running]]:
    with ExitStack() as stack:

        def start(channel: str) -> Running:
            make = specs()[channel].make_sandbox
            running: Running = stack.enter_context(make(seed="empty", products=8, orders=6).serve())
            return running

        yield start


def buy(running: Running, channel: str, sku: str, quantity: int) -> str:
    line: Any = {sku: quantity} if channel == "onbuy" else [{"sku": sku, "quantity": quantity}]
    return str(running.sandbox.place_order(line)["order_id"])


def tell(running: Running, channel: str, turn: Turn) -> tuple[dict[str, Any], list[int]]:
    """One store's life, each stage worked by `turn`: first sync, new orders, parcels; what is true at the end."""
    kills = []
    store = connect.connect(channel=channel, name="Shop", credentials=running.credentials)
    kills.append(turn())
    services.switch_on(connection=store)
    to_the_end()
    skus = list(
        ListingVariant.objects.filter(connection=store, variant__stock_items__on_hand__gte=10)
        .order_by("external_sku")
        .values_list("external_sku", flat=True)
    )
    # The stock was read well before these orders: in the same second it would be in doubt, by chance.
    ago = timedelta(seconds=5)
    OpeningStock.objects.update(read_from=F("read_from") - ago, read_at=F("read_at") - ago)
    placed = [buy(running, channel, skus[n % len(skus)], 1 + n % 2) for n in range(5)]
    SyncStream.objects.filter(connection=store, name__startswith="orders.").exclude(period=None).update(
        due_at=timezone.now()
    )
    kills.append(turn())
    ids = list(
        Order.objects.filter(external_id__in=placed).order_by("external_id").values_list("pk", flat=True)
    )
    assert len(ids) == 5
    carrier = carriers.save_carrier(name="DHL", by=SYSTEM)
    for outcomes in (
        packing.release(ids, by=SYSTEM),
        packing.pack(ids, by=SYSTEM),
        packing.mark_ready_to_ship(
            ids, tracking={pk: (carrier.pk, f"JD00{n}") for n, pk in enumerate(ids)}, by=SYSTEM
        ),
    ):
        assert [one.message for one in outcomes if not one.ok] == []
    warehouse = Order.objects.get(pk=ids[0]).shipments.get().warehouse
    assert warehouse is not None
    assert manifests.create_manifest(carrier=carrier, warehouse=warehouse, by=SYSTEM).manifest
    kills.append(turn())
    return picture(running, store, placed), kills


def scan(verb: Any) -> list[Any]:
    page, found = None, []
    while True:
        answer = verb(PullQuery(), page)
        found += answer.records
        page = answer.next_page
        if page is None:
            return found


def parcels_of(running: Running, store: Connection, record: OrderRecord) -> tuple[str, list[tuple[str, int]]]:
    """The order's status there, and its parcels: tracking number and units."""
    if store.channel == "bigcommerce":  # its adapter leaves out what is an echo of ours
        order = running.sandbox.shop.orders[int(record.external_id)]
        parcels = [(row["tracking_number"], row["items"]) for row in order["shipments"]]
        return str(order["status_id"]), sorted(
            (number, sum(item["quantity"] for item in items)) for number, items in parcels
        )
    return record.status_id, sorted(
        (shipment.tracking_number, sum(shipment.lines.values())) for shipment in record.shipments
    )


def picture(running: Running, store: Connection, placed: list[str]) -> dict[str, Any]:
    """Everything that must not depend on who was killed when; orders by the turn in which they were placed."""
    an_hour()
    assert broken_invariants() == []
    assert OutboxMessage.objects.unsent().count() == 0
    adapter = runner.adapter_of(Connection.objects.get(pk=store.pk))
    there = {record.external_id: record for record in scan(adapter.pull_orders)}
    return {
        "orders": sorted(Order.objects.values_list("external_id", "status", "allocation", "units", "problems_open")),
        "events": sorted(OrderEvent.objects.values_list("order__external_id", "kind", "to_status")),
        "stock": sorted(StockItem.objects.values_list("variant__sku", "on_hand", "allocated")),
        "ledger": sorted(StockMovement.objects.values_list("stock_item__variant__sku", "kind", "quantity")),
        "skus": sorted(ListingVariant.objects.values_list("sku_key", "sent_quantity")),
        "problems": sorted(Problem.objects.values_list("code", "subject_kind")),
        "told": sorted(OutboxMessage.objects.filter(kind="event").values_list("topic", "sent", "parked_at")),
        "shelves there": sorted(
            (row.sku, row.quantity) for record in scan(adapter.pull_products) for row in record.variants
        ),
        "orders there": [parcels_of(running, store, there[number]) for number in placed],
    }  # fmt: skip


@pytest.mark.req("R-ORD-06", "R-INV-05", "R-SHIP-03", "R-CONN-08")
@pytest.mark.parametrize("channel", CHANNELS)
def test_a_worker_killed_again_and_again_changes_nothing_in_the_end(
    channel: str, serve: Callable[[str], Running]
) -> None:
    expected, _none = tell(serve(channel), channel, undisturbed)
    assert [row[1] for row in expected["orders"]].count("in_transit") >= 5
    assert [len(parcels) for _status, parcels in expected["orders there"]] == [1] * 5

    call_command("flush", interactive=False, verbosity=0)
    found, kills = tell(serve(channel), channel, Killer(3))

    assert min(kills) >= 2, "the dice must fall while there is work"
    for what, rows in expected.items():
        assert found[what] == rows, what

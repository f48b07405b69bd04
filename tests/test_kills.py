"""Everything may be killed at any point and run again: the outcome is that of a run nobody disturbed.

The worker is a process of its own on PostgreSQL, talking HTTP to the OpenCart sandbox, which lives on. It is killed
(SIGKILL) before or after a statement that a seeded dice chooses, again and again, while it reads a store for the
first time, pulls orders, and tells the shop. Leases of the dead are let run out between two lives.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection as database
from django.db import connections
from django.db.models import F
from django.utils import timezone

from catalogue.models import Listing, ListingVariant
from channels.connectors.opencart.sandbox import make_sandbox
from channels.models import OutboxMessage, SyncStream, WakeUp
from channels.sandbox.server import Running
from channels.stores import connect, services
from inventory.models import OpeningStock, StockItem, StockMovement
from oms.kit.authors.actors import SYSTEM
from oms.kit.models import Job, Problem
from orders.models import Order, OrderEvent
from orders.services import carriers, packing
from orders.services.handing_over import manifests
from tests.support.workers import work
from tests.test_main_flow import broken_invariants

pytestmark = [pytest.mark.db, pytest.mark.django_db(transaction=True)]

LIVES = 4  # of each stage


class Dice:
    """Ends this process at one statement: before it, or as soon as the database has answered."""

    def __init__(self, at: int, *, is_after: bool) -> None:
        self.left, self.is_after = at, is_after

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.left -= 1
        if self.left == 0 and not self.is_after:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = execute(sql, params, many, context)
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer


def life(at: int, *, is_after: bool) -> None:
    """What the process does that will be killed; at most until everything is done."""
    try:
        with database.execute_wrapper(Dice(at, is_after=is_after)):
            work()
    except BaseException:
        os._exit(3)
    os._exit(0)


def killed(at: int, *, is_after: bool) -> bool:
    """Let a worker live until its statement comes; False when it had done everything before."""
    connections.close_all()
    worker = multiprocessing.get_context("fork").Process(
        target=life, args=(at,), kwargs={"is_after": is_after}
    )
    worker.start()
    worker.join(60)
    assert worker.exitcode in (0, -signal.SIGKILL), f"the worker failed by itself: {worker.exitcode}"
    return worker.exitcode != 0


def time_goes_by() -> None:
    """What a dead worker held is free again."""
    past = timezone.now() - timedelta(seconds=1)
    for model in (SyncStream, OutboxMessage, Job):
        model.objects.filter(lease_until__isnull=False).update(lease_until=past)
    WakeUp.objects.update(lease_until=None)


def undisturbed() -> int:
    work()
    return 0


class Killer:
    """Lives of ever more statements, until one outlives its work; then a last one that is left alone.

    They grow because the house gives up on what kills its worker each time: a job after four deaths in a row
    (`oms.kit.background.jobs`), a message after three (`channels.push.dispatcher`).
    """

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)

    def __call__(self) -> int:
        kills = 0
        for longer in range(LIVES):
            at = self.dice.randrange(12, 24) * 2**longer
            if not killed(at, is_after=bool(self.dice.randrange(2))):
                break
            kills += 1
            time_goes_by()
        work()
        return kills


@pytest.fixture
def shop() -> Iterator[Any]:
    running: list[Any] = []

    def start() -> Running:
        running.append(make_sandbox(seed="demo").serve())
        made: Running = running[-1].__enter__()
        return made

    yield start
    for one in running:
        one.__exit__(None, None, None)


def tell(running: Running, turn: Any) -> tuple[dict[str, Any], list[int]]:
    """One store's life, each stage worked by `turn`; what is true at the end, here and in the shop."""
    kills = []
    store = connect.connect(channel="opencart", name="Mug Shop", credentials=running.credentials)
    kills.append(turn())
    services.switch_on(connection=store)
    work()
    items = list(
        ListingVariant.objects.filter(
            connection=store, listing__remote_kind="single", variant__stock_items__on_hand__gte=10
        ).order_by("external_sku")
    )
    # The stock was read well before these orders: in the same second it would be in doubt, by chance.
    ago = timedelta(seconds=5)
    OpeningStock.objects.update(read_from=F("read_from") - ago, read_at=F("read_at") - ago)
    placed = [running.sandbox.buy(items[n % len(items)].external_id, 1 + n % 2) for n in range(8)]
    SyncStream.objects.filter(connection=store, name__startswith="orders.").exclude(period=None).update(
        due_at=timezone.now()
    )
    kills.append(turn())
    orders = Order.objects.filter(external_id__in=[str(row["order_id"]) for row in placed]).order_by(
        "external_id"
    )
    ids = list(orders.values_list("pk", flat=True))
    carrier = carriers.save_carrier(name="Royal Mail 48", by=SYSTEM)
    for outcomes in (
        packing.release(ids, by=SYSTEM),
        packing.pack(ids, by=SYSTEM),
        packing.mark_ready_to_ship(
            ids, tracking={pk: (carrier.pk, f"RM{n}") for n, pk in enumerate(ids)}, by=SYSTEM
        ),
    ):
        assert [one.message for one in outcomes if not one.ok] == []
    warehouse = orders[0].shipments.get().warehouse
    assert warehouse is not None
    assert manifests.create_manifest(carrier=carrier, warehouse=warehouse, by=SYSTEM).manifest
    kills.append(turn())
    return picture(running), kills


def picture(running: Running) -> dict[str, Any]:
    """Everything that must not depend on who was killed when."""
    assert broken_invariants() == []
    assert OutboxMessage.objects.unsent().count() == 0
    return {
        "orders": sorted(
            Order.objects.values_list("external_id", "status", "allocation", "units", "problems_open")
        ),
        "events": sorted(OrderEvent.objects.values_list("order__external_id", "kind", "to_status")),
        "stock": sorted(StockItem.objects.values_list("variant__sku", "on_hand", "allocated")),
        "ledger": sorted(StockMovement.objects.values_list("stock_item__variant__sku", "kind", "quantity")),
        "listings": sorted(Listing.objects.values_list("external_id", "state")),
        "skus": sorted(ListingVariant.objects.values_list("external_id", "sku_key", "sent_quantity")),
        "problems": sorted(Problem.objects.values_list("code", "key", "subject_kind")),
        "told": sorted(OutboxMessage.objects.filter(kind="event").values_list("topic", "sent", "parked_at")),
        "shelves there": sorted(
            (row["product_id"], row["quantity"]) for row in running.sandbox.shop.products.values()
        ),
        "orders there": sorted(
            (
                row["order_id"],
                row["status_id"],
                [(entry["status_id"], entry["comment"]) for entry in row["history"]],
            )
            for row in running.sandbox.shop.orders.values()
        ),
    }


SEEDS = (1, 2)


@pytest.mark.req("R-ORD-06", "R-INV-05", "R-SHIP-03", "R-CONN-08")
def test_a_worker_killed_again_and_again_changes_nothing_in_the_end(shop: Any) -> None:
    expected, _none = tell(shop(), undisturbed)
    assert [row[1] for row in expected["orders"]].count("in_transit") >= 8
    assert len(expected["told"]) == 16

    for seed in SEEDS:
        call_command("flush", interactive=False, verbosity=0)
        found, kills = tell(shop(), Killer(seed))
        assert min(kills) >= 2, "the dice must fall while there is work"
        for what, rows in expected.items():
            assert found[what] == rows, (seed, what)

"""Many at a time on PostgreSQL: the ledger closes, nothing is promised twice, nobody waits for ever."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction

from catalogue.models import ListingVariant, Product, Variant
from channels.models import OutboxMessage
from inventory import callbacks, doctor_checks, stock_changes
from inventory.errors import StockError
from inventory.models import OpeningStock, StockItem, StockMovement
from inventory.services import adjust
from oms.kit.authors.actors import SYSTEM
from tests import factories
from tests.catalogue.records import pull, record

pytestmark = [pytest.mark.db, pytest.mark.django_db(transaction=True)]

WORKERS = 12


@pytest.fixture(autouse=True)
def _without_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_more", "_short", "_holders"):
        monkeypatch.setattr(callbacks, name, [])


def at_once(work: Callable[[int], Any], workers: int = WORKERS) -> list[Any]:
    """Run `work(number)` in as many threads, begun together; what each returned or raised."""
    gate = Barrier(workers)

    def one(number: int) -> Any:
        try:
            gate.wait(timeout=30)
            return work(number)
        except Exception as error:
            return error
        finally:
            database.close()

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, range(workers)))


def sound() -> bool:
    return all(
        check().ok
        for check in (
            doctor_checks.movements_add_up,
            doctor_checks.allocated_within_on_hand,
            doctor_checks.movements_without_gap,
        )
    )


@pytest.mark.req("R-INV-04", "R-INV-05")
def test_adjustments_and_promises_at_a_time() -> None:
    """Half lower the count, half promise the last units; SKUs are locked in opposite orders."""
    shop = factories.store(maps={"leeds": 1})
    mug = factories.stocked("MUG", connection=shop, leeds=10)
    cup = factories.stocked("CUP", connection=shop, leeds=10)
    leeds = factories.warehouse()

    def work(number: int) -> str:
        if number % 2:
            pair = [adjust.Adjustment(of.pk, leeds.pk, delta=-1, reason="lost") for of in (mug, cup)]
            adjust.adjust_many(pair if number % 4 == 1 else pair[::-1], by=SYSTEM)
            return "taken"
        with transaction.atomic():
            shelves = stock_changes.lock_stock_items([cup.pk, mug.pk] if number % 4 else [mug.pk, cup.pk])
            changes = [stock_changes.StockChange(row[0].pk, allocated=2) for row in shelves.values()]
            stock_changes.apply(changes, stock_items=shelves, by=SYSTEM)
        return "promised"

    results = at_once(work)
    refused = [each for each in results if isinstance(each, StockError)]
    assert all(isinstance(each, str | StockError) for each in results), results
    taken, promised = results.count("taken"), results.count("promised")
    assert taken + promised + len(refused) == WORKERS
    for item in StockItem.objects.all():
        assert (item.on_hand, item.allocated) == (10 - taken, 2 * promised)
    assert 10 - taken - 2 * promised < 2 or not refused
    assert sound()


@pytest.mark.req("R-INV-05")
def test_a_new_shelf_is_made_once() -> None:
    mug, leeds = factories.variant("MUG"), factories.warehouse()
    results = at_once(
        lambda number: adjust.receive(variant=mug, warehouse=leeds, quantity=1, reason="x", by=SYSTEM)
    )
    assert [each for each in results if isinstance(each, Exception)] == []
    assert (StockItem.objects.get().on_hand, StockMovement.objects.count()) == (WORKERS, WORKERS)
    assert sound()


@pytest.mark.req("R-INV-01")
def test_changes_at_a_time_are_one_message_that_counts_them() -> None:
    shop = factories.store(maps={"leeds": 1}, is_read_only=True)
    mug = factories.stocked("MUG", connection=shop, leeds=50)
    leeds = factories.warehouse()
    at_once(lambda number: adjust.adjust(variant=mug, warehouse=leeds, delta=-1, reason="x", by=SYSTEM))
    message = OutboxMessage.objects.get()
    assert (message.topic, message.wanted, StockItem.objects.get().on_hand) == (
        "stock",
        WORKERS,
        50 - WORKERS,
    )


@pytest.mark.req("R-CAT-03", "R-INV-06")
def test_two_stores_that_bring_one_sku_at_a_time_make_one_product() -> None:
    shops = [factories.store(f"Shop {number}", maps={"leeds": 1}) for number in range(4)]
    page = [record(str(number), f"SKU-{number}", 5) for number in range(1, 21)]
    results = at_once(lambda number: pull(shops[number], *(page if number % 2 else page[::-1])), workers=4)
    assert [each for each in results if isinstance(each, Exception)] == []
    assert (Product.objects.count(), Variant.objects.count(), ListingVariant.objects.count()) == (20, 20, 80)
    assert (OpeningStock.objects.count(), StockItem.objects.filter(on_hand=5).count()) == (20, 20)
    assert sound()

"""Many processes and few units, on PostgreSQL: what is there is sold, once, and nobody gets an error."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections

from inventory.models import StockItem
from oms.kit import doctor
from orders.inbound import orders as inbound_orders
from orders.models import Allocation, Order, OrderEvent, OrderLine
from orders.services import decisions, packing
from orders.services.stock import backorders
from tests.orders.desk import DESK, an_order, line, record, serves, stocked, store
from tests.orders.test_invariants import LOOKED_AT

pytestmark = [pytest.mark.db, pytest.mark.django_db(transaction=True), pytest.mark.req("R-PLUS-01")]

PATIENCE = 120


def _work(job: Callable[[int], Any], number: int, barrier: Any, answers: Any) -> None:
    try:
        connection.ensure_connection()
        barrier.wait(PATIENCE)
        answers.put((number, job(number), ""))
    except BaseException as error:
        answers.put((number, None, repr(error)))
    finally:
        connections.close_all()
        answers.close()
        answers.join_thread()
        os._exit(0)  # nothing of pytest's own end may run in a child


def at_once(count: int, job: Callable[[int], Any]) -> list[Any]:
    """Run `job(number)` in so many processes that begin at the same moment; raises for any error."""
    connections.close_all()
    fork = multiprocessing.get_context("fork")
    barrier, answers = fork.Barrier(count), fork.Queue()
    workers = [fork.Process(target=_work, args=(job, number, barrier, answers)) for number in range(count)]
    for worker in workers:
        worker.start()
    found = [answers.get(timeout=PATIENCE) for _ in workers]
    for worker in workers:
        worker.join(PATIENCE)
    assert [error for _number, _answer, error in found if error] == []
    return [answer for _number, answer, _error in sorted(found, key=lambda row: row[0])]


@pytest.mark.req("R-INV-04", "R-ORD-06")
def test_the_last_units_of_two_skus_go_to_fifty_buyers_once():
    shops = [store(f"Shop {number}") for number in range(5)]
    stocked("MUG", leeds=10)
    stocked("CUP", leeds=7)

    def buy(number: int) -> int:
        skus = ("MUG", "CUP") if number % 2 else ("CUP", "MUG")
        lines = tuple(line(f"{number}-{sku}", sku, 1) for sku in skus)
        return inbound_orders.store_orders(shops[number % 5], [record(str(number), lines=lines)]).new

    assert at_once(50, buy) == [1] * 50

    shelves = dict(StockItem.objects.values_list("variant__sku", "allocated"))
    assert shelves == {"MUG": 10, "CUP": 7}
    assert Order.objects.count() == OrderEvent.objects.count() == 50
    held = OrderLine.objects.filter(allocated=1)
    assert (held.filter(sku="MUG").count(), held.filter(sku="CUP").count()) == (10, 7)
    assert Allocation.objects.count() == 17
    assert Order.objects.filter(status="new").count() <= 7
    assert [result for result in doctor.run(LOOKED_AT) if not result.ok] == []


@pytest.mark.req("R-ORD-06")
def test_one_order_read_by_ten_processes_at_once_enters_once():
    shop = store()
    stocked("MUG", leeds=10)
    given = record("77", MUG=2)

    counts = at_once(10, lambda number: inbound_orders.store_orders(shop, [given]))

    assert (sum(one.new for one in counts), sum(one.same for one in counts)) == (1, 9)
    assert (Order.objects.count(), StockItem.objects.get().allocated) == (1, 2)


@pytest.mark.req("R-INV-04", "R-ORD-11")
def test_moves_cancels_counts_and_purchases_at_the_same_time_end_well():
    from inventory.errors import StockError
    from inventory.services.adjust import adjust

    shop = store()
    serves(shop, "Leeds", "Lyon")
    mug = stocked("MUG", leeds=6, lyon=6)
    stocked("CUP", leeds=20)
    orders = [an_order(shop, MUG=1, CUP=1) for _ in range(10)]
    ids = [order.pk for order in orders]
    leeds = StockItem.objects.get(variant=mug, warehouse__name="Leeds").warehouse

    def job(number: int) -> None:
        turn = number % 6
        if turn == 0:
            packing.release(ids[number % 4 :], by=DESK)
        elif turn == 1:
            packing.pack(list(reversed(ids)), by=DESK)
        elif turn == 2:
            decisions.cancel(ids[:5], reason="x", by=DESK)
            decisions.confirm_cancel(ids[:5], by=DESK)
        elif turn == 3:
            inbound_orders.store_orders(shop, [record(f"n{number}", MUG=2, CUP=1)])
        elif turn == 4:
            backorders.refill()
        else:
            try:
                adjust(variant=mug, warehouse=leeds, set_to=number % 7, reason="count", by=DESK)
            except StockError:
                return

    at_once(24, job)

    assert [result for result in doctor.run(LOOKED_AT) if not result.ok] == []
    for item in StockItem.objects.all():
        assert 0 <= item.allocated <= item.on_hand


@pytest.mark.req("R-INV-04", "R-ORD-11")
def test_a_lower_count_takes_nothing_from_an_order_that_is_just_being_packed():
    """The order is packed between the look for who may give and the lock on it."""
    from threading import Event, Thread

    from django.db import transaction

    from inventory.errors import StockError
    from inventory.services.adjust import adjust

    shop = store()
    mug = stocked("MUG", leeds=2)
    order = an_order(shop, MUG=2)
    leeds = StockItem.objects.get().warehouse
    packing.release([order.pk], by=DESK)
    packed, answers = Event(), []

    def count() -> None:
        try:
            packed.wait(PATIENCE)
            adjust(variant=mug, warehouse=leeds, set_to=0, reason="count", by=DESK)
        except StockError as error:
            answers.append(str(error))
        finally:
            connections.close_all()

    counting = Thread(target=count)
    counting.start()
    with transaction.atomic():
        packing.pack([order.pk], by=DESK)
        packed.set()
        counting.join(1.5)  # it has seen the order as it was, and waits for it
        assert counting.is_alive()
    counting.join(PATIENCE)

    order.refresh_from_db()
    shelves = list(StockItem.objects.values_list("on_hand", "allocated"))
    assert (order.status, shelves, len(answers)) == ("packed", [(2, 2)], 1)
    assert [result for result in doctor.run(LOOKED_AT) if not result.ok] == []

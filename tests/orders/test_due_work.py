"""The sweep of the orders lane goes on while there is work, whatever the number of orders."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from channels.workers import locks, sweeps
from oms.kit.background import queue
from orders.domain.allocation import allocate
from orders.models import Order
from orders.services import completion
from orders.services.stock import backorders
from tests.orders.desk import an_order, status, stocked, store

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The tasks that were put into the queue."""
    found: list[tuple[Any, ...]] = []
    monkeypatch.setattr(queue, "async_task", lambda *args, **_more: found.append(args))
    return found


def delivered(number: int, shop: Any) -> list[Order]:
    """Orders that were delivered a month ago."""
    made = [an_order(shop, MUG=1) for _number in range(number)]
    Order.objects.update(
        status="delivered", shipped_at=timezone.now(), delivered_at=timezone.now() - timedelta(days=30)
    )
    return made


def steps(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """Make the batches of the sweep this small."""
    wanted = [lambda: backorders.refill(limit=limit), lambda: completion.complete_due(limit=limit)]
    monkeypatch.setitem(sweeps._sweeps, "orders", wanted)


@pytest.mark.req("R-ORD-12")
def test_more_orders_than_one_batch_are_completed_by_one_sweep(monkeypatch, sent):
    shop = store()
    stocked("MUG", leeds=50)
    orders = delivered(5, shop)
    steps(monkeypatch, 2)

    assert sweeps.work("orders") == 5

    assert {status(order) for order in orders} == {"completed"}
    assert sent == []


def test_when_the_time_is_up_the_work_goes_on_in_a_new_task(monkeypatch, sent):
    shop = store()
    stocked("MUG", leeds=50)
    delivered(5, shop)
    steps(monkeypatch, 2)

    assert sweeps.work("orders", seconds=0) == 2

    assert sent == [("channels.tasks.sweep", "orders")]
    assert Order.objects.filter(status="completed").count() == 2
    assert sweeps.work("orders") == 3


def test_a_fault_of_one_sweep_does_not_stop_the_others(monkeypatch, sent, caplog):
    shop = store()
    stocked("MUG", leeds=50)
    delivered(1, shop)
    steps(monkeypatch, 2)
    monkeypatch.setitem(sweeps._sweeps, "orders", [lambda: 1 // 0, *sweeps._sweeps["orders"]])

    assert sweeps.work("orders") == 1

    assert "ZeroDivisionError" in caplog.text
    assert sent == []


def test_two_workers_do_not_sweep_at_the_same_time(monkeypatch, sent):
    shop = store()
    stocked("MUG", leeds=50)
    delivered(1, shop)
    token = locks.acquire("sweep:orders")
    assert token is not None
    assert sweeps.work("orders") == 0

    locks.release("sweep:orders", token)
    assert sweeps.work("orders") == 1


@pytest.mark.req("R-ORD-09")
def test_orders_that_can_get_nothing_do_not_stand_before_others(monkeypatch, sent):
    """Two old orders cannot get the unit (as when it went to another order meanwhile); the younger one can."""
    shop = store()
    stocked("MUG", leeds=0)
    old, older, young = [an_order(shop, MUG=1) for _number in range(3)]
    item = stocked("MUG").stock_items.get()
    item.movements.create(kind="receipt", quantity=1, before=0, after=1, reason="test")
    type(item).objects.update(on_hand=1)
    monkeypatch.setattr(
        backorders,
        "allocate",
        lambda state, stock, now: 0 if state.order.pk in (old.pk, older.pk) else allocate(state, stock, now),
    )

    assert backorders.refill(limit=1) == 1

    assert [status(order) for order in (old, older, young)] == ["partial", "partial", "new"]

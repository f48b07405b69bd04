"""A real orders lane on PostgreSQL: a store that answers slowly costs another store's order nothing."""

from __future__ import annotations

import time

import pytest
from django.db import transaction
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from channels.connectors.opencart.sandbox import make_sandbox
from channels.models import Connection, WakeUp, WebhookEvent
from channels.sandbox.server import Running
from channels.stores import connect, services
from channels.workers import enqueue
from orders.models import Order
from tests.support.workers import lane_process, work

pytestmark = [
    pytest.mark.db,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.fault("F-50"),
]

SLOW = 8.0  # seconds that the slow store needs for an answer
SOON = (
    4.0  # seconds for an order of the quiet store, on a busy machine; both workers were taken for 8 s before
)


def connected(running: Running, name: str) -> Connection:
    store = connect.connect(channel="opencart", name=name, credentials=running.credentials)
    work()
    services.switch_on(connection=store)
    work()
    return store


def place(running: Running, store: Connection) -> str:
    """Place an order, and wake the lane as its webhook does."""
    number = str(running.sandbox.place_order([{"product_id": 1, "quantity": 1}])["order_id"])
    with transaction.atomic():
        WebhookEvent.objects.create(
            connection=store, event_id=number, topic="order", stream="orders.changed", external_id=number
        )
        enqueue.enqueue_webhooks(store.pk)
    return number


@pytest.mark.req("R-PLUS-22")
def test_an_order_does_not_wait_for_a_slow_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMS_ORDER_WORKERS", "2")
    shops = [make_sandbox(seed="empty", products=2) for _number in range(2)]
    with shops[0].serve() as quiet, shops[1].serve() as slow:
        calm, laggard = connected(quiet, "Quiet"), connected(slow, "Slow")
        Schedule.objects.all().delete()
        OrmQ.objects.all().delete()
        WakeUp.objects.all().delete()
        with lane_process("orders") as processes:
            while len(processes()) < 4:
                time.sleep(0.1)
            slow.sandbox.inject("slow", times=None, seconds=SLOW, match="oms_connect")
            place(slow, laggard)
            for stream in laggard.streams.filter(lane="orders"):
                laggard.streams.filter(pk=stream.pk).update(due_at=timezone.now())
                enqueue.enqueue_pull(stream.pk, stream.lane)
            time.sleep(0.5)  # the slow store has every worker that it can get
            number = place(quiet, calm)
            end = time.monotonic() + SOON
            while not Order.objects.filter(connection=calm, external_id=number).exists():
                assert time.monotonic() < end, "the order waited for the other store"
                time.sleep(0.02)
            assert not Order.objects.filter(connection=laggard).exists(), (
                "the slow store has not answered yet"
            )
            with slow.sandbox.lock:
                slow.sandbox.faults.clear()

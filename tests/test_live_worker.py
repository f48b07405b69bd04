"""A real worker process of the queue on PostgreSQL keeps its appointments: nothing else rings in these tests."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection as database
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from catalogue.models import ListingVariant
from channels.connectors.opencart.sandbox import make_sandbox
from channels.models import Budget, Connection, OutboxMessage, WakeUp
from channels.sandbox.server import Running
from channels.stores import connect, services
from inventory.models import StockItem
from inventory.services import adjust as inventory
from oms.kit.authors.actors import SYSTEM
from tests.support.workers import lane_process, work

pytestmark = [pytest.mark.db, pytest.mark.django_db(transaction=True)]

WAIT = 5.0  # more than a call sits out in place


def a_store(running: Running) -> tuple[Connection, ListingVariant, StockItem]:
    """A store that sends, one SKU of it and its shelf; nothing is due, and neither schedule nor queue will ring."""
    store = connect.connect(channel="opencart", name="Shop", credentials=running.credentials)
    work()
    services.switch_on(connection=store)
    work()
    store.streams.update(is_on=False)
    Schedule.objects.all().delete()
    OrmQ.objects.all().delete()
    WakeUp.objects.all().delete()  # whose rings lay in that queue
    listed = ListingVariant.objects.filter(connection=store).select_related("variant").order_by("pk")[0]
    item = StockItem.objects.select_related("warehouse").get(variant=listed.variant)
    return store, listed, item


@pytest.mark.req("R-CONN-08")
def test_a_worker_continues_when_a_request_is_available_again() -> None:
    """Neither tick nor schedule: the appointment that its thread keeps is the only bell (docs/adr/0004)."""
    with make_sandbox(seed="empty", products=3).serve() as running:
        store, listed, item = a_store(running)
        with lane_process("stock") as processes:
            end = time.monotonic() + 30
            while len(processes()) < 2:
                assert time.monotonic() < end, "the worker did not start"
                time.sleep(0.1)
            begun = timezone.now()
            Budget.objects.filter(pk=store.pk).update(
                capacity=1.0, tokens=0.0, per_second=1 / WAIT, filled_at=begun
            )
            inventory.adjust(
                variant=listed.variant, warehouse=item.warehouse, delta=5, reason="Found", by=SYSTEM
            )
            end = time.monotonic() + 25
            while OutboxMessage.objects.unsent().exists():
                assert time.monotonic() < end, "nobody rang"
                time.sleep(0.1)
        assert not Schedule.objects.filter(name__startswith="wake").exists()
        [call] = store.calls.filter(at__gte=begun)
        late = (call.at - begun).total_seconds() - WAIT
        assert 0 <= late < 10, "on a busy machine; a window later otherwise"
        assert running.sandbox.shop.products[int(listed.external_id)]["quantity"] == item.on_hand + 5


def test_work_of_a_killed_worker_continues_in_the_next_one() -> None:
    """No tick, no schedule: the worker that takes the dead one's place looks after it (docs/adr/0004)."""
    with make_sandbox(seed="empty", products=3).serve() as running:
        _store, listed, item = a_store(running)
        with lane_process("stock"):
            running.sandbox.inject("slow", times=1, match="stock", seconds=20)
            inventory.adjust(
                variant=listed.variant, warehouse=item.warehouse, delta=5, reason="Found", by=SYSTEM
            )
            claimed = until(OutboxMessage.objects.unsent().exclude(lease_token="").first, 30)
            until(lambda: any("stock" in each["target"] for each in running.sandbox.requests), 30)
            os.kill(int(claimed.lease_token.split("-")[1], 16), signal.SIGKILL)
            until(
                lambda: not OutboxMessage.objects.unsent().exists(), 60
            )  # its lease would have run for 150 s
        message = OutboxMessage.objects.get(pk=claimed.pk)
        assert (message.sent, message.is_uncertain, message.crashes) == (message.wanted, False, 0)
        assert running.sandbox.shop.products[int(listed.external_id)]["quantity"] == item.on_hand + 5


def until(look: Callable[[], Any], seconds: float) -> Any:
    """What `look` finds; fails when it finds nothing in time."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
    return found


@pytest.mark.fault("F-53")
def test_work_of_a_cut_connection_continues_within_seconds() -> None:
    """The worker lives, so nobody else may take its leases: it releases them itself when it reaches the database again."""
    with make_sandbox(seed="empty", products=3).serve() as running:
        _store, listed, item = a_store(running)
        with lane_process("stock", may_fail=True):
            running.sandbox.inject("slow", times=1, match="stock", seconds=4)
            inventory.adjust(
                variant=listed.variant, warehouse=item.warehouse, delta=5, reason="Found", by=SYSTEM
            )
            until(OutboxMessage.objects.unsent().exclude(lease_token="").first, 30)
            until(lambda: any("stock" in each["target"] for each in running.sandbox.requests), 30)
            with database.cursor() as cursor:
                cursor.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                assert cursor.fetchone()[0] >= 3
            until(
                lambda: not OutboxMessage.objects.unsent().exists(), 30
            )  # its lease would have run for 150 s
        assert running.sandbox.shop.products[int(listed.external_id)]["quantity"] == item.on_hand + 5

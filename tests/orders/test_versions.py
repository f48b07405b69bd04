"""Versions of an order that come late, and orders that are read again: nothing is taken back, nothing is left out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from channels.contract.records.orders import RemoteState
from orders.models import Order
from orders.services import problems as problems_services
from tests.orders.desk import DESK, comes, counters, line, means, problems, record, shelf, stocked, store

pytestmark = pytest.mark.django_db
S = RemoteState


@pytest.mark.req("R-ORD-08")
def test_all_orders_of_a_status_are_read_again_however_many_there_are(monkeypatch: pytest.MonkeyPatch):
    from oms.kit.background import jobs
    from oms.kit.models import Job
    from orders.inbound import remap_statuses

    monkeypatch.setattr(remap_statuses, "BATCH_SIZE", 2)
    shop = store()
    stocked("MUG", leeds=9)
    comes(shop, *[record(f"o{number}", S.UNKNOWN, MUG=1) for number in range(5)])
    means(shop, "99", S.NEW)

    assert problems_services.apply_status_map(connection_id=shop.pk, by=DESK) == (2, True)
    job = Job.objects.get()
    while jobs.work(job.pk):
        pass

    job.refresh_from_db()
    assert (job.state, job.done, job.message) == ("done", 3, "3 orders updated.")
    assert set(Order.objects.values_list("remote_state", "status", "problems_open")) == {("new", "new", 0)}
    assert shelf("MUG") == (9, 5)


@pytest.mark.req("R-ORD-06")
def test_a_version_that_was_on_its_way_while_a_later_one_was_stored_takes_nothing_back():
    """A page of a poll that was asked for before, beside a webhook."""
    shop = store()
    stocked("MUG", leeds=9)
    first = record("1", minutes=1, MUG=1)
    later = record("1", S.CANCELLED, minutes=5, lines=(line("1-1", "MUG", 3),))
    comes(shop, first)
    comes(shop, record("1", minutes=4, lines=(line("1-1", "MUG", 3),)))
    order = Order.objects.get()
    assert comes(shop, first).same == 1
    assert (counters(order), shelf("MUG")) == ([(3, 3, 0, 0)], (9, 3))
    comes(shop, later)

    assert comes(shop, record("1", minutes=4, lines=(line("1-1", "MUG", 3),))).same == 1

    order.refresh_from_db()
    assert (order.status, order.remote_state, problems(order)) == ("cancelled", "cancelled", [])


def test_a_shop_whose_clock_was_put_back_is_believed_all_the_same():
    shop = store()
    stocked("MUG", leeds=9)
    comes(shop, record("1", minutes=60, MUG=1))
    Order.objects.update(read_at=timezone.now() - timedelta(minutes=3))

    assert comes(shop, record("1", minutes=5, lines=(line("1-1", "MUG", 2),))).changed == 1

    assert shelf("MUG") == (9, 2)

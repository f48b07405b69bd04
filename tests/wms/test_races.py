"""Calls that come at the same moment, on PostgreSQL: each acts once, and nothing is cancelled behind the back of a WMS."""

from __future__ import annotations

import pytest

from inventory.models import StockMovement
from orders.models import Handover
from orders.outbound.wms_handler import offer
from orders.services import decisions
from tests.orders.desk import DESK, shelf, status, stocked
from tests.orders.test_races import at_once
from tests.wms.site import site

pytestmark = [pytest.mark.db, pytest.mark.django_db(transaction=True), pytest.mark.req("R-WMS-02")]


def test_the_same_call_from_six_processes_acts_once():
    with site() as here:
        stocked("MUG", leeds=5)
        body = {"lines": [{"sku": "MUG", "delta": 2, "reason": "found"}]}

        def call(number: int) -> int:
            return here.api.post("/inventory/adjustments", body, key="a", message="m").status_code

        answers = at_once(6, call)
        assert set(answers) <= {200, 409}
        assert 200 in answers
        assert call(0) == 200
        assert (shelf("MUG"), StockMovement.objects.filter(kind="adjustment").count()) == ((7, 0), 1)


def test_the_same_fact_from_four_processes_is_recorded_once():
    with site() as here:
        order = here.released()
        here.send()

        def work(number: int) -> int:
            names = {"key": f"k{number}", "message": f"m{number}"}  # four calls, one fact
            return here.report(order, "shipment.dispatched", **names).status_code

        answers = at_once(4, work)
        assert answers == [200] * 4
        assert (status(order), shelf("MUG")) == ("in_transit", (3, 0))
        assert here.handover(order).facts.count() == 1


def test_a_cancellation_while_the_shipment_is_offered():
    with site(channel="offline") as here:
        order = here.released()

        def work(number: int) -> int:
            if number % 2:
                return len(offer(here.wms, here.handover(order).shipment_id))
            return decisions.cancel([order.pk], reason="out of range", by=DESK)[0].ok

        at_once(2, work)
        row = Handover.objects.get()
        if row.state == "cancelled":
            assert (row.offered_at, status(order)) == (None, "cancelled_by_seller")
        else:
            assert (row.recall, status(order)) == ("requested", "seller_cancel_in_process")
            assert row.offered_at is not None

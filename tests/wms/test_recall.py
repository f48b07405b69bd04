"""Cancellations of shipments at a WMS: nothing is cancelled before the WMS agrees; short picks, rejections."""

from __future__ import annotations

import pytest

from channels.contract.records.orders import RemoteState
from inventory.models import StockMovement
from oms.kit.models import Problem
from orders.models import Handover, OrderEvent, Shipment
from orders.services import decisions, packing
from orders.services.corrections import part_cancel
from orders.services.corrections.lines import correct_lines
from orders.services.stock import backorders
from tests.orders.desk import DESK, comes, counters, problems, record, shelf, status, told
from tests.wms.site import site

pytestmark = pytest.mark.django_db


def cancel(order):
    return decisions.cancel([order.pk], reason="out of range", by=DESK)[0]


@pytest.mark.req("R-WMS-01")
def test_a_seller_cancels_when_the_wms_agrees_and_then_the_channel():
    with site() as here:
        order = here.released()
        here.send()
        assert cancel(order).ok
        assert (status(order), told(order), shelf("MUG")) == ("seller_cancel_in_process", [], (5, 2))
        assert decisions.confirm_cancel([order.pk], by=DESK)[0].message == (
            "The warehouse system has not answered the recall yet."
        )
        assert not decisions.withdraw_cancel([order.pk], by=DESK)[0].ok
        assert here.send() == ["shipment.released", "shipment.cancel_requested"]

        assert here.report(order, "shipment.cancelled").json()["state"] == "cancelled"
        assert (status(order), told(order)) == ("seller_cancel_in_process", ["cancelled"])
        assert Shipment.objects.get().state == "cancelled"
        late = here.report(order, "shipment.picked")
        assert late.status_code == 422
        assert "closed" in late.json()["detail"]


@pytest.mark.req("R-WMS-01")
def test_an_order_without_a_channel_ends_when_the_wms_agrees():
    with site(channel="offline") as here:
        order = here.released()
        here.send()
        cancel(order)
        assert status(order) == "seller_cancel_in_process"
        here.report(order, "shipment.cancelled")
        assert (status(order), shelf("MUG")) == ("cancelled_by_seller", (5, 0))


@pytest.mark.req("R-WMS-01")
def test_a_refused_recall_is_a_problem_and_the_order_goes_on():
    with site() as here:
        order = here.released()
        here.send()
        cancel(order)
        here.send()
        answer = here.report(order, "shipment.cancel_refused", reason="already packed")
        assert answer.json()["state"] == "cancel_refused"
        assert (status(order), told(order), problems(order)) == ("rfp", [], ["wms_recall_refused"])
        assert "already packed" in Problem.objects.get().message
        here.report(order, "shipment.picked")
        assert status(order) == "rts"


@pytest.mark.req("R-WMS-01")
def test_the_buyer_cancels_on_the_channel():
    with site() as here:
        order = here.released()
        here.send()
        comes(here.shop, record(order.external_id, RemoteState.CANCELLED, minutes=5, MUG=2))
        assert (status(order), shelf("MUG")) == ("cancel_in_process", (5, 2))
        assert here.send()[-1] == "shipment.cancel_requested"
        here.report(order, "shipment.cancelled")
        assert (status(order), shelf("MUG"), told(order)) == ("cancelled", (5, 0), [])


def test_the_buyer_cancels_and_the_wms_refuses():
    with site() as here:
        order = here.released()
        here.send()
        comes(here.shop, record(order.external_id, RemoteState.CANCELLED, minutes=5, MUG=2))
        here.report(order, "shipment.cancel_refused", reason="on the truck")
        assert (status(order), problems(order)) == ("rfp", ["late_cancel"])


def test_a_shipment_that_the_wms_cannot_know_is_cancelled_at_once():
    with site() as here:
        order = here.released()
        cancel(order)
        assert (Handover.objects.get().state, told(order)) == ("cancelled", ["cancelled"])
        assert here.send() == []


def test_packing_cannot_be_undone_while_the_wms_works():
    with site() as here:
        order = here.released()
        assert packing.undo_packing([order.pk], by=DESK)[0].ok  # it was not sent yet
        packing.release([order.pk], by=DESK)
        here.send()
        refused = packing.undo_packing([order.pk], by=DESK)[0]
        assert (refused.ok, "recall" in refused.message) == (False, True)
        assert Handover.objects.count() == 2


def test_dispatched_before_the_recall_was_read():
    with site() as here:
        order = here.released()
        here.send()
        cancel(order)
        here.report(order, "shipment.dispatched")
        assert (status(order), shelf("MUG")) == ("in_transit", (3, 0))
        assert "wms_recall_refused" in problems(order)


def test_dispatched_after_it_agreed_to_the_recall():
    with site(channel="offline") as here:
        order = here.released()
        here.send()
        cancel(order)
        here.report(order, "shipment.cancelled")
        assert here.report(order, "shipment.dispatched").status_code == 200
        assert (status(order), shelf("MUG")) == ("cancelled_by_seller", (5, 0))
        assert problems(order) == ["wms_shipped_cancelled"]


def test_units_cancelled_by_the_desk_recall_the_shipment():
    with site() as here:
        order = here.released()
        here.send()
        line = order.lines.get()
        part_cancel.cancel_units(order_id=order.pk, units={line.pk: 1}, reason="refunded", by=DESK)
        assert here.send() == ["shipment.released", "shipment.cancel_requested"]
        assert status(order) == "new"
        here.report(order, "shipment.cancelled")
        assert status(order) == "new"


@pytest.mark.req("R-WMS-01", "R-ORD-15")
def test_lines_that_are_corrected_recall_the_shipment():
    with site() as here:
        order = here.released()
        here.send()
        line = order.lines.get()
        correct_lines(order_id=order.pk, units={line.pk: 1}, skus={}, added=[], reason="fewer", by=DESK)
        assert here.send() == ["shipment.released", "shipment.cancel_requested"]
        assert (status(order), shelf("MUG")) == ("new", (5, 1))
        here.report(order, "shipment.cancelled")
        assert (status(order), shelf("MUG")) == ("new", (5, 1))


@pytest.mark.req("R-WMS-01")
def test_what_a_warehouse_system_has_packed_is_not_marked_as_not_packed():
    with site() as here:
        order = here.released()
        here.send()
        packing.pack([order.pk], by=DESK)
        (outcome,) = packing.unpack([order.pk], by=DESK)
        assert (outcome.ok, outcome.message, status(order)) == (
            False,
            "The warehouse system is working on this order. Cancel the order to recall it.",
            "packed",
        )


@pytest.mark.req("R-WMS-01")
def test_a_short_pick_makes_the_order_partial():
    with site() as here:
        order = here.released(units=3, on_hand=3)
        here.send()
        lines = [{"sku": "MUG", "ordered": 3, "picked": 1, "reason": "missing"}]
        assert here.report(order, "shipment.short_picked", lines=lines).json()["state"] == "short_picked"
        assert (status(order), shelf("MUG"), problems(order)) == ("partial", (1, 1), ["wms_short_picked"])
        assert counters(order) == [(3, 1, 0, 0)]
        movement = StockMovement.objects.get(kind="adjustment")
        assert (movement.quantity, movement.actor) == (-2, "WMS Leeds WMS")
        backorders.refill()
        assert status(order) == "partial"  # what was not found is not allocated again

        answer = here.api.post("/receipts", {"reference": "D9", "lines": [{"sku": "MUG", "received": 2}]})
        assert answer.json() == [{"sku": "MUG", "on_hand": 3, "allocated": 1, "available": 2}]
        backorders.refill()
        assert status(order) == "new"
        packing.release([order.pk], by=DESK)
        assert problems(order) == []
        assert here.send().count("shipment.released") == 2
        assert here.report(order, "shipment.short_picked", lines=lines).status_code == 200
        assert Handover.objects.count() == 2


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [{"sku": "POT", "picked": 1}],
        [{"sku": "MUG", "picked": 3}],
        [{"sku": "MUG", "picked": 2}],
        [{"sku": "MUG", "picked": 1}, {"sku": "MUG", "picked": 0}],
    ],
)
def test_a_short_pick_that_makes_no_sense_changes_nothing(lines):
    with site() as here:
        order = here.released()
        assert here.report(order, "shipment.short_picked", lines=lines).status_code == 422
        assert (status(order), shelf("MUG"), here.handover(order).state) == ("rfp", (5, 2), "released")


def test_a_rejected_shipment_keeps_its_stock_and_can_be_released_again():
    with site() as here:
        order = here.released()
        here.send()
        here.report(order, "shipment.rejected", reason="address not served")
        assert (status(order), shelf("MUG"), problems(order)) == ("rfp", (5, 2), ["wms_rejected"])
        assert not packing.pack([order.pk], by=DESK)[0].ok
        assert packing.undo_packing([order.pk], by=DESK)[0].ok
        assert packing.release([order.pk], by=DESK)[0].ok
        assert (problems(order), Handover.objects.count()) == ([], 2)


def test_a_recall_that_nobody_asked_for_is_a_rejection():
    with site() as here:
        order = here.released()
        assert here.report(order, "shipment.cancel_refused").status_code == 422
        here.report(order, "shipment.cancelled", reason="closed for stock-taking")
        assert (status(order), problems(order)) == ("rfp", ["wms_rejected"])


def test_a_recall_without_an_answer_leaves_the_order_in_process():
    with site() as here:
        order = here.released()
        here.send()
        cancel(order)
        here.sandbox.answer_recalls(agree=None)
        here.send()
        assert here.sandbox.shipments[str(here.handover(order).uuid)]["recalled"] is True
        assert OrderEvent.objects.filter(order=order, kind="cancel").count() == 1

"""Tracking numbers come in by a sheet: orders become Ready to ship, each with its number, once (R-SHIP-07)."""

from __future__ import annotations

import pytest

from orders.models import Order, Shipment
from orders.services import carriers, packing
from tests.imports.flow import applied, checked, reasons, undone
from tests.orders import desk

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("var_dir"),
    pytest.mark.req("R-SHIP-07", "R-USE-02"),
]
HEADINGS = ["Order number", "Carrier", "Tracking number"]


@pytest.fixture
def shop():
    made = desk.store()
    carriers.save_carrier(name="Royal Mail", tracking_url="https://track.example/{number}", by=desk.DESK)
    desk.stocked("MUG", leeds=20)
    return made


def released(shop) -> Order:
    order = desk.an_order(shop, MUG=1)
    packing.release([order.pk], by=desk.DESK)
    return order


def shipments() -> dict[str, tuple[str, str, str]]:
    rows = Shipment.objects.order_by("pk").values_list(
        "order__number", "state", "tracking_number", "carrier__name"
    )
    return {number: (state, tracking, carrier) for number, state, tracking, carrier in rows}


def test_the_orders_become_ready_to_ship_with_their_numbers(shop):
    first, second = released(shop), released(shop)

    found = applied(
        "tracking", HEADINGS, [first.number, "royal mail", "aa 1"], [f"#{second.number}", "Royal Mail", "AA2"]
    )

    assert found.counts == {"created": 0, "updated": 2, "unchanged": 0, "rejected": 0}
    assert set(Order.objects.values_list("status", flat=True)) == {"rts"}
    assert shipments() == {
        first.number: ("ready", "AA1", "Royal Mail"),
        second.number: ("ready", "AA2", "Royal Mail"),
    }
    again = checked("tracking", HEADINGS, [first.number, "Royal Mail", "AA1"])
    assert again.counts == {"created": 0, "updated": 0, "unchanged": 1, "rejected": 0}


def test_a_number_of_a_ready_parcel_is_changed(shop):
    order = released(shop)
    applied("tracking", HEADINGS, [order.number, "Royal Mail", "AA1"])

    applied("tracking", HEADINGS, [order.number, "", "AA9"])

    assert shipments() == {order.number: ("ready", "AA9", "Royal Mail")}


def test_rows_that_cannot_be_used_come_back_and_the_others_go_in(shop):
    good, taken, draft = released(shop), released(shop), desk.an_order(shop, MUG=100)
    applied("tracking", HEADINGS, [taken.number, "Royal Mail", "AA1"])

    found = applied(
        "tracking",
        HEADINGS,
        ["NONE", "Royal Mail", "AA2"],
        [good.number, "Courier pigeon", "AA3"],
        [draft.number, "Royal Mail", "AA4"],
        [good.number, "Royal Mail", "AA5"],
        [good.number, "Royal Mail", "AA6"],
        [taken.number, "Royal Mail", "RB123456780GB"],
    )

    assert reasons(found) == {
        2: ["order-unknown"],
        3: ["carrier-unknown"],
        4: ["move-impossible"],
        6: ["second-parcel", "several-parcels"],
        7: ["tracking-check-digit"],
    }
    assert shipments() == {
        taken.number: ("ready", "AA1", "Royal Mail"),
        good.number: ("ready", "AA5", "Royal Mail"),
    }


def test_the_number_of_another_order_is_refused(shop):
    first, second = released(shop), released(shop)
    applied("tracking", HEADINGS, [first.number, "Royal Mail", "AA1"])

    found = applied("tracking", HEADINGS, [second.number, "Royal Mail", "AA1"])

    assert reasons(found) == {2: ["tracking-wrong"]}
    assert Order.objects.get(pk=second.pk).status == "rfp"


def test_numbers_that_a_channel_may_have_are_not_undone(shop):
    order = released(shop)
    found = applied("tracking", HEADINGS, [order.number, "Royal Mail", "AA1"])

    undone(found)

    assert [row.state for row in found.staged.all()] == ["kept"]
    assert shipments() == {order.number: ("ready", "AA1", "Royal Mail")}

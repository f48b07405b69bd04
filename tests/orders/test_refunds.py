"""Money given back on the channel, and an address that it keeps to itself: facts, and what a person must decide."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from channels.contract.records.orders import AddressRecord, RemoteState, ShipmentRecord
from oms.kit.models import Problem
from orders.models import Order, OrderEvent
from orders.services import packing
from orders.services import problems as problems_services
from tests.orders.desk import (
    DESK,
    HOME,
    an_order,
    comes,
    fingerprint,
    problems,
    record,
    shelf,
    status,
    stocked,
    store,
)
from tests.orders.test_moves import manifest, ok, to_ready

pytestmark = pytest.mark.django_db
S = RemoteState


def says(order: Order, *, minutes: int, state: S = S.NEW, **more: Any) -> None:
    """The channel gives the order again, changed."""
    skus: dict[str, Any] = {row.sku: row.quantity for row in order.lines.all()}
    comes(order.connection, replace(record(order.number, state, minutes=minutes, **skus), **more))


def refunds(order: Order) -> list[str]:
    rows = OrderEvent.objects.filter(order=order, kind="refund").order_by("pk")
    return list(rows.values_list("text", flat=True))


def dismiss(order: Order, code: str) -> None:
    problem = Problem.objects.open().get(subject_id=order.pk, code=code)
    problems_services.dismiss_problem(problem=problem, how="talked to the buyer", by=DESK)


def test_part_of_the_money_back_before_shipping_is_for_a_person_to_decide_once_for_each_amount():
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)
    assert not order.refunded_total

    says(order, minutes=5, refunded_total=Decimal("5.5"))

    order.refresh_from_db()
    assert (order.refunded_total, refunds(order)) == (Decimal("5.5"), ["Refunded so far on Shop: 5.50 GBP"])
    assert (status(order), problems(order), shelf("MUG")) == ("new", ["partly_refunded"], (5, 2))
    assert Problem.objects.get().message == (
        "Shop refunded 5.50 GBP. Cancel the units that are not shipped, or dismiss this problem to ship all."
    )
    assert not packing.release([order.pk], by=DESK)[0].ok

    dismiss(order, "partly_refunded")
    says(order, minutes=6, refunded_total=Decimal("5.5"))
    assert (problems(order), len(refunds(order))) == ([], 1)
    ok(packing.release([order.pk], by=DESK))
    says(order, minutes=7, refunded_total=Decimal(8))
    assert (problems(order), len(refunds(order))) == (["partly_refunded"], 2)
    says(order, minutes=8, refunded_total=Decimal(9))
    assert [row.key for row in Problem.objects.open()] == ["9.00 GBP"]


def test_a_channel_that_does_not_say_takes_nothing_back():
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)
    says(order, minutes=5, refunded_total=Decimal(0))
    assert (problems(order), refunds(order)) == ([], [])
    says(order, minutes=6, refunded_total=Decimal(5))

    says(order, minutes=7, refunded_total=None)

    order.refresh_from_db()
    assert (order.refunded_total, len(refunds(order))) == (Decimal(5), 1)


def test_money_back_after_shipping_is_a_fact_and_no_problem():
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)
    to_ready(order)
    manifest()

    says(order, minutes=5, state=S.SHIPPED, refunded_total=Decimal(5))

    assert (status(order), problems(order), len(refunds(order))) == ("in_transit", [], 1)


@pytest.mark.parametrize(("state", "expected"), [(S.CANCELLED, "cancelled"), (S.SHIPPED, "in_transit")])
def test_the_question_is_over_when_nothing_is_left_to_be_sent(state, expected):
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)
    says(order, minutes=5, refunded_total=Decimal(5))

    says(order, minutes=6, state=state, refunded_total=Decimal(5))

    assert (status(order), problems(order)) == (expected, [])


@pytest.mark.parametrize(
    ("state", "expected"), [(S.CANCELLED, ("cancelled", [])), (S.RETURNED, ("new", ["refunded_there"]))]
)
def test_a_full_refund_is_what_its_status_says(state, expected):
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)

    says(order, minutes=5, state=state, refunded_total=Decimal(20))

    assert (status(order), problems(order)) == expected
    assert refunds(order) == ["Refunded so far on Shop: 20.00 GBP"]


def test_an_order_that_comes_with_a_refund_asks_at_once_and_a_history_never():
    shop = store()
    stocked("MUG", leeds=5)
    comes(shop, replace(record("1", MUG=2), refunded_total=Decimal(5)))
    comes(shop, replace(record("2", S.SHIPPED, MUG=2), refunded_total=Decimal(5)))

    fresh, history = Order.objects.order_by("pk")

    assert (problems(fresh), problems(history)) == (["partly_refunded"], [])
    assert {fresh.refunded_total, history.refunded_total} == {Decimal(5)}


def test_the_order_page_shows_what_was_refunded(admin_client):
    shop = store()
    stocked("MUG", leeds=5)
    order, other = an_order(shop, MUG=2), an_order(shop, MUG=1)
    says(order, minutes=5, refunded_total=Decimal("5.5"))

    page = admin_client.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()
    without = admin_client.get(reverse("admin:orders_order_change", args=[other.pk])).content.decode()

    assert "Refunded so far" in page
    assert "5.50" in page
    assert "Refunded so far" not in without


# ------------------------------------------------ an address that is kept back


NOWHERE: dict[str, Any] = {"ship_to": AddressRecord(), "is_address_withheld": True}


def test_a_withheld_address_stops_packing_and_not_the_stock():
    shop = store()
    stocked("MUG", leeds=5)
    comes(shop, replace(record("1", MUG=2), **NOWHERE))
    order = Order.objects.get()

    assert (status(order), problems(order), shelf("MUG")) == ("new", ["address_withheld"], (5, 2))
    ok(packing.release([order.pk], by=DESK))
    [refused] = packing.pack([order.pk], by=DESK)
    assert (refused.ok, refused.message) == (
        False,
        "Resolve “Address withheld by the channel” first.",
    )
    assert status(order) == "rfp"


def test_the_problem_ends_by_itself_when_the_address_comes():
    shop = store()
    stocked("MUG", leeds=5)
    comes(shop, replace(record("1", MUG=2), **NOWHERE))
    order = Order.objects.get()

    says(order, minutes=5, ship_to=HOME)

    assert problems(order) == []
    order.refresh_from_db()
    assert (order.ship_to["postcode"], order.is_address_withheld) == ("LS1 1AA", False)
    ok(packing.release([order.pk], by=DESK))
    ok(packing.pack([order.pk], by=DESK))


def test_a_person_who_knows_the_address_is_not_asked_again():
    shop = store()
    stocked("MUG", leeds=5)
    comes(shop, replace(record("1", MUG=2), **NOWHERE))
    order = Order.objects.get()
    dismiss(order, "address_withheld")

    says(order, minutes=5, **NOWHERE)

    assert problems(order) == []


def test_withheld_and_missing_are_distinguished_and_never_both():
    shop = store()
    stocked("MUG", leeds=5)
    comes(shop, replace(record("1", MUG=2), ship_to=AddressRecord()))
    order = Order.objects.get()
    assert problems(order) == ["address_missing"]

    says(order, minutes=5, **NOWHERE)
    assert problems(order) == ["address_withheld"]
    says(order, minutes=6, ship_to=AddressRecord())

    assert problems(order) == ["address_missing"]


def test_what_was_shipped_there_needs_no_address():
    shop = store()
    stocked("MUG", leeds=5)
    comes(shop, replace(record("1", MUG=2), **NOWHERE))
    order = Order.objects.get()

    says(order, minutes=5, state=S.SHIPPED, shipments=(ShipmentRecord("s1"),), **NOWHERE)

    assert (status(order), problems(order)) == ("in_transit", [])
    before = fingerprint()
    says(order, minutes=5, state=S.SHIPPED, shipments=(ShipmentRecord("s1"),), **NOWHERE)
    assert fingerprint() == before

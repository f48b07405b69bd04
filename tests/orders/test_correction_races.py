"""People who correct, pack, request and receive the same order at the same moment, on PostgreSQL."""

from __future__ import annotations

import pytest

from inventory.models import StockItem
from oms.kit import doctor
from orders.errors import OrderError
from orders.models import Return
from orders.services import packing
from orders.services.corrections.lines import correct_lines
from orders.services.returns.receipt import Grade, receive
from tests.orders.desk import DESK, an_order, shelf, stocked, store
from tests.orders.test_invariants import LOOKED_AT
from tests.orders.test_races import at_once
from tests.orders.test_returns import a_shop, asked, leeds, shipped

pytestmark = [pytest.mark.db, pytest.mark.django_db(transaction=True), pytest.mark.req("R-PLUS-01")]


def done(act) -> bool:
    """Whether it was done; a refusal with its sentence is no error."""
    try:
        act()
    except OrderError:
        return False
    return True


@pytest.mark.req("R-PLUS-10")
def test_the_same_units_are_requested_and_received_once():
    order = shipped(a_shop(), MUG=4)

    asked_for = at_once(6, lambda number: done(lambda: asked(order, MUG=4)))

    assert asked_for.count(True) == 1
    found = Return.objects.get()
    row, place = found.lines.get(), leeds()

    def take(number: int) -> bool:
        return done(
            lambda: receive(return_id=found.pk, grades={row.pk: Grade(usable=2)}, warehouse=place, by=DESK)
        )

    assert at_once(6, take).count(True) == 2
    row.refresh_from_db()
    order.refresh_from_db()
    item = StockItem.objects.get(variant__sku="MUG")
    assert (row.usable, order.lines.get().returned, item.on_hand, order.status) == (4, 4, 9, "returned")
    assert [one for one in doctor.run(LOOKED_AT) if not one.ok] == []


@pytest.mark.req("R-ORD-15")
def test_an_order_that_is_packed_while_it_is_corrected_is_one_or_the_other():
    shop = store()
    stocked("MUG", leeds=9)
    order = an_order(shop, MUG=4)
    packing.release([order.pk], by=DESK)
    (line,) = order.lines.all()

    def act(number: int) -> bool:
        if number % 2:
            return packing.pack([order.pk], by=DESK)[0].ok
        return done(
            lambda: correct_lines(
                order_id=order.pk, units={line.pk: 2}, skus={}, added=[], reason="fewer", by=DESK
            )
        )

    answers = at_once(4, act)

    order.refresh_from_db()
    line.refresh_from_db()
    packed, corrected = answers[1::2].count(True), answers[0::2].count(True)
    assert (packed, corrected) in ((1, 0), (0, 1))
    assert (order.status, line.allocated, shelf("MUG")) == (
        ("packed", 4, (9, 4)) if packed else ("new", 2, (9, 2))
    )
    assert [one for one in doctor.run(LOOKED_AT) if not one.ok] == []

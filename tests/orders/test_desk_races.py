"""Several people at once on PostgreSQL: one form, one order number, one packing table (R-OFF-01, R-PLUS-18)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from oms.kit import doctor
from orders.domain.manual.checks import ManualLine
from orders.models import Order, PackingSession
from orders.services import carriers, manual_orders, packing
from orders.services.station import scan as scanning
from orders.services.station.ship import Parcel, ship
from tests import factories
from tests.orders import desk
from tests.orders.test_invariants import LOOKED_AT
from tests.orders.test_manual_orders import an_entry
from tests.orders.test_races import at_once

pytestmark = [pytest.mark.db, pytest.mark.django_db(transaction=True)]


@pytest.mark.req("R-OFF-01")
def test_a_form_that_arrives_eight_times_and_seven_other_forms_are_eight_orders_with_eight_numbers():
    stall = desk.store("Stall", channel="offline")
    desk.stocked("MUG", leeds=20)

    def enter(number: int) -> tuple[int | None, bool]:
        key = "same" if number < 8 else f"own-{number}"
        entry = an_entry(ManualLine("MUG", 1, Decimal(5)), reference=key)
        outcome = manual_orders.enter_order(entry, connection=stall, by=desk.DESK)
        return outcome.order_id, outcome.is_new

    answers = at_once(15, enter)

    assert len({order_id for order_id, _is_new in answers[:8]}) == 1
    assert sum(is_new for _order_id, is_new in answers) == 8
    assert sorted(Order.objects.values_list("number", flat=True)) == sorted(f"M-{n}" for n in range(1, 9))
    assert desk.shelf("MUG") == (20, 8)
    assert [result for result in doctor.run(LOOKED_AT) if not result.ok] == []


@pytest.mark.req("R-PLUS-18")
def test_two_packers_press_at_the_same_moment_and_each_order_moves_once():
    royal = carriers.save_carrier(name="Royal Mail", by=desk.DESK)
    store = desk.store("Shop", settings={"default_carrier": royal})
    desk.stocked("MUG", leeds=20)
    ids = [desk.an_order(store, MUG=1).pk for _n in range(10)]
    packing.release(ids, by=desk.DESK)

    def press(number: int) -> int:
        mine = ids if number % 2 else ids[::-1]
        parcels = {pk: Parcel(f"{number}-{pk}") for pk in mine}
        return sum(outcome.ok for outcome in ship(parcels, by=desk.DESK))

    assert sum(at_once(4, press)) == 10
    assert set(Order.objects.values_list("status", flat=True)) == {"rts"}
    assert len({order.shipments.get().tracking_number for order in Order.objects.all()}) == 10


@pytest.mark.req("R-PLUS-18")
def test_of_six_people_who_begin_one_order_one_packs_it():
    store = desk.store("Shop")
    desk.stocked("MUG", leeds=20)
    order = desk.an_order(store, MUG=1)
    packing.release([order.pk], by=desk.DESK)
    people = [factories.user(f"packer-{n}") for n in range(6)]

    def begin(number: int) -> bool:
        try:
            scanning.begin(order.pk, user=people[number])
        except scanning.TakenError:
            return False
        return True

    assert sum(at_once(6, begin)) == 1
    winner = PackingSession.objects.get().author
    kinds = [scanning.scan(order.pk, "MUG", user=one).kind for one in people]
    assert sorted(kinds) == ["packed", *["refused"] * 5]
    assert kinds[people.index(winner)] == "packed"

"""The packing table's services: what is to be worked on, one step to Ready to ship, packing by scanning (R-PLUS-18)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from catalogue.models import Variant
from orders.domain.manual.checks import ManualLine
from orders.errors import OrderError
from orders.models import Order, OrderEvent, OrderSettings, PackingSession
from orders.services import carriers, decisions, manual_orders, packing
from orders.services.station import scan as scanning
from orders.services.station.ship import Parcel, ship
from orders.services.station.worklist import Wanted, to_work
from tests import factories
from tests.orders import desk
from tests.orders.test_manual_orders import an_entry

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-PLUS-18")]


@pytest.fixture
def royal():
    return carriers.save_carrier(name="Royal Mail", tracking_url="https://t.example/{number}", by=desk.DESK)


@pytest.fixture
def store(royal):
    """A store whose orders have a pick step, with a default carrier."""
    made = desk.store("Shop", settings={"default_carrier": royal})
    for sku in ("MUG", "TEE"):
        desk.stocked(sku, leeds=50)
    return made


@pytest.fixture
def quick(royal):
    """A store without a pick step."""
    made = desk.store("Quick", settings={"default_carrier": royal, "has_pick_step": False})
    for sku in ("MUG", "TEE"):
        desk.stocked(sku) if Variant.objects.filter(sku=sku).exists() else desk.stocked(sku, leeds=50)
    return made


def released(store, **skus) -> Order:
    order = desk.an_order(store, **(skus or {"MUG": 1}))
    assert packing.release([order.pk], by=desk.DESK)[0].ok
    order.refresh_from_db()
    return order


def sent(order: Order) -> list[str]:
    return list(order.shipments.live().values_list("tracking_number", flat=True))


# --- what is to be worked on ---


def test_the_work_is_by_deadline_without_holds_and_new_orders_only_where_nothing_is_picked(store, quick):
    late, held = released(store), released(store)
    new, quick_new, missing = (
        desk.an_order(store, MUG=1),
        desk.an_order(quick, MUG=1),
        desk.an_order(quick, MUG=99),
    )
    decisions.hold([held.pk], reason="wait", by=desk.DESK)
    soon = timezone.now()
    Order.objects.filter(pk=quick_new.pk).update(ship_by_at=soon)
    Order.objects.filter(pk=late.pk).update(ship_by_at=soon + timedelta(hours=1))

    assert list(to_work(may_release=True)) == [quick_new, late]
    assert list(to_work()) == [late]
    assert {new, missing, held}.isdisjoint(to_work(may_release=True))


def test_filters(store, quick, royal):
    dpd = carriers.save_carrier(name="DPD", by=desk.DESK)
    one, two, other = released(store, MUG=3), released(store, MUG=1, TEE=1), desk.an_order(quick, TEE=1)
    two.shipments.update(carrier=dpd)

    def found(**wanted) -> set[Order]:
        return set(to_work(Wanted(**wanted), may_release=True))

    assert found(store=store.pk) == {one, two}
    assert found(carrier=royal.pk) == {one, other}
    assert found(carrier=dpd.pk) == {two}
    assert found(is_one_line=True) == {one, other}
    assert found(sku="mug") == {one, two}
    assert found(sku="mug", is_one_line=True) == {one}
    assert found(sku="nobody") == set()


# --- one step ---


def test_one_step_from_where_each_order_is_to_ready_to_ship(store, quick):
    orders = [desk.an_order(quick, MUG=1), released(store), released(store)]
    packing.pack([orders[2].pk], by=desk.DESK)

    outcomes = ship(
        {order.pk: Parcel(f"AB{n}") for n, order in enumerate(orders)}, by=desk.DESK, may_release=True
    )

    assert [(outcome.order_id, outcome.ok) for outcome in outcomes] == [(order.pk, True) for order in orders]
    assert [desk.status(order) for order in orders] == ["rts"] * 3
    assert [sent(order) for order in orders] == [["AB0"], ["AB1"], ["AB2"]]
    kinds = OrderEvent.objects.filter(order=orders[0]).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["placed", "release", "pack", "ready_to_ship"]
    assert desk.told(orders[1]) == ["ready_to_ship"]


@pytest.mark.parametrize(("may_release", "has_pick_step"), [(False, False), (True, True)])
def test_a_new_order_needs_the_right_and_a_store_without_a_pick_step(quick, may_release, has_pick_step):
    OrderSettings.objects.filter(connection=quick).update(has_pick_step=has_pick_step)
    order = desk.an_order(quick, MUG=1)

    outcomes = ship({order.pk: Parcel("AB1")}, by=desk.DESK, may_release=may_release)

    assert [(outcome.ok, outcome.message) for outcome in outcomes] == [(False, "Release the order first.")]
    assert desk.status(order) == "new"


def test_an_order_that_cannot_be_made_ready_stays_where_it_was_and_the_others_go(store, quick):
    OrderSettings.objects.filter(connection=quick).update(default_carrier=None)
    without_carrier, good = desk.an_order(quick, MUG=1), released(store)
    Order.objects.filter(pk=without_carrier.pk).update(shipping_method="")

    outcomes = ship(
        {without_carrier.pk: Parcel("AB1"), good.pk: Parcel("AB2")}, by=desk.DESK, may_release=True
    )

    assert [outcome.ok for outcome in outcomes] == [False, True]
    assert (
        outcomes[0].message == "No carrier. Choose one for the shipment, or a default carrier for the store."
    )
    assert (desk.status(without_carrier), desk.status(good)) == ("new", "rts")
    assert not without_carrier.shipments.exists()

    carrier = carriers.save_carrier(name="DPD", by=desk.DESK)
    (again,) = ship({without_carrier.pk: Parcel("AB1", carrier.pk)}, by=desk.DESK, may_release=True)
    assert again.ok
    assert without_carrier.shipments.get().carrier == carrier


def test_pressed_twice_it_moves_once(store):
    order = released(store)
    ship({order.pk: Parcel("AB1")}, by=desk.DESK)
    before = desk.fingerprint()

    (again,) = ship({order.pk: Parcel("AB9")}, by=desk.DESK)

    assert (again.ok, again.message) == (
        False,
        "This is not possible for an order with the status “Ready to ship”.",
    )
    assert desk.fingerprint() == before


def test_a_number_belongs_to_one_order(store):
    orders = [released(store) for _n in range(4)]
    ship({orders[0].pk: Parcel("USED")}, by=desk.DESK)

    outcomes = ship(
        {
            orders[1].pk: Parcel("SAME"),
            orders[2].pk: Parcel("SAME"),
            orders[3].pk: Parcel("USED"),
        },
        by=desk.DESK,
    )

    assert [outcome.message for outcome in outcomes] == [
        "The number SAME was entered for more than one order.",
        "The number SAME was entered for more than one order.",
        f"The number USED is already that of order #{orders[0].number}.",
    ]
    assert [desk.status(order) for order in orders[1:]] == ["rfp"] * 3


def test_one_number_is_not_put_on_two_parcels(store):
    desk.serves(store, "Leeds", "Lyon")
    desk.stocked("CUP", leeds=1, lyon=1)
    order = released(store, CUP=2)

    (outcome,) = ship({order.pk: Parcel("AB1")}, by=desk.DESK)

    assert (outcome.ok, outcome.message) == (
        False,
        "The order has 2 parcels. Enter a number for each on its page.",
    )
    assert desk.status(order) == "rfp"
    assert sent(order) == ["", ""]


def test_a_required_number_is_required_here_too(store):
    OrderSettings.objects.filter(connection=store).update(require_tracking=True)
    order = released(store)

    (outcome,) = ship({order.pk: Parcel()}, by=desk.DESK)

    assert outcome.message == "No tracking number. This store requires one: enter it first."
    assert desk.status(order) == "rfp"


def test_an_order_entered_by_hand_is_shipped_with_its_own_carrier(royal):
    stall = desk.store(
        "Stall", channel="offline", settings={"default_carrier": royal, "has_pick_step": False}
    )
    desk.stocked("MUG", leeds=5)
    carriers.save_carrier(name="Courier", by=desk.DESK)
    entry = an_entry(ManualLine("MUG", 1, Decimal(5)), carrier="Courier")
    manual_orders.enter_order(entry, connection=stall, by=desk.DESK)
    order = Order.objects.get()

    (outcome,) = ship({order.pk: Parcel("C1")}, by=desk.DESK, may_release=True)

    assert outcome.ok
    assert str(order.shipments.get().carrier) == "Courier"


# --- scanning ---


@pytest.fixture
def anna():
    return factories.user("anna")


def test_the_last_item_packs_the_order(store, anna):
    order = released(store, MUG=2, TEE=1)
    Variant.objects.filter(sku="TEE").update(barcode="5000112548167")
    scanning.begin(order.pk, user=anna)

    answers = [scanning.scan(order.pk, code, user=anna) for code in ("mug", "5000112548167")]
    assert [(answer.kind, answer.text) for answer in answers] == [
        ("ok", "MUG: 1 of 2."),
        ("ok", "TEE: 1 of 1."),
    ]
    assert desk.status(order) == "rfp"

    last = scanning.scan(order.pk, "MUG", user=anna)
    assert (last.kind, last.text) == ("packed", f"Order #{order.number} is packed.")
    assert desk.status(order) == "packed"
    assert OrderEvent.objects.get(order=order, kind="pack").author == anna
    assert not PackingSession.objects.exists()


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        ("CUP", "wrong", "CUP is not in this order. Remove it."),
        ("TEE", "wrong", "TEE is not in this order. Remove it."),
        ("4006381333931", "wrong", "No item of this order has the code “4006381333931”."),
        ("", "wrong", "No item of this order has the code “”."),
        ("MUG", "surplus", "MUG is complete: 1 of 1. Remove this one."),
    ],
)
def test_a_wrong_or_surplus_item_is_refused_and_changes_nothing(store, anna, code, kind, text):
    desk.stocked("CUP", leeds=1)
    desk.stocked("BOWL", leeds=1)
    order = released(store, MUG=1, BOWL=1)
    scanning.begin(order.pk, user=anna)
    scanning.scan(order.pk, "MUG", user=anna)

    answer = scanning.scan(order.pk, code, user=anna)

    assert (answer.kind, answer.text) == (kind, text)
    assert [(item.scanned, item.needed) for item in answer.items] == [(1, 1), (0, 1)]
    assert desk.status(order) == "rfp"


def test_the_second_person_is_told_and_may_take_over(store, anna):
    ben = factories.user("ben")
    order = released(store, MUG=2)
    scanning.begin(order.pk, user=anna)
    scanning.scan(order.pk, "MUG", user=anna)

    with pytest.raises(scanning.TakenError, match="anna is packing this order and has scanned 1 units"):
        scanning.begin(order.pk, user=ben)
    assert scanning.scan(order.pk, "MUG", user=ben).kind == "refused"

    assert scanning.begin(order.pk, user=ben, take_over=True).scanned == {}
    assert scanning.scan(order.pk, "MUG", user=anna).text == (
        "You are not packing this order any more. Scan its number again."
    )
    assert desk.status(order) == "rfp"


def test_who_has_left_for_a_quarter_of_an_hour_has_left(store, anna):
    order = released(store, MUG=2)
    scanning.begin(order.pk, user=factories.user("ben"))
    PackingSession.objects.update(seen_at=timezone.now() - timedelta(minutes=16))

    assert scanning.begin(order.pk, user=anna).author == anna


def test_what_cannot_be_packed_says_why(store, quick, anna):
    new, held, packed = desk.an_order(store, MUG=1), released(store), released(store)
    decisions.hold([held.pk], reason="wait", by=desk.DESK)
    packing.pack([packed.pk], by=desk.DESK)

    def why(order: Order) -> str:
        with pytest.raises(OrderError) as error:
            scanning.begin(order.pk, user=anna, may_release=True)
        return str(error.value)

    assert why(new) == "Release the order first."
    assert why(held) == "On hold: wait"
    assert why(packed).startswith("This is not possible")
    assert not PackingSession.objects.exists()

    fresh = desk.an_order(quick, MUG=1)
    scanning.begin(fresh.pk, user=anna, may_release=True)
    assert desk.status(fresh) == "rfp"


def test_a_hold_that_comes_in_the_meantime_stops_the_last_scan(store, anna):
    order = released(store, MUG=1)
    scanning.begin(order.pk, user=anna)
    decisions.hold([order.pk], reason="buyer wrote", by=desk.DESK)

    answer = scanning.scan(order.pk, "MUG", user=anna)

    assert (answer.kind, answer.text) == ("refused", "On hold: buyer wrote")
    assert desk.status(order) == "rfp"


def test_an_order_is_found_by_its_numbers(store):
    order = released(store)
    Order.objects.filter(pk=order.pk).update(number="100482")
    order.shipments.update(tracking_number="AB1")

    for code in ("100482", "#100482", "100482/1", "100482-S1", "100482 S1", "AB1"):
        assert scanning.find_orders(code) == [order], code
    for code in ("", "#", "10048", "ab2", "\x00"):
        assert scanning.find_orders(code) == []

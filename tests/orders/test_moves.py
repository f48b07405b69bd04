# long because: the table of moves, one row a test.
"""An order on its way through the house, and the sentences that stop it."""

from __future__ import annotations

import pytest

from channels.models import Connection, OutboxMessage
from inventory.models import StockMovement, Warehouse
from oms.kit.background import queue
from oms.kit.models import Problem
from orders.choices import OrderStatus
from orders.domain.moves import BY_NAME, MOVES, moves_for
from orders.errors import OrderError
from orders.models import Carrier, Hold, Manifest, Order, OrderEvent, OrderLine, OrderSettings, Shipment
from orders.ops.move_table import as_table
from orders.services import carriers, completion, decisions, packing, tracking
from orders.services import problems as problems_services
from orders.services.handing_over import manifests
from orders.services.stock import backorders, sku_mapping
from tests.orders.desk import (
    DESK,
    an_order,
    comes,
    counters,
    fingerprint,
    path,
    problems,
    record,
    serves,
    shelf,
    status,
    stocked,
    store,
    told,
)

pytestmark = pytest.mark.django_db


def ok(outcomes):
    assert [(outcome.ok, outcome.message) for outcome in outcomes if not outcome.ok] == []
    return outcomes


def to_ready(order: Order) -> None:
    ok(packing.release([order.pk], by=DESK))
    ok(packing.pack([order.pk], by=DESK))
    ok(packing.mark_ready_to_ship([order.pk], by=DESK))


def manifest(carrier: str = "Royal Mail", warehouse: str = "Leeds", **more):
    return manifests.create_manifest(
        carrier=Carrier.objects.get(name=carrier),
        warehouse=Warehouse.objects.get(name=warehouse),
        by=DESK,
        **more,
    )


@pytest.mark.req("R-ORD-08", "R-SHIP-03", "R-SHIP-04", "R-INV-05")
def test_from_new_to_completed():
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)

    ok(packing.release([order.pk], by=DESK))
    assert (status(order), shelf("MUG")) == ("rfp", (5, 2))
    shipment = Shipment.objects.get()
    assert [(row.line.sku, row.quantity) for row in shipment.lines.all()] == [("MUG", 2)]
    ok(packing.pack([order.pk], by=DESK))
    assert status(order) == "packed"
    carrier = carriers.save_carrier(name="DPD", tracking_url="https://dpd.example/{number}", by=DESK)
    ok(packing.mark_ready_to_ship([order.pk], by=DESK, tracking={order.pk: (carrier.pk, " D1 ")}))
    shipment.refresh_from_db()
    assert (status(order), shipment.tracking_link, told(order)) == (
        "rts",
        "https://dpd.example/D1",
        ["ready_to_ship"],
    )
    assert shelf("MUG") == (5, 2)  # still here, still held

    done = manifest("DPD")

    assert (done.manifest.number, [outcome.ok for outcome in done.outcomes]) == (
        f"M{done.manifest.pk:06d}",
        [True],
    )
    assert (status(order), shelf("MUG"), counters(order)) == ("in_transit", (3, 0), [(2, 0, 2, 0)])
    moved = StockMovement.objects.get(kind="shipment")
    assert (moved.quantity, moved.reference_kind, moved.reference_id) == (-2, "shipment", shipment.pk)
    assert told(order) == ["ready_to_ship", "shipped"]
    ok(completion.mark_delivered([order.pk], by=DESK))
    ok(completion.complete([order.pk], by=DESK))
    assert told(order) == ["ready_to_ship", "shipped", "completed"]
    assert path(order) == [
        ("placed", "", "new"),
        ("release", "new", "rfp"),
        ("pack", "rfp", "packed"),
        ("ready_to_ship", "packed", "rts"),
        ("hand_over", "rts", "in_transit"),
        ("mark_delivered", "in_transit", "delivered"),
        ("complete", "delivered", "completed"),
    ]
    assert set(OrderEvent.objects.exclude(kind="placed").values_list("actor", flat=True)) == {"person"}


@pytest.mark.req("R-ORD-08")
def test_an_illegal_move_answers_with_a_sentence_and_changes_nothing():
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)
    before = fingerprint()

    outcomes = [
        *packing.pack([order.pk], by=DESK),
        *packing.mark_ready_to_ship([order.pk], by=DESK),
        *completion.mark_delivered([order.pk], by=DESK),
        *completion.complete([order.pk], by=DESK),
        *packing.undo_packing([order.pk], by=DESK),
        *decisions.approve([order.pk], by=DESK),
        *decisions.mark_paid([order.pk], by=DESK),
        *decisions.confirm_cancel([order.pk], by=DESK),
        *decisions.withdraw_cancel([order.pk], by=DESK),
        *decisions.lift_hold([order.pk], by=DESK),
        *decisions.hold([order.pk], reason=" ", by=DESK),
        *decisions.cancel([order.pk], reason="", by=DESK),
        *packing.release([999_999], by=DESK),
    ]

    assert {outcome.ok for outcome in outcomes} == {False}
    assert all(outcome.message.endswith(".") for outcome in outcomes)
    assert fingerprint() == before


@pytest.mark.req("R-ORD-09")
def test_a_partial_order_waits_and_goes_on_by_itself_when_stock_comes():
    from inventory.services.adjust import receive

    shop = store()
    mug = stocked("MUG", leeds=1)
    old, young = an_order(shop, MUG=3), an_order(shop, MUG=1)
    assert (status(old), status(young), shelf("MUG")) == ("partial", "partial", (1, 1))
    assert "stock" in packing.release([old.pk], by=DESK)[0].message

    receive(variant=mug, warehouse=Warehouse.objects.get(), quantity=2, reason="delivery", by=DESK)
    assert backorders.refill() == 1

    assert (status(old), status(young), shelf("MUG")) == ("new", "partial", (3, 3))
    assert path(old)[-1] == ("refill", "partial", "new")
    assert backorders.refill() == 0


def test_stock_that_arrives_starts_a_refill_after_the_commit(django_capture_on_commit_callbacks, monkeypatch):
    from inventory.services.adjust import receive

    rung = []
    monkeypatch.setattr(queue, "async_task", lambda *args, **more: rung.append((args, more)))
    shop = store()
    mug = stocked("MUG", leeds=0)
    with django_capture_on_commit_callbacks(execute=True):
        receive(variant=mug, warehouse=Warehouse.objects.get(), quantity=1, reason="delivery", by=DESK)
    assert rung == []  # nobody waits for it
    an_order(shop, MUG=3)

    with django_capture_on_commit_callbacks(execute=True):
        receive(variant=mug, warehouse=Warehouse.objects.get(), quantity=2, reason="delivery", by=DESK)

    assert rung == [(("orders.tasks.refill", [mug.pk]), {"cluster": "orders"})]


@pytest.mark.req("R-INV-04")
def test_a_lower_count_takes_units_back_from_the_youngest_order():
    from inventory.errors import StockError
    from inventory.services.adjust import adjust

    shop = store()
    mug = stocked("MUG", leeds=4)
    old, young = an_order(shop, MUG=2), an_order(shop, MUG=2)
    ok(packing.release([young.pk], by=DESK))
    leeds = Warehouse.objects.get()

    adjust(variant=mug, warehouse=leeds, set_to=3, reason="count", by=DESK)

    assert (status(old), status(young), shelf("MUG")) == ("new", "partial", (3, 3))
    assert [shipment.state for shipment in young.shipments.all()] == ["cancelled"]
    ok(packing.release([old.pk], by=DESK))
    ok(packing.pack([old.pk], by=DESK))
    with pytest.raises(StockError):
        adjust(variant=mug, warehouse=leeds, set_to=1, reason="count", by=DESK)
    assert (status(old), shelf("MUG")) == ("packed", (3, 3))
    adjust(variant=mug, warehouse=leeds, set_to=2, reason="count", by=DESK)
    assert (counters(young), shelf("MUG")) == ([(2, 0, 0, 0)], (2, 2))


@pytest.mark.parametrize("move", [move.name for move in MOVES if move.is_forward])
def test_a_hold_stops_every_forward_move(move):
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)
    source = BY_NAME[move].sources[0]
    Order.objects.filter(pk=order.pk).update(status=source)
    Hold.objects.create(order=order, reason="fraud check")

    from orders.domain.moves import refusal
    from orders.unit_of_work.unit_of_work import UnitOfWork

    [work] = UnitOfWork.load([order.pk], lock=False).order_states
    assert refusal(work, move) == "On hold: fraud check"


def test_a_hold_keeps_the_stock_and_is_lifted():
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)

    ok(decisions.hold([order.pk], reason="fraud check", by=DESK))
    order.refresh_from_db()
    assert (order.holds_open, order.status, shelf("MUG")) == (1, "new", (5, 2))
    assert not packing.release([order.pk], by=DESK)[0].ok
    ok(decisions.lift_hold([order.pk], by=DESK))

    order.refresh_from_db()
    assert order.holds_open == 0
    ok(packing.release([order.pk], by=DESK))


@pytest.mark.req("R-SHIP-01", "R-SHIP-02")
def test_ready_to_ship_needs_a_carrier():
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)
    Order.objects.update(shipping_method="")
    ok(packing.release([order.pk], by=DESK))
    ok(packing.pack([order.pk], by=DESK))

    [outcome] = packing.mark_ready_to_ship([order.pk], by=DESK)

    assert (outcome.ok, problems(order), status(order), told(order)) == (False, ["no_carrier"], "packed", [])
    OrderSettings.objects.update(default_carrier=carriers.save_carrier(name="DPD", by=DESK))
    ok(packing.mark_ready_to_ship([order.pk], by=DESK))
    order.refresh_from_db()
    assert (order.status, order.problems_open, problems(order)) == ("rts", 0, [])
    assert Shipment.objects.get().carrier.name == "DPD"  # type: ignore[union-attr]


@pytest.mark.req("R-SHIP-07")
def test_a_tracking_number_that_comes_later_is_sent_too():
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)
    to_ready(order)
    shipment = Shipment.objects.select_related("order").get()
    carrier = shipment.carrier

    tracking.set_tracking(shipment=shipment, carrier=carrier, number="T1", by=DESK)
    tracking.set_tracking(shipment=shipment, carrier=carrier, number="T1", by=DESK)

    assert told(order) == ["ready_to_ship", "tracking"]
    assert status(order) == "rts"


@pytest.mark.req("R-SHIP-04")
def test_a_manifest_leaves_off_what_may_not_leave_and_says_why():
    shop = store()
    stocked("MUG", leeds=9)
    stocked("CUP", leeds=9)
    good, held, late, other = (an_order(shop, MUG=1) for _ in range(4))
    for order in (good, held, late):
        to_ready(order)
    ok(packing.release([other.pk], by=DESK))
    ok(decisions.hold([held.pk], reason="call first", by=DESK))
    comes(shop, record(late.number, record("x").remote_state.CANCELLED, minutes=9, MUG=1))
    ids = list(Shipment.objects.values_list("pk", flat=True))

    done = manifest(shipment_ids=ids)

    assert {outcome.number: outcome.ok for outcome in done.outcomes} == {
        good.number: True,
        held.number: False,
        late.number: False,
        other.number: False,
    }
    assert [status(order) for order in (good, held, late, other)] == ["in_transit", "rts", "rts", "rfp"]
    assert list(done.manifest.shipments.values_list("order", flat=True)) == [good.pk]
    assert shelf("MUG") == (8, 3)
    again = manifest(shipment_ids=ids)
    assert (again.manifest, Manifest.objects.count(), shelf("MUG")) == (None, 1, (8, 3))


@pytest.mark.req("R-INV-03", "R-SHIP-04")
def test_an_order_from_two_warehouses_is_in_transit_when_both_parcels_have_left():
    shop = store()
    serves(shop, "Leeds", "Lyon")
    stocked("MUG", leeds=1, lyon=1)
    order = an_order(shop, MUG=2)
    to_ready(order)
    assert told(order) == ["ready_to_ship"]  # OpenCart knows no parcels: told once

    manifest(warehouse="Leeds")
    assert (status(order), told(order)) == ("rts", ["ready_to_ship"])
    manifest(warehouse="Lyon")

    assert (status(order), told(order)) == ("in_transit", ["ready_to_ship", "shipped"])
    assert (shelf("MUG"), shelf("MUG", "Lyon")) == ((0, 0), (0, 0))


@pytest.mark.req("R-ORD-11")
def test_a_seller_cancel_that_the_channel_is_not_sent_stays_in_process_until_confirmed():
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)

    [outcome] = decisions.cancel([order.pk], reason="sold out", by=DESK)

    assert outcome.ok
    assert "switched off" in outcome.message
    assert (status(order), shelf("MUG"), told(order)) == ("seller_cancel_in_process", (5, 2), [])
    ok(decisions.confirm_cancel([order.pk], by=DESK))
    assert (status(order), shelf("MUG"), counters(order)) == ("cancelled_by_seller", (5, 0), [(2, 0, 0, 2)])


@pytest.mark.req("R-ORD-11")
def test_a_seller_cancel_is_sent_where_the_store_does_so_and_can_be_withdrawn():
    shop = store(options={"push_seller_cancel": True})
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)
    ok(packing.release([order.pk], by=DESK))

    ok(decisions.cancel([order.pk], reason="sold out", by=DESK))
    assert (status(order), told(order), shelf("MUG")) == ("seller_cancel_in_process", ["cancelled"], (5, 2))
    ok(decisions.withdraw_cancel([order.pk], by=DESK))

    assert (status(order), shelf("MUG")) == ("rfp", (5, 2))


@pytest.mark.req("R-ORD-11")
def test_packed_is_too_late_to_cancel():
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)
    ok(packing.release([order.pk], by=DESK))
    ok(packing.pack([order.pk], by=DESK))

    [outcome] = decisions.cancel([order.pk], reason="sold out", by=DESK)

    assert (outcome.ok, status(order)) == (False, "packed")
    assert "already packed" in outcome.message


@pytest.mark.req("R-ORD-12")
def test_a_delivered_order_completes_when_the_action_window_ends():
    from datetime import timedelta

    from django.utils import timezone

    shop = store(settings={"action_window_days": 3})
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)
    to_ready(order)
    manifest()
    ok(completion.mark_delivered([order.pk], by=DESK))
    assert completion.complete_due() == 0

    Order.objects.update(delivered_at=timezone.now() - timedelta(days=3, minutes=1))

    assert completion.complete_due() == 1
    assert status(order) == "completed"
    assert OrderEvent.objects.get(kind="complete").actor == "system"
    assert completion.complete_due() == 0


def test_a_store_on_read_only_keeps_its_events_back():
    shop = store()
    Connection.objects.update(is_read_only=True)
    shop.refresh_from_db()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)
    to_ready(order)

    assert list(OutboxMessage.objects.filter(kind="event").values_list("topic", "is_held")) == [
        ("ready_to_ship", True)
    ]


def test_taking_back_puts_the_parcel_away_and_keeps_the_stock():
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, MUG=2)
    ok(packing.release([order.pk], by=DESK))
    ok(packing.pack([order.pk], by=DESK))

    ok(packing.undo_packing([order.pk], by=DESK))

    assert (status(order), shelf("MUG")) == ("new", (5, 2))
    ok(packing.release([order.pk], by=DESK))
    assert list(order.shipments.values_list("number", "state")) == [(1, "cancelled"), (2, "planned")]


def test_a_mapped_sku_is_remembered_for_the_store():
    from catalogue.models import SkuAlias

    shop = store()
    mug = stocked("MUG", leeds=5)
    order = an_order(shop, ODD=2)

    sku_mapping.map_line(line=OrderLine.objects.get(), variant=mug, remember=True, by=DESK)

    assert shelf("MUG") == (5, 2)
    assert list(SkuAlias.objects.values_list("sku", "variant__sku", "connection")) == [
        ("ODD", "MUG", shop.pk)
    ]
    assert problems(an_order(shop, ODD=1)) == []
    assert problems(order) == []


def test_orders_that_wait_for_a_sku_go_on_when_it_is_known():
    from orders.services.stock.backorders import map_waiting

    shop = store()
    first, second = an_order(shop, ODD=2), an_order(shop, ODD=3)
    assert map_waiting() == 0
    stocked("ODD", leeds=4)

    assert map_waiting() == 2

    assert (status(first), status(second), shelf("ODD")) == ("new", "partial", (4, 4))
    assert (problems(first), problems(second)) == ([], [])


def test_a_problem_is_dismissed_only_with_a_reason_and_only_where_that_helps():
    shop = store()
    stocked("MUG", leeds=5)
    order = an_order(shop, ODD=1)
    with pytest.raises(OrderError):
        problems_services.dismiss_problem(problem=Problem.objects.get(), how="never mind", by=DESK)
    Problem.objects.update(code="money_mismatch")
    with pytest.raises(OrderError):
        problems_services.dismiss_problem(problem=Problem.objects.get(), how=" ", by=DESK)

    problems_services.dismiss_problem(problem=Problem.objects.get(), how="a coupon", by=DESK)

    order.refresh_from_db()
    assert (order.problems_open, Problem.objects.get().resolution) == (0, "a coupon")


def test_the_table_names_every_state_but_those_without_a_way_out():
    sources = {source for move in MOVES if set(move.sources) != set(move.results) for source in move.sources}

    assert set(OrderStatus) - sources == {
        OrderStatus.COMPLETED,
        OrderStatus.RETURNED,
    }
    assert [row["name"] for row in as_table()] == [move.name for move in MOVES]
    assert next(row for row in as_table() if row["name"] == "release")["blocked_by"] == [
        "address_missing",
        "partly_refunded",
        "refunded_there",
        "unknown_currency",
        "unknown_sku",
        "unknown_status",
        "which_sku",
    ]


def test_the_main_move_leads_on_and_refused_ones_say_why(django_assert_num_queries):
    shop = store()
    stocked("MUG", leeds=1)
    fine, short = an_order(shop, MUG=1), an_order(shop, MUG=1)
    more = [an_order(shop, MUG=1) for _ in range(5)]

    with django_assert_num_queries(9):
        moves = moves_for([fine, short, *more])

    assert [move.name for move in moves[fine.pk] if move.is_main] == ["release"]
    assert {move.name: move.enabled for move in moves[fine.pk]} == {
        "release": True,
        "cancel": True,
        "hold": True,
    }
    assert {move.name: move.enabled for move in moves[short.pk]} == {
        "release_part": False,
        "cancel": True,
        "hold": True,
    }

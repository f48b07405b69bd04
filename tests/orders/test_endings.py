"""What is over leaves nothing behind that waits for ever: holds, problems, messages, lines that never followed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from channels.contract.records.orders import RemoteState
from channels.models import OutboxMessage, SyncStream
from inventory.models import StockItem
from oms.kit.background import queue
from orders.models import Allocation, Order
from orders.services import carriers, completion, decisions, packing
from orders.services.stock import backorders
from tests.orders.desk import (
    DESK,
    an_order,
    comes,
    counters,
    line,
    problems,
    record,
    shelf,
    status,
    stocked,
    store,
    told,
)
from tests.orders.test_moves import manifest, ok, to_ready
from tests.orders.test_news import says

pytestmark = pytest.mark.django_db
S = RemoteState


# ---------------------------------------------------------------- holds


def test_a_hold_ends_with_the_order_that_was_shipped_there_so_that_it_can_go_on():
    shop = store()
    stocked("MUG", leeds=3)
    order = an_order(shop, MUG=2)
    ok(decisions.hold([order.pk], reason="fraud check", by=DESK))

    says(order, S.SHIPPED)

    order.refresh_from_db()
    assert (order.status, order.holds_open) == ("in_transit", 0)
    ok(completion.mark_delivered([order.pk], by=DESK))
    ok(completion.complete([order.pk], by=DESK))
    assert order.holds.get().lifted_by is None


def test_a_hold_ends_with_the_order_that_was_cancelled_there():
    shop = store()
    stocked("MUG", leeds=3)
    order, other = an_order(shop, MUG=1), an_order(shop, MUG=1)
    ok(decisions.hold([order.pk, other.pk], reason="fraud check", by=DESK))

    says(order, S.CANCELLED)

    order.refresh_from_db()
    other.refresh_from_db()
    assert (order.status, order.holds_open) == ("cancelled", 0)
    assert (other.status, other.holds_open) == ("new", 1)


# ---------------------------------------------------------------- problems


@pytest.mark.req("R-ORD-07")
def test_a_sku_that_nobody_knew_is_no_question_any_more_once_the_order_was_shipped_there():
    shop = store()
    order = an_order(shop, ODD=1)
    assert problems(order) == ["unknown_sku"]

    says(order, S.SHIPPED)

    assert (status(order), problems(order)) == ("in_transit", ["shipped_short"])
    says(order, S.DELIVERED, minutes=6)
    assert problems(order) == ["shipped_short"]


def test_an_order_that_is_cancelled_there_again_is_no_problem_any_more():
    shop = store()
    stocked("MUG", leeds=3)
    order = an_order(shop, MUG=2)
    ok(decisions.cancel([order.pk], reason="sold out", by=DESK))
    says(order, S.CANCELLED)
    says(order, S.NEW, minutes=6)
    assert problems(order) == ["reopened_there"]

    says(order, S.CANCELLED, minutes=7)

    assert (status(order), problems(order), shelf("MUG")) == ("cancelled_by_seller", [], (3, 0))


def test_a_parcel_that_leaves_with_more_than_is_held_for_it_says_so():
    shop = store()
    stocked("MUG", leeds=2)
    order = an_order(shop, MUG=2)
    to_ready(order)
    # What no verb does: its units are gone from the shelf.
    Allocation.objects.update(state="released")
    order.lines.update(allocated=0)
    StockItem.objects.update(allocated=0, on_hand=0)

    manifest()

    assert (status(order), shelf("MUG"), problems(order)) == ("in_transit", (0, 0), ["shipped_short"])


# ---------------------------------------------------------------- messages


def refused(order: Order) -> OutboxMessage:
    """The order's one message, as it lies when the channel has refused it."""
    OutboxMessage.objects.filter(group=order.pk).update(
        parked_at=timezone.now(), last_error="No.", attempts=1
    )
    return OutboxMessage.objects.get(group=order.pk)


@pytest.mark.req("R-ORD-11", "R-SHIP-03")
def test_a_refused_cancellation_that_is_withdrawn_keeps_back_nothing_that_comes_after_it():
    post = carriers.save_carrier(name="Royal Mail", by=DESK)
    shop = store(channel="onbuy", settings={"default_carrier": post})
    stocked("MUG", leeds=3)
    order = an_order(shop, MUG=2)
    ok(decisions.cancel([order.pk], reason="sold out", by=DESK))
    assert told(order) == ["cancelled"]
    refused(order)

    ok(decisions.withdraw_cancel([order.pk], by=DESK))
    to_ready(order)

    assert [row.topic for row in OutboxMessage.objects.filter(group=order.pk).due()] == ["ready_to_ship"]
    assert not OutboxMessage.objects.parked().exists()


@pytest.mark.req("R-ORD-11")
@pytest.mark.parametrize("how", ["by hand", "there"])
def test_a_refused_cancellation_is_forgotten_when_the_order_is_cancelled_all_the_same(how: str):
    shop = store(channel="onbuy")
    stocked("MUG", leeds=3)
    order, other = an_order(shop, MUG=1), an_order(shop, MUG=1)
    for each in (order, other):
        ok(decisions.cancel([each.pk], reason="sold out", by=DESK))
        refused(each)

    if how == "there":
        says(order, S.CANCELLED)
    else:
        ok(decisions.confirm_cancel([order.pk], by=DESK))

    assert status(order) == "cancelled_by_seller"
    assert [row.group for row in OutboxMessage.objects.parked()] == [other.pk]


def test_what_a_worker_is_sending_at_that_moment_is_left_to_it():
    shop = store(channel="onbuy")
    stocked("MUG", leeds=3)
    order = an_order(shop, MUG=2)
    ok(decisions.cancel([order.pk], reason="sold out", by=DESK))
    OutboxMessage.objects.update(lease_token="worker", lease_until=timezone.now() + timedelta(minutes=2))

    ok(decisions.withdraw_cancel([order.pk], by=DESK))

    message = OutboxMessage.objects.get()
    assert (message.skipped_at, message.lease_token) == (None, "worker")


# ---------------------------------------------------------------- lines


@pytest.mark.req("R-ORD-15")
def test_lines_that_changed_there_while_it_was_packed_follow_once_packing_is_undone(
    django_capture_on_commit_callbacks: Any,
):
    shop = store()
    stream = SyncStream.objects.create(connection=shop, name="orders.changed", lane="orders")
    stocked("MUG", leeds=9)
    order = an_order(shop, MUG=4)
    ok(packing.release([order.pk], by=DESK))
    ok(packing.pack([order.pk], by=DESK))
    changed = record(order.number, minutes=5, lines=(line(order.lines.get().external_id, "MUG", 3),))
    comes(shop, changed)
    assert (counters(order), problems(order)) == ([(4, 4, 0, 0)], ["late_change"])

    with django_capture_on_commit_callbacks(execute=True):
        [outcome] = ok(packing.undo_packing([order.pk], by=DESK))

    stream.refresh_from_db()
    assert stream.wanted_ids == [order.external_id]
    assert "imported again from Shop" in outcome.message
    assert (status(order), problems(order), shelf("MUG")) == ("new", [], (9, 4))
    assert comes(shop, changed).changed == 1  # the same document as before: it is taken over now
    assert (counters(order), shelf("MUG"), problems(order)) == ([(3, 3, 0, 0)], (9, 3), [])
    assert comes(shop, changed).same == 1


def test_an_order_that_is_unpacked_for_no_such_reason_is_not_read_again(
    django_capture_on_commit_callbacks: Any,
):
    shop = store()
    stream = SyncStream.objects.create(connection=shop, name="orders.changed", lane="orders")
    stocked("MUG", leeds=9)
    order = an_order(shop, MUG=4)
    ok(packing.release([order.pk], by=DESK))

    with django_capture_on_commit_callbacks(execute=True):
        [outcome] = ok(packing.undo_packing([order.pk], by=DESK))

    stream.refresh_from_db()
    assert (stream.wanted_ids, outcome.message) == ([], "")


# ---------------------------------------------------------------- stock


@pytest.mark.req("R-ORD-09", "R-ORD-10")
def test_orders_that_were_never_paid_do_not_stand_before_those_that_wait_for_stock():
    shop = store(settings={"unpaid_hold_hours": 0})
    stocked("MUG", leeds=0)
    for number in range(5):
        comes(shop, record(f"u{number}", S.UNPAID, MUG=1))
    waiting = an_order(shop, MUG=1)
    assert status(waiting) == "partial"
    item = StockItem.objects.get()
    item.movements.create(kind="receipt", quantity=1, before=0, after=1, reason="test")
    StockItem.objects.update(on_hand=1)

    assert backorders.refill(limit=1) == 1

    assert (status(waiting), shelf("MUG")) == ("new", (1, 1))


@pytest.mark.req("R-ORD-09", "R-ORD-10")
def test_a_draft_that_is_short_takes_what_comes_before_younger_orders():
    shop = store()
    stocked("MUG", leeds=1)
    comes(shop, record("1", S.DRAFT, MUG=2))
    comes(shop, record("2", S.NEW, MUG=1))
    draft, young = Order.objects.get(number="1"), Order.objects.get(number="2")
    assert (counters(draft), status(young)) == ([(2, 1, 0, 0)], "partial")
    item = StockItem.objects.get()
    item.movements.create(kind="receipt", quantity=1, before=1, after=2, reason="test")
    StockItem.objects.update(on_hand=2)

    assert backorders.refill() == 1

    assert (counters(draft), status(draft), status(young)) == ([(2, 2, 0, 0)], "draft", "partial")


@pytest.mark.req("R-ORD-09")
def test_a_delivery_that_many_wait_for_reaches_them_without_waiting_for_the_next_minute(
    monkeypatch: pytest.MonkeyPatch,
):
    from orders import tasks

    rung: list[tuple[Any, ...]] = []
    monkeypatch.setattr(queue, "async_task", lambda *args, **_more: rung.append(args))
    monkeypatch.setattr(backorders, "BATCH_SIZE", 2)
    shop = store()
    mug = stocked("MUG", leeds=0)
    for _number in range(3):
        an_order(shop, MUG=1)
    StockItem.objects.get().movements.create(kind="receipt", quantity=3, before=0, after=3, reason="test")
    StockItem.objects.update(on_hand=3)

    assert tasks.refill([mug.pk]) == 2
    assert rung == [("orders.tasks.refill", [mug.pk])]
    assert tasks.refill(rung[0][1]) == 1

    assert (len(rung), shelf("MUG")) == (1, (3, 3))


@pytest.mark.req("R-INV-04")
def test_a_lower_count_takes_units_back_from_a_draft_too():
    from inventory.models import Warehouse
    from inventory.services.adjust import adjust

    shop = store()
    mug = stocked("MUG", leeds=2)
    comes(shop, record("1", S.DRAFT, MUG=2))
    draft = Order.objects.get()

    adjust(variant=mug, warehouse=Warehouse.objects.get(), set_to=1, reason="count", by=DESK)

    assert (counters(draft), shelf("MUG"), status(draft)) == ([(2, 1, 0, 0)], (1, 1), "draft")


@pytest.mark.req("R-ORD-07")
def test_a_sku_that_was_just_mapped_does_not_wait_behind_others_that_nobody_knows(
    django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
):
    from catalogue.services.sku_mapping import map_sku

    rung: list[tuple[Any, ...]] = []
    monkeypatch.setattr(queue, "async_task", lambda *args, **_more: rung.append(args))
    shop = store()
    mug = stocked("MUG", leeds=1)
    for number in range(20):
        comes(shop, record(f"o{number}", lines=(line(f"l{number}", f"ODD-{number}", 1),)))
    comes(shop, record("m", lines=(line("l", "CUP", 1),)))
    order = Order.objects.get(number="m")

    with django_capture_on_commit_callbacks(execute=True):
        map_sku(shop, "CUP", mug, DESK)
    [(_task, keys)] = [args for args in rung if args[0] == "orders.tasks.map_waiting"]
    assert backorders.map_waiting(keys, limit=1) == 1

    assert (status(order), problems(order), shelf("MUG")) == ("new", [], (1, 1))

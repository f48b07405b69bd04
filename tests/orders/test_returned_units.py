"""Returns: what a channel reports, what the units are worth, and that units and stock always close (R-PLUS-10)."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalogue.models import Variant
from channels.contract.records.orders import RemoteState
from inventory.models import StockMovement
from orders.choices import ReturnOrigin, ReturnReason
from orders.errors import OrderError
from orders.models import Order, OrderEvent, OrderLine, Return, ReturnLine
from orders.ops.doctor_checks import CHECKS
from orders.services.moves import make_move
from orders.services.returns.receipt import close
from orders.services.returns.requests import approve, refuse, request_return
from tests.orders.desk import DESK, an_order, comes, line, problems, record, shelf, status
from tests.orders.test_returns import a_shop, asked, graded, shipped, unusable

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-PLUS-10")]


@pytest.fixture
def shop():
    return a_shop()


def test_the_channel_reports_a_return_once_with_the_units_that_were_shipped(shop):
    order = shipped(shop, MUG=2)

    comes(shop, record(order.external_id, RemoteState.RETURNED, minutes=1, MUG=2))
    comes(shop, record(order.external_id, RemoteState.RETURNED, minutes=2, price="11", MUG=2))

    found = Return.objects.get()
    assert (found.origin, found.state, found.lines.get().quantity) == ("channel", "requested", 2)
    event = OrderEvent.objects.get(order=order, kind="return")
    assert (event.text, event.actor) == (f"Return {found.number} requested by Shop", "channel")
    assert (problems(order), status(order)) == (["refunded_there"], "in_transit")
    approve(return_id=found.pk, by=DESK)
    graded(found, usable=2)
    assert (problems(order), status(order), shelf("MUG")) == ([], "returned", (9, 0))


def test_a_refused_return_is_not_requested_again_by_the_next_import(shop):
    order = shipped(shop, MUG=2)
    comes(shop, record(order.external_id, RemoteState.RETURNED, minutes=1, MUG=2))
    refuse(return_id=Return.objects.get().pk, reason="worn", by=DESK)

    comes(shop, record(order.external_id, RemoteState.RETURNED, minutes=2, price="11", MUG=2))

    assert Return.objects.count() == 1


def test_an_order_that_was_never_shipped_gets_no_return_from_the_channel(shop):
    order = an_order(shop, MUG=2)

    comes(shop, record(order.external_id, RemoteState.RETURNED, minutes=1, MUG=2))

    assert (Return.objects.count(), problems(order)) == (0, ["refunded_there"])


@pytest.mark.req("R-ORD-11")
def test_a_cancellation_that_came_too_late_is_handled_by_a_return(shop):
    order = shipped(shop, MUG=1)
    comes(shop, record(order.external_id, RemoteState.CANCELLED, minutes=1, MUG=1))
    assert problems(order) == ["late_cancel"]

    found = request_return(
        order_id=order.pk,
        units={order.lines.get().pk: 1},
        reason=ReturnReason.CANCELLED,
        origin=ReturnOrigin.LATE_CANCEL,
        by=DESK,
    )

    assert (problems(order), found.origin, status(order)) == ([], "late_cancel", "in_transit")


def test_the_refund_is_noted_as_the_channel_reports_it_and_no_money_is_moved(shop):
    order = shipped(shop, MUG=2)
    Order.objects.filter(pk=order.pk).update(refunded_total=Decimal(3))
    found = asked(order, MUG=1)
    Order.objects.filter(pk=order.pk).update(refunded_total=Decimal("12.50"))

    graded(found, usable=1)

    found.refresh_from_db()
    order.refresh_from_db()
    assert (found.refunded_before, found.refund_noted) == (Decimal(3), Decimal("9.50"))
    assert found.lines.get().amount == Decimal(10)
    assert (order.total, order.refunded_total) == (Decimal(20), Decimal("12.50"))


def test_the_values_of_parts_add_up_to_the_line_exactly(shop):
    comes(shop, record("9", lines=(line("a", "MUG", 3, "3.34"),)))
    OrderLine.objects.update(total=Decimal("10.00"))
    order = Order.objects.get(number="9")
    for name in ("release", "pack", "ready_to_ship", "hand_over"):
        make_move(name, [order.pk], by=DESK)

    amounts = []
    for _unit in range(3):
        graded(found := asked(order, MUG=1), usable=1)
        amounts.append(found.lines.get().amount)

    assert amounts == [Decimal("3.33"), Decimal("3.34"), Decimal("3.33")]
    assert sum(amounts) == 10


def test_the_database_refuses_more_returned_units_than_were_shipped(shop):
    order = shipped(shop, MUG=1)
    found = asked(order, MUG=1)

    with pytest.raises(IntegrityError), transaction.atomic():
        order.lines.update(returned=2)
    with pytest.raises(IntegrityError), transaction.atomic():
        found.lines.update(usable=1, missing=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Return.objects.update(state="refused", refusal="")


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "approve", "refuse", "receive", "close"]),
        st.integers(0, 3),
        st.integers(0, 3),
        st.integers(0, 3),
    ),
    max_size=10,
)


@pytest.mark.parametrize("examples", [6, pytest.param(300, marks=pytest.mark.slow)])
def test_whatever_people_do_no_more_comes_back_than_was_shipped_and_the_stock_closes(shop, examples):
    order = shipped(shop, MUG=4)

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(STEPS)
    def in_any_sequence(steps):
        with transaction.atomic():
            play(order, steps)
            transaction.set_rollback(True)

    in_any_sequence()


def play(order: Order, steps) -> None:
    (row,) = order.lines.all()
    for what, first, second, third in steps:
        rows = Return.objects.order_by("pk")
        found = rows.last() if first % 2 else rows.first()
        with suppress(OrderError):
            if what == "ask":
                asked(order, MUG=second, approved=bool(third % 2))
            elif what == "approve" and found:
                approve(return_id=found.pk, by=DESK)
            elif what == "refuse" and found:
                refuse(return_id=found.pk, reason="no", by=DESK)
            elif what == "receive" and found:
                graded(found, usable=second, unusable=third, missing=first % 2)
            elif what == "close" and found:
                close(return_id=found.pk, by=DESK)
    row.refresh_from_db()
    lines = list(ReturnLine.objects.select_related("of"))
    back = sum(one.came_back for one in lines)
    assert row.returned == back
    assert back + sum(one.expected for one in lines if one.of.is_open) <= row.shipped == 4
    assert shelf("MUG") == (5 + sum(one.usable for one in lines), 0)
    assert unusable("MUG") == sum(one.unusable for one in lines)
    assert sum(one.amount for one in lines) == row.total * back / 4
    assert status(order) == ("returned" if back == 4 else "in_transit")
    moved = StockMovement.objects.filter(stock_item__variant__sku="MUG").values_list("quantity", flat=True)
    assert sum(moved) == shelf("MUG")[0]
    for name in ("order_lines_returned_is_their_returns", "order_status_follows_facts"):
        assert CHECKS[name]().ok, name


def test_goods_of_a_sku_that_was_merged_go_to_the_sku_that_stays(shop):
    order = shipped(shop, MUG=1)
    found = asked(order, MUG=1)
    tee = Variant.objects.get(sku="TEE")
    Variant.objects.filter(sku="MUG").update(merged_into=tee)

    graded(found, usable=1)

    assert (shelf("MUG"), shelf("TEE"), status(order)) == ((8, 0), (10, 0), "returned")

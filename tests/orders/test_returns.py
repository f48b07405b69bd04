"""Returns: requested, decided, received, graded, closed; units and stock always close (R-PLUS-10)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from catalogue.models import Variant
from inventory.models import StockItem, StockMovement, Warehouse
from oms.kit.models import AuditEntry
from orders.choices import ReturnReason
from orders.errors import OrderError
from orders.models import Order, OrderEvent, OrderLine, OrderSettings, Return, ReturnLine
from orders.ops.doctor_checks import CHECKS
from orders.services import carriers, completion
from orders.services.moves import make_move
from orders.services.returns.receipt import Grade, close, receive
from orders.services.returns.requests import approve, refuse, request_return, request_without_order
from tests.orders.desk import (
    DESK,
    an_order,
    fingerprint,
    path,
    shelf,
    status,
    stocked,
    store,
)

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-PLUS-10")]


@pytest.fixture
def shop():
    return a_shop()


def a_shop():
    made = store()
    OrderSettings.objects.filter(connection=made).update(
        default_carrier=carriers.save_carrier(name="Royal Mail", tracking_url="", by=DESK)
    )
    stocked("MUG", leeds=9)
    stocked("TEE", leeds=9)
    return made


def shipped(shop: Any, **skus: Any) -> Order:
    """An order that has left with all its units."""
    order = an_order(shop, **skus)
    for name in ("release", "pack", "ready_to_ship", "hand_over"):
        (outcome,) = make_move(name, [order.pk], by=DESK)
        assert outcome.ok, outcome.message
    return order


def leeds() -> Warehouse:
    return Warehouse.objects.get(code="LEEDS")


def asked(order: Order, *, approved: bool = True, **skus: int) -> Return:
    """A return of these units."""
    lines = {row.sku: row.pk for row in order.lines.all()}
    made = request_return(
        order_id=order.pk,
        units={lines[sku]: units for sku, units in skus.items()},
        reason=ReturnReason.FAULTY,
        by=DESK,
    )
    if approved:
        approve(return_id=made.pk, by=DESK)
    made.refresh_from_db()
    return made


def graded(found: Return, **grade: int) -> Return:
    """Receive units of the only line of a return."""
    return receive(
        return_id=found.pk, grades={found.lines.get().pk: Grade(**grade)}, warehouse=leeds(), by=DESK
    )


def unusable(sku: str) -> int:
    return StockItem.objects.get(variant__sku=sku).unusable


def everything() -> tuple[object, ...]:
    rows = (Return.objects, ReturnLine.objects, OrderLine.objects)
    return fingerprint(), [list(one.order_by("pk").values()) for one in rows]


def doctor() -> list[str]:
    return [name for name, check in CHECKS.items() if not check().ok]


def test_a_whole_return_puts_units_where_they_belong_and_the_order_is_returned(shop):
    order = shipped(shop, MUG=5)
    assert shelf("MUG") == (4, 0)
    found = asked(order, MUG=5)

    graded(found, usable=3)
    assert (status(order), shelf("MUG"), unusable("MUG")) == ("in_transit", (7, 0), 0)
    graded(found, unusable=1, written_off=1)

    found.refresh_from_db()
    row = found.lines.get()
    assert (found.state, found.number) == ("closed", f"R{found.pk:06d}")
    assert (row.usable, row.unusable, row.written_off, row.missing, row.expected) == (3, 1, 1, 0, 0)
    assert (status(order), shelf("MUG"), unusable("MUG")) == ("returned", (7, 0), 1)
    movement = StockMovement.objects.latest("pk")
    assert (movement.kind, movement.quantity, movement.reference_kind, movement.reference_id) == (
        "return", 3, "return", found.pk,
    )  # fmt: skip
    assert (row.amount, order.lines.get().total) == (Decimal(50), Decimal(50))
    assert path(order)[-1] == ("return", "in_transit", "returned")
    assert doctor() == []


def test_every_step_has_its_author_and_its_sentence(shop):
    order = shipped(shop, MUG=2)

    graded(asked(order, MUG=2), usable=2)

    texts = list(
        OrderEvent.objects.filter(order=order, kind="return").order_by("pk").values_list("text", flat=True)
    )
    number = Return.objects.get().number
    assert texts == [
        f"Return {number} requested: 2 × MUG. Does not work",
        f"Return {number} approved",
        f"Return {number}: MUG: 2 usable",
    ]
    entries = AuditEntry.objects.filter(subject_kind="orders.return").order_by("pk")
    assert list(entries.values_list("action", "author_name")) == [
        ("return.requested", "anna"),
        ("return.approved", "anna"),
        ("return.received", "anna"),
    ]


def test_a_part_that_is_back_does_not_make_the_order_returned(shop):
    order = shipped(shop, MUG=2, TEE=1)

    graded(asked(order, MUG=2), usable=2)

    assert (status(order), Return.objects.get().state) == ("in_transit", "closed")
    graded(asked(order, TEE=1), written_off=1)
    assert (status(order), shelf("TEE")) == ("returned", (8, 0))


def test_units_that_did_not_come_are_missing_and_can_be_requested_again(shop):
    order = shipped(shop, MUG=3)
    found = asked(order, MUG=3)
    graded(found, usable=1)

    close(return_id=found.pk, by=DESK)

    assert (found.lines.get().missing, order.lines.get().returned, status(order)) == (2, 1, "in_transit")
    again = asked(order, MUG=2)
    with pytest.raises(OrderError, match="Only 0 units of MUG can come back"):
        asked(order, MUG=1)
    graded(again, usable=2)
    assert status(order) == "returned"


@pytest.mark.parametrize(
    ("units", "sentence"),
    [
        (4, "Only 3 units of MUG can come back."),
        (0, "Enter how many units of which line come back."),
        (-1, "Enter how many units of which line come back."),
    ],
)
def test_no_more_can_be_requested_than_was_shipped(shop, units, sentence):
    order = shipped(shop, MUG=3)
    before = everything()

    with pytest.raises(OrderError) as error:
        asked(order, MUG=units)

    assert str(error.value) == sentence
    assert everything() == before


def test_what_was_not_shipped_is_cancelled_and_not_returned(shop):
    order = an_order(shop, MUG=1)

    with pytest.raises(OrderError, match="Nothing of this order was shipped"):
        asked(order, MUG=1)


@pytest.mark.req("R-ORD-12")
def test_a_completed_order_takes_no_return_and_an_open_return_delays_the_completion(shop):
    order, other = shipped(shop, MUG=1), shipped(shop, MUG=1)
    make_move("mark_delivered", [order.pk, other.pk], by=DESK)
    asked(order, MUG=1)
    Order.objects.update(delivered_at=timezone.now() - timedelta(days=99))

    completion.complete_due()

    assert (status(order), status(other)) == ("delivered", "completed")
    with pytest.raises(OrderError, match="This order is completed: the time for returns has ended"):
        asked(other, MUG=1)


def test_a_refused_return_frees_its_units_and_receives_nothing(shop):
    order = shipped(shop, MUG=1)
    found = asked(order, MUG=1, approved=False)
    with pytest.raises(OrderError, match="Enter the reason of the refusal"):
        refuse(return_id=found.pk, reason=" ", by=DESK)

    refuse(return_id=found.pk, reason="after 30 days", by=DESK)

    with pytest.raises(OrderError, match="No more units can be received"):
        graded(found, usable=1)
    with pytest.raises(OrderError, match="Only a requested return can be decided"):
        approve(return_id=found.pk, by=DESK)
    assert (shelf("MUG"), status(order)) == ((8, 0), "in_transit")
    assert asked(order, MUG=1).state == "approved"


def test_goods_are_received_only_when_the_return_is_approved_and_not_more_than_expected(shop):
    order = shipped(shop, MUG=2)
    found = asked(order, MUG=2, approved=False)
    with pytest.raises(OrderError, match="Approve the return first"):
        graded(found, usable=1)
    approve(return_id=found.pk, by=DESK)
    graded(found, usable=1)
    before = everything()

    with pytest.raises(OrderError, match="Only 1 units of MUG are expected"):
        graded(found, usable=1, missing=1)
    with pytest.raises(OrderError, match="Enter how many units came back"):
        graded(found)
    with pytest.raises(OrderError, match="Enter how many units came back"):
        graded(found, usable=2, missing=-1)

    assert everything() == before


def test_goods_without_an_order_change_only_the_stock(shop):
    found = request_without_order(lines=[("mug", 2)], reason=ReturnReason.UNDELIVERED, by=DESK)
    approve(return_id=found.pk, by=DESK)

    graded(found, usable=1, unusable=1)

    found.refresh_from_db()
    assert (found.state, found.order, shelf("MUG"), unusable("MUG")) == ("closed", None, (10, 0), 1)
    with pytest.raises(OrderError, match="No product has the SKU “NOPE”"):
        request_without_order(lines=[("NOPE", 1)], reason=ReturnReason.FAULTY, by=DESK)
    assert Return.objects.count() == 1


def test_a_sku_whose_stock_is_not_tracked_changes_no_stock(shop):
    order = shipped(shop, MUG=1)
    found = asked(order, MUG=1)
    Variant.objects.filter(sku="MUG").update(is_counted=False)

    graded(found, usable=1)

    assert (shelf("MUG"), status(order)) == ((8, 0), "returned")

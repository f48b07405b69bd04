"""Whatever the channel says and people do, in whatever order: nothing is sold twice and every sum is right."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from hypothesis.extra.django import TestCase

from channels.contract.records.orders import RemoteState, ShipmentRecord
from channels.models import OutboxMessage
from inventory.errors import StockError
from inventory.models import StockItem
from inventory.services.adjust import adjust
from oms.kit import doctor
from oms.kit.models import Problem
from orders.models import Allocation, Hold, Order, OrderEvent, OrderLine, Shipment, ShipmentLine
from orders.ops import doctor_checks
from orders.services import completion, decisions, packing
from orders.services.handing_over import manifests
from orders.services.stock import backorders, unpaid_stock
from orders.status import RANK
from tests.orders.desk import DESK, NOW, an_order, comes, record, serves, stocked, store

S = RemoteState
SKUS = ("MUG", "CUP")
LOOKED_AT = [name for name in doctor.names() if name in doctor_checks.CHECKS or "stock" in name]


def healthy() -> None:
    wrong = [result for result in doctor.run(LOOKED_AT) if not result.ok]
    assert wrong == []


PEOPLE: dict[str, Any] = {
    "approve": decisions.approve,
    "mark_paid": decisions.mark_paid,
    "release": packing.release,
    "release_part": packing.release_part,
    "pack": packing.pack,
    "ready": packing.mark_ready_to_ship,
    "undo_packing": packing.undo_packing,
    "delivered": completion.mark_delivered,
    "complete": completion.complete,
    "confirm_cancel": decisions.confirm_cancel,
    "withdraw_cancel": decisions.withdraw_cancel,
    "lift_hold": decisions.lift_hold,
    "cancel": lambda ids, by: decisions.cancel(ids, reason="x", by=by),
    "hold": lambda ids, by: decisions.hold(ids, reason="x", by=by),
}

orders = some.integers(0, 3)
said = some.tuples(
    some.just("news"),
    orders,
    some.sampled_from([state for state in S if state is not S.IGNORED]),
    some.integers(1, 3),
)
done = some.tuples(some.just("move"), orders, some.sampled_from(sorted(PEOPLE)), some.just(0))
handed = some.tuples(some.just("manifest"), orders, some.just(""), some.just(0))
moved = some.tuples(
    some.just("stock"), some.sampled_from(SKUS), some.sampled_from(["leeds", "lyon"]), some.integers(0, 5)
)
swept = some.tuples(some.just("sweep"), orders, some.just(""), some.just(0))
parted = some.tuples(
    some.just("part"),
    orders,
    some.sampled_from([S.NEW, S.READY, S.SHIPPED, S.CANCELLED, S.UNPAID]),
    some.integers(0, 8),
)
heard = some.tuples(some.just("told"), orders, some.just(""), some.integers(0, 1))
steps = some.lists(
    some.one_of(said, done, done, handed, moved, swept, parted, parted, heard), min_size=1, max_size=14
)


class AnySequence(TestCase):
    """Hypothesis runs each example in a transaction of its own."""

    @pytest.mark.req("R-ORD-06", "R-ORD-08", "R-INV-04", "R-INV-05")
    @settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
    @given(steps)
    def test_every_sum_holds_and_news_never_leads_backwards(self, sequence):
        shop = store()
        serves(shop, "Leeds", "Lyon")
        stocked("MUG", leeds=3, lyon=2)
        stocked("CUP", leeds=2, lyon=0)
        for minutes, (kind, which, what, number) in enumerate(sequence, 1):
            if kind in ("news", "part"):
                known = Order.objects.filter(external_id=str(which)).first()
                before = (RANK[known.status], known.status) if known else None
                lines = {"MUG": 2, "CUP": which} if which else {"MUG": 2}
                given = record(str(which), what, minutes=minutes, **lines)
                if (
                    kind == "part"
                ):  # up to 2 mugs and 2 cups, more or fewer than before, under one id or another
                    units = {f"{which}-1": number % 3, f"{which}-2": number // 3}
                    given = replace(given, shipments=(ShipmentRecord(f"s{number % 2}", lines=units),))
                comes(shop, given)
                if before is not None:
                    after = Order.objects.get(external_id=str(which))
                    in_process = "cancel" in before[1]
                    # The part that was released alone has left: the rest of the order waits again.
                    part_left = after.is_part_released and after.status in ("partial", "new")
                    # A cancelled order that the channel lists as open again is reopened by itself.
                    is_reopened = before[1] == "cancelled" and what in (S.NEW, S.READY)
                    assert (
                        RANK[after.status] >= before[0]
                        or is_reopened
                        or (in_process and after.status in ("in_transit", "delivered", "completed"))
                        or (part_left and after.shipments.filter(state="handed_over").exists())
                    )
            elif kind == "told":
                asked = OutboxMessage.objects.filter(
                    group__in=Order.objects.filter(external_id=str(which)).values("pk")
                )
                asked.update(attempts=number)
            elif kind == "move":
                ids = list(Order.objects.filter(external_id=str(which)).values_list("pk", flat=True))
                before_status = dict(Order.objects.values_list("pk", "status"))
                for outcome in PEOPLE[what](ids, by=DESK):
                    if not outcome.ok:
                        assert (
                            Order.objects.get(pk=outcome.order_id).status == before_status[outcome.order_id]
                        )
            elif kind == "manifest":
                for shipment in Shipment.objects.filter(state="ready").select_related("carrier", "warehouse"):
                    assert shipment.carrier
                    assert shipment.warehouse
                    manifests.create_manifest(
                        carrier=shipment.carrier,
                        warehouse=shipment.warehouse,
                        by=DESK,
                        shipment_ids=[shipment.pk],
                    )
            elif kind == "stock":
                item = StockItem.objects.get(variant__sku=which, warehouse__code=what.upper())
                try:
                    adjust(
                        variant=item.variant, warehouse=item.warehouse, set_to=number, reason="count", by=DESK
                    )
                except StockError:
                    assert StockItem.objects.get(pk=item.pk).on_hand == item.on_hand
            else:
                Order.objects.filter(status="unpaid").update(hold_stock_until=NOW)
                backorders.refill()
                unpaid_stock.release_unpaid()
            healthy()
        comes(
            shop,
            *(record(row.external_id, S(row.remote_state), minutes=99, MUG=2) for row in Order.objects.all()),
        )
        healthy()


@pytest.mark.django_db
def test_each_check_finds_its_fault():
    shop = store()
    stocked("MUG", leeds=9)
    order, sent = an_order(shop, MUG=2), an_order(shop, MUG=1)
    comes(shop, replace(record(sent.number, S.SHIPPED, minutes=3, MUG=1), native={"x": 1}))
    healthy()

    def broken() -> set[str]:
        return {name for name, check in doctor_checks.CHECKS.items() if not check().ok}

    def damage(query, **values):
        before = list(query.values("pk", *values))
        query.update(**values)
        found = broken()
        for row in before:
            query.model._base_manager.filter(pk=row.pop("pk")).update(**row)
        assert broken() == set()
        return found

    line = OrderLine.objects.filter(order=order)
    assert damage(line, allocated=1) == {
        "order_lines_allocated_is_their_allocations",
        "order_status_follows_facts",
    }
    assert damage(Allocation.objects.filter(line__order=order), quantity=1) == {
        "order_lines_allocated_is_their_allocations",
        "stock_allocated_is_its_allocations",
    }
    assert damage(StockItem.objects.all(), allocated=1) == {"stock_allocated_is_its_allocations"}
    assert damage(Order.objects.filter(pk=order.pk), status="packed") == {
        "order_status_follows_facts",
        "order_status_has_event",
    }
    assert damage(Order.objects.filter(pk=order.pk), problems_open=1) == {"order_badges_count_rows"}
    assert damage(Order.objects.filter(pk=order.pk), holds_open=1) == {"order_badges_count_rows"}
    assert damage(ShipmentLine.objects.all(), quantity=2) == {
        "order_lines_shipped_is_their_shipments",
        "order_units_in_one_shipment",
    }
    assert damage(OrderEvent.objects.filter(order=order), to_status="") == {"order_status_has_event"}
    Hold.objects.create(order=order, reason="x", placed_at=timezone.now() - timedelta(days=1))
    assert broken() == {"order_badges_count_rows"}
    Hold.objects.all().delete()
    Problem.objects.create(code="money_mismatch", subject_kind="order", subject_id=order.pk, message="x")
    assert broken() == {"order_badges_count_rows"}

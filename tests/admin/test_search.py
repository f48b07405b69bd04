"""The desk's search finds by the beginning of a text, through an index, in any collation of PostgreSQL."""

from __future__ import annotations

import pytest
from django.db import connection as database

from orders.admin.order_list.search import found_by
from orders.models import Order, Shipment
from tests.orders.desk import DESK, an_order, stocked, store

pytestmark = pytest.mark.django_db


@pytest.mark.db
@pytest.mark.parametrize(
    ("rows", "index"),
    [
        (Order.objects.filter(number__startswith="A10"), "order_number"),
        (Order.objects.filter(customer_email__startswith="jo@"), "order_email"),
        (
            Shipment.objects.exclude(tracking_number="").filter(tracking_number__startswith="RM"),
            "shipment_tracking",
        ),
        (Order.objects.filter(number="A10"), "order_number"),
    ],
)
def test_the_beginning_of_a_text_is_a_range_of_its_index(rows, index):
    with database.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = rows.explain()
    assert index in plan
    assert "Index Cond" in plan


def test_a_whole_number_goes_before_those_that_begin_so():
    from orders.services import carriers, packing

    shop = store()
    stocked("MUG", leeds=50)
    orders = [an_order(shop, MUG=1) for _number in range(3)]
    for order, number in zip(orders, ("A10", "A101", "B1"), strict=True):
        Order.objects.filter(pk=order.pk).update(
            number=number, customer_email=f"{number.lower()}@example.com"
        )
    carrier = carriers.save_carrier(name="Royal Mail", by=DESK)
    third = [orders[2].pk]
    for outcomes in (
        packing.release(third, by=DESK),
        packing.pack(third, by=DESK),
        packing.mark_ready_to_ship(third, tracking={third[0]: (carrier.pk, "RM-77")}, by=DESK),
    ):
        assert outcomes[0].ok, outcomes[0].message

    def ids(text: str) -> list[int]:
        return sorted(Order.objects.filter(pk__in=found_by(text)).values_list("pk", flat=True))

    assert ids("#A10") == [orders[0].pk]
    assert ids("A1") == [orders[0].pk, orders[1].pk]
    assert ids("B1@EXAMPLE") == third
    assert ids("RM-7") == third
    assert ids("mug") == [order.pk for order in orders]
    assert ids("NO-SUCH") == []


@pytest.mark.db
@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("argreav", "order_name_part"),
        ("LS6 3BJ", "order_postcode"),
        ("A10", "order_number"),
        ("jo@", "order_email"),
    ],
)
def test_each_part_of_a_search_has_its_index(text, index):
    with database.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert index in Order.objects.filter(pk__in=found_by(text)).explain()


@pytest.mark.db
@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({"tab": "new"}, "order_open"),
        ({"due": "late"}, "order_ship_by"),
        ({"o": "total"}, "order_total"),
        ({"o": "-order"}, "order_number_sorted"),
        ({"country": "GB"}, "order_country"),
    ],
)
def test_each_sorting_of_the_list_has_its_index(admin_client, query, index):
    with database.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
    rows = admin_client.get("/admin/orders/order/", query).context["cl"]
    assert index in rows.queryset.order_by(*rows._order(backwards=False, with_nulls=False))[:50].explain()

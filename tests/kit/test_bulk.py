"""Rows that go in by COPY are the rows that `bulk_create` would have made."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from channels.models import Connection
from oms.kit import bulk
from orders.models import NativeOrder, Order, OrderEvent, OrderLine

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 12, 30, 15, 123456, tzinfo=UTC)


def store() -> Connection:
    return Connection.objects.create(name="Shop", channel="opencart", fingerprint="f", currency="GBP")


def order(shop: Connection, number: int, **fields: Any) -> Order:
    return Order(
        connection=shop,
        external_id=str(number),
        number=str(number),
        remote_state="new",
        remote_changed_at=NOW,
        placed_at=NOW,
        currency="GBP",
        **fields,
    )


@pytest.mark.db
def test_many_rows_keep_every_kind_of_value_and_find_the_keys_of_rows_saved_before_them() -> None:
    shop = store()
    orders = [
        order(
            shop,
            number,
            total=Decimal("12.3400"),
            ship_to={"city": "Łódź\t\\N\n“x”", "n": None},
            buyer_note="a\tb\\c\nd",
            is_paid=number % 2 == 0,
            paid_at=NOW if number % 2 == 0 else None,
        )
        for number in range(60)
    ]
    lines = [
        OrderLine(order=row, external_id="1", title="T", quantity=2, options={"a": "b"}) for row in orders
    ]
    natives = [NativeOrder(order=row, document=b"\x00\\\xff\n", read_at=NOW) for row in orders]
    events = [OrderEvent(order=row, kind="placed", text="x", at=NOW) for row in orders]
    with CaptureQueriesContext(connection) as asked:
        bulk.give_keys(orders, lines)
        bulk.insert(orders)
        bulk.insert(lines)
        bulk.insert(natives)
        bulk.insert(events, keys=False)
    if connection.vendor == "postgresql":
        assert len(asked) == 5  # the keys of two tables, the rows of four
    assert len({row.pk for row in orders}) == 60
    assert lines[7].order is orders[7]
    assert lines[7].order_id == orders[7].pk
    kept = Order.objects.get(external_id="7")
    assert (kept.pk, kept.total, kept.is_paid, kept.paid_at) == (
        orders[7].pk,
        Decimal("12.3400"),
        False,
        None,
    )
    assert kept.ship_to == {"city": "Łódź\t\\N\n“x”", "n": None}
    assert kept.buyer_note == "a\tb\\c\nd"
    assert kept.placed_at == NOW
    assert Order.objects.get(external_id="8").paid_at == NOW
    assert kept.lines.get().pk == lines[7].pk
    assert kept.lines.get().options == {"a": "b"}
    assert bytes(kept.native.document) == b"\x00\\\xff\n"
    assert OrderEvent.objects.filter(order=kept).count() == 1
    orders[7].buyer_note = "later"
    orders[7].save()  # a row that went in by COPY is a row like any other: no second insert
    assert Order.objects.count() == 60


@pytest.mark.db
def test_rows_with_and_without_a_key_go_in_together() -> None:
    shop = store()
    early, late = (
        [order(shop, number) for number in range(30)],
        [order(shop, number) for number in range(30, 40)],
    )
    bulk.give_keys(early)
    given = [row.pk for row in early]
    bulk.insert([*late, *early])
    assert [row.pk for row in early[:3]] == given[:3] or connection.vendor != "postgresql"
    assert {row.pk for row in (*early, *late)} == set(Order.objects.values_list("pk", flat=True))


@pytest.mark.db
def test_a_row_that_breaks_a_rule_lets_none_in() -> None:
    shop = store()
    Order.objects.bulk_create([order(shop, 30)])
    with pytest.raises(IntegrityError, match=r"order_once|UNIQUE"), transaction.atomic():
        bulk.insert([order(shop, number) for number in range(60)])
    assert Order.objects.count() == 1


def test_few_rows_cost_one_statement() -> None:
    shop = store()
    rows = [order(shop, 1), order(shop, 2)]
    with CaptureQueriesContext(connection) as asked:
        bulk.insert(rows)
        bulk.insert([])
    assert len(asked) == 1
    assert [row.pk for row in rows] == list(Order.objects.order_by("pk").values_list("pk", flat=True))


def test_a_row_that_is_made_is_the_row_that_its_constructor_makes() -> None:
    shop, first = store(), Order(pk=7)
    for model, values in (
        (Order, {"connection": shop, "external_id": "1", "placed_at": NOW, "read_at": NOW}),
        (OrderLine, {"order": first, "external_id": "1", "quantity": 2, "variant_id": 3}),
        (NativeOrder, {"order": first, "document": b"x", "read_at": NOW}),
        (OrderEvent, {"order": first, "author_id": None, "kind": "placed", "at": NOW}),
    ):
        made, ordinary = bulk.make(model, **values), model(**values)
        columns = {field.attname for field in model._meta.concrete_fields}
        assert {name: getattr(made, name) for name in columns} == {
            name: getattr(ordinary, name) for name in columns
        }
        assert made._state.adding is True
        assert made._state.fields_cache == ordinary._state.fields_cache
    assert bulk.make(Order).ship_to is not bulk.make(Order).ship_to
    with pytest.raises(TypeError, match="Order has no column nmber"):
        bulk.make(Order, nmber="1")

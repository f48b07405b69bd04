"""Low stock with days of cover, and the value of the stock at a date (R-INV-08)."""

from __future__ import annotations

import io
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from openpyxl.reader.excel import load_workbook

from inventory.models import StockItem, StockMovement, Warehouse
from inventory.reports.low_stock import low_stock
from inventory.reports.value import lines_at, values_at
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-INV-08")]

LOW = "/admin/inventory/low-stock/"
VALUE = "/admin/inventory/value/"


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def item(sku: str = "MUG", code: str = "leeds", on_hand: int = 0, **fields: Any) -> StockItem:
    return factories.shelf(factories.variant(sku, **fields), code, on_hand)


def moved(row: StockItem, quantity: int, days_ago: int, kind: str = "shipment") -> None:
    """A movement some days ago, with the units on hand that follow."""
    StockMovement.objects.create(
        stock_item=row,
        kind=kind,
        quantity=quantity,
        before=row.on_hand,
        after=row.on_hand + quantity,
        reason="for the test",
        at=timezone.now() - timedelta(days=days_ago),
    )
    row.on_hand += quantity
    row.save()


def sheet(answer: Any) -> list[tuple[Any, ...]]:
    body = b"".join(answer.streaming_content)
    return list(load_workbook(io.BytesIO(body)).active.iter_rows(values_only=True))


def days_ago(days: int) -> date:
    return timezone.localdate() - timedelta(days=days)


def test_a_sku_at_its_reorder_point_is_low_with_the_days_it_lasts():
    row = item(on_hand=30, reorder_point=15)
    moved(row, -20, 10)
    moved(row, -5, 40)  # too long ago to count
    moved(row, 5, 1, "return")
    (low,) = low_stock()

    assert (low.sku, low.available, low.reorder_point, low.missing) == ("MUG", 10, 15, 5)
    assert (low.shipped, low.cover) == (20, Decimal("15.0"))


def test_the_stock_of_all_active_warehouses_counts_together():
    item("MUG", "leeds", 6, reorder_point=10)
    item("MUG", "lyon", 5)
    assert list(low_stock()) == []

    Warehouse.objects.filter(code="lyon").update(is_active=False)
    assert [low.available for low in low_stock()] == [6]


def test_what_is_allocated_is_not_available():
    row = item(on_hand=12, reorder_point=10)
    assert list(low_stock()) == []
    row.allocated = 4
    row.save()

    assert [low.available for low in low_stock()] == [8]


def test_skus_that_nobody_reorders_are_left_out():
    item("NO-POINT", on_hand=0)
    item("STOPPED", reorder_point=5, is_stopped=True)
    item("NOT-TRACKED", reorder_point=5, is_counted=False)
    archived = item("ARCHIVED", reorder_point=5).variant.product
    archived.is_archived = True
    archived.save()
    factories.variant("NEVER-STOCKED", reorder_point=5)

    assert list(low_stock()) == []


def test_a_sku_that_sells_nothing_has_no_days_of_cover_and_the_worst_comes_first():
    item("FEW", on_hand=3, reorder_point=4)
    item("NONE", on_hand=0, reorder_point=9)

    assert [(low.sku, low.cover) for low in low_stock()] == [("NONE", None), ("FEW", None)]


def test_the_page_and_the_file_of_low_stock_have_the_same_rows(owner):
    row = item(on_hand=20, reorder_point=15)
    moved(row, -10, 3)

    text = owner.get(LOW).content.decode()
    rows = sheet(owner.get(LOW, {"file": 1}))

    assert "30.0" in text
    assert rows[0][0] == "SKU"
    assert rows[1:] == [("MUG", "Mug", None, 10, 15, 5, 10, 30)]


def test_without_low_skus_the_page_says_what_to_do(owner):
    assert "Set reorder points in the stock list." in owner.get(LOW).content.decode()


def test_the_value_at_a_date_is_what_was_on_hand_then_at_the_cost_of_now():
    row = item("MUG", "leeds", 0, cost=Decimal("2.50"))
    moved(row, 10, 9, "receipt")
    moved(row, -4, 5)
    moved(row, -1, 0)
    euro = item("CUP", "lyon", 0, cost=Decimal("3.00"), currency="EUR")
    moved(euro, 2, 9, "receipt")
    bare = item("BARE", "lyon", 0)
    moved(bare, 7, 2, "receipt")

    def at(days: int) -> dict[str, tuple[int, int, dict[str, Decimal]]]:
        return {
            one.warehouse: (one.units, one.unpriced, {c: m for c, m in one.worth.items() if m})
            for one in values_at(days_ago(days))
        }

    assert at(0) == {"Leeds": (5, 0, {"GBP": Decimal("12.50")}), "Lyon": (9, 7, {"EUR": Decimal(6)})}
    assert at(1) == {"Leeds": (6, 0, {"GBP": Decimal(15)}), "Lyon": (9, 7, {"EUR": Decimal(6)})}
    assert at(6) == {"Leeds": (10, 0, {"GBP": Decimal(25)}), "Lyon": (2, 0, {"EUR": Decimal(6)})}
    assert at(10) == {}
    assert [(one.sku, one.units, one.worth) for one in lines_at(days_ago(6))] == [
        ("MUG", 10, Decimal(25)),
        ("CUP", 2, Decimal(6)),
    ]


def test_the_value_page_and_its_file(owner):
    row = item("MUG", "leeds", 0, cost=Decimal("2.50"))
    moved(row, 10, 3, "receipt")

    text = owner.get(VALUE, {"day": days_ago(2).isoformat()}).content.decode()
    rows = sheet(owner.get(VALUE, {"day": days_ago(2).isoformat(), "file": 1}))

    assert "25.00" in text
    assert rows[1:] == [("MUG", "Mug", "Leeds", 10, 2.5, "GBP", 25)]
    assert "No stock on this day." in owner.get(VALUE, {"day": "1990-01-01"}).content.decode()


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "no day", "\x00"])
def test_any_day_of_a_request_is_answered(owner, day):
    assert owner.get(VALUE, {"day": day}).status_code == 200


def test_the_pages_make_the_same_queries_for_any_number_of_skus(owner):
    def count() -> list[int]:
        found = []
        for page in (LOW, VALUE):
            with CaptureQueriesContext(connection) as queries:
                owner.get(page)
            found.append(len(queries))
        return found

    item("FIRST", on_hand=1, reorder_point=5)
    count()
    few = count()
    for number in range(20):
        item(f"MORE-{number}", on_hand=1, reorder_point=5)

    assert count() == few
    assert max(few) <= 12


def test_a_person_without_the_right_to_export_gets_no_file(client):
    user = factories.user("rita")
    user.groups.add(Group.objects.get(name="Read-only"))
    client.force_login(user)

    assert client.get(LOW).status_code == 200
    assert client.get(LOW, {"file": 1}).status_code == 403
    assert client.get(VALUE, {"file": 1}).status_code == 403

"""The page of reports and its Excel file (R-USE-07)."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from openpyxl.reader.excel import load_workbook

from catalogue.models import Product
from orders.models import Order, ReportDay
from orders.ops.reports import rollups
from orders.ops.reports.tables import GROUPINGS
from tests import factories
from tests.admin import desk_data

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-USE-07")]

PAGE = "/admin/reports/"
FILE = "/admin/reports/export/"


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


@pytest.fixture
def sold() -> Any:
    """Two orders in pounds and one in euros."""
    shop = desk_data.shop()
    desk_data.order(shop, desk_data.line("MUG-RED", 2))
    desk_data.order(shop, desk_data.line("TEA-250", 1, "8.50"))
    euro = desk_data.order(shop, desk_data.line("MUG-RED", 1), buyer=1)
    Order.objects.filter(pk=euro.pk).update(currency="EUR")
    while rollups.sweep():
        pass
    return shop


def sheet(answer: Any) -> list[tuple[Any, ...]]:
    body = b"".join(answer.streaming_content)
    return list(load_workbook(io.BytesIO(body)).active.iter_rows(values_only=True))


def test_the_page_shows_each_currency_by_itself(owner, sold):
    response = owner.get(PAGE)
    text = response.content.decode()

    assert [block["currency"] for block in response.context["blocks"]] == ["GBP", "EUR"]
    tiles = {tile["label"]: tile["value"] for tile in response.context["blocks"][0]["tiles"]}
    assert tiles["Orders"] == "2"
    assert tiles["Turnover"] == "40.40 GBP"
    assert "15.95 EUR" in text
    assert text.count("<svg") == 4  # a wide and a narrow curve of each


def test_every_grouping_has_a_page_and_a_file(owner, sold):
    for key in GROUPINGS:
        assert owner.get(PAGE, {"by": key}).status_code == 200
        assert len(sheet(owner.get(FILE, {"by": key}))) >= 1


def test_the_file_has_the_rows_of_the_page_with_numbers_as_numbers(owner, sold):
    rows = sheet(owner.get(FILE, {"by": "sku"}))

    assert rows[0] == (
        "SKU",
        "Currency",
        "Orders",
        "Units",
        "Cancelled",
        "Turnover",
        "Period before",
        "Change in %",
    )
    assert rows[1] == ("MUG-RED", "GBP", 1, 2, 0, 24, 0, None)
    assert {row[:4] for row in rows[2:]} == {("MUG-RED", "EUR", 1, 1), ("TEA-250", "GBP", 1, 1)}


def test_a_name_that_looks_like_a_formula_stays_text(owner):
    shop = desk_data.shop("=1+1")
    desk_data.order(shop)
    rollups.sweep()

    assert sheet(owner.get(FILE, {"by": "store"}))[1][0] == "'=1+1"


def test_the_store_and_the_period_narrow_every_figure(owner, sold):
    other = {"store": sold.pk + 1}
    yesterday = timezone.localdate() - timedelta(days=1)
    before = {"since": "2020-01-01", "until": yesterday.isoformat()}

    for query in (other, before):
        response = owner.get(PAGE, query)
        assert response.context["blocks"] == []
        assert "No orders in this period." in response.content.decode()
    assert owner.get(PAGE, {"store": sold.pk}).context["blocks"] != []


@pytest.mark.parametrize(
    "query",
    [
        {"since": "0001-01-01", "until": "9999-12-31"},
        {"since": "9999-12-31"},
        {"until": "0001-01-01"},
        {"since": "no day", "until": "2026-02-30"},
        {"since": "2026-12-31", "until": "2026-01-01"},
        {"store": "²"},
        {"store": "99999999999999999999"},
        {"by": "\x00"},
        {"since": "\x00"},
    ],
)
def test_no_value_of_a_request_breaks_the_page(owner, query):
    assert owner.get(PAGE, query).status_code == 200
    assert owner.get(FILE, query).status_code == 200


def test_before_the_first_figures_the_page_says_what_to_do(owner):
    text = owner.get(PAGE).content.decode()

    assert "The figures are computed by the workers every five minutes." in text


def test_days_that_are_still_computed_are_said(owner, sold):
    ReportDay.objects.create(day=timezone.localdate() - timedelta(days=3))

    assert "The figures of 1 day are still being computed." in owner.get(PAGE).content.decode()


def test_the_number_of_queries_does_not_grow_with_skus_and_days(owner, sold):
    def count(by: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            owner.get(PAGE, {"by": by})
        return len(queries)

    count("period")  # what the menu counts is cached from here on
    few = {by: count(by) for by in GROUPINGS}
    for number in range(12):
        factories.product(f"MORE-{number}")
        when = timezone.now() - timedelta(days=number)
        desk_data.order(sold, desk_data.line(f"MORE-{number}"), placed_at=when)
    assert Product.objects.count() > 12
    rollups.mark()
    ReportDay.objects.update(built_at=None)
    while rollups.build(5):
        pass

    assert {by: count(by) for by in GROUPINGS} == few
    assert max(few.values()) <= 22


def test_a_role_without_the_right_sees_no_report(client, sold):
    user = factories.user("wanda")
    user.groups.add(Group.objects.get(name="Warehouse"))
    client.force_login(user)

    assert client.get(PAGE).status_code == 403
    assert client.get(FILE).status_code == 403
    assert "/admin/reports/" not in client.get("/admin/").content.decode()


def test_money_of_the_table_has_its_currency(owner, sold):
    rows = {(row["name"], row["currency"]): row for row in owner.get(PAGE, {"by": "store"}).context["rows"]}

    cells = dict(rows["UK Shop", "EUR"]["cells"])
    assert {str(heading): text for heading, text in cells.items()}["Turnover"] == "15.95 EUR"

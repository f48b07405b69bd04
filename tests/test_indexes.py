"""Indexes: each clean-up and each tab has its own, none is there twice, and hot tables have room for updates."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Count, QuerySet
from django.utils import timezone

from catalogue.models import Product
from channels.contract.personal import REMOVED
from channels.models import CallLog, OutboxMessage, SyncRun, WebhookEvent
from oms.kit.models import Job, UserSession
from orders.admin.order_list.tabs import TABS
from orders.models import Order

pytestmark = [pytest.mark.django_db, pytest.mark.db]

LONG_AGO = timezone.now() - timedelta(days=90)

#: Tables that are written for each order or each change of stock.
HOT = (
    "orders_order", "orders_orderline", "orders_allocation", "orders_orderevent", "orders_shipment", "orders_shipmentline",
    "inventory_stockitem", "inventory_stockmovement", "catalogue_listing", "catalogue_listingvariant", "channels_calllog",
    "channels_syncrun", "channels_webhookevent",
)  # fmt: skip

#: A non-unique index without a condition whose columns begin another such index of its table, with the same operators.
REDUNDANT = """
    SELECT t.relname || '.' || i.relname FROM pg_index a
    JOIN pg_class i ON i.oid = a.indexrelid JOIN pg_class t ON t.oid = a.indrelid
    WHERE t.relname = ANY(%s) AND NOT a.indisunique AND a.indpred IS NULL AND a.indexprs IS NULL AND EXISTS (
        SELECT FROM pg_index b WHERE b.indrelid = a.indrelid AND b.indexrelid <> a.indexrelid AND b.indpred IS NULL
        AND b.indkey::text || ' ' LIKE a.indkey::text || ' %%' AND b.indclass::text || ' ' LIKE a.indclass::text || ' %%'
        AND b.indkey::text <> '0'
    ) ORDER BY 1
"""


def plan_of(rows: QuerySet[Any]) -> str:
    """Return the plan of a query as on large tables: rows are not read one after the other, and not sorted."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
    return rows.explain()


@pytest.mark.parametrize(
    ("rows", "index"),
    [
        (Job.objects.filter(finished_at__lt=LONG_AGO).order_by("finished_at"), "job_ended"),
        (SyncRun.objects.filter(finished_at__lt=LONG_AGO).order_by("finished_at"), "run_ended"),
        (WebhookEvent.objects.filter(handled_at__lt=LONG_AGO).order_by("handled_at"), "webhook_handled"),
        (CallLog.objects.filter(at__lt=LONG_AGO).order_by("at"), "call_at"),
        (OutboxMessage.objects.filter(sent_at__lt=LONG_AGO).order_by("sent_at", "id"), "outbox_sent"),
        (UserSession.objects.filter(expire_date__lt=LONG_AGO), "expire_date"),
        (
            Order.objects.filter(placed_at__lt=LONG_AGO).exclude(customer_name=REMOVED).order_by("placed_at"),
            "order_personal",
        ),
    ],
)
def test_each_clean_up_has_an_index_by_age(rows: QuerySet[Any], index: str) -> None:
    plan = plan_of(rows[:5000])
    assert index in plan
    assert "Sort" not in plan


def test_the_tab_cancelled_is_read_in_its_order() -> None:
    tab = next(tab for tab in TABS if tab.key == "cancelled")
    plan = plan_of(tab.rows(Order.objects.all()).order_by("-placed_at", "-id")[:51])
    assert "order_cancelled" in plan
    assert "Sort" not in plan


def test_products_of_a_brand_are_counted_in_an_index() -> None:
    counts = Product.objects.filter(brand__in=[1, 2], is_archived=False).order_by().values("brand")
    assert "product_brand_active" in plan_of(counts.annotate(n=Count("pk")))


def test_no_index_of_a_hot_table_begins_another_one() -> None:
    with connection.cursor() as cursor:
        cursor.execute(REDUNDANT, [list(HOT)])
        assert [name for (name,) in cursor.fetchall()] == []


def test_hot_tables_have_room_for_updates_and_are_cleaned_early() -> None:
    wanted = {
        "channels_outboxmessage": 80, "channels_wakeup": 50, "channels_budget": 50, "inventory_stockitem": 80,
        "catalogue_listingvariant": 85, "orders_order": 85, "kit_job": 80,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname, reloptions FROM pg_class WHERE relname = ANY(%s)", [list(wanted)])
        found = {name: options or [] for name, options in cursor.fetchall()}
    for table, filled in wanted.items():
        assert f"fillfactor={filled}" in found[table], table
        assert "autovacuum_vacuum_scale_factor=0.02" in found[table], table

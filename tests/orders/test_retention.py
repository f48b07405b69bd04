"""What is kept of a finished order, and for how long (`orders.ops.retention`)."""

from __future__ import annotations

import json
import zlib
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import override_settings
from django.utils import timezone

from channels.models import Connection
from orders.choices import OrderStatus
from orders.models import NativeOrder, Order
from orders.ops.retention import Retained, retain
from orders.unit_of_work import search_text

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("_days"),
]


@pytest.fixture
def _days():
    with override_settings(OMS_NATIVE_DAYS=400, OMS_PERSONAL_DATA_DAYS=100):
        yield


def order(store: Connection, number: str, *, days: int, status: str) -> Order:
    placed = timezone.now() - timedelta(days=days)
    made = Order.objects.create(
        connection=store, external_id=number, number=number, status=status, remote_state="completed",
        remote_changed_at=placed, remote_hash="x", placed_at=placed, currency="GBP", total="12.50",
        customer_name="Ada Byron", customer_email="ada@example.com", country="GB",
        ship_to={"name": "Ada Byron", "country": "GB"}, bill_to={"name": "Ada Byron"}, buyer_note="Ring twice",
    )  # fmt: skip
    document = {"order_id": number, "email": "ada@example.com", "lines": [{"name": "Mug"}], "total": "12.50"}
    NativeOrder.objects.create(order=made, document=zlib.compress(json.dumps(document).encode()))
    return made


@pytest.fixture
def store() -> Connection:
    return Connection.objects.create(channel="opencart", name="UK Shop", fingerprint="uk")


def test_a_finished_order_loses_its_people_and_keeps_its_money(store):
    old = order(store, "1", days=101, status=OrderStatus.COMPLETED)
    fresh = order(store, "2", days=99, status=OrderStatus.COMPLETED)
    at_work = order(store, "3", days=300, status=OrderStatus.PARTIAL)

    assert retain() == Retained(documents=0, orders=2)

    old.refresh_from_db()
    assert (old.customer_name, old.customer_email, old.ship_to, old.bill_to) == (
        "removed",
        "",
        {"country": "GB"},
        {},
    )
    assert (old.buyer_note, old.total, str(old.number)) == ("", Decimal("12.5"), "1")
    document = json.loads(zlib.decompress(bytes(old.native.document)))
    assert document == {"order_id": "1", "email": "removed", "lines": [{"name": "Mug"}], "total": "12.50"}
    assert [event.kind for event in old.events.all()] == ["redacted"]
    fresh.refresh_from_db()
    assert fresh.customer_name == "Ada Byron"
    assert not fresh.events.exists()
    at_work.refresh_from_db()
    assert at_work.customer_name == "removed", "age alone decides, not the status"
    assert retain() == Retained(documents=0, orders=0)


def test_an_order_without_its_people_is_not_found_by_them(store):
    old = order(store, "77", days=101, status=OrderStatus.COMPLETED)
    search_text.refresh([old.pk])
    assert list(search_text.search_orders(Order.objects.all(), "ada@example")) == [old]

    retain()

    for text in ("ada", "byron", "ada@example"):
        assert not search_text.search_orders(Order.objects.all(), text).exists()
    assert list(search_text.search_orders(Order.objects.all(), "77")) == [old]


def test_native_documents_go_after_their_days_and_the_order_stays(store):
    ancient = order(store, "1", days=401, status=OrderStatus.COMPLETED)
    assert retain().documents == 1
    assert Order.objects.get(pk=ancient.pk).total == 12.5
    assert not NativeOrder.objects.exists()

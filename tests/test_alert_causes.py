"""The causes of alerts, each from the rows that make it (R-USE-06)."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from channels.models import LaneBeat, OutboxMessage, SyncStream
from channels.stores.alert_kinds import all_kinds
from oms import checks
from oms.kit.authors.actors import SYSTEM
from orders.models import Parcel, Shipment
from orders.services import decisions
from tests import factories
from tests.admin import desk_data

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-USE-06")]


def found(kind: str) -> dict[str, str]:
    """Key -> text of the causes of a kind that exist now."""
    return {cause.key: cause.text for cause in all_kinds()[kind].find()}


def test_every_kind_finds_nothing_in_an_empty_installation():
    assert {kind: found(kind) for kind in all_kinds()} == {kind: {} for kind in all_kinds()}


def test_the_kinds_of_the_requirement_are_declared():
    assert {"dead_key", "stale_stream", "oversell", "failed_messages"} <= set(all_kinds())


def test_a_store_that_does_not_answer_for_ten_minutes():
    now = timezone.now()
    factories.store("Short", failing_since=now - timedelta(minutes=5), failure="No answer.")
    long = factories.store("Long", failing_since=now - timedelta(minutes=11), failure="No answer.")

    assert found("store_fault") == {f"store:{long.pk}": "Long: No answer."}


@pytest.mark.req("R-PLUS-06")
def test_an_import_that_is_ten_minutes_later_than_its_target():
    shop = factories.store("UK Shop")
    late = timezone.now() - timedelta(minutes=20)
    SyncStream.objects.create(connection=shop, name="orders.new", period=300, is_on=True, completed_at=late)

    assert list(found("stale_stream")) == [f"store:{shop.pk}:orders.new"]
    assert "UK Shop: " in found("stale_stream")[f"store:{shop.pk}:orders.new"]


def test_a_store_with_a_fault_has_no_second_alert_for_its_late_imports():
    now = timezone.now()
    shop = factories.store("UK Shop", failing_since=now - timedelta(minutes=30), failure="No answer.")
    SyncStream.objects.create(
        connection=shop, name="orders.new", period=300, is_on=True, completed_at=now - timedelta(minutes=40)
    )

    assert found("stale_stream") == {}
    assert len(found("store_fault")) == 1


def test_failed_messages_by_store():
    shop = factories.store("UK Shop")
    for subject in (1, 2):
        OutboxMessage.objects.create(
            connection=shop,
            kind="state",
            topic="stock",
            lane="stock",
            subject=subject,
            parked_at=timezone.now(),
        )

    assert found("failed_messages") == {f"store:{shop.pk}": "UK Shop: 2 failed messages"}


def test_a_lane_without_a_heartbeat():
    now = timezone.now()
    LaneBeat.objects.create(lane="orders", beat_at=now)
    LaneBeat.objects.create(lane="stock", beat_at=now - timedelta(minutes=4))

    assert list(found("silent_worker")) == ["lane:stock"]


def test_a_sku_of_which_more_was_sold_than_is_in_stock():
    shop = desk_data.shop()
    desk_data.order(shop, desk_data.line("TEE-M", 4))
    desk_data.order(shop, desk_data.line("TEE-M", 5))

    key = f"sku:{factories.variant('TEE-M').pk}"
    assert found("oversell") == {key: "TEE-M is oversold. Units missing: 3. Orders waiting: 1."}


def test_late_orders_by_store():
    shop = desk_data.shop()
    desk_data.order(shop, ship_in=timedelta(hours=-2))
    desk_data.order(shop)

    assert found("late_orders") == {f"store:{shop.pk}": "UK Shop: 1 late order"}


@pytest.mark.req("R-PLUS-11")
def test_orders_to_ship_soon_by_store_before_they_are_late():
    shop = desk_data.shop()
    desk_data.order(shop, ship_in=timedelta(hours=-2))
    desk_data.order(shop, ship_in=timedelta(hours=5))
    assert found("due_soon") == {}
    desk_data.order(shop, ship_in=timedelta(hours=3, seconds=30))
    desk_data.order(shop, ship_in=timedelta(minutes=40, seconds=30))

    assert found("due_soon") == {
        f"store:{shop.pk}": (
            "UK Shop: 2 orders must be shipped within 4 hours. Time left for the first: 40 minutes."
        )
    }
    assert found("late_orders") == {f"store:{shop.pk}": "UK Shop: 1 late order"}


@pytest.mark.req("R-PLUS-11")
def test_an_order_on_hold_or_shipped_needs_no_alarm():
    shop = desk_data.shop()
    held = desk_data.order(shop, ship_in=timedelta(hours=1))
    decisions.hold([held.pk], reason="buyer rang", by=SYSTEM)

    assert found("due_soon") == {}


@pytest.mark.req("R-SHIP-06")
def test_late_and_silent_parcels_by_carrier():
    shop = desk_data.shop()
    now = timezone.now()
    for state, expected, heard in (
        ("in_transit", now - timedelta(hours=1), now),
        ("in_transit", now + timedelta(days=1), now - timedelta(days=5)),
        ("in_transit", now + timedelta(days=1), now),
        ("delivered", now - timedelta(days=1), now - timedelta(days=9)),
    ):
        shipment = Shipment.objects.get(order=desk_data.ready(shop))
        Shipment.objects.filter(pk=shipment.pk).update(state="handed_over")
        Parcel.objects.create(shipment=shipment, state=state, expected_at=expected, heard_at=heard)
    carrier = desk_data.carrier()

    assert found("late_parcels") == {f"carrier:{carrier.pk}": "Royal Mail: 2 parcels are late or silent"}


def test_low_stock_is_not_of_stopped_or_uncounted_skus():
    desk_data.shop()  # TEA-250: 8 on hand, reorder point 10
    tea = factories.variant("TEA-250")
    assert found("low_stock") == {f"sku:{tea.pk}": "TEA-250 is low: 8 available, reorder point 10."}

    tea.is_stopped = True
    tea.save()
    assert found("low_stock") == {}


def test_a_disk_that_is_nearly_full(monkeypatch):
    def usage(_folder: Any) -> Any:
        return shutil._ntuple_diskusage(100 * 1024**3, 98 * 1024**3, 2 * 1024**3)

    monkeypatch.setattr("oms.health.shutil.disk_usage", usage)

    assert found("disk") == {
        "free": "The disk with the files of Manifold has only 2.0 GB left. Free some space."
    }


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("DEFAULT_FROM_EMAIL", "Manifold", "oms.E010"),
        ("OMS_ALERT_ESCALATION_MINUTES", -1, "oms.E011"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, name, value, code):
    assert checks.check_alerts() == []
    setattr(settings, name, value)
    assert [error.id for error in checks.check_alerts()] == [code]

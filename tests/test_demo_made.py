"""The demo as `make run` builds it, from the sandboxes: every strength of the tour is in it (F-49)."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import Count
from django.utils import timezone

from catalogue.models import Listing, PictureCopy, ProductImage, Variant
from channels.models import Connection, RejectedRecord
from inventory.models import StockDifference, StockItem
from oms.devserver import demo, demo_fixture
from oms.kit.models import Problem
from orders.models import Hold, Manifest, Order, OrderLine
from tests.test_main_flow import broken_invariants

pytestmark = [pytest.mark.django_db, pytest.mark.fault("F-49")]


def test_every_label_of_the_fixture_is_a_model() -> None:
    """A model that is renamed must not end `make demo-fixture`."""
    assert [model._meta.label_lower for model in demo_fixture.dumped_models()] == list(demo_fixture.DUMPED)


@pytest.mark.slow
def test_the_demo_shows_every_strength_of_the_tour(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    settings.MEDIA_ROOT = tmp_path / "media"
    began = timezone.now()

    demo.load()

    # orders at every step, one that is partly allocated, one with an unknown SKU
    states = dict(Order.objects.order_by().values_list("status").annotate(Count("pk")))
    assert set(states) >= {
        "unpaid", "draft", "new", "partial", "rfp", "packed", "rts", "in_transit", "delivered", "completed", "cancelled",
        "returned",
    }  # fmt: skip
    partial = OrderLine.objects.filter(order__status="partial")
    assert sorted({line.allocated < line.quantity for line in partial}) == [False, True]
    assert set(Problem.objects.filter(resolved_at=None).values_list("code", flat=True)) >= {
        "unknown_sku", "unknown_status", "missing_sku", "duplicate_sku",
    }  # fmt: skip
    assert Hold.objects.filter(lifted_at=None).count() == 1
    assert Manifest.objects.count() == 1
    # differences that are fresh, and no others
    differences = StockDifference.objects.filter(decided_at=None)
    assert {(row.connection.channel, row.ours - row.theirs) for row in differences} == {
        ("opencart", 2),
    }
    assert all(row.seen_at > began for row in differences)
    assert differences.count() == 2
    # costs, low stock, two warehouses
    assert Variant.objects.filter(cost=None).count() == 3
    assert Variant.objects.filter(cost__gt=0).count() > 50
    assert StockItem.objects.low().exists()
    assert StockItem.objects.filter(on_hand__gt=0).values("warehouse").distinct().count() == 2
    # pictures of our own, all of them, from hosts that are there
    assert ProductImage.objects.count() > 50
    assert Listing.objects.exclude(remote_image="").exists()
    assert set(PictureCopy.objects.values_list("state", flat=True)) == {"stored"}
    # four live stores and the offline one, a rejected record or two, nothing late to be sent
    live = Connection.objects.filter(state="active", is_read_only=False)
    assert live.stores().count() == 4
    assert live.filter(kind=Connection.Kind.CARRIER).count() == 3
    assert RejectedRecord.objects.exists()
    assert broken_invariants() == []

    # and the same as a fixture, which loads alone
    file = tmp_path / "demo.json"
    assert demo_fixture.dump(file) == len(json.loads(file.read_text(encoding="utf-8")))
    text = file.read_text(encoding="utf-8")
    for secret in ('secret_key":"', "old_key"):
        assert secret not in text
    call_command("flush", interactive=False, verbosity=0)
    call_command("loaddata", str(file), verbosity=0)
    assert dict(Order.objects.order_by().values_list("status").annotate(Count("pk"))) == states
    assert StockDifference.objects.filter(decided_at=None).count() == 2
    assert broken_invariants() == []
    assert timezone.now() - began < timedelta(minutes=10)

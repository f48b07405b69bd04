"""The demo: `manage.py loaddata demo` alone, and what `make run` builds from the sandboxes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.management import call_command

from catalogue.models import Variant
from channels.models import Connection
from inventory.models import StockItem
from orders.models import Order, Shipment
from tests.test_house import sound

FIXTURE = Path(__file__).resolve().parent.parent / "fixtures" / "demo.json"


@pytest.mark.django_db
def test_the_fixture_loads_alone_and_all_of_it_holds() -> None:
    call_command("loaddata", "demo", verbosity=0)
    assert set(Connection.objects.values_list("channel", "state")) == {
        (channel, "paused") for channel in ("opencart", "bigcommerce", "onbuy", "etsy", "offline")
    }
    assert Order.objects.count() > 100
    assert {"new", "rfp", "packed", "rts", "in_transit", "completed", "cancelled"} <= set(
        Order.objects.values_list("status", flat=True)
    )
    assert Variant.objects.filter(listing_variants__isnull=False).exists()
    assert StockItem.objects.filter(allocated__gt=0).exists()
    assert Shipment.objects.exclude(manifest=None).exists()
    assert sound() == []


def test_the_fixture_holds_no_secret_and_no_person_who_signs_in() -> None:
    rows = json.loads(FIXTURE.read_text(encoding="utf-8"))
    assert {row["model"] for row in rows if row["model"].startswith(("auth.", "sessions.", "otp_"))} == set()
    stores = [row["fields"] for row in rows if row["model"] == "channels.connection"]
    assert [store.get("credentials", "") for store in stores] == [""] * 5
    assert [store.get("webhook_secret", "") for store in stores] == [""] * 5

"""The demo: `manage.py loaddata demo` alone, and what `make run` builds from the sandboxes."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from django.core.management import call_command

from catalogue.models import Variant
from channels.contract.registry import specs
from channels.models import Connection
from inventory.models import StockItem
from orders.models import Order, Shipment
from tests.test_main_flow import broken_invariants

FIXTURE = Path(__file__).resolve().parent.parent / "fixtures" / "demo.json"


@pytest.mark.django_db
def test_the_fixture_loads_alone_and_passes_all_checks() -> None:
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
    assert broken_invariants() == []


def test_the_fixture_has_no_secret_and_no_user_who_can_sign_in() -> None:
    rows = json.loads(FIXTURE.read_text(encoding="utf-8"))
    assert {row["model"] for row in rows if row["model"].startswith(("auth.", "sessions.", "otp_"))} == set()
    stores = [row["fields"] for row in rows if row["model"] == "channels.connection"]
    assert [store.get("credentials", "") for store in stores] == [""] * 5
    assert [store.get("webhook_secret", "") for store in stores] == [""] * 5


def test_every_picture_of_the_demo_is_drawn_by_a_sandbox_of_this_machine() -> None:
    """A picture of a host that is not there is a broken thumbnail on every page that names the product."""
    rows = json.loads(FIXTURE.read_text(encoding="utf-8"))
    pictures = [row["fields"]["url"] for row in rows if row["model"] == "catalogue.productimage"]

    assert len(pictures) > 50
    assert {urlsplit(url).hostname for url in pictures} == {"127.0.0.1"}


def test_etsys_sandbox_draws_the_pictures_that_it_names() -> None:
    make = specs()["etsy"].make_sandbox
    with make().serve() as running:
        sandbox = running.sandbox
        row = next(iter(sandbox.shop.listings.values()))
        kept = row["images"][0]["url_fullxfull"]
        sandbox.shop.base_url = running.url
        told = sandbox.calls._images_of(row)[0]["url_fullxfull"]
        with urlopen(told, timeout=5) as answer:  # our own server
            drawn = (answer.status, answer.headers["Content-Type"], answer.read()[:4])

    assert (kept[:7], told) == ("/image/", f"{running.url}{kept}")
    assert drawn == (200, "image/jpeg", b"\xff\xd8\xff\xe0")

"""The screens of a store and of work at a desk's and at a telephone's width: they open, and nothing runs out of the page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from channels.models import CallLog, Connection, OutboxMessage, RejectedRecord, SyncRun, SyncStream
from channels.pull.page_writer import packed
from channels.stores.connect import set_up
from inventory.models import StockDifference
from oms.kit.models import Job
from tests import factories
from tests.e2e.conftest import shot

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.django_db(transaction=True),
    pytest.mark.req("R-USE-01", "R-USE-04"),
]

STORES = "/admin/integrations/ecommerce-sales-channels/"


def house() -> Connection:
    store = factories.store("Fern & Kettle UK", maps={"leeds": 1})
    set_up(store, ())
    now = timezone.now()
    for stream in SyncStream.objects.filter(connection=store):
        stream.completed_at = now - timedelta(minutes=3)
        stream.save()
        SyncRun.objects.create(
            connection=store, stream=stream.name, state="done", new=3, changed=12, same=1_204, refused=1
        )
    long = "OpenCart answered 422: the product 4711 has no option value 12, and the quantity of option 3 is negative."
    for number in range(6):
        listed = factories.listed(f"MUG-{number}", store)
        OutboxMessage.objects.create(
            connection=store, kind="state", topic="stock", lane="stock", subject=listed.pk,
            parked_at=now - timedelta(hours=number), attempts=number + 1, last_error=long,
        )  # fmt: skip
        RejectedRecord.objects.create(
            connection=store,
            stream="products",
            external_id=f"47{number}",
            reason=long,
            native=packed({"id": 1}),
        )
        CallLog.objects.create(
            connection=store, method="GET", status=200 if number % 2 else 503, milliseconds=240,
            url="/index.php?route=api/manifold/products&since=2026-11-01T00:00:00&limit=100&page=3",
        )  # fmt: skip
        Job.objects.create(
            kind="x", title=f"Sync Orders of {store}", state="done" if number else "running", done=900, total=1_200,
            refused=number, subject_kind="connection", subject_id=store.pk, finished_at=now if number else None,
            message="3 new, 12 changed, 1,204 unchanged, 1 rejected.",
        )  # fmt: skip
    StockDifference.objects.create(connection=store, listing_variant=listed, ours=4, theirs=9)
    return store


@pytest.mark.parametrize("width", [1440, 390])
def test_the_screens_of_a_store_and_of_work(signed_in: Page, width: int):
    page, store = signed_in, house()
    page.set_viewport_size({"width": width, "height": 900})
    own = f"{STORES}{store.pk}/"
    pages: dict[str, Any] = {
        "stores": STORES,
        "store": own,
        "messages": f"{own}messages/?tab=failed",
        "calls": f"{own}calls/",
        "rejected": f"{own}refused-records/",
        "differences": f"{own}differences/",
        "listings": f"{own}listings/",
        "warehouses": f"{own}warehouses/",
        "status-map": f"{own}status-map/",
        "settings": f"{own}settings/",
        "capabilities": f"{own}capabilities/",
        "report": f"{own}first-sync/",
        "plan": f"{own}plan/",
        "connect": f"{STORES}connect/",
        "failed": "/admin/integrations/parked-messages/",
        "jobs": "/admin/integrations/jobs/",
        "job": f"/admin/integrations/jobs/{Job.objects.latest('pk').pk}/",
        "all-rejected": "/admin/channels/rejectedrecord/",
    }
    for name, url in pages.items():
        page.goto(url)
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        shot(page, f"{width}-{name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name


def test_a_failed_message_is_retried_in_the_store(signed_in: Page):
    page, store = signed_in, house()
    page.goto(f"{STORES}{store.pk}/messages/?tab=failed")
    page.get_by_role("checkbox", name="Select Stock MUG-0").check()
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("Retry: 1 row.")).to_be_visible()
    page.get_by_role("link", name="→ 1 now in To send").click()
    expect(page.get_by_role("checkbox", name="Select Stock MUG-0")).to_be_checked()
    expect(page.get_by_role("row", name="MUG-0")).to_be_visible()
    assert OutboxMessage.objects.waiting().count() == 1

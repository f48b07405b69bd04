"""Stock that a WMS reports: adjustments, counts, receipts; and the SKUs that it reads."""

from __future__ import annotations

import pytest
from django.utils import timezone

from inventory.models import StockMovement
from tests.orders.desk import shelf, stocked
from tests.wms.site import site

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-WMS-02")]


def test_adjustments_are_booked_all_or_none():
    with site() as here:
        stocked("MUG", leeds=5)
        stocked("POT", leeds=2)
        lines = [
            {"sku": "mug", "delta": -1, "reason": "broken"},
            {"sku": "POT", "delta": 3, "reason": "found"},
        ]
        answer = here.api.post("/inventory/adjustments", {"lines": lines}, key="a")
        assert [(row["sku"], row["on_hand"]) for row in answer.json()] == [("MUG", 4), ("POT", 5)]
        here.api.post("/inventory/adjustments", {"lines": lines}, key="a")
        assert shelf("MUG") == (4, 0)
        lines[1]["delta"] = -9
        assert here.api.post("/inventory/adjustments", {"lines": lines}).status_code == 422
        assert (shelf("MUG"), shelf("POT")) == ((4, 0), (5, 0))
        movement = StockMovement.objects.get(quantity=-1)
        assert (movement.reason, movement.actor) == ("broken", "WMS Leeds WMS")


def test_a_count_is_refused_when_the_sku_has_moved_since():
    with site() as here:
        stocked("MUG", leeds=5)
        before = "2026-01-01T00:00:00Z"
        body = {"counted_at": before, "lines": [{"sku": "MUG", "quantity": 7}]}
        late = here.api.put("/inventory/counts", body)
        assert (late.status_code, late.json()["detail"]) == (
            409,
            "MUG has moved since the count. Count it again.",
        )
        body["counted_at"] = timezone.now().isoformat()
        assert here.api.put("/inventory/counts", body).json()[0]["on_hand"] == 7
        assert StockMovement.objects.get(kind="count").quantity == 2


def test_a_receipt_books_what_can_be_sold():
    with site() as here:
        stocked("MUG", leeds=5)
        lines = [{"sku": "MUG", "expected": 10, "received": 9, "damaged": 1}]
        body = {"reference": "PO-4", "lines": lines}
        assert here.api.post("/receipts", body).json()[0]["on_hand"] == 13
        movement = StockMovement.objects.get(kind="receipt", quantity=8)
        assert movement.reason == "Delivery PO-4"
        lines[0]["damaged"] = 10
        assert here.api.post("/receipts", body).status_code == 422


@pytest.mark.parametrize(
    "lines",
    [
        [{"sku": "NONE", "received": 1}],
        [{"sku": "MUG", "received": 1}, {"sku": "mug", "received": 1}],
        [{"sku": "MUG", "received": -1}],
        [{"sku": "MUG", "received": 1.5}],
        [{"sku": "MUG", "received": True}],
        [],
    ],
)
def test_a_faulty_receipt_books_nothing(lines):
    with site() as here:
        stocked("MUG", leeds=5)
        assert here.api.post("/receipts", {"reference": "x", "lines": lines}).status_code == 422
        assert shelf("MUG") == (5, 0)


def test_the_wms_reads_its_skus():
    with site() as here:
        stocked("MUG", leeds=5)
        page = here.api.get("/products").json()
        assert [(row["sku"], row["title"]) for row in page["items"]] == [("MUG", "The MUG")]

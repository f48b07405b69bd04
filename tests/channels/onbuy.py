"""Helpers of OnBuy's tests: a connected adapter, drafts, what was sent to the sandbox."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from channels.connectors.onbuy.adapter import OnBuyAdapter
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import ListingDraft, ListingJob, VariantDraft
from channels.sandbox.server import Running
from tests.support.shops import unsaved_store


def adapter_for(running: Running, **options: Any) -> OnBuyAdapter:
    return OnBuyAdapter(unsaved_store(running, channel="onbuy", currency="GBP", options=options))


def sent(running: Running, method: str, path: str = "") -> list[Any]:
    """Bodies of the calls of this method, in their order."""
    return [
        json.loads(request.body)
        for request, _response in running.sandbox.exchanges
        if request.method == method and request.path.startswith(f"/v2{path}")
    ]


def asked(running: Running, path: str) -> list[str]:
    """Targets of the reads of this path."""
    rows = running.sandbox.requests
    return [
        row["target"] for row in rows if row["method"] == "GET" and row["target"].startswith(f"/v2{path}")
    ]


def draft(*variants: VariantDraft, **fields: Any) -> ListingDraft:
    base: dict[str, Any] = {
        "ref": "listing-7", "kind": ProductKind.SINGLE, "title": "Teapot", "description": "<p>x</p>",
        "currency": "GBP", "brand": "Kiln Street", "category_external_ids": ("2102",),
    }  # fmt: skip
    return ListingDraft(**{**base, "variants": variants, **fields})


def one(sku: str = "POT", **fields: Any) -> VariantDraft:
    return VariantDraft(fields.pop("ref", "1"), sku, Decimal("25.00"), None, 6, **fields)


def many(count: int, **fields: Any) -> list[ListingJob]:
    """So many new single products, P0, P1 ..., each with a barcode of its own."""
    return [
        ListingJob(draft(one(f"P{n}", barcode=f"77{n:011d}"), ref=f"listing-{n}", **fields))
        for n in range(count)
    ]

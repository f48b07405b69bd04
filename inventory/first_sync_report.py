"""What the first report says of a store's stock: where its figure is not ours (R-INV-06), and what is in doubt."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from channels.models import Connection
from inventory.models import StockDifference
from inventory.services.opening_stock import IN_DOUBT
from oms.kit.models import Problem

EXAMPLES = 20


def section(connection: Connection) -> dict[str, Any]:
    """`{"lines": [{"code", "title", "count", "examples"}]}`; a line without findings is left out."""
    rows = StockDifference.objects.filter(connection=connection, decided_at=None).order_by("pk")
    examples = [
        f"{sku}: {ours} / {theirs}"
        for sku, ours, theirs in rows.values_list("listing_variant__external_sku", "ours", "theirs")[
            :EXAMPLES
        ]
    ]
    doubts = Problem.objects.filter(
        code=IN_DOUBT.code, connection_id=connection.pk, resolved_at=None
    ).order_by("pk")
    lines = [
        {
            "code": "stock_differs",
            "title": _("SKUs whose stock there is not ours (ours / theirs)"),
            "count": rows.count(),
            "examples": examples,
        },
        {
            "code": IN_DOUBT.code,
            "title": str(IN_DOUBT.title),
            "count": doubts.count(),
            "examples": list(doubts.values_list("message", flat=True)[:EXAMPLES]),
        },
    ]
    return {"lines": [line for line in lines if line["count"]]}

"""The section “stock” of the first sync report: differences (R-INV-06) and uncertain opening stock."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from channels.models import Connection
from inventory.models import StockDifference
from inventory.services.opening_stock import UNCERTAIN
from oms.kit.models import Problem

EXAMPLES = 20


def section(connection: Connection) -> dict[str, Any]:
    """Return `{"lines": [{"code", "title", "count", "examples"}]}`; a line without findings is left out."""
    rows = StockDifference.objects.filter(connection=connection, decided_at=None).order_by("pk")
    examples = [
        f"{sku}: {ours} / {theirs}"
        for sku, ours, theirs in rows.values_list("listing_variant__external_sku", "ours", "theirs")[
            :EXAMPLES
        ]
    ]
    uncertain = Problem.objects.filter(
        code=UNCERTAIN.code, connection_id=connection.pk, resolved_at=None
    ).order_by("pk")
    lines = [
        {
            "code": "stock_differs",
            "title": _("SKUs whose stock differs (Manifold / store)"),
            "count": rows.count(),
            "examples": examples,
        },
        {
            "code": UNCERTAIN.code,
            "title": str(UNCERTAIN.title),
            "count": uncertain.count(),
            "examples": list(uncertain.values_list("message", flat=True)[:EXAMPLES]),
        },
    ]
    return {"lines": [line for line in lines if line["count"]]}

"""The paper of labels: how many labels a sheet has, for the question where the first one goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orders.choices import LabelSize
from orders.models import DocumentSettings, Order, Shipment


def positions(size: str) -> int:
    """Return how many labels one page of this paper has."""
    return int(size.partition("_")[2] or 1)


def positions_for(of: str, ids: Sequence[int]) -> int:
    """Return the labels of a sheet of these orders ("orders") or shipments; 1 where their paper has no positions."""
    stores: Any = (
        Order.objects.filter(pk__in=ids).order_by().values("connection")
        if of == "orders"
        else Shipment.objects.filter(pk__in=ids).order_by().values("order__connection")
    )
    sizes = DocumentSettings.objects.filter(connection__in=stores).values_list("label_size", flat=True)
    return max(map(positions, sizes), default=positions(LabelSize.THERMAL))

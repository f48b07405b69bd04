"""The part of reconcile that inventory knows: stock. Its rows are `StockDifference` (docs/stock.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.utils.translation import gettext_lazy as _

from channels.contract.spec import Capability
from channels.models import Connection, Difference
from channels.reconcile import parts
from channels.reconcile.parts import Found, Part
from inventory.models import StockDifference
from inventory.services.stock_differences import find_differences
from oms.kit.authors.actors import Author


class StockPart(Part):
    """Quantities that a store shows and that are not what it was sent. Repaired on its own page, or by the stock limits."""

    key = "stock"
    title = _("Stock")
    position = 50
    needs = (Capability.PULL_PRODUCTS, Capability.PUSH_STOCK)
    page_name = "store_differences"

    def compare_stored(self, connection: Connection) -> Iterator[list[Found]]:
        """Record the differences of stock; with “Manifold is the master” they are sent again instead."""
        if not connection.is_read_only:
            find_differences(connection)
        yield []

    def count(self, connection: Connection) -> int:
        return StockDifference.objects.filter(connection=connection, decided_at=None).count()

    def repair(self, connection: Connection, rows: Sequence[Difference], how: str, by: Author) -> list[str]:
        return []


def register() -> None:
    """Register the part."""
    parts.register(StockPart())

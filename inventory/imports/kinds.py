"""Register the sheet of stock, and what a sheet of products says about stock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext_lazy as _

from inventory.imports.stock import StockPart
from inventory.models import StockItem
from inventory.sheets import STOCK
from oms.kit.imports import kinds


def register() -> None:
    """Register the kind and the part."""
    kinds.register(
        kinds.ImportKind(
            sheet=STOCK,
            permissions=("inventory.change_stockitem",),
            export_permission="inventory.export_stockitem",
            parts=[StockPart(is_whole_sheet=True)],
            export=rows,
            export_count=lambda: StockItem.objects.count(),
            not_stored=frozenset({"bin"}),
            asks=("warehouse",),
            help=_("Counts of units on hand, one row for each SKU and warehouse."),
        )
    )
    kinds.extend("products", StockPart(is_whole_sheet=False))


def rows() -> Iterator[dict[str, Any]]:
    """Yield the stock of each SKU in each warehouse, as the sheet has it."""
    found = StockItem.objects.order_by("variant__sku_key", "warehouse__name", "pk").values_list(
        "variant__sku", "variant__product__title", "warehouse__name", "on_hand"
    )
    for sku, title, warehouse, on_hand in found.iterator(chunk_size=5_000):
        yield {"sku": sku, "title": title, "warehouse": warehouse, "quantity": on_hand}

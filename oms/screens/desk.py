"""The pages of orders, catalogue and stock, in one list for `oms.screens.urls`."""

from __future__ import annotations

from catalogue.admin import brand_search, sku_inbox
from inventory.admin import explain
from oms.kit.admin.pages import Page
from orders.admin.order_page import references, why_waiting

PAGES: list[tuple[str, type[Page], str]] = [
    *references.ROUTES,
    *sku_inbox.ROUTES,
    *explain.ROUTES,
    *why_waiting.ROUTES,
    *brand_search.ROUTES,
]

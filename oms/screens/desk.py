"""The pages of orders, catalogue and stock, in one list for `oms.screens.urls`."""

from __future__ import annotations

from catalogue.admin import brand_search, sku_inbox
from inventory.admin import explain
from oms.kit.admin.pages import Page
from oms.screens import manifest, order_page, orders
from orders.admin import why_waiting

PAGES: list[tuple[str, type[Page], str]] = [
    *orders.ROUTES,
    *order_page.ROUTES,
    *manifest.ROUTES,
    *sku_inbox.ROUTES,
    *explain.ROUTES,
    *why_waiting.ROUTES,
    *brand_search.ROUTES,
]

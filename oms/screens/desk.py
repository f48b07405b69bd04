"""The pages of orders, catalogue and stock, in one list for `oms.screens.urls`."""

from __future__ import annotations

from oms.kit.admin.pages import Page
from oms.screens import (
    brands,
    explain,
    manifest,
    order_page,
    orders,
    problems,
    product_page,
    products,
)

PAGES: list[tuple[str, type[Page], str]] = [
    *orders.ROUTES,
    *order_page.ROUTES,
    *manifest.ROUTES,
    *products.ROUTES,
    *product_page.ROUTES,
    *problems.ROUTES,
    *explain.ROUTES,
    *brands.ROUTES,
]

"""The pages of orders, catalogue and stock, in one list for `oms.screens.urls`."""

from __future__ import annotations

from oms.kit.admin.pages import Page
from oms.screens import (
    brands,
    explain,
    problems,
    product_page,
    products,
)
from orders.admin import references

PAGES: list[tuple[str, type[Page], str]] = [
    *references.ROUTES,
    *products.ROUTES,
    *product_page.ROUTES,
    *problems.ROUTES,
    *explain.ROUTES,
    *brands.ROUTES,
]

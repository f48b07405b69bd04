"""Admin classes and pages of stock: `stock` (list), `stock_detail`, `adjust`, `movements`, `warehouses`, `explain`.

`product_stock` is the panel on the page of a product, `store_differences` and `store_warehouses` are tabs of a store's page.
Start with `stock`.
"""

from inventory.admin import (
    explain,
    movements,
    product_stock,
    stock,
    store_differences,
    store_warehouses,
    warehouses,
)

__all__ = [
    "explain",
    "movements",
    "product_stock",
    "stock",
    "store_differences",
    "store_warehouses",
    "warehouses",
]

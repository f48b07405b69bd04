"""Admin classes and pages of stock: `stock` (list), `stock_detail`, `adjust`, `movements`, `warehouses`, `explain`.

Start with `stock`. `product_stock` is a card on the page of a product, `store_differences` and `store_warehouses` are
tabs on the page of a store; `reports` has low stock and stock value.
"""

from inventory.admin import (
    explain,
    movements,
    product_stock,
    reports,
    stock,
    store_differences,
    store_warehouses,
    warehouse_systems,
    warehouses,
)

__all__ = [
    "explain",
    "movements",
    "product_stock",
    "reports",
    "stock",
    "store_differences",
    "store_warehouses",
    "warehouse_systems",
    "warehouses",
]

"""Admin classes and pages of stock: `stock` (list), `stock_detail`, `adjust`, `movements`, `warehouses`, `explain`.

Start with `stock`. `product_stock` is a card on the page of a product, `store_differences` and `store_warehouses` are
tabs on the page of a store; `reports` has low stock and stock value. `stock_work` has deliveries, counts, transfers,
suppliers and unusable stock.
"""

from inventory.admin import (
    explain,
    exposure,
    movements,
    product_stock,
    reports,
    stock,
    store_differences,
    store_warehouses,
    warehouse_systems,
    warehouses,
)
from inventory.admin.stock_work import counts, deliveries, reorder, suppliers, transfers, unusable

__all__ = [
    "counts",
    "deliveries",
    "explain",
    "exposure",
    "movements",
    "product_stock",
    "reorder",
    "reports",
    "stock",
    "store_differences",
    "store_warehouses",
    "suppliers",
    "transfers",
    "unusable",
    "warehouse_systems",
    "warehouses",
]

"""Admin classes and pages of stock: `stock` (list), `stock_detail`, `adjust`, `movements`, `warehouses`. Start with `stock`.

`store_differences` and `store_warehouses` are tabs of a store's page (`channels.admin`).
"""

from inventory.admin import movements, stock, store_differences, store_warehouses, warehouses

__all__ = ["movements", "stock", "store_differences", "store_warehouses", "warehouses"]

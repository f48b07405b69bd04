"""Admin classes and pages of stock: `stock` (list), `stock_detail`, `adjust`, `movements`, `warehouses`, `explain`.

`product_stock` is the panel on the page of a product. Start with `stock`.
"""

from inventory.admin import explain, movements, product_stock, stock, warehouses

__all__ = ["explain", "movements", "product_stock", "stock", "warehouses"]

"""Admin classes and pages of stock: `stock` (list), `stock_detail`, `adjust`, `movements`, `warehouses`. Start with `stock`."""

from inventory.admin import movements, stock, warehouses  # noqa: F401  (Django looks for admin classes in this package)

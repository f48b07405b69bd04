"""Admin classes and pages of stock; Django imports this package, which imports them all."""

from inventory.admin import explain, movements, product_stock

__all__ = ["explain", "movements", "product_stock"]

"""Admin classes of stock; Django imports this module, and it imports them all."""

from inventory.admin import store_differences, store_warehouses, warehouses

__all__ = ["store_differences", "store_warehouses", "warehouses"]

"""Admin classes of orders; Django imports this module, and it imports them all."""

from orders.admin import carriers, product_orders, unknown_skus, why_waiting

__all__ = ["carriers", "product_orders", "unknown_skus", "why_waiting"]

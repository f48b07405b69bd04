"""The admin of orders: lists, pages, and cards on the pages of the apps below. Django imports this module.

Start with `orders` (the order list) and `order_detail` (the page of one order). A column of the list is a method of
`order_columns`, a filter a class of `filters`, a tab a line of `tabs`, a move a line of `orders.domain.moves`.
"""

from orders.admin import carriers, manifests, orders, panels, shipments, unknown_skus, why_waiting

__all__ = ["carriers", "manifests", "orders", "panels", "shipments", "unknown_skus", "why_waiting"]

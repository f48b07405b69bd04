"""Admin classes of orders; Django imports this module, and it imports them all."""

from orders.admin import (
    carriers,
    message_subjects,
    product_orders,
    store_carriers,
    store_settings,
    unknown_skus,
    why_waiting,
)

__all__ = [
    "carriers",
    "message_subjects",
    "product_orders",
    "store_carriers",
    "store_settings",
    "unknown_skus",
    "why_waiting",
]

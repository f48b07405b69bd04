"""Admin classes of orders; Django imports this module, and it imports them all."""

from orders.admin import carriers

__all__ = ["carriers"]

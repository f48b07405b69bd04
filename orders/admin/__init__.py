"""Admin classes of orders; Django imports this module, and it imports them all."""

from orders.admin import carriers, message_subjects, store_carriers, store_settings

__all__ = ["carriers", "message_subjects", "store_carriers", "store_settings"]

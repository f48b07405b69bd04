"""Admin classes of the catalogue; Django imports this module, and it imports them all."""

from catalogue.admin import lists, message_subjects, store_listings

__all__ = ["lists", "message_subjects", "store_listings"]

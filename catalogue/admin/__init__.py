"""Admin classes of the catalogue; Django imports this module, and it imports them all."""

from catalogue.admin import lists

__all__ = ["lists"]

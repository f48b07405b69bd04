"""What can be wrong with a wish about products; the text is a sentence for the operator."""

from __future__ import annotations

from channels.push import outbox


class CatalogueError(Exception):
    """The catalogue cannot be changed like that; nothing was changed."""


class NotListed(CatalogueError, outbox.NotListed):
    """A SKU that the store does not list."""

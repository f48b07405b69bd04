"""What can be wrong with a wish about products; the text is a sentence for the operator."""

from __future__ import annotations


class CatalogueError(Exception):
    """The catalogue cannot be changed like that; nothing was changed."""

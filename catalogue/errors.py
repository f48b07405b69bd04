"""What can be wrong with a wish about products; the text is a sentence for the operator."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from channels.push import outbox


class CatalogueError(Exception):
    """The catalogue cannot be changed like that; nothing was changed."""


class VariantChanged(CatalogueError):
    """A field of the SKU is not what the person saw; `now` is what it is."""

    def __init__(self, now: Any) -> None:
        super().__init__(_("It is %s now.") % ("–" if now is None else now))
        self.now = now


class NotListed(CatalogueError, outbox.NotListed):
    """A SKU that the store does not list."""

"""Errors of the catalogue's services; their text is a sentence for staff."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from channels.push import outbox


class CatalogueError(Exception):
    """A change of the catalogue was refused; nothing was changed."""


class VariantChanged(CatalogueError):
    """A field of the SKU has another value than the person saw; `now` is the value."""

    def __init__(self, now: Any) -> None:
        super().__init__(_("The value was changed to %s by somebody else.") % ("–" if now is None else now))
        self.now = now


class NotListed(CatalogueError, outbox.NotListed):
    """A SKU that the store does not list."""

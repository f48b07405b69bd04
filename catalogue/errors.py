"""Errors of the catalogue's services; their text is a sentence for staff."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from channels.push import outbox


class CatalogueError(Exception):
    """A change of the catalogue was refused; nothing was changed."""


class VariantChanged(CatalogueError):
    """A field of the SKU has another value than the person saw; `now` is the value, `by` who changed it and when."""

    def __init__(self, now: Any, *, by: str = "", words: str = "") -> None:
        shown = words or ("–" if now is None or now == "" else now)
        super().__init__(
            _("The value was changed to %(value)s (%(by)s).") % {"value": shown, "by": by}
            if by
            else _("The value was changed to %s by somebody else.") % shown
        )
        self.now = now


class NotListed(CatalogueError, outbox.NotListed):
    """A SKU that the store does not list."""

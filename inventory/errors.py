"""What can be wrong with a question about stock; the text is a sentence for the operator."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from channels.push import outbox


class StockError(Exception):
    """The stock cannot be changed like that; nothing was changed."""


class NotListed(StockError, outbox.NotListed):
    """A SKU whose stock the store cannot be sent."""


class QuantityError(StockError):
    """Not a whole number of units, or below zero where it must not be."""


class StockChanged(StockError):
    """The shelf has not the units that the person saw; `now` is what it has."""

    def __init__(self, now: int) -> None:
        super().__init__(_("There are %d on hand now.") % now)
        self.now = now


class Short(Exception):
    """Inside this app only: promised units stand in the way of a lower count (shelf id -> units missing)."""

    def __init__(self, missing: Mapping[int, int]) -> None:
        super().__init__()
        self.missing = dict(missing)

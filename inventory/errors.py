"""Errors of services for stock. The text says in one sentence for a person what is wrong."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from channels.push import outbox


class StockError(Exception):
    """Something is not possible, and nothing was changed."""


class NotListed(StockError, outbox.NotListed):
    """A SKU whose stock cannot be sent to the store."""


class QuantityError(StockError):
    """A quantity is not a whole number of units, or is below what is allowed."""


class StockChanged(StockError):
    """The stock has changed since the person saw it; `now` are the units on hand now."""

    def __init__(self, now: int) -> None:
        super().__init__(_("%d on hand now.") % now)
        self.now = now


class StaleFigure(StockError):
    """The figure of a store is too old to be used; it has to be imported again first."""


class BelowAllocated(Exception):
    """A count is lower than what is allocated; `missing` is stock item id -> units. Used inside this app only."""

    def __init__(self, missing: Mapping[int, int]) -> None:
        super().__init__()
        self.missing = dict(missing)

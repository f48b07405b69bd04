"""What the page SKU problems shows: unknown SKUs of orders, and products that could not be imported.

The app `orders` registers the source of the unknown SKUs (`orders.admin.skus.unknown`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from django.db.models import QuerySet

from catalogue.inbound import import_problems
from oms.kit.models import Problem

SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class UnknownSku:
    """One SKU of one store that orders have and no variant has.

    `line` is the id of an order line, which the form sends; `orders` is the number of waiting orders, `orders_url` their
    list, `order_url` the newest of them.
    """

    connection_id: int
    sku: str
    title: str
    orders: int
    line: int
    orders_url: str
    order_url: str


class UnknownSkus(Protocol):
    """A source of unknown SKUs."""

    def waiting(self, limit: int, store: int | None = None) -> Sequence[UnknownSku]:
        """Return at most `limit` SKUs, of one store or of all; those that block most orders are first."""
        ...

    def find(self, line: int) -> UnknownSku | None:
        """Return the unknown SKU of an order line; None when it is not unknown any more."""
        ...


_sources: list[UnknownSkus] = []


def register_unknown_skus(source: UnknownSkus) -> None:
    """Show the unknown SKUs of this source on the page SKU problems."""
    _sources.append(source)


def problem_rows(store: int | None = None) -> QuerySet[Problem]:
    """Return the open problems of products that could not be imported, of one store or of all."""
    rows = Problem.objects.filter(resolved_at=None, code__in=[code.code for code in import_problems.CODES])
    return rows if store is None else rows.filter(connection_id=store)


def unknown_skus(store: int | None = None) -> list[UnknownSku]:
    """Return at most `SHOWN` unknown SKUs of each source, of one store or of all."""
    return [one for source in _sources for one in source.waiting(SHOWN, store)]


def find_unknown(line: int) -> UnknownSku | None:
    """Return the unknown SKU of an order line; None when it is not unknown any more."""
    return next((found for source in _sources if (found := source.find(line)) is not None), None)


def count_rows() -> int:
    """Return how many rows the page SKU problems shows for all stores; unknown SKUs are counted up to `SHOWN`."""
    return len(unknown_skus()) + problem_rows().count()

"""Paging of lists with a million rows: rows are counted and paged to 10,000.

A full count reads the whole index, and an offset of half a million rows takes a second. So the count stops at 10,001
("10,000+"), and a page beyond it is answered with the last page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import InvalidPage, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from oms.kit.numbers import grouped

if TYPE_CHECKING:
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator

CAP = 10_000


class CappedCount(int):
    """A whole number whose text is "10,000+" where counting stopped."""

    is_capped: bool

    def __new__(cls, counted: int, cap: int = CAP) -> CappedCount:
        if isinstance(counted, CappedCount):
            return counted  # it has its own cap
        made = super().__new__(cls, min(counted, cap))
        made.is_capped = counted > cap
        return made

    def __str__(self) -> str:
        return f"{int(self):,}+" if self.is_capped else grouped(int(self))


def capped_count(rows: QuerySet[Any], cap: int = CAP) -> CappedCount:
    """Return the number of rows, counted to `cap` + 1 at most; one query that reads no more rows than that."""
    return CappedCount(rows.order_by()[: cap + 1].count(), cap)


class CappedPaginator(_Paginator):
    """Django's paginator over at most the first 10,000 rows."""

    @cached_property
    def count(self) -> CappedCount:
        if isinstance(self.object_list, QuerySet):
            return capped_count(self.object_list)
        return CappedCount(len(self.object_list))


def page_of(rows: QuerySet[Any], request: HttpRequest, size: int = 50) -> Any:
    """Return the page of `rows` that `?page=` names; the last one when there is no such page."""
    paginator = CappedPaginator(rows, size)
    try:
        return paginator.page(request.GET.get("page") or 1)
    except InvalidPage:
        return paginator.page(paginator.num_pages)

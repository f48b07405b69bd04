"""Sources of the SKU inbox: products of a store that have the SKU of another product, or none (R-CAT-02)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from catalogue.errors import CatalogueError
from catalogue.inbound import import_problems
from catalogue.models import SkuDecision, Variant, sku_key
from catalogue.pictures.lookup import picture_of
from catalogue.services import sku_mapping
from catalogue.services.sku_inbox import rows
from catalogue.services.sku_inbox.rows import Accepted, Row
from oms.kit.authors.actors import Author
from oms.kit.models import Problem


class ProductProblems:
    """The open problems of one code: products that were not imported."""

    def __init__(self, code: str) -> None:
        self._code = code

    @property
    def kind(self) -> str:
        return self._code

    def rows(self, *, store: int | None, text: str, start: int, limit: int) -> list[Row]:
        found = self._found(store, text).order_by("connection_id", "-id")
        return [_row(one) for one in found[start : start + limit]]

    def count(self, *, store: int | None, text: str) -> int:
        return self._found(store, text).order_by().count()

    def _found(self, store: int | None, text: str) -> QuerySet[Problem]:
        found = self._open(store)
        if text:
            found = found.filter(Q(data__title__icontains=text) | Q(data__sku__icontains=text))
        return found

    def _open(self, store: int | None = None) -> QuerySet[Problem]:
        found = Problem.objects.open().filter(code=self._code)
        if store is not None:
            found = found.filter(connection_id=store)
        return found.exclude(rows.is_dismissed(self._code, connection="connection_id", key="key"))

    def find(self, ref: int) -> Row | None:
        found = self._open().filter(pk=ref).first()
        return None if found is None else _row(found)

    def accept(self, row: Row, variant: Variant, by: Author) -> Accepted:
        """Import the product as a listing of this variant."""
        return import_as(row, variant.sku, by=by)

    def undo(self, decision: SkuDecision, by: Author) -> None:
        raise CatalogueError(
            _("“%s” is imported. Merge its SKU into another one, or archive the product instead.")
            % decision.title
        )


def _row(problem: Problem) -> Row:
    data: dict[str, Any] = problem.data or {}
    record: dict[str, Any] = data.get("record") or {}
    variant: dict[str, Any] = next(iter(record.get("variants") or ()), {})
    return Row(
        kind=problem.code,
        ref=problem.pk,
        key=problem.key,
        connection_id=problem.connection_id or problem.subject_id,
        sku=str(data.get("sku") or ""),
        title=str(data.get("title") or ""),
        message=problem.message,
        image=picture_of(data),
        barcode=str(variant.get("barcode") or ""),
        options=data.get("options") or {},
        external_id=str(data.get("external_id") or ""),
        since=problem.opened_at,
        listings=1,
    )


def import_as(row: Row, sku: str, *, by: Author) -> Accepted:
    """Import the product of a row with this SKU: a new product, or a listing of the one that has it.

    Raises `CatalogueError` when the SKU is empty, too long or listed on this store already.
    """
    problem = Problem.objects.filter(pk=row.ref).first()
    if problem is None:
        raise CatalogueError(_("This problem is already resolved."))
    listed = sku_mapping.give_sku(problem=problem, sku=sku, by=by)
    return Accepted(SkuDecision.Action.IMPORTED, listed.variant)


def proposed_skus(found: Collection[Row]) -> dict[str, str]:
    """Return a free SKU for each product of these rows that has none of its own, by row name. One statement.

    The SKU of the store with "-2", "-3" and so on; the channel's id for a product without a SKU.
    """
    wanted = {row.name: row for row in found if row.kind in {rows.DUPLICATE, rows.EMPTY}}
    options = {
        name: [f"{row.sku}-{number}" for number in range(2, 7)] if row.sku else [row.external_id]
        for name, row in wanted.items()
    }
    keys = {sku_key(one) for many in options.values() for one in many}
    taken = set(Variant.objects.by_key(keys).values_list("sku_key", flat=True)) if keys else set()
    proposed: dict[str, str] = {}
    for name, many in options.items():
        free = next((one for one in many if one and len(one) <= 120 and sku_key(one) not in taken), "")
        taken.add(sku_key(free))
        proposed[name] = free
    return proposed


def register() -> None:
    """Register a source for each problem of products that could not be imported."""
    for code in import_problems.CODES:
        rows.register(ProductProblems(code.code))

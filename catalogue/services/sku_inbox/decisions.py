"""Decide rows of the SKU inbox: accept a suggestion, make a new product, dismiss; undo. Each decision is stored (R-PLUS-12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_hex

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from catalogue.errors import CatalogueError
from catalogue.models import SkuDecision, Variant
from catalogue.services import products
from catalogue.services.sku_inbox import imports, rows
from catalogue.services.sku_inbox.rows import Accepted, Row
from oms.kit.authors import audit
from oms.kit.authors.actors import Author


@dataclass(slots=True)
class Outcome:
    """What one button did: the decisions in their order, and a sentence for each row that was refused."""

    batch: str = field(default_factory=lambda: token_hex(16))
    done: list[SkuDecision] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    orders: int = 0


def accept(chosen: Mapping[str, int], *, by: Author) -> Outcome:
    """Accept a variant (id) for each of these rows (by name). A row that cannot be accepted leaves the others as they are.

    Orders that wait for the SKU go on at once. A row that somebody has decided in the meantime is refused with a sentence.
    """
    outcome = Outcome()
    variants = Variant.objects.current().select_related("product").in_bulk(set(chosen.values()))
    for name, pk in chosen.items():
        try:
            with transaction.atomic():
                row, source = _open(name)
                if pk not in variants:
                    raise CatalogueError(_("This SKU does not exist any more. Choose another one."))
                _store(outcome, row, source.accept(row, variants[pk], by), by)
        except CatalogueError as error:
            outcome.refused.append(str(error))
    return outcome


def _open(name: str) -> tuple[Row, rows.Source]:
    """Return an undecided row and its source. Raises `CatalogueError` for one that is decided."""
    row = rows.find(name)
    source = rows.source_of(name.partition(":")[0])
    if row is None or source is None:
        raise CatalogueError(_("This row is already resolved."))
    return row, source


def _store(outcome: Outcome, row: Row, accepted: Accepted, by: Author) -> None:
    outcome.orders += accepted.orders
    outcome.done.append(
        SkuDecision.objects.create(
            kind=row.kind,
            action=accepted.action,
            connection_id=row.connection_id,
            key=row.key,
            sku=row.sku[:255],
            title=row.title[:300],
            variant=accepted.variant,
            lines=list(accepted.lines),
            batch=outcome.batch,
            author_id=by.user_id,
        )
    )


def create(name: str, sku: str, *, by: Author) -> Outcome:
    """Make a new product for a row: with the SKU of the orders, or of a product that waits for its import with `sku`.

    Raises `CatalogueError` when the SKU is empty or taken, or the row cannot become a product.
    """
    outcome = Outcome()
    with transaction.atomic():
        row, source = _open(name)
        if row.kind in {rows.DUPLICATE, rows.EMPTY}:
            _store(outcome, row, imports.import_as(row, sku, by=by), by)
        elif row.kind == rows.UNKNOWN and row.sku.strip():
            made = products.create_product(
                title=row.title or row.sku, variants=[products.NewVariant(sku=row.sku)]
            )
            accepted = source.accept(row, made.variants.get(), by)
            made_now = Accepted(SkuDecision.Action.CREATED, accepted.variant, (), accepted.orders)
            _store(outcome, row, made_now, by)
        else:
            raise CatalogueError(_("No product can be made from this row. Choose one of the suggestions."))
    return outcome


def dismiss(names: Sequence[str], *, by: Author) -> Outcome:
    """Hide these rows from the inbox. Their orders and products stay as they are. A decided row is refused."""
    outcome = Outcome()
    for name in names:
        try:
            with transaction.atomic():
                row, _source = _open(name)
                _store(outcome, row, Accepted(SkuDecision.Action.DISMISSED, None), by)
                audit.record("sku.dismissed", outcome.done[-1], {"sku": (None, row.label)}, by=by)
        except CatalogueError as error:
            outcome.refused.append(str(error))
    return outcome


def undo(batch: str, *, by: Author) -> Outcome:
    """Undo the decisions that were made with one button, as far as possible; the others stay, each with a sentence.

    A mapped SKU is unmapped, and its orders that are not packed wait again. A second call changes nothing.
    """
    outcome = Outcome(batch=batch)
    for pk in SkuDecision.objects.filter(batch=batch, undone_at=None).values_list("pk", flat=True):
        try:
            with transaction.atomic():
                one = SkuDecision.objects.select_for_update(of=("self",)).get(pk=pk)
                if one.undone_at is not None:
                    continue
                source = rows.source_of(one.kind)
                if one.action == SkuDecision.Action.CREATED:
                    raise CatalogueError(
                        _("The product of %s was created. Archive it on its page instead.") % one.sku
                    )
                if one.action != SkuDecision.Action.DISMISSED and source is not None:
                    source.undo(one, by)
                one.undone_at = timezone.now()
                one.save(update_fields=["undone_at"])
                audit.record("sku.decision_undone", one, {"sku": (one.sku or one.title, None)}, by=by)
                outcome.done.append(one)
        except CatalogueError as error:
            outcome.refused.append(str(error))
    return outcome

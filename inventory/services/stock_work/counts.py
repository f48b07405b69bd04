"""Stock counts: enter what was counted, have the differences approved, apply them once.

The difference of a line is what was counted less what Manifold had on hand *at the moment of counting*; it is that many
units that an approval adds or removes. What is shipped or received between counting and approval is neither lost nor
counted twice. Locks: the count, then (inside `adjust_many`) orders and stock items.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from inventory.errors import StockError
from inventory.models import StockCount, StockCountLine, StockItem, StockMovement, Warehouse
from inventory.services.adjust import Adjustment, adjust_many
from inventory.services.stock_work import count_scopes
from inventory.services.stock_work.entered import scanned
from oms.kit.authors import audit
from oms.kit.authors.actors import Author

State = StockCount.State
SLICE = 1_000


def start(
    *, warehouse: Warehouse, scope: str, by: Author, skus: str = "", is_blind: bool = False, note: str = ""
) -> StockCount:
    """Create a count with a line for each SKU (`count_scopes.variants_of`); raises like it."""
    variant_ids = count_scopes.variants_of(warehouse, scope, skus)
    names = {
        count_scopes.WHOLE: _("Whole warehouse"),
        count_scopes.CHOSEN: _("Chosen SKUs"),
    }
    with transaction.atomic():
        made = StockCount.objects.create(
            warehouse=warehouse,
            scope=names.get(scope) or _("Class %s") % scope,
            is_blind=is_blind,
            note=note.strip()[:2000],
            author_id=by.user_id,
            actor=by.label[:60],
        )
        StockCountLine.objects.bulk_create(
            [StockCountLine(of=made, variant_id=pk) for pk in variant_ids], batch_size=SLICE
        )
        audit.record("count.started", made, by=by)
    return made


def enter(*, count_id: int, counted: Mapping[int, int | None], by: Author, at: datetime | None = None) -> int:
    """Note what was counted (line id -> units; None: not counted after all); return how many lines changed.

    A line with the same units keeps its moment of counting.

    `at` is when it was counted, now without it: a sheet that was filled at 9:00 and is entered at 11:00 is compared with
    the units on hand at 9:00. Raises `StockError` for a count that is not open, for a line of another count, and for a
    time that is to come or before the count was started.
    """
    now = timezone.now()
    with transaction.atomic():
        found = _open(count_id)
        moment = now if at is None else at
        if not found.created_at.replace(second=0, microsecond=0) <= moment <= now:
            raise StockError(_("Enter a time between the start of the count and now."))
        lines = {row.pk: row for row in found.lines.filter(pk__in=list(counted)).select_related("variant")}
        if len(lines) != len(counted):
            raise StockError(_("This line belongs to another count."))
        changed = [line for pk, line in lines.items() if line.counted != counted[pk]]
        on_hand = figures_at(found.warehouse_id, [line.variant_id for line in changed], at)
        for line in changed:
            _note(line, counted[line.pk], on_hand.get(line.variant_id, 0), moment, by)
        _save(changed)
        _reopen(found)
    return len(changed)


def scan(*, count_id: int, code: str, units: int, by: Author) -> StockCountLine:
    """Add units of the SKU or barcode that was scanned to what was counted of it; return its line.

    A SKU that the count does not have gets a line. If the SKU moved since its first unit was scanned, nobody knows
    whether the moved units were scanned: the line is empty again (`counted` None), and the scan is not added.
    Raises `StockError` for an unknown code and for a count that is not open.
    """
    if units < 1:
        raise StockError(_("Enter how many units you counted."))
    variant = scanned(code)
    with transaction.atomic():
        found = _open(count_id)
        line, _is_new = StockCountLine.objects.select_related("variant").get_or_create(
            of=found, variant=variant
        )
        on_hand = figures_at(found.warehouse_id, [variant.pk], None).get(variant.pk, 0)
        has_moved = line.counted is not None and line.on_hand != on_hand
        _note(line, None if has_moved else (line.counted or 0) + units, on_hand, timezone.now(), by)
        _save([line])
        _reopen(found)
    return line


def submit(*, count_id: int, by: Author) -> StockCount:
    """Ask for approval. Raises `StockError` when nothing was counted."""
    with transaction.atomic():
        found = _open(count_id)
        if not found.lines.filter(counted__isnull=False).exists():
            raise StockError(_("Nothing was counted yet."))
        found.state = State.COUNTED
        found.save(update_fields=["state"])
        audit.record("count.submitted", found, by=by)
    return found


def count_again(*, count_id: int, line_ids: Collection[int], by: Author) -> int:
    """Empty these lines: they are to be counted again. The count is open again; return how many lines."""
    with transaction.atomic():
        found = _open(count_id)
        changed = found.lines.filter(pk__in=line_ids, counted__isnull=False).update(
            counted=None, on_hand=None, counted_at=None, counted_by=""
        )
        if not changed:
            raise StockError(_("Choose counted lines."))
        _reopen(found)
        audit.record("count.again", found, {"lines": ("", changed)}, by=by)
    return changed


def approve(*, count_id: int, by: Author) -> int:
    """Apply the differences of all counted lines, once; return how many lines differ. Lines without a count stay as they are.

    Fewer units than are allocated release allocated units from the newest orders, as in an adjustment. Raises
    `StockError` when the count does not wait for approval (it may have been approved meanwhile), and when a difference
    is not possible any more. Nothing is changed then.
    """
    with transaction.atomic():
        found = _open(count_id)
        if found.state != State.COUNTED:
            raise StockError(_("Finish the count first."))
        lines = list(
            found.lines.filter(counted__isnull=False).select_related("variant").order_by("variant__sku_key")
        )
        reason = _("Count %s") % found.number
        for at in range(0, len(lines), SLICE):
            adjust_many(
                [_adjustment(found, line, reason) for line in lines[at : at + SLICE]],
                by=by,
            )
        differing = sum(1 for line in lines if line.difference)
        found.state, found.closed_at, found.approved_by = State.APPROVED, timezone.now(), by.label[:60]
        found.save(update_fields=["state", "closed_at", "approved_by"])
        audit.record("count.approved", found, {"differences": ("", differing)}, by=by)
    return differing


def cancel(*, count_id: int, by: Author) -> StockCount:
    """Cancel a count: nothing of it is applied."""
    with transaction.atomic():
        found = _open(count_id)
        found.state, found.closed_at = State.CANCELLED, timezone.now()
        found.save(update_fields=["state", "closed_at"])
        audit.record("count.cancelled", found, by=by)
    return found


def figures_at(warehouse_id: int, variant_ids: Collection[int], at: datetime | None) -> dict[int, int]:
    """Return the units on hand of these variants at a time (None: now): those of now less what moved since.

    Two statements. A variant without stock there is left out.
    """
    rows = StockItem.objects.filter(warehouse=warehouse_id, variant__in=list(variant_ids))
    found = dict(rows.values_list("variant", "on_hand"))
    if at is not None:
        moved = StockMovement.objects.filter(at__gt=at, stock_item__in=rows.values("pk")).order_by()
        for variant_id, units in moved.values_list("stock_item__variant").annotate(units=Sum("quantity")):
            found[variant_id] -= units
    return found


def _adjustment(found: StockCount, line: StockCountLine, reason: str) -> Adjustment:
    return Adjustment(
        variant_id=line.variant.merged_into_id or line.variant_id,
        warehouse_id=found.warehouse_id,
        delta=line.difference,
        reason=reason,
        kind=StockMovement.Kind.COUNT,
        reference_kind="stock_count",
        reference_id=found.pk,
    )


def _note(line: StockCountLine, units: int | None, on_hand: int, at: datetime, by: Author) -> None:
    is_counted = units is not None
    line.counted = units
    line.on_hand = on_hand if is_counted else None
    line.counted_at = at if is_counted else None
    line.counted_by = by.label[:60] if is_counted else ""


def _save(lines: list[StockCountLine]) -> None:
    fields = ["counted", "on_hand", "counted_at", "counted_by"]
    StockCountLine.objects.bulk_update(lines, fields, batch_size=SLICE)


def _reopen(found: StockCount) -> None:
    """A change after the count was finished asks for a new look before the approval."""
    if found.state == State.COUNTED:
        found.state = State.OPEN
        found.save(update_fields=["state"])


def _open(count_id: int) -> StockCount:
    """Lock and return a count that can be changed."""
    found = StockCount.objects.select_for_update().get(pk=count_id)
    if not found.is_open:
        raise StockError(
            _("%(number)s is %(status)s. It cannot be changed any more.")
            % {"number": found.number, "status": str(found.get_state_display()).lower()}
        )
    return found

"""Transfers between warehouses: enter one, ship it, receive it in parts, and note what was lost.

Shipped units are taken out of the first warehouse and are in transit: on hand nowhere, offered by no store. Locks: the
transfer, then stock items by primary key; orders are never touched, because only available units are taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from inventory.errors import StockError
from inventory.models import StockMovement, Transfer, TransferLine, Warehouse
from inventory.services.stock_work.entered import Entered, staying
from inventory.stock_changes import StockChange, apply, ensure_stock_items
from oms.kit.authors import audit
from oms.kit.authors.actors import Author

State = Transfer.State
REFERENCE = "transfer"


def plan(
    *, source: Warehouse, destination: Warehouse, lines: Sequence[Entered], by: Author, note: str = ""
) -> Transfer:
    """Create a draft; no stock is changed. Raises `StockError` when both warehouses are the same."""
    if source.pk == destination.pk:
        raise StockError(_("Choose two different warehouses."))
    with transaction.atomic():
        made = Transfer.objects.create(
            source=source,
            destination=destination,
            note=note.strip()[:2000],
            author_id=by.user_id,
            actor=by.label[:60],
        )
        TransferLine.objects.bulk_create(
            [TransferLine(transfer=made, variant=one.variant, quantity=one.units) for one in lines]
        )
        audit.record("transfer.planned", made, by=by)
    return made


def ship(*, transfer_id: int, by: Author) -> Transfer:
    """Take the units out of the first warehouse: they are in transit.

    Raises `StockError` when a SKU has fewer available units than the transfer needs: units that are allocated to orders
    are never taken. Nothing is changed then.
    """
    with transaction.atomic():
        found = _locked(transfer_id, State.DRAFT)
        lines = list(found.lines.select_related("variant__merged_into").order_by("pk"))
        stays = staying(lines)
        wanted = [(stays[line.pk].pk, found.source_id) for line in lines]
        stock_items = ensure_stock_items(wanted)
        at = {(item.variant_id, item.warehouse_id): item for row in stock_items.values() for item in row}
        taken: dict[int, int] = {}
        for line in lines:
            item = at[stays[line.pk].pk, found.source_id]
            taken[item.pk] = taken.get(item.pk, 0) + line.quantity
            if taken[item.pk] > item.available:
                raise StockError(
                    _(
                        "%(sku)s has %(available)d available units in %(warehouse)s (%(allocated)d are allocated to "
                        "orders): %(units)d cannot be sent."
                    )
                    % {
                        "sku": stays[line.pk].sku,
                        "available": item.available,
                        "warehouse": found.source.name,
                        "allocated": item.allocated,
                        "units": taken[item.pk],
                    }
                )
        reason = _("Transfer %(number)s to %(warehouse)s") % {
            "number": found.number,
            "warehouse": found.destination.name,
        }
        changes = [
            _change(found, at[stays[line.pk].pk, found.source_id].pk, -line.quantity, reason)
            for line in lines
        ]
        apply(changes, stock_items=stock_items, by=by)
        found.state, found.shipped_at = State.IN_TRANSIT, timezone.now()
        found.save(update_fields=["state", "shipped_at"])
        audit.record("transfer.shipped", found, by=by)
    return found


def receive(
    *, transfer_id: int, units: Mapping[int, int], by: Author, lost: Mapping[int, int] | None = None
) -> Transfer:
    """Receive units (line id -> units) in the second warehouse, and note units as lost; a part of them, too.

    When nothing is in transit any more the transfer closes. Raises `StockError` for a transfer that is not in transit,
    without units, for units below 0, and for more than are in transit. Nothing is changed then.
    """
    came = {pk: count for pk, count in units.items() if count}
    gone = {pk: count for pk, count in (lost or {}).items() if count}
    if (not came and not gone) or min([*came.values(), *gone.values()]) < 0:
        raise StockError(_("Enter how many units came, or were lost."))
    with transaction.atomic():
        found = _locked(transfer_id, State.IN_TRANSIT)
        lines = {row.pk: row for row in found.lines.select_related("variant__merged_into").order_by("pk")}
        if not {*came, *gone} <= set(lines):
            raise StockError(_("This line belongs to another transfer."))
        for pk in {*came, *gone}:
            line = lines[pk]
            if came.get(pk, 0) + gone.get(pk, 0) > line.open_units:
                raise StockError(
                    _("Only %(units)d units of %(sku)s are in transit.")
                    % {"units": line.open_units, "sku": line.variant.sku}
                )
            line.received += came.get(pk, 0)
            line.lost += gone.get(pk, 0)
            line.save(update_fields=["received", "lost"])
        _add(found, {lines[pk]: count for pk, count in came.items()}, by)
        if not any(line.open_units for line in lines.values()):
            found.state, found.closed_at = State.CLOSED, timezone.now()
        found.save(update_fields=["state", "closed_at"])
        changes = {"lost": (0, sum(gone.values()))} if gone else {}
        audit.record("transfer.received", found, changes, by=by)
    return found


def cancel(*, transfer_id: int, by: Author) -> Transfer:
    """Cancel a draft. Raises `StockError` once it was shipped: receive its units then."""
    with transaction.atomic():
        found = _locked(transfer_id, State.DRAFT)
        found.state, found.closed_at = State.CANCELLED, timezone.now()
        found.save(update_fields=["state", "closed_at"])
        audit.record("transfer.cancelled", found, by=by)
    return found


def in_transit(variant_ids: Sequence[int] | None = None) -> dict[int, int]:
    """Return the units in transit by variant id; one statement. None: of all variants that have some."""
    rows = TransferLine.objects.filter(transfer__state=State.IN_TRANSIT)
    if variant_ids is not None:
        rows = rows.filter(variant__in=variant_ids)
    sums = rows.order_by().values_list("variant")
    return dict(sums.annotate(units=Sum(F("quantity") - F("received") - F("lost"))))


def _add(found: Transfer, came: Mapping[TransferLine, int], by: Author) -> None:
    """Put units on hand in the second warehouse."""
    if not came:
        return
    stays = staying(came)
    stock_items = ensure_stock_items([(stays[line.pk].pk, found.destination_id) for line in came])
    at = {(item.variant_id, item.warehouse_id): item for row in stock_items.values() for item in row}
    reason = _("Transfer %(number)s from %(warehouse)s") % {
        "number": found.number,
        "warehouse": found.source.name,
    }
    changes = [
        _change(found, at[stays[line.pk].pk, found.destination_id].pk, count, reason)
        for line, count in came.items()
    ]
    apply(changes, stock_items=stock_items, by=by)


def _change(found: Transfer, item_id: int, units: int, reason: str) -> StockChange:
    return StockChange(
        item_id,
        on_hand=units,
        kind=StockMovement.Kind.TRANSFER,
        reason=reason,
        reference_kind=REFERENCE,
        reference_id=found.pk,
    )


def _locked(transfer_id: int, state: str) -> Transfer:
    """Lock and return a transfer in this state."""
    found = Transfer.objects.select_for_update().get(pk=transfer_id)
    if found.state != state:
        raise StockError(
            _("%(number)s is %(status)s. This is not possible any more.")
            % {"number": found.number, "status": str(found.get_state_display()).lower()}
            if found.state != State.DRAFT
            else _("Ship %s first.") % found.number
        )
    return found

"""Expected deliveries: enter one, receive its goods in parts, close it short or over.

Locks: the delivery, then (inside `adjust_many`) orders and stock items. Two people who receive one delivery wait for each
other; nothing else locks a delivery.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from inventory.errors import StockError
from inventory.models import Delivery, DeliveryLine, StockMovement, Supplier, Warehouse
from inventory.services.adjust import Adjustment, adjust_many
from inventory.services.stock_work.costs import receive_at_cost, units_on_hand
from inventory.services.stock_work.entered import Entered, scanned, staying
from inventory.services.stock_work.suppliers import note_suppliers
from inventory.stock_changes import ensure_stock_items
from oms.kit.authors import audit
from oms.kit.authors.actors import Author

State = Delivery.State


def expect(
    *,
    supplier: Supplier,
    warehouse: Warehouse,
    lines: Sequence[Entered],
    by: Author,
    reference: str = "",
    expected_on: date | None = None,
    note: str = "",
) -> Delivery:
    """Create an expected delivery; the stock is not changed. SKUs without a supplier get this one."""
    with transaction.atomic():
        made = Delivery.objects.create(
            supplier=supplier,
            warehouse=warehouse,
            reference=reference.strip()[:120],
            expected_on=expected_on,
            note=note.strip()[:2000],
            author_id=by.user_id,
            actor=by.label[:60],
        )
        DeliveryLine.objects.bulk_create(
            [
                DeliveryLine(delivery=made, variant=one.variant, quantity=one.units, cost=one.cost)
                for one in lines
            ]
        )
        note_suppliers([one.variant.pk for one in lines], supplier)
        audit.record("delivery.expected", made, by=by)
    return made


def receive(*, delivery_id: int, units: Mapping[int, int], by: Author) -> Delivery:
    """Receive goods (line id -> units, 0 for nothing); a part of them, too. More than was expected is *over*.

    The units are on hand at once. A line with a cost changes the average cost of its SKU. When everything has come the
    delivery closes. Raises `StockError` for a delivery that is closed or cancelled, without units, for units below 0,
    and for a line of another delivery. Nothing is changed then.
    """
    wanted = {pk: count for pk, count in units.items() if count}
    if not wanted or min(wanted.values()) < 0:
        raise StockError(_("Enter how many units came."))
    with transaction.atomic():
        found = _open(delivery_id)
        lines = {row.pk: row for row in found.lines.select_related("variant__merged_into").order_by("pk")}
        if not set(wanted) <= set(lines):
            raise StockError(_("This line belongs to another delivery."))
        _receive(found, [(lines[pk], count) for pk, count in wanted.items()], by)
        _finish(found, list(lines.values()), by)
    return found


def scan(
    *, delivery_id: int, code: str, units: int, by: Author, accepts_others: bool = False
) -> DeliveryLine:
    """Receive units of the SKU or barcode that was scanned; return its line.

    A SKU that the delivery does not name is refused, unless `accepts_others`: it then gets a line with nothing expected.
    Raises like `receive`.
    """
    variant = scanned(code)
    with transaction.atomic():
        found = _open(delivery_id)
        lines = list(found.lines.select_related("variant__merged_into").order_by("pk"))
        stays = staying(lines)
        line = next((row for row in lines if stays[row.pk].pk == variant.pk), None)
        if line is None:
            if not accepts_others:
                raise StockError(
                    _("%(sku)s is not expected in %(number)s. Tick “Accept other SKUs” to receive it.")
                    % {"sku": variant.sku, "number": found.number}
                )
            line = DeliveryLine.objects.create(delivery=found, variant=variant)
            lines.append(line)
        if units < 1:
            raise StockError(_("Enter how many units came."))
        _receive(found, [(line, units)], by)
        _finish(found, lines, by)
    return line


def close(*, delivery_id: int, by: Author) -> Delivery:
    """Close a delivery: units that have not come are short. One of which nothing came is cancelled."""
    with transaction.atomic():
        found = _open(delivery_id)
        is_cancelled = not found.lines.filter(received__gt=0).exists()
        found.state = State.CANCELLED if is_cancelled else State.CLOSED
        found.closed_at = timezone.now()
        found.save(update_fields=["state", "closed_at"])
        audit.record("delivery.cancelled" if is_cancelled else "delivery.closed", found, by=by)
    return found


def _open(delivery_id: int) -> Delivery:
    """Lock and return a delivery that is open."""
    found = Delivery.objects.select_for_update().get(pk=delivery_id)
    if not found.is_open:
        raise StockError(
            _("%(number)s is %(status)s. No more units can be received.")
            % {"number": found.number, "status": str(found.get_state_display()).lower()}
        )
    found.warehouse = Warehouse.objects.get(pk=found.warehouse_id)
    if not found.warehouse.is_active:
        raise StockError(_("%s is not active. Nothing can be received there.") % found.warehouse.name)
    return found


def _receive(found: Delivery, received: Sequence[tuple[DeliveryLine, int]], by: Author) -> None:
    """Add units to the stock and to their lines, and change the costs."""
    stays = staying(line for line, _units in received)
    places = [(stays[line.pk].pk, found.warehouse_id) for line, _units in received]
    ensure_stock_items(places)  # locked: nobody else computes with the same units on hand
    before = units_on_hand([variant_id for variant_id, _place in places])
    reason = _("Delivery %(number)s, %(supplier)s") % {"number": found.number, "supplier": found.supplier}
    adjust_many(
        [
            Adjustment(
                variant_id=stays[line.pk].pk,
                warehouse_id=found.warehouse_id,
                delta=units,
                reason=reason,
                kind=StockMovement.Kind.RECEIPT,
                reference_kind="delivery",
                reference_id=found.pk,
            )
            for line, units in received
        ],
        by=by,
    )
    with_cost = [(stays[line.pk].pk, units, line.cost) for line, units in received if line.cost is not None]
    receive_at_cost(with_cost, before=before, delivery_id=found.pk)
    for line, units in received:
        line.received += units
        line.save(update_fields=["received"])


def _finish(found: Delivery, lines: Sequence[DeliveryLine], by: Author) -> None:
    """Save the status that follows from the lines."""
    is_done = not any(line.open_units for line in lines)
    found.state = State.CLOSED if is_done else State.PART
    found.closed_at = timezone.now() if is_done else None
    found.save(update_fields=["state", "closed_at"])
    audit.record("delivery.received", found, by=by)

"""Whether the stock of a SKU is counted (docs/adr/0006-stock-not-tracked.md): the flag, and what it means for open orders."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from catalogue.models import Variant
from inventory import stock_changes as inventory
from oms.kit.actors import Author
from orders.choices import OPEN_STATUSES, ShipmentState
from orders.domain.allocation import allocate, release_stock
from orders.domain.moves import BEFORE_PACKING, IN_PROCESS
from orders.domain.shipments import cancel_open_shipments
from orders.models import OrderLine
from orders.unit_of_work.unit_of_work import UnitOfWork


def set_counted(variant_ids: Collection[int], *, is_counted: bool, by: Author) -> int:
    """Count the stock of these SKUs from now on, or not any more; returns how many changed.

    Not counted: orders that are not packed give back what they hold and wait for nothing; the shelves keep their
    figures, and no store is told any. Counted: those orders ask for their units, oldest first, and one that was
    released goes back to New until they are held; the stores are told. What is packed stays as it is.
    """
    with transaction.atomic():
        changed = set(
            Variant.objects.select_for_update(no_key=True)
            .filter(pk__in=list(variant_ids))
            .exclude(is_counted=is_counted)
            .order_by("pk")
            .values_list("pk", flat=True)
        )
        if not changed:
            return 0
        # Orders first, then shelves: as everywhere.
        open_lines = OrderLine.objects.filter(
            variant__in=changed,
            needs_stock=True,
            order__status__in=OPEN_STATUSES,
            quantity__gt=F("shipped") + F("cancelled"),
        )
        work_set = UnitOfWork.load(set(open_lines.values_list("order", flat=True)))
        Variant.objects.filter(pk__in=changed).update(is_counted=is_counted)
        for work in work_set.works:
            if work.status not in (*BEFORE_PACKING, *IN_PROCESS):
                continue
            if any(parcel.state != ShipmentState.PLANNED for parcel in work.open_shipments):
                continue
            mine = [line for line in work.lines if line.variant_id in changed and line.needs_stock]
            for line in mine:
                line.is_counted = is_counted
                if not is_counted:
                    release_stock(work, work_set.stock(), work_set.now, line=line)
            if is_counted:
                cancel_open_shipments(work)
                allocate(work, work_set.stock(), work_set.now)
            skus = ", ".join(sorted({line.sku or line.title for line in mine}))
            said = _("Counted from now on: %s") if is_counted else _("Not counted any more: %s")
            work.add_event("counting", said % skus)
        work_set.flush(by)
        inventory.availability_changed(changed)
    return len(changed)

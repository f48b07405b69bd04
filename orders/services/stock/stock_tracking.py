"""Switch stock tracking of SKUs on and off, for open orders too (docs/adr/0006-stock-not-tracked.md)."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from catalogue.models import Variant
from inventory import stock_changes as inventory
from oms.kit.authors import audit
from oms.kit.authors.actors import Author
from orders.choices import OPEN_STATUSES, ShipmentState
from orders.domain.allocation import allocate, release_stock
from orders.domain.moves import BEFORE_PACKING, IN_PROCESS
from orders.domain.shipments import cancel_open_shipments
from orders.models import OrderLine
from orders.unit_of_work.unit_of_work import UnitOfWork


def set_stock_tracking(variant_ids: Collection[int], *, is_counted: bool, by: Author) -> int:
    """Switch the stock tracking of variants (ids) on or off; return how many changed. A kit has none of its own.

    Off: the stock of orders that are not packed is released, and they wait for none. The stock items keep their
    figures; stores are not sent any. On: stock is allocated to those orders, and a released order moves back to New
    until it has all its units. The stores are sent the figures. Packed orders do not change.
    """
    with transaction.atomic():
        changed = set(
            Variant.objects.select_for_update(no_key=True)
            .filter(pk__in=list(variant_ids))
            .exclude(is_counted=is_counted)
            .exclude(is_kit=True)
            .order_by("pk")
            .values_list("pk", flat=True)
        )
        if not changed:
            return 0
        # The order of locks: orders, then stock items.
        open_lines = OrderLine.objects.filter(
            variant__in=changed,
            needs_stock=True,
            order__status__in=OPEN_STATUSES,
            quantity__gt=F("shipped") + F("cancelled"),
        )
        unit = UnitOfWork.load(set(open_lines.values_list("order", flat=True)))
        Variant.objects.filter(pk__in=changed).update(is_counted=is_counted)
        audit.record_many(
            "sku.tracking",
            [
                (row, {"is_counted": (not is_counted, is_counted)})
                for row in Variant.objects.filter(pk__in=changed)
            ],
            by=by,
        )
        for order_state in unit.order_states:
            if order_state.status not in (*BEFORE_PACKING, *IN_PROCESS):
                continue
            if any(shipment.state != ShipmentState.PLANNED for shipment in order_state.open_shipments):
                continue
            lines = [line for line in order_state.lines if line.variant_id in changed and line.needs_stock]
            for line in lines:
                line.is_counted = is_counted
                if not is_counted:
                    release_stock(order_state, unit.stock(), unit.now, line=line)
            if is_counted:
                cancel_open_shipments(order_state)
                allocate(order_state, unit.stock(), unit.now)
            skus = ", ".join(sorted({line.sku or line.title for line in lines}))
            text = _("Stock tracked from now on: %s") if is_counted else _("Stock no longer tracked: %s")
            order_state.add_event("counting", text % skus)
        unit.flush(by)
        inventory.availability_changed(changed)
    return len(changed)

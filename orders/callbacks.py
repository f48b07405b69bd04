"""What the apps below call: stock has arrived or is missing, SKUs were mapped, which orders have the allocated stock."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import F, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from channels.models import StatusMapEntry
from inventory.callbacks import Holder
from oms.kit.authors.actors import SYSTEM
from oms.kit.models import Problem
from orders import problem_codes
from orders.choices import OPEN_STATUSES, ShipmentState
from orders.domain.allocation import oldest_first, release_from_item
from orders.domain.shipments import cancel_open_shipments
from orders.models import Allocation, OrderLine
from orders.services.stock.backorders import RECLAIMABLE, WAITING, enqueue_refill, enqueue_task
from orders.unit_of_work.unit_of_work import UnitOfWork


def enqueue_refill_for(variant_ids: Collection[int]) -> None:
    """Start `refill` for these variants after the commit, if an order waits for one. The sweep repeats a lost task."""
    if _some_order_waits_for(variant_ids):
        transaction.on_commit(partial(enqueue_refill, sorted(variant_ids)[:500]))


def _some_order_waits_for(variant_ids: Collection[int]) -> bool:
    """Return whether a line of an open order misses units of one of these variants."""
    waiting = OrderLine.objects.filter(
        variant__in=list(variant_ids),
        needs_stock=True,
        is_counted=True,
        quantity__gt=F("allocated") + F("shipped") + F("cancelled"),
        order__status__in=WAITING,
    )
    return waiting.exists()


def enqueue_mapping_for(connection_id: int | None, sku_keys: Collection[str]) -> None:
    """Start `map_waiting` for these SKUs after the commit, if an order waits for one. The sweep repeats a lost task.

    `connection_id` limits it to one store.
    """
    problems = Problem.objects.open().filter(
        code__in=problem_codes.LINE_CODES, subject_kind=problem_codes.SUBJECT
    )
    if connection_id is not None:
        problems = problems.filter(connection_id=connection_id)
    if problems.filter(data__sku_key__in=list(sku_keys)).exists():
        transaction.on_commit(partial(enqueue_task, "orders.tasks.map_waiting", sorted(sku_keys)[:500]))


def reclaim_stock(missing: Mapping[int, int]) -> None:
    """Release allocated units because a count is lower: `missing` units of each stock item (id), the newest orders first,
    those with a higher priority last.

    Packed orders are not touched: their units are in a parcel. It is called before a stock item is locked
    (`inventory.callbacks.on_short`), because orders are locked first.
    """
    rows = Allocation.objects.filter(
        stock_item__in=list(missing),
        state=Allocation.State.OPEN,
        line__order__status__in=RECLAIMABLE,
    ).order_by("line__order__priority", "-line__order__placed_at", "-line__order", "-pk")
    left = dict(missing)
    order_ids: list[int] = []
    for item_id, units, order_id in rows.values_list("stock_item", "quantity", "line__order"):
        if left.get(item_id, 0) > 0:
            left[item_id] -= units
            order_ids.append(order_id)
    with transaction.atomic():
        unit = UnitOfWork.load(set(order_ids))
        stock = unit.stock()
        wanted = dict(missing)
        for order_state in reversed(oldest_first(unit.order_states)):
            if order_state.status not in RECLAIMABLE:
                continue  # it was packed in the meantime
            released = 0
            for item_id in sorted(missing):
                if wanted[item_id] > 0:
                    units = release_from_item(
                        order_state, stock, unit.now, stock_item_id=item_id, units=wanted[item_id]
                    )
                    wanted[item_id] -= units
                    released += units
            if released:
                if any(shipment.state == ShipmentState.PLANNED for shipment in order_state.shipments):
                    cancel_open_shipments(order_state)
                order_state.add_event(
                    "short",
                    _("%(units)d allocated units were released: the stock is lower") % {"units": released},
                )
        unit.flush(SYSTEM)


def allocation_holders(stock_item_ids: Collection[int]) -> list[Holder]:
    """Return which orders the allocated units of these stock items (ids) belong to, oldest first.

    `is_deducted` says whether the store has deducted the units from its own figure: by the present status of the order
    on the channel, or, where that is unknown, as it was when the order was last imported.
    """
    entry = StatusMapEntry.objects.filter(
        connection=OuterRef("line__order__connection"), external_id=OuterRef("line__order__remote_status_id")
    )
    rows = (
        Allocation.objects.filter(stock_item__in=list(stock_item_ids), state=Allocation.State.OPEN)
        .values(
            "stock_item",
            "line__order",
            "line__order__number",
            "line__order__connection",
            "line__order__placed_at",
            "line__order__stock_deducted",
            "line__order__remote_status_id",
            "line__is_added",
            "line__is_substituted",
            "line__parent",
        )
        .annotate(units=Sum("quantity"), is_reserved=Subquery(entry.values("holds_stock")[:1]))
        .order_by("line__order__placed_at")
    )
    return [
        Holder(
            stock_item_id=row["stock_item"],
            order_id=row["line__order"],
            label=f"#{row['line__order__number']}",
            units=row["units"],
            connection_id=row["line__order__connection"],
            placed_at=row["line__order__placed_at"],
            is_deducted=_is_deducted(row),
        )
        for row in rows
    ]


def _is_deducted(row: Mapping[str, Any]) -> bool:
    """Return whether a store has deducted allocated units.

    It never deducts what only staff added or chose, nor components: of a kit it deducts the kit.
    """
    if row["line__is_added"] or row["line__is_substituted"] or row["line__parent"]:
        return False
    known = row["line__order__stock_deducted"] if row["is_reserved"] is None else row["is_reserved"]
    return bool(known)


def own_sales(
    connection_id: int, variant_ids: Collection[int], since: datetime
) -> list[tuple[int, datetime, int]]:
    """Return (variant id, placed at, units) of a store's order lines since a time, of these variants; one statement.

    Lines that staff added or whose SKU staff chose are left out: the store did not deduct them.
    """
    rows = OrderLine.objects.filter(
        order__connection=connection_id,
        order__placed_at__gt=since,
        variant__in=list(variant_ids),
        is_added=False,
        is_substituted=False,
    ).order_by()
    return list(rows.values_list("variant", "order__placed_at", "quantity"))


def deducted_units(connection_id: int, variant_ids: Collection[int], before: datetime) -> dict[int, int]:
    """Return the units of a store's open orders that it has deducted from its own figure, by variant (id).

    Orders that were placed at `before` or later are left out. Their units are in the warehouse: neither shipped nor
    cancelled. By the present status of each order on the channel, or as it was when it was last imported.
    """
    entry = StatusMapEntry.objects.filter(
        connection=connection_id, external_id=OuterRef("order__remote_status_id")
    )
    is_deducted = Coalesce(Subquery(entry.values("holds_stock")[:1]), F("order__stock_deducted"))
    rows = OrderLine.objects.filter(
        order__connection=connection_id,
        order__status__in=OPEN_STATUSES,
        order__placed_at__lt=before,
        variant__in=list(variant_ids),
        needs_stock=True,
        is_added=False,
        is_substituted=False,
        parent=None,
    )
    sums = (
        rows.annotate(is_deducted=is_deducted)
        .filter(is_deducted=True)
        .order_by()
        .values("variant")
        .annotate(units=Sum(F("quantity") - F("shipped") - F("cancelled")))
    )
    return dict(sums.values_list("variant", "units"))

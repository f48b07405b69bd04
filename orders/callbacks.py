"""What the apps below call: stock has come or is short, SKUs are mapped, who holds stock."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

from django.db import transaction
from django.db.models import F, OuterRef, Subquery, Sum
from django.utils.translation import gettext as _

from channels.models import StatusMapEntry
from inventory.callbacks import Holder
from oms.kit.actors import SYSTEM
from oms.kit.models import Problem
from orders import problem_codes
from orders.choices import ShipmentState
from orders.domain.allocation import oldest_first, release_from_item
from orders.domain.shipments import cancel_open_shipments
from orders.models import Allocation, OrderLine
from orders.services.backorders import GIVING, WAITING, enqueue_refill, enqueue_task
from orders.unit_of_work.unit_of_work import UnitOfWork


def wake_refill(variant_ids: Collection[int]) -> None:
    """Stock has come: ring for a refill after the commit. A lost ring is made up for by the sweep."""
    if _is_waited_for(variant_ids):
        transaction.on_commit(partial(enqueue_refill, sorted(variant_ids)[:500]))


def _is_waited_for(variant_ids: Collection[int]) -> bool:
    waiting = OrderLine.objects.filter(
        variant__in=list(variant_ids),
        needs_stock=True,
        is_counted=True,
        quantity__gt=F("allocated") + F("shipped") + F("cancelled"),
        order__status__in=WAITING,
    )
    return waiting.exists()


def wake_mapping(connection_id: int | None, sku_keys: Collection[str]) -> None:
    """SKUs have got a variant: the orders that wait for them go on after the commit (the sweep makes up for it)."""
    problems = Problem.objects.open().filter(
        code=problem_codes.UNKNOWN_SKU, subject_kind=problem_codes.SUBJECT
    )
    if connection_id is not None:
        problems = problems.filter(connection_id=connection_id)
    if problems.filter(data__sku_key__in=list(sku_keys)).exists():
        transaction.on_commit(partial(enqueue_task, "orders.tasks.map_waiting", sorted(sku_keys)[:500]))


def reclaim_stock(missing: Mapping[int, int]) -> None:
    """A count is lower than what is promised: the youngest orders give back so many units of each shelf.

    Orders that are packed or further keep theirs: those units are in a parcel. Called before any shelf is
    locked (`inventory.callbacks.on_short`), so orders come first here, too.
    """
    rows = Allocation.objects.filter(
        stock_item__in=list(missing),
        state=Allocation.State.OPEN,
        line__order__status__in=GIVING,
    ).order_by("-line__order__placed_at", "-line__order", "-pk")
    left = dict(missing)
    order_ids: list[int] = []
    for item_id, units, order_id in rows.values_list("stock_item", "quantity", "line__order"):
        if left.get(item_id, 0) > 0:
            left[item_id] -= units
            order_ids.append(order_id)
    with transaction.atomic():
        work_set = UnitOfWork.load(set(order_ids))
        ledger = work_set.stock()
        wanted = dict(missing)
        for work in reversed(oldest_first(work_set.works)):
            if work.status not in GIVING:
                continue  # packed by somebody since it was looked for
            given = 0
            for item_id in sorted(missing):
                if wanted[item_id] > 0:
                    back = release_from_item(
                        work, ledger, work_set.now, stock_item_id=item_id, units=wanted[item_id]
                    )
                    wanted[item_id] -= back
                    given += back
            if given:
                if any(shipment.state == ShipmentState.PLANNED for shipment in work.shipments):
                    cancel_open_shipments(work)
                work.add_event(
                    "short", _("%(units)d units were taken back: the stock is lower") % {"units": given}
                )
        work_set.flush(SYSTEM)


def allocation_holders(stock_item_ids: Collection[int]) -> list[Holder]:
    """Which orders hold the allocated units of these shelves (for “explain this number”).

    Whether their store has deducted them is what its present status says, where the store tells; else what it was when
    the order was first read.
    """
    there = StatusMapEntry.objects.filter(
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
        )
        .annotate(units=Sum("quantity"), is_held_there=Subquery(there.values("holds_stock")[:1]))
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
            is_deducted=row["line__order__stock_deducted"]
            if row["is_held_there"] is None
            else row["is_held_there"],
        )
        for row in rows
    ]

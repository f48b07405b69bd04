"""Allocate arrived stock to waiting orders, oldest first, and map SKUs that are known now."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from catalogue.sku_resolution import LineKey, resolve_variants
from channels.contract.spec import Lane
from channels.models import Connection
from inventory.models import StockItem
from oms.kit.authors.actors import SYSTEM, Author
from oms.kit.background import queue
from oms.kit.models import Problem
from orders import problem_codes
from orders.choices import OrderStatus
from orders.domain.allocation import allocate, oldest_first
from orders.domain.lifecycle import auto_release
from orders.domain.rules.automation import remember_releases
from orders.models import OrderLine
from orders.services.stock.sku_mapping import map_lines
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork

log = logging.getLogger(__name__)

#: Orders of one transaction.
BATCH_SIZE = 500

#: Statuses of orders that may wait for stock.
WAITING = (OrderStatus.PARTIAL, OrderStatus.NEW, OrderStatus.UNPAID, OrderStatus.DRAFT)

#: Statuses of orders of which a part was released alone: the rest still waits.
PART_ON_ITS_WAY = (OrderStatus.READY_FOR_FULFILMENT, OrderStatus.PACKED, OrderStatus.READY_TO_SHIP)

#: Statuses of orders whose stock is released when a count is lower than what is allocated: nothing of them is packed.
RECLAIMABLE = (
    *WAITING,
    OrderStatus.READY_FOR_FULFILMENT,
    OrderStatus.CANCEL_IN_PROCESS,
    OrderStatus.SELLER_CANCEL_IN_PROCESS,
)


def refill(
    variant_ids: Collection[int] | None = None, *, limit: int = BATCH_SIZE, by: Author = SYSTEM
) -> int:
    """Allocate available stock to waiting orders, by priority and the oldest first (R-ORD-09); return how many orders got units.

    `variant_ids` None means all variants. One batch of at most `limit` orders; call again until it returns 0. Orders that
    cannot get the available units never stand before others: a batch in which no order got any is followed by the next.
    """
    place: Place | None = None
    while True:
        rows = _waiting_orders(variant_ids, limit, after=place)
        if not rows:
            return 0
        if count := _allocate_to([row.order_id for row in rows], by):
            return count
        place = rows[-1]


class Place(NamedTuple):
    """Where an order is in the sequence in which orders get stock."""

    priority: int
    placed_at: datetime
    order_id: int


def _waiting_orders(variant_ids: Collection[int] | None, limit: int, *, after: Place | None) -> list[Place]:
    """Return the places of the first orders that wait for units that are available, after a place.

    By priority, the highest first; of equal ones the oldest first.
    """
    # Without this filter, old unpaid orders that may not be allocated would fill every batch.
    may_be_allocated = Q(order__is_paid=True) | Q(order__hold_stock_until__gt=timezone.now())
    may_wait = Q(order__status__in=WAITING) | Q(
        order__is_part_released=True, order__status__in=PART_ON_ITS_WAY
    )
    lines = OrderLine.objects.filter(
        may_be_allocated,
        may_wait,
        needs_stock=True,
        is_counted=True,
        variant__isnull=False,
        quantity__gt=F("allocated") + F("shipped") + F("cancelled"),
    )
    if variant_ids is not None:
        lines = lines.filter(variant__in=list(variant_ids))
    available = StockItem.objects.filter(
        variant=OuterRef("variant"),
        on_hand__gt=F("allocated"),
        warehouse__is_active=True,
        warehouse__mappings__connection=OuterRef("order__connection"),
    )
    if after is not None:
        lines = lines.filter(
            Q(order__priority__lt=after.priority)
            | Q(order__priority=after.priority, order__placed_at__gt=after.placed_at)
            | Q(order__priority=after.priority, order__placed_at=after.placed_at, order__gt=after.order_id)
        )
    waiting = lines.filter(Exists(available)).order_by("-order__priority", "order__placed_at", "order")
    rows = waiting.values_list("order__priority", "order__placed_at", "order")[: limit * 4]
    return list(dict.fromkeys(Place(*row) for row in rows))[:limit]


def _allocate_to(order_ids: Collection[int], by: Author) -> int:
    """Allocate available units to these orders; return how many orders got some."""
    count = 0
    with transaction.atomic():
        unit = UnitOfWork.load(order_ids)
        stock = unit.stock()
        ready: list[OrderState] = []
        for order_state in oldest_first(unit.order_states):
            units = allocate(order_state, stock, unit.now)
            if units:
                count += 1
                order_state.add_event(
                    "refill", _("%(units)d units arrived and were allocated") % {"units": units}
                )
                ready.append(order_state)
        remember_releases(ready, unit.rules_version)
        auto_release(unit, ready)
        unit.flush(by)
    return count


def enqueue_refill(variant_ids: Sequence[int] | None) -> None:
    """Start a task that allocates available stock of these variants (None: of all) to waiting orders."""
    enqueue_task("orders.tasks.refill", *([] if variant_ids is None else [list(variant_ids)]))


def enqueue_task(task: str, *args: object) -> None:
    """Start a task in the lane “orders”; `task` is its dotted name."""
    queue.send(task, *args, lane=str(Lane.ORDERS))


def map_waiting(sku_keys: Collection[str] | None = None, *, limit: int = BATCH_SIZE) -> int:
    """Map order lines whose SKU was unknown and is known now (R-ORD-07); return how many orders were changed.

    `sku_keys` are the SKUs that were just mapped. Without them a random part of the open problems is checked, so that
    SKUs that remain unknown do not block the others. At most `limit` orders.
    """
    problems = Problem.objects.open().filter(
        code__in=problem_codes.LINE_CODES, subject_kind=problem_codes.SUBJECT
    )
    if sku_keys is not None:
        problems = problems.filter(data__sku_key__in=list(sku_keys))
    order_ids = list(problems.order_by("?").values_list("subject_id", flat=True)[:limit])
    if not order_ids:
        return 0
    lines = OrderLine.objects.filter(order__in=order_ids, variant=None, needs_stock=True)
    by_store: dict[int, list[OrderLine]] = {}
    for line in lines.select_related("order"):
        by_store.setdefault(line.order.connection_id, []).append(line)
    found: dict[int, int] = {}
    for store in Connection.objects.filter(pk__in=by_store):
        keys = {line.pk: LineKey(line.variant_external_id, line.sku) for line in by_store[store.pk]}
        variants = resolve_variants(store, set(keys.values()))
        found.update({pk: variants[key] for pk, key in keys.items() if key in variants})
    if not found:
        return 0
    outcomes = {outcome.order_id: outcome.ok for outcome in map_lines(found, by=SYSTEM)}
    return sum(outcomes.values())

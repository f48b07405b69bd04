"""Waiting orders take stock that has come, oldest first."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from catalogue.sku_resolution import LineKey, resolve_variants
from channels.contract.spec import Lane
from channels.models import Connection
from inventory.models import StockItem
from oms.kit import queue
from oms.kit.actors import SYSTEM, Author
from oms.kit.models import Problem
from orders import problem_codes
from orders.choices import OrderStatus
from orders.domain.allocation import allocate, oldest_first
from orders.domain.lifecycle import auto_release
from orders.models import OrderLine
from orders.services.sku_mapping import map_lines
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork

log = logging.getLogger(__name__)

SLICE = 200

#: States in which an order may still be waiting for units.
WAITING = (OrderStatus.PARTIAL, OrderStatus.NEW, OrderStatus.UNPAID, OrderStatus.DRAFT)

#: And those that give units back to a lower count: nothing of them is packed.
GIVING = (
    *WAITING,
    OrderStatus.READY_FOR_FULFILMENT,
    OrderStatus.CANCEL_IN_PROCESS,
    OrderStatus.SELLER_CANCEL_IN_PROCESS,
)


def refill(variant_ids: Collection[int] | None = None, *, limit: int = SLICE, by: Author = SYSTEM) -> int:
    """Waiting orders take what has come, oldest first (R-ORD-09); returns how many orders got units.

    `variant_ids` None = whatever has come. One slice of at most `limit` orders; call again while it returns
    `limit`, the sweep does so each minute.
    """
    # Of those that may hold nothing any more there are many, and they are old: they would fill every slice.
    may_hold = Q(order__is_paid=True) | Q(order__hold_stock_until__gt=timezone.now())
    lines = OrderLine.objects.filter(
        may_hold,
        order__status__in=WAITING,
        needs_stock=True,
        is_counted=True,
        variant__isnull=False,
        quantity__gt=F("allocated") + F("shipped") + F("cancelled"),
    )
    if variant_ids is not None:
        lines = lines.filter(variant__in=list(variant_ids))
    there = StockItem.objects.filter(
        variant=OuterRef("variant"),
        on_hand__gt=F("allocated"),
        warehouse__is_active=True,
        warehouse__mappings__connection=OuterRef("order__connection"),
    )
    waiting = (
        lines.filter(Exists(there)).order_by("order__placed_at", "order").values_list("order", flat=True)
    )
    order_ids = list(dict.fromkeys(waiting[: limit * 4]))[:limit]
    if not order_ids:
        return 0
    got = 0
    with transaction.atomic():
        work_set = UnitOfWork.load(order_ids)
        ledger = work_set.stock()
        ready: list[OrderState] = []
        for work in oldest_first(work_set.works):
            units = allocate(work, ledger, work_set.now)
            if units:
                got += 1
                work.add_event(
                    "refill", _("%(units)d units have come and are held for this order") % {"units": units}
                )
                ready.append(work)
        auto_release(work_set, ready)
        work_set.flush(by)
    return got


def enqueue_refill(variant_ids: Sequence[int] | None) -> None:
    """Have the orders that wait for these take what has come."""
    enqueue_task("orders.tasks.refill", *([] if variant_ids is None else [list(variant_ids)]))


def enqueue_task(task: str, *args: object) -> None:
    """Put a task of the order desk into the lane of orders; `task` is its dotted name."""
    queue.send(task, *args, lane=str(Lane.ORDERS))


def map_waiting(sku_keys: Collection[str] | None = None, *, limit: int = SLICE) -> int:
    """Lines whose SKU was unknown and is known by now go on by themselves (R-ORD-07); returns how many lines.

    `sku_keys`: those that were just mapped. Without them a random part of the open problems is looked at, so that SKUs
    that stay unknown keep no others waiting.
    """

    problems = Problem.objects.open().filter(
        code=problem_codes.UNKNOWN_SKU, subject_kind=problem_codes.SUBJECT
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

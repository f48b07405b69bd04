"""Stock that comes and goes under waiting orders: Partial goes on, a lower count takes back, unpaid lets go."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial

from django.db import DatabaseError, transaction
from django.db.models import Exists, F, OuterRef, Q, Subquery, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django_q.tasks import async_task

from channels.base import Lane
from channels.models import StatusMapEntry
from inventory.hooks import Holder
from inventory.models import StockItem
from oms.kit.actors import SYSTEM, Author
from oms.kit.models import Problem
from orders import codes
from orders.allocation import hold_stock, let_go, let_go_of, oldest_first
from orders.choices import OrderStatus, ShipmentState
from orders.models import Allocation, Order, OrderLine
from orders.parcels import unplan
from orders.work import Work
from orders.workset import WorkSet

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
        work_set = WorkSet.load(order_ids)
        ledger = work_set.ledger()
        ready: list[Work] = []
        for work in oldest_first(work_set.works):
            units = hold_stock(work, ledger, work_set.now)
            if units:
                got += 1
                work.say(
                    "refill", _("%(units)d units have come and are held for this order") % {"units": units}
                )
                ready.append(work)
        release_by_itself(work_set, ready)
        work_set.flush(by)
    return got


def release_by_itself(work_set: WorkSet, works: Iterable[Work]) -> None:
    """New → ready for fulfilment for the stores that want it so (`auto_release`), where nothing blocks it."""
    from orders.carriers import chosen_for
    from orders.shipping import release_work
    from orders.transitions import refusal

    ready = [work for work in works if work.settings.auto_release and refusal(work, "release") is None]
    if ready:
        carriers = chosen_for(ready)
        for work in ready:
            release_work(work, work_set, carriers.get(id(work)))


def wake_refill(variant_ids: Collection[int]) -> None:
    """Stock has come: ring for a refill after the commit. A lost ring is made up for by the sweep."""
    if _is_waited_for(variant_ids):
        transaction.on_commit(partial(ring_refill, sorted(variant_ids)[:500]))


def ring_refill(variant_ids: Sequence[int] | None) -> None:
    """Have the orders that wait for these take what has come."""
    _ring_task("orders.tasks.refill", *([] if variant_ids is None else [list(variant_ids)]))


def _is_waited_for(variant_ids: Collection[int]) -> bool:
    waiting = OrderLine.objects.filter(
        variant__in=list(variant_ids),
        needs_stock=True,
        is_counted=True,
        quantity__gt=F("allocated") + F("shipped") + F("cancelled"),
        order__status__in=WAITING,
    )
    return waiting.exists()


def _ring_task(task: str, *args: object) -> None:
    try:
        async_task(task, *args, cluster=str(Lane.ORDERS))
    except (DatabaseError, OSError):
        log.warning("could not ring for %s", task, exc_info=True)


def wake_mapping(connection_id: int | None, sku_keys: Collection[str]) -> None:
    """SKUs have got a variant: the orders that wait for them go on after the commit (the sweep makes up for it)."""
    problems = Problem.objects.open().filter(code=codes.UNKNOWN_SKU, subject_kind=codes.SUBJECT)
    if connection_id is not None:
        problems = problems.filter(connection_id=connection_id)
    if problems.filter(data__sku_key__in=list(sku_keys)).exists():
        transaction.on_commit(partial(_ring_task, "orders.tasks.map_waiting", sorted(sku_keys)[:500]))


def take_back_stock(missing: Mapping[int, int]) -> None:
    """A count is lower than what is promised: the youngest orders give back so many units of each shelf.

    Orders that are packed or further keep theirs: those units are in a parcel. Called before any shelf is
    locked (`inventory.hooks.on_short`), so orders come first here, too.
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
        work_set = WorkSet.load(set(order_ids))
        ledger = work_set.ledger()
        wanted = dict(missing)
        for work in reversed(oldest_first(work_set.works)):
            if work.status not in GIVING:
                continue  # packed by somebody since it was looked for
            given = 0
            for item_id in sorted(missing):
                if wanted[item_id] > 0:
                    back = let_go_of(work, ledger, work_set.now, stock_item_id=item_id, units=wanted[item_id])
                    wanted[item_id] -= back
                    given += back
            if given:
                if any(shipment.state == ShipmentState.PLANNED for shipment in work.shipments):
                    unplan(work)
                work.say("short", _("%(units)d units were taken back: the stock is lower") % {"units": given})
        work_set.flush(SYSTEM)


def release_unpaid(limit: int = SLICE) -> int:
    """Unpaid orders hold stock no longer than their store's setting (R-ORD-10); returns how many let go."""
    unpaid = (OrderStatus.UNPAID, OrderStatus.DRAFT)
    rows = Order.objects.filter(
        status__in=unpaid,
        is_paid=False,
        hold_stock_until__lte=timezone.now(),
        lines__allocated__gt=0,
    )
    order_ids = list(rows.order_by("pk").distinct().values_list("pk", flat=True)[:limit])
    if not order_ids:
        return 0
    done = 0
    with transaction.atomic():
        work_set = WorkSet.load(order_ids)
        for work in work_set.works:
            if (
                work.status in unpaid
                and not work.order.is_paid
                and let_go(work, work_set.ledger(), work_set.now)
            ):
                done += 1
                work.say("unpaid", _("Not paid in time: its stock is free again"))
        work_set.flush(SYSTEM)
    return done


def map_waiting(sku_keys: Collection[str] | None = None, *, limit: int = SLICE) -> int:
    """Lines whose SKU was unknown and is known by now go on by themselves (R-ORD-07); returns how many lines.

    `sku_keys`: those that were just mapped. Without them a random part of the open problems is looked at, so that SKUs
    that stay unknown keep no others waiting.
    """
    from catalogue.resolve import LineKey, resolve_variants
    from channels.models import Connection
    from orders.desk import map_lines

    problems = Problem.objects.open().filter(code=codes.UNKNOWN_SKU, subject_kind=codes.SUBJECT)
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


def holders(stock_item_ids: Collection[int]) -> list[Holder]:
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

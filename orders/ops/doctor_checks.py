"""Checks of orders (`manage.py doctor`): what must always be true of their rows. Each names the first wrong rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, Sum, Value, Window
from django.db.models.functions import Coalesce, Lag
from django.utils.translation import gettext as _

from catalogue.models import ListingVariant, Variant
from inventory.models import StockItem
from oms.kit import doctor
from oms.kit.doctor import Finding
from oms.kit.models import Problem
from orders.choices import NUMBERED, OPEN_STATUSES, OrderStatus, ShipmentState
from orders.documents.files import path_of
from orders.domain.moves import BEFORE_PACKING
from orders.models import (
    Allocation,
    Document,
    Hold,
    NumberSeries,
    Order,
    OrderEvent,
    OrderLine,
    ReturnLine,
    ShipmentLine,
)
from orders.ops.reports import rollups
from orders.problem_codes import SUBJECT
from orders.status import status_of
from orders.unit_of_work.unit_of_work import UnitOfWork

#: Wrong rows that a check names.
SHOWN = 5
#: Orders that are loaded at once.
CHUNK = 500
#: Ended orders that are checked, the newest first.
RECENT = 5_000

#: Statuses of orders whose facts still change. Of the others only the newest are checked.
MOVING = (*OPEN_STATUSES, OrderStatus.IN_TRANSIT, OrderStatus.DELIVERED)
LEFT = (ShipmentState.HANDED_OVER, ShipmentState.DELIVERED)


def _sum(rows: QuerySet[Any, Any], outer: str, field: str = "quantity") -> Coalesce:
    """Return the sum of `field` over the rows of an object, 0 without rows. `outer` is the rows' key to the object."""
    grouped = rows.filter(**{outer: OuterRef("pk")}).order_by().values(outer).annotate(total=Sum(field))
    return Coalesce(Subquery(grouped.values("total")), Value(0))


def _found(wrong: Iterable[object], what: str) -> Finding:
    """Return a finding that names the wrong rows; an empty one when there are none."""
    shown = [str(row) for row in wrong]
    return Finding(not shown, f"{what}: {', '.join(shown)}" if shown else "")


def _lines(ids: Iterable[int]) -> QuerySet[OrderLine]:
    """Return these lines with their orders."""
    return OrderLine.objects.filter(pk__in=list(ids)).select_related("order").order_by("pk")


def lines_hold_what_is_allocated() -> Finding:
    """Check that `OrderLine.allocated` is the sum of its open allocations."""
    open_rows = Allocation.objects.filter(state=Allocation.State.OPEN)
    # Only lines that have or should have any; else each of millions of finished lines would be summed up.
    lines = OrderLine.objects.filter(~Q(allocated=0) | Q(pk__in=open_rows.values("line")))
    wrong = lines.annotate(real=_sum(open_rows, "line")).exclude(allocated=F("real"))
    rows = wrong.select_related("order")[:SHOWN]
    return _found(
        [f"{row.order} {row} ({row.allocated} / {row.real})" for row in rows],
        _("allocated units differ from the allocations"),
    )


def lines_shipped_what_left() -> Finding:
    """Check that `OrderLine.shipped` is the sum of its units in shipments that left. History is not checked."""
    left = Q(shipment_lines__shipment__state__in=LEFT)
    lines = OrderLine.objects.filter(order__is_history=False, needs_stock=True).order_by()
    sums = lines.values("pk", "shipped").annotate(
        real=Coalesce(Sum("shipment_lines__quantity", filter=left), Value(0))
    )
    wrong = dict(sums.exclude(shipped=F("real")).values_list("pk", "real")[:SHOWN])
    return _found(
        [f"{row.order} {row} ({row.shipped} / {wrong[row.pk]})" for row in _lines(wrong)],
        _("shipped units differ from the shipments"),
    )


def lines_are_counted_as_their_sku() -> Finding:
    """Check that a line without stock tracking has no allocation, and that it is tracked as its SKU is before packing."""
    lines = OrderLine.objects.filter(needs_stock=True, variant__isnull=False)
    differs = Q(order__status__in=BEFORE_PACKING, quantity__gt=F("shipped") + F("cancelled")) & ~Q(
        is_counted=F("variant__is_counted")
    )
    wrong = lines.filter(differs | Q(is_counted=False, allocated__gt=0)).order_by("pk")
    return _found(
        [f"{row.order} {row}" for row in wrong.select_related("order")[:SHOWN]],
        _("stock tracking of lines differs from their SKU"),
    )


def stock_items_hold_what_is_allocated() -> Finding:
    """Check that `StockItem.allocated` is the sum of its open allocations."""
    open_rows = Allocation.objects.filter(state=Allocation.State.OPEN)
    items = StockItem.objects.filter(~Q(allocated=0) | Q(pk__in=open_rows.values("stock_item")))
    wrong = items.annotate(real=_sum(open_rows, "stock_item")).exclude(allocated=F("real"))
    rows = wrong.select_related("variant", "warehouse")[:SHOWN]
    return _found(
        [f"{row} ({row.allocated} / {getattr(row, 'real', 0)})" for row in rows],
        _("allocated stock differs from the allocations"),
    )


def no_unit_is_in_two_shipments() -> Finding:
    """Check that shipments contain no more units of a line than were ordered and not cancelled."""
    live = ShipmentLine.objects.exclude(shipment__state=ShipmentState.CANCELLED).order_by()
    sums = live.values("line", "line__quantity", "line__cancelled").annotate(real=Sum("quantity"))
    wrong = sums.filter(real__gt=F("line__quantity") - F("line__cancelled"))
    return _found(
        [f"{row.order} {row}" for row in _lines(wrong.values_list("line", flat=True)[:SHOWN])],
        _("units are in more than one shipment"),
    )


def statuses_follow_the_facts() -> Finding:
    """Check that `Order.status` and `Order.allocation` follow from the facts, of all open and the newest ended orders."""
    wrong = []
    done, total = 0, Order.objects.filter(status__in=MOVING).count() + RECENT
    for chunk in _chunks():
        doctor.note_progress(done, total)
        done += len(chunk)
        for order_state in UnitOfWork.load(chunk, lock=False).order_states:
            expected = str(status_of(order_state.facts()))
            if expected != order_state.order.status:
                wrong.append(f"{order_state.order} ({order_state.order.status} / {expected})")
            elif order_state.order.allocation != (expected := order_state.allocation()):
                wrong.append(f"{order_state.order} ({order_state.order.allocation} / {expected})")
        if len(wrong) >= SHOWN:
            break
    return _found(wrong[:SHOWN], _("the status does not follow from the facts"))


def _chunks() -> Iterator[list[int]]:
    """Yield the ids of all orders in `MOVING`, then of the newest others."""
    after = 0
    while True:
        ids = list(
            Order.objects.filter(status__in=MOVING, pk__gt=after)
            .order_by("pk")
            .values_list("pk", flat=True)[:CHUNK]
        )
        if not ids:
            break
        after = ids[-1]
        yield ids
    recent = list(
        Order.objects.exclude(status__in=MOVING).order_by("-pk").values_list("pk", flat=True)[:RECENT]
    )
    for at in range(0, len(recent), CHUNK):
        yield recent[at : at + CHUNK]


def badges_count_their_rows() -> Finding:
    """Check that `holds_open` and `problems_open` count the open holds and problems."""
    holds = Hold.objects.filter(lifted_at=None).annotate(one=Value(1))
    problems = Problem.objects.open().filter(subject_kind=SUBJECT).annotate(one=Value(1))
    wrong = (
        Order.objects.filter(
            Q(holds_open__gt=0)
            | Q(problems_open__gt=0)
            | Q(pk__in=holds.values("order"))
            | Q(pk__in=problems.values("subject_id"))
        )
        .annotate(real_holds=_sum(holds, "order", "one"), real_problems=_sum(problems, "subject_id", "one"))
        .exclude(holds_open=F("real_holds"), problems_open=F("real_problems"))
    )
    return _found(wrong[:SHOWN], _("the counts of holds and problems are wrong"))


def every_status_has_its_event() -> Finding:
    """Check that the last change of status in the timeline leads to the stored status (open and new orders)."""
    last = (
        OrderEvent.objects.filter(order=OuterRef("pk"))
        .exclude(to_status="")
        .order_by("-pk")
        .values("to_status")
    )
    floor = Order.objects.order_by("-pk").values_list("pk", flat=True)[RECENT : RECENT + 1]
    since = next(iter(floor), 0)
    checked = Order.objects.filter(Q(status__in=MOVING) | Q(pk__gt=since))
    wrong = checked.annotate(newest=Coalesce(Subquery(last[:1]), Value(""))).exclude(newest=F("status"))
    return _found(wrong[:SHOWN], _("the timeline does not lead to the status"))


def timelines_have_no_gap() -> Finding:
    """Check that each change of status begins where the one before it ended (open and new orders)."""
    floor = Order.objects.order_by("-pk").values_list("pk", flat=True)[RECENT : RECENT + 1]
    checked = Order.objects.filter(Q(status__in=MOVING) | Q(pk__gt=next(iter(floor), 0)))
    wrong = (
        OrderEvent.objects.filter(order__in=checked.values("pk"))
        .exclude(to_status="")
        .annotate(
            previous=Window(Lag("to_status", default=Value("")), partition_by=F("order"), order_by="id")
        )
        .exclude(from_status=F("previous"))
        .order_by("pk")
    )
    return _found(
        [
            f"{row.order} ({row.previous or '-'} / {row.from_status or '-'})"
            for row in wrong.select_related("order")[:SHOWN]
        ],
        _("the timeline has a gap"),
    )


def units_are_those_of_the_lines() -> Finding:
    """Check that `Order.units` is the sum of the lines without their cancelled units.

    A cancelled order keeps the units that it had when it was cancelled, and lines may have been removed before.
    """
    left = F("sold") - F("cancelled_units")
    sold = Q(lines__parent=None)  # a component of a kit is no unit that was sold
    is_right = Q(units=left) | Q(cancelled_at__isnull=False, units__gt=left, units__lte=F("sold"))
    sums = (
        Order.objects.order_by()
        .values("pk", "units", "cancelled_at")
        .annotate(
            sold=Coalesce(Sum("lines__quantity", filter=sold), Value(0)),
            cancelled_units=Coalesce(Sum("lines__cancelled", filter=sold), Value(0)),
        )
    )
    found = sums.exclude(is_right).annotate(real=left).values_list("pk", "real")
    wrong = dict(found[:SHOWN])
    return _found(
        [
            f"{row} ({row.units} / {wrong[row.pk]})"
            for row in Order.objects.filter(pk__in=wrong).order_by("pk")
        ],
        _("the units are not the sum of the lines"),
    )


def lines_count_what_came_back() -> Finding:
    """Check that `OrderLine.returned` is the sum of the units of its returns that came back."""
    back = ReturnLine.objects.annotate(back=F("usable") + F("unusable") + F("written_off"))
    # A line of a kit counts the kits that are back: it has no return of its own.
    touched = Q(returned__gt=0, needs_stock=True) | Q(return_lines__isnull=False)
    wrong = (
        OrderLine.objects.filter(touched)
        .distinct()
        .annotate(real=_sum(back, "line", "back"))
        .exclude(returned=F("real"))
    )
    return _found(
        [
            f"{row.order} {row} ({row.returned} / {getattr(row, 'real', 0)})"
            for row in wrong.select_related("order")[:SHOWN]
        ],
        _("returned units differ from the returns"),
    )


def kit_lines_have_their_components() -> Finding:
    """Check that a component line has the units of its kit at the sale, and that the line of the kit takes no stock."""
    components = OrderLine.objects.filter(parent__isnull=False)
    differs = Q(kit_units__gt=0) & ~Q(quantity=F("parent__quantity") * F("kit_units"))
    wrong = components.filter(
        differs | Q(kit_units__gt=0, parent__needs_stock=True) | Q(kit_units=0, allocated__gt=0)
    )
    return _found(
        [
            f"{row.order} {row} ({row.quantity} / {row.parent.quantity if row.parent else 0} × {row.kit_units})"
            for row in wrong.select_related("order", "parent").order_by("pk")[:SHOWN]
        ],
        _("components of a kit differ from its line"),
    )


def merged_skus_are_empty() -> Finding:
    """Check that a merged SKU has no stock, no listing and no line of an order that is not packed."""
    stock = StockItem.objects.filter(variant=OuterRef("pk")).exclude(on_hand=0, allocated=0)
    listed = ListingVariant.objects.filter(variant=OuterRef("pk"))
    lines = OrderLine.objects.filter(variant=OuterRef("pk"), order__status__in=BEFORE_PACKING)
    wrong = Variant.objects.exclude(merged_into=None).filter(Exists(stock) | Exists(listed) | Exists(lines))
    return _found(wrong.order_by("pk")[:SHOWN], _("a merged SKU still has stock, listings or orders"))


def invoice_numbers_have_no_gap() -> Finding:
    """Check that each series of numbers has as many documents as its last number says."""
    wrong = []
    for series in NumberSeries.objects.all():
        count = Document.objects.filter(kind__in=NUMBERED, number__startswith=f"{series}-").count()
        if count != series.last:
            wrong.append(f"{series} ({count} / {series.last})")
    return _found(wrong[:SHOWN], _("numbers of invoices have a gap"))


def issued_documents_have_their_file() -> Finding:
    """Check that the stored files of the newest issued documents are there."""
    rows = Document.objects.exclude(content_hash="").order_by("-id")[:RECENT]
    missing = [row for row in rows.defer("data") if not path_of(row.content_hash).is_file()]
    return _found(missing[:SHOWN], _("stored files are missing in the media folder"))


CHECKS = {
    "order_lines_returned_is_their_returns": lines_count_what_came_back,
    "order_kit_lines_have_their_components": kit_lines_have_their_components,
    "order_merged_skus_are_empty": merged_skus_are_empty,
    "order_lines_allocated_is_their_allocations": lines_hold_what_is_allocated,
    "order_lines_shipped_is_their_shipments": lines_shipped_what_left,
    "order_lines_tracked_as_their_sku": lines_are_counted_as_their_sku,
    "stock_allocated_is_its_allocations": stock_items_hold_what_is_allocated,
    "order_units_in_one_shipment": no_unit_is_in_two_shipments,
    "order_status_follows_facts": statuses_follow_the_facts,
    "order_badges_count_rows": badges_count_their_rows,
    "order_status_has_event": every_status_has_its_event,
    "order_timeline_without_gaps": timelines_have_no_gap,
    "order_units_are_its_lines": units_are_those_of_the_lines,
    "reports_equal_orders": rollups.equal_their_orders,
    "invoice_numbers_without_gaps": invoice_numbers_have_no_gap,
    "documents_have_their_file": issued_documents_have_their_file,
}


def register_checks() -> None:
    """Register the checks; called once, when Django has loaded the apps."""
    for name, check in CHECKS.items():
        doctor.register(name, check)

"""Checks of the stock (`manage.py doctor`): what must always be true of its rows."""

from __future__ import annotations

from django.db.models import F, Q, Sum, Value, Window
from django.db.models.functions import Coalesce, Lag
from django.utils.translation import gettext as _

from inventory.models import StockItem, StockMovement, Transfer, TransferLine
from inventory.services.stock_work import transfers
from oms.kit.doctor import Finding, register

SHOWN = 5


def movements_add_up() -> Finding:
    """Check that on hand is the sum of the movements of the stock item."""
    wrong = (
        StockItem.objects.annotate(in_history=Coalesce(Sum("movements__quantity"), Value(0)))
        .exclude(on_hand=F("in_history"))
        .order_by("pk")
    )
    return _answer(
        [f"{item}" for item in wrong.select_related("variant", "warehouse")[:SHOWN]],
        _("on hand is not the sum of its movements"),
    )


def allocated_within_on_hand() -> Finding:
    """Check that 0 ≤ allocated ≤ on hand."""
    wrong = StockItem.objects.filter(Q(allocated__lt=0) | Q(allocated__gt=F("on_hand"))).order_by("pk")
    return _answer(
        [
            f"{item} ({item.allocated} / {item.on_hand})"
            for item in wrong.select_related("variant", "warehouse")[:SHOWN]
        ],
        _("more is allocated than on hand"),
    )


def movements_without_gap() -> Finding:
    """Check that each movement begins with the figure at which the one before it ended, the first with 0."""
    wrong = (
        StockMovement.objects.annotate(
            previous=Window(Lag("after", default=Value(0)), partition_by=F("stock_item"), order_by="id")
        )
        .exclude(before=F("previous"))
        .order_by("pk")
    )
    return _answer(
        [f"{row.pk} ({row.previous} → {row.before})" for row in wrong[:SHOWN]],
        _("the stock history has a gap"),
    )


def in_transit_is_open_transfers() -> Finding:
    """Check that what left a warehouse by a transfer and did not reach the other is in transit or was lost, no more and no less.

    The movements of a transfer add up to −(units − received) once it was shipped, and there are none before.
    """
    moved = dict(
        StockMovement.objects.filter(reference_kind=transfers.REFERENCE)
        .order_by()
        .values_list("reference_id")
        .annotate(units=Sum("quantity"))
    )
    shipped = (Transfer.State.IN_TRANSIT, Transfer.State.CLOSED)
    lines = TransferLine.objects.filter(transfer__state__in=shipped).order_by().values_list("transfer")
    outside = dict(lines.annotate(units=Sum(F("quantity") - F("received"))))
    wrong = sorted(pk for pk in {*moved, *outside} if moved.get(pk, 0) != -outside.get(pk, 0))
    open_units = TransferLine.objects.filter(transfer__state=Transfer.State.CLOSED).exclude(
        quantity=F("received") + F("lost")
    )
    wrong += sorted(set(open_units.values_list("transfer", flat=True)) - set(wrong))
    return _answer(
        [f"{Transfer.letter}{pk}" for pk in wrong[:SHOWN]],
        _("units in transit are not those of the open transfers"),
    )


def kits_have_no_stock() -> Finding:
    """Check that a kit has no units of its own."""
    wrong = StockItem.objects.filter(variant__is_kit=True).exclude(on_hand=0, allocated=0, unusable=0)
    return _answer(
        [
            f"{item} ({item.on_hand})"
            for item in wrong.select_related("variant", "warehouse").order_by("pk")[:SHOWN]
        ],
        _("a kit has stock of its own"),
    )


def _answer(wrong: list[str], what: str) -> Finding:
    """Return a finding that names the wrong rows; an empty one when there are none."""
    return Finding(not wrong, f"{what}: {', '.join(wrong)}" if wrong else "")


def register_checks() -> None:
    """Register the checks; called once, when Django has loaded the apps."""
    register("stock_on_hand_is_sum_of_movements", movements_add_up)
    register("stock_allocated_within_on_hand", allocated_within_on_hand)
    register("stock_of_kits_is_none", kits_have_no_stock)
    register("stock_history_without_gaps", movements_without_gap)
    register("stock_in_transit_is_open_transfers", in_transit_is_open_transfers)

"""Invariants of the stock, checked in the data (`manage.py doctor`)."""

from __future__ import annotations

from django.db.models import F, Q, Sum, Value, Window
from django.db.models.functions import Coalesce, Lag
from django.utils.translation import gettext as _

from inventory.models import StockItem, StockMovement
from oms.kit.doctor import Finding, register

SHOWN = 5


def ledger_adds_up() -> Finding:
    """On hand is the sum of the movements of its shelf."""
    wrong = (
        StockItem.objects.annotate(in_ledger=Coalesce(Sum("movements__quantity"), Value(0)))
        .exclude(on_hand=F("in_ledger"))
        .order_by("pk")
    )
    return _answer(
        [f"{item}" for item in wrong.select_related("variant", "warehouse")[:SHOWN]],
        _("on hand is not the sum of its movements"),
    )


def bounds_hold() -> Finding:
    """Nothing is promised twice: 0 ≤ held ≤ on hand."""
    wrong = StockItem.objects.filter(Q(allocated__lt=0) | Q(allocated__gt=F("on_hand"))).order_by("pk")
    return _answer(
        [
            f"{item} ({item.allocated} / {item.on_hand})"
            for item in wrong.select_related("variant", "warehouse")[:SHOWN]
        ],
        _("more is held than there is"),
    )


def chain_holds() -> Finding:
    """Each movement begins where the one before it on the same shelf ended, the first at 0."""
    wrong = (
        StockMovement.objects.annotate(
            previous=Window(Lag("after", default=Value(0)), partition_by=F("stock_item"), order_by="id")
        )
        .exclude(before=F("previous"))
        .order_by("pk")
    )
    return _answer(
        [f"{row.pk} ({row.previous} → {row.before})" for row in wrong[:SHOWN]],
        _("the ledger has a gap"),
    )


def _answer(wrong: list[str], what: str) -> Finding:
    return Finding(not wrong, f"{what}: {', '.join(wrong)}" if wrong else "")


def register_checks() -> None:
    """Declare the checks."""
    register("stock_on_hand_is_its_ledger", ledger_adds_up)
    register("stock_held_within_on_hand", bounds_hold)
    register("stock_ledger_without_gaps", chain_holds)

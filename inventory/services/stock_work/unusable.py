"""Unusable units (damaged, expired): moved out of the stock on hand and back, added and written off, with a reason.

They are counted beside the stock on hand, so no order can have them and no store is offered them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from catalogue.models import Variant
from inventory.errors import StockError
from inventory.models import StockItem, StockMovement, Warehouse
from inventory.parsing import whole
from inventory.services.adjust import Adjustment, adjust_many
from inventory.services.stock_work.entered import check_tracked
from inventory.stock_changes import StockChange, apply, ensure_stock_items
from oms.kit.authors import audit
from oms.kit.authors.actors import Author


class Move(StrEnum):
    """What happens to the units."""

    SET_ASIDE = "set_aside"  # on hand → unusable
    RESTORE = "restore"  # unusable → on hand
    WRITE_OFF = "write_off"  # unusable → gone


def move(
    *, variant: Variant, warehouse: Warehouse, units: Any, what: Move, reason: str, by: Author
) -> StockItem:
    """Move units between on hand and unusable, or write unusable ones off; return the stock item.

    *Set aside*: when fewer units stay on hand than are allocated, they are released from the newest orders, as in an
    adjustment. The stores are sent the new figure. Raises `StockError` without a reason, for less than 1 unit and for
    more than there are. Nothing is changed then.
    """
    count = whole(units, least=1)
    check_tracked(variant)
    if not reason.strip():
        raise StockError(_("Enter the reason of the change."))
    with transaction.atomic():
        if what == Move.SET_ASIDE:
            _adjust(variant, warehouse, -count, reason, by)
        stock_items = ensure_stock_items([(variant.pk, warehouse.pk)])
        item = next(one for one in stock_items[variant.pk] if one.warehouse_id == warehouse.pk)
        before = item.unusable
        if what != Move.SET_ASIDE and count > before:
            raise StockError(
                _("%(sku)s has %(units)d unusable units in %(warehouse)s.")
                % {"sku": variant.sku, "units": before, "warehouse": warehouse.name}
            )
        delta = count if what == Move.SET_ASIDE else -count
        apply([StockChange(item.pk, unusable=delta)], stock_items=stock_items, by=by)
        if what == Move.RESTORE:
            item = _adjust(variant, warehouse, count, reason, by)
        audit.record(
            "stock.unusable",
            item,
            {"unusable": (before, before + delta), "reason": ("", reason.strip()[:200])},
            by=by,
        )
    return item


def _adjust(variant: Variant, warehouse: Warehouse, delta: int, reason: str, by: Author) -> StockItem:
    one = Adjustment(
        variant_id=variant.pk,
        warehouse_id=warehouse.pk,
        delta=delta,
        reason=reason,
        kind=StockMovement.Kind.UNUSABLE,
    )
    return adjust_many([one], by=by)[0]

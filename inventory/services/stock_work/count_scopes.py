"""Which SKUs a count has: the whole warehouse, an ABC class, or chosen SKUs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from catalogue.models import sku_key
from catalogue.sku_resolution import variants_with_skus
from inventory.errors import StockError
from inventory.models import StockItem, StockMovement, Warehouse
from inventory.services.stock_work.entered import MOST_COUNTED, check_tracked

WHOLE: Final = "whole"
CHOSEN: Final = "chosen"
CLASSES: Final = ("A", "B", "C")
#: The days whose shipments decide the class of a SKU.
CLASS_DAYS: Final = 90


def variants_of(warehouse: Warehouse, scope: str, skus: str = "") -> list[int]:
    """Return the variants (ids) of a count in the order of their SKU.

    `scope`: "whole" (all SKUs that have stock in the warehouse, or had), "A", "B" or "C" (`classes`), or "chosen", with
    the SKUs in `skus`, separated by lines, tabs or semicolons. Raises `StockError` for an unknown SKU, for none, and for
    more than 20,000.
    """
    if scope == CHOSEN:
        found = _chosen(skus)
    else:
        rows = StockItem.objects.filter(
            warehouse=warehouse, variant__is_counted=True, variant__merged_into=None
        ).order_by("variant__sku_key")
        found = list(rows.values_list("variant", flat=True)[: MOST_COUNTED + 1 if scope == WHOLE else None])
        if scope in CLASSES:
            at = classes(warehouse)
            found = [pk for pk in found if at.get(pk, "C") == scope]
    if not found:
        raise StockError(_("No SKU of this choice has stock in %s.") % warehouse.name)
    if len(found) > MOST_COUNTED:
        raise StockError(_("A count has at most %d SKUs. Choose a class or SKUs.") % MOST_COUNTED)
    return found


def _chosen(skus: str) -> list[int]:
    names = [one.strip() for line in skus.splitlines() for one in line.replace("\t", ";").split(";")]
    names = list(dict.fromkeys(name for name in names if name))
    if not names:
        raise StockError(_("Enter the SKUs to count."))
    known = variants_with_skus({sku_key(name) for name in names})
    found: dict[int, None] = {}
    for name in names:
        variant = known.get(sku_key(name))
        if variant is None:
            raise StockError(_("No product has the SKU “%(sku)s”.") % {"sku": name[:60]})
        check_tracked(variant)
        found[variant.pk] = None
    return list(found)


def classes(warehouse: Warehouse) -> dict[int, str]:
    """Return the ABC class of each SKU that the warehouse shipped in 90 days: variant id -> A or B; all others are C.

    A: the SKUs with which the first 80 % of the shipped units are reached, the most shipped first; B: those up to 95 %;
    C: the rest, and what was not shipped.
    """
    since = timezone.now() - timedelta(days=CLASS_DAYS)
    rows = StockMovement.objects.filter(
        at__gte=since, kind=StockMovement.Kind.SHIPMENT, stock_item__warehouse=warehouse
    ).order_by()
    sums = rows.values_list("stock_item__variant").annotate(units=Sum("quantity"))
    shipped = sorted(((-units, pk) for pk, units in sums if units < 0), key=lambda one: (-one[0], one[1]))
    return _classed(shipped)


def _classed(shipped: Sequence[tuple[int, int]]) -> dict[int, str]:
    total, reached = sum(units for units, _pk in shipped), 0
    found = {}
    for units, pk in shipped:
        share = reached / total
        found[pk] = "A" if share < 0.8 else "B" if share < 0.95 else "C"
        reached += units
    return found

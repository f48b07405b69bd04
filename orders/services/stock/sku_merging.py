"""Merge two SKUs that are one product, and undo it (R-CAT-04).

Merging moves the listings, the mapped SKUs, the stock of every warehouse with its allocations, and all order lines to the
other SKU. Nothing is lost or doubled: on hand and allocated of both together are the same before and after. The stock
history stays with the SKU in which it happened, and has a movement for what was moved. The order of locks is that of
`orders.unit_of_work`: variants, orders, stock items.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from catalogue import callbacks as catalogue_hooks
from catalogue import search_text
from catalogue.errors import CatalogueError
from catalogue.models import ListingVariant, SkuMerge, Variant
from catalogue.services import merging as catalogue
from inventory.models import StockItem
from inventory.services import merging as inventory
from inventory.services.merging import Units
from oms.kit.authors import audit
from oms.kit.authors.actors import SYSTEM, Author
from oms.kit.bulk import among, insert
from orders.choices import OPEN_STATUSES, Actor
from orders.domain.moves import BEFORE_PACKING
from orders.models import Allocation, Order, OrderEvent, OrderLine
from orders.services.stock import kits
from orders.services.stock.sku_mapping import map_lines

#: Orders that one merge may lock at most; more are a sign that the wrong SKU was chosen.
MOST_ORDERS = 5_000


@dataclass(frozen=True, slots=True)
class MergePreview:
    """What a merge would move: numbers of listings, order lines and open orders, and units over all warehouses."""

    stores: tuple[str, ...]
    lines: int
    open_orders: int
    on_hand: int
    allocated: int


def preview(source: Variant, target: Variant) -> MergePreview:
    """Return what merging `source` into `target` would move. Raises `CatalogueError` when it is not possible."""
    catalogue.check(source, target)
    stores = ListingVariant.objects.filter(variant=source).order_by("connection__name")
    lines = OrderLine.objects.filter(variant=source)
    items = StockItem.objects.filter(variant=source).values_list("on_hand", "allocated")
    return MergePreview(
        stores=tuple(stores.values_list("connection__name", flat=True)),
        lines=lines.count(),
        open_orders=lines.filter(order__status__in=OPEN_STATUSES).values("order").distinct().count(),
        on_hand=sum(on_hand for on_hand, _allocated in items),
        allocated=sum(allocated for _on_hand, allocated in items),
    )


@transaction.atomic
def merge(source: Variant, target: Variant, *, by: Author) -> SkuMerge:
    """Merge SKU `source` into SKU `target`: one product, one stock; return the row by which it can be undone.

    Raises `CatalogueError` when one of them is merged already, their stock tracking differs, or a first sync of their
    stores is running; nothing is changed then.
    """
    source, target = catalogue.lock_pair(source.pk, target.pk)
    catalogue.check(source, target)
    orders = _lock_orders(OrderLine.objects.filter(variant=source).values("order"))
    pairs = _lock_stock(source, target)
    row = SkuMerge.objects.create(source=source, target=target, author_id=by.user_id)
    units = {
        warehouse: Units(item.on_hand, item.allocated, item.unusable)
        for warehouse, (item, _other) in pairs.items()
    }
    lines = list(OrderLine.objects.filter(variant=source).order_by("pk").values_list("pk", flat=True))
    inventory.forget_differences(source.pk)
    moved = catalogue.move_to_target(source, target)
    for item, other in pairs.values():
        Allocation.objects.filter(stock_item=item, state=Allocation.State.OPEN).update(stock_item=other)
    OrderLine.objects.filter(variant=source).update(variant=target)
    inventory.move_units(
        pairs, units, reasons=inventory.out_and_in(source.sku, target.sku), reference_id=row.pk, by=by
    )
    row.moved = {**moved, "lines": lines, "stock": {str(pk): one.on_hand for pk, one in units.items()}}
    row.save(update_fields=["moved"])
    _note(orders, _("%(source)s was merged into %(target)s") % _names(row), by)
    audit.record("sku.merged", target, {"merged SKU": (None, source.sku)}, by=by)
    if target.is_kit:
        kits.kits_made([target.pk], by)
    _changed(source, target)
    return row


@transaction.atomic
def unmerge(row: SkuMerge, *, units: Mapping[int, int] | None = None, by: Author) -> SkuMerge:
    """Undo a merge: the SKU gets its listings, mapped SKUs, order lines and stock back.

    Order lines that came since from the listings that are given back go with them, each with its allocated units. `units`
    are the available units that go back, by warehouse id; None: as many as the merge moved, less what those orders have,
    as far as they are available. Raises `CatalogueError` when it was undone already, when the other SKU is merged
    itself, or when `units` are not available.
    """
    row = SkuMerge.objects.select_for_update(of=("self",)).select_related("source", "target").get(pk=row.pk)
    if row.undone_at is not None:
        raise CatalogueError(_("This merge is undone already."))
    source, target = catalogue.lock_pair(row.source_id, row.target_id)
    row.source, row.target = source, target
    if source.merged_into_id != target.pk:
        raise CatalogueError(_("%s was merged again since. Undo that merge first.") % target.sku)
    lines = OrderLine.objects.filter(variant=target).filter(
        Q(pk__in=among(row.moved.get("lines", []))) | Q(_sold_from(row))
    )
    line_ids = list(lines.order_by("pk").values_list("pk", flat=True))
    orders = _lock_orders(OrderLine.objects.filter(pk__in=among(line_ids)).values("order"))
    pairs = _lock_stock(source, target)
    allocated = _allocated_to(line_ids)
    back = {}
    for warehouse, (_item, other) in pairs.items():
        held = allocated.get(other.pk, 0)
        free = other.on_hand - other.allocated
        wanted = row.moved.get("stock", {}).get(str(warehouse), 0) - held
        chosen = min(max(wanted, 0), free) if units is None else units.get(warehouse, 0)
        if not 0 <= chosen <= free:
            raise CatalogueError(
                _("%(warehouse)s has %(free)d units available of %(sku)s: %(units)d cannot be moved.")
                % {"warehouse": other.warehouse.name, "free": free, "sku": target.sku, "units": chosen}
            )
        back[warehouse] = Units(held + chosen, held)
    inventory.forget_differences(target.pk)
    catalogue.move_back(row)
    for item, other in pairs.values():
        Allocation.objects.filter(
            stock_item=other, state=Allocation.State.OPEN, line__in=among(line_ids)
        ).update(stock_item=item)
    OrderLine.objects.filter(pk__in=among(line_ids)).update(variant=source)
    # Seen from the stock items this goes the other way: from `target` to `source`.
    inventory.move_units(
        {warehouse: (other, item) for warehouse, (item, other) in pairs.items()},
        back,
        reasons=(_("Merge of %s undone") % source.sku, _("Merge into %s undone") % target.sku),
        reference_id=row.pk,
        by=by,
    )
    row.undone_at = timezone.now()
    row.save(update_fields=["undone_at"])
    _note(orders, _("The merge of %(source)s into %(target)s was undone") % _names(row), by)
    audit.record("sku.unmerged", target, {"merged SKU": (source.sku, None)}, by=by)
    _changed(source, target)
    return row


def move_stragglers() -> int:
    """Move order lines that were stored with a merged SKU while it was being merged; return how many (a sweep)."""
    rows = OrderLine.objects.filter(variant__merged_into__isnull=False, order__status__in=BEFORE_PACKING)
    found = list(rows.values_list("pk", "variant__merged_into")[:200])
    if not found:
        return 0
    return len(map_lines({pk: target for pk, target in found if target is not None}, by=SYSTEM))


def _names(row: SkuMerge) -> dict[str, str]:
    return {"source": row.source.sku, "target": row.target.sku}


def _sold_from(row: SkuMerge) -> Exists:
    """Lines that were ordered from the listings that the merge moved, since it moved them."""
    return Exists(
        ListingVariant.objects.filter(
            pk__in=row.moved.get("listed", []),
            connection=OuterRef("order__connection"),
            external_id=OuterRef("variant_external_id"),
        ).exclude(external_id="")
    )


def _lock_orders(order_ids: object) -> list[int]:
    """Lock the open ones of these orders by primary key, before their stock; return their ids."""
    rows = Order.objects.filter(pk__in=order_ids, status__in=OPEN_STATUSES).order_by("pk")  # type: ignore[misc]
    found = list(rows.select_for_update(of=("self",)).values_list("pk", flat=True)[: MOST_ORDERS + 1])
    if len(found) > MOST_ORDERS:
        raise CatalogueError(
            _("More than %d open orders have this SKU. Merge it into the other one the other way round.")
            % MOST_ORDERS
        )
    return found


def _lock_stock(source: Variant, target: Variant) -> dict[int, tuple[StockItem, StockItem]]:
    """Lock the stock of both. None moves where one of them is a kit: `catalogue.services.merging.check` sees to that."""
    return {} if source.is_kit or target.is_kit else inventory.lock_both(source.pk, target.pk)


def _allocated_to(line_ids: Collection[int]) -> dict[int, int]:
    """Return the open allocated units of these lines by stock item."""
    found: dict[int, int] = {}
    rows = Allocation.objects.filter(line__in=among(line_ids), state=Allocation.State.OPEN)
    for item, units in rows.values_list("stock_item", "quantity"):
        found[item] = found.get(item, 0) + units
    return found


def _note(order_ids: Iterable[int], text: str, by: Author) -> None:
    """Add one entry to the timeline of each order."""
    insert(
        [
            OrderEvent(order_id=pk, kind="map_line", text=text[:300], actor=_actor(by), author_id=by.user_id)
            for pk in order_ids
        ],
        keys=False,
    )


def _actor(by: Author) -> str:
    return by.kind if by.kind in Actor.values else str(Actor.SYSTEM)


def _changed(source: Variant, target: Variant) -> None:
    """Have both SKUs found by their new texts and their figures sent; orders that wait for stock are looked at again."""
    search_text.refresh_after(variants={source.pk, target.pk})
    for variant in (source, target):
        catalogue_hooks.call_recoded(variant.pk)
    inventory.figures_changed(source.pk, target.pk)

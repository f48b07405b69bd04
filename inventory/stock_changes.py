"""Lock stock items and change them: every change of stock goes through `apply`.

`apply` changes the figures, writes the stock history, and enqueues the messages for the stores; nothing else writes a
stock item. The order of locks: orders first, then stock items by primary key (`lock_stock_items`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _

from catalogue.models import ListingVariant, Variant
from catalogue.services.kits import kits_with
from channels.push import outbox, topics
from inventory import callbacks
from inventory.errors import StockError
from inventory.models import StockItem, StockMovement
from oms.kit.authors.actors import Author
from oms.kit.bulk import add_to, among, insert, make

Kind = StockMovement.Kind


@dataclass(frozen=True, slots=True)
class StockChange:
    """A change of one stock item, in units. `on_hand` makes a row of the stock history, with kind, reason and reference.

    `unusable` units are counted beside the stock on hand: they can be neither allocated nor offered.
    """

    stock_item_id: int
    on_hand: int = 0
    allocated: int = 0
    kind: str = ""
    reason: str = ""
    reference_kind: str = ""
    reference_id: int | None = None
    unusable: int = 0


def lock_stock_items(
    variant_ids: Iterable[int], *, note_differences: bool = False
) -> dict[int, list[StockItem]]:
    """Lock all stock items of these variants (ids) until the transaction ends; return them by variant id.

    A variant without a stock item has an empty list. One query. With `note_differences` each has `has_difference`.
    """
    stock_items: dict[int, list[StockItem]] = {variant_id: [] for variant_id in variant_ids}
    if stock_items:
        rows = StockItem.objects.noting_differences() if note_differences else StockItem.objects.all()
        for item in rows.locked(stock_items):
            stock_items[item.variant_id].append(item)
    return stock_items


def apply(
    changes: Sequence[StockChange], *, stock_items: Mapping[int, Sequence[StockItem]], by: Author
) -> None:
    """Change locked stock items: one UPDATE, one INSERT into the stock history, and the messages for the stores.

    `stock_items` is what `lock_stock_items` returned in this transaction; its items have the new figures afterwards.
    Raises `StockError`, before anything is written, when more would be allocated than is on hand, and for a kit that would
    get units.
    """
    items = {item.pk: item for row in stock_items.values() for item in row}
    deltas: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    movements: list[StockMovement] = []
    on_hand = {pk: item.on_hand for pk, item in items.items()}
    for change in changes:
        deltas[change.stock_item_id][0] += change.on_hand
        deltas[change.stock_item_id][1] += change.allocated
        if change.on_hand:
            before = on_hand[change.stock_item_id]
            on_hand[change.stock_item_id] = before + change.on_hand
            movements.append(_movement(change, before, by))
    changed: set[int] = set()
    more: set[int] = set()
    for pk, (delta, allocated) in deltas.items():
        item = items[pk]
        if not 0 <= item.allocated + allocated <= item.on_hand + delta:
            raise StockError(_impossible(item, delta, allocated))
        if delta > 0 and item.of_kit:
            raise StockError(kit_has_no_stock(item.variant.sku))
        if delta != allocated:
            changed.add(item.variant_id)
        if delta > allocated:
            more.add(item.variant_id)
    _change_figures(deltas)
    _add_unusable(changes, items)
    insert(movements, keys=False)
    for pk, (delta, allocated) in deltas.items():
        items[pk].on_hand += delta
        items[pk].allocated += allocated
    in_kits = {item.variant_id for item in items.values() if item.variant_id in changed and item.in_kit}
    availability_changed(changed, more=more, in_kits=in_kits)


#: The SKU of a stock item that gets units although its variant is a kit.
_KIT_WITH_UNITS = (
    "(SELECT v.sku FROM catalogue_variant v WHERE v.id = t.variant_id AND v.is_kit AND d.d0 > 0)"
)


def _change_figures(deltas: Mapping[int, Sequence[int]]) -> None:
    """Add to on hand and allocated. Raises `StockError` for a variant that became a kit while its stock items were waited for.

    `of_kit` is as it was before the wait. Whoever makes a kit removes its stock under the same locks: either it has
    happened and is seen here, or it happens later and removes these units, too. SQLite has one writer and never waits.
    """
    fields = ("on_hand", "allocated")
    kits = [sku for sku in add_to(StockItem, fields, deltas, returning=_KIT_WITH_UNITS) if sku]
    if kits:
        add_to(StockItem, fields, {pk: (-delta, -allocated) for pk, (delta, allocated) in deltas.items()})
        raise StockError(kit_has_no_stock(kits[0]))


def _add_unusable(changes: Sequence[StockChange], items: Mapping[int, StockItem]) -> None:
    """Add the unusable units of these changes; no statement where there are none."""
    unusable: dict[int, list[int]] = defaultdict(lambda: [0])
    for change in changes:
        if change.unusable:
            unusable[change.stock_item_id][0] += change.unusable
    add_to(StockItem, ("unusable",), unusable)
    for pk, (units,) in unusable.items():
        items[pk].unusable += units


def _movement(change: StockChange, before: int, by: Author) -> StockMovement:
    return make(
        StockMovement,
        stock_item_id=change.stock_item_id,
        kind=change.kind or Kind.ADJUSTMENT,
        quantity=change.on_hand,
        before=before,
        after=before + change.on_hand,
        reason=change.reason[:200],
        reference_kind=change.reference_kind,
        reference_id=change.reference_id,
        author_id=by.user_id,
        actor=by.label[:60],
        at=timezone.now(),
    )


def _impossible(item: StockItem, delta: int, allocated: int) -> str:
    return _(
        "%(sku)s in %(warehouse)s has %(on_hand)d on hand and %(allocated)d allocated: %(change)s is not possible."
    ) % {
        "sku": item.variant.sku,
        "warehouse": item.warehouse.name,
        "on_hand": item.on_hand,
        "allocated": item.allocated,
        "change": _("%(units)+d allocated") % {"units": allocated}
        if allocated
        else _("%(units)+d on hand") % {"units": delta},
    }


def availability_changed(
    variant_ids: Collection[int],
    *,
    more: Collection[int] | None = None,
    in_kits: Collection[int] | None = None,
) -> None:
    """Enqueue the stock of these variants (ids), and of the kits that contain one, for all stores that list them.

    One upsert into the outbox, in the caller's transaction; waiting orders are refilled. `more` are the variants of which
    more is available than before, `in_kits` those that are in a kit; None: it may be all. One query more for kits.
    """
    if not variant_ids:
        return
    kits = kits_with(variant_ids if in_kits is None else in_kits)
    outbox.touch_listed(
        topics.Topic.STOCK, ListingVariant.objects.pushable().filter(variant__in=[*variant_ids, *kits])
    )
    callbacks.stock_increased(variant_ids if more is None else more)


def ensure_stock_items(
    wanted: Sequence[tuple[int, int]], *, note_differences: bool = False
) -> dict[int, list[StockItem]]:
    """Lock the stock items of these (variant id, warehouse id) like `lock_stock_items`, and create those that are missing.

    Raises `StockError` for a kit that has none: it has no stock of its own.
    """
    variant_ids = {variant_id for variant_id, _warehouse in wanted}
    stock_items = lock_stock_items(variant_ids, note_differences=note_differences)
    have = {(item.variant_id, item.warehouse_id) for row in stock_items.values() for item in row}
    missing = sorted(set(wanted) - have)
    if not missing:
        return stock_items
    StockItem.objects.bulk_create(
        [StockItem(variant_id=variant_id, warehouse_id=warehouse_id) for variant_id, warehouse_id in missing],
        ignore_conflicts=True,
    )
    refuse_kits({variant_id for variant_id, _warehouse in missing})
    return lock_stock_items(variant_ids, note_differences=note_differences)


def refuse_kits(variant_ids: Collection[int]) -> None:
    """Raise `StockError` with a sentence when one of these variants is a kit; one query.

    It waits for a transaction that makes one of them a kit: so a new stock item is never one of a kit.
    """
    rows = Variant.objects.filter(pk__in=among(variant_ids)).order_by("pk")
    for sku, is_kit in rows.select_for_update(of=("self",), no_key=True).values_list("sku", "is_kit"):
        if is_kit:
            raise StockError(kit_has_no_stock(sku))


def kit_has_no_stock(sku: str) -> str:
    """Return the sentence for a change of the stock of a kit."""
    return _("%s is a kit and has no stock of its own. Change the stock of its components.") % sku

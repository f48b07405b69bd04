"""A shelf is locked, changed together with its ledger, and told of: the bottom of every verb of stock.

Nothing else in the house writes a shelf. Lock order: whoever also locks orders locks those first, then shelves,
in pk order (`lock_shelves`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.utils.translation import gettext as _

from catalogue.models import ListingVariant
from channels.contract.registry import spec_for
from channels.push import outbox, topics
from inventory import callbacks
from inventory.errors import StockError
from inventory.models import StockItem, StockMovement
from oms.kit.actors import Author
from oms.kit.bulk import add_to, insert, make

Kind = StockMovement.Kind


@dataclass(frozen=True, slots=True)
class StockChange:
    """What happens to one shelf: deltas of its two counters, and for `on_hand` why (one line of the ledger)."""

    stock_item_id: int
    on_hand: int = 0
    allocated: int = 0
    kind: str = ""
    reason: str = ""
    reference_kind: str = ""
    reference_id: int | None = None


def lock_shelves(variant_ids: Iterable[int]) -> dict[int, list[StockItem]]:
    """Every shelf of these variants, locked until the caller's transaction ends: variant id -> shelves by pk.

    A variant without any shelf has an empty list. One query.
    """
    shelves: dict[int, list[StockItem]] = {variant_id: [] for variant_id in variant_ids}
    if shelves:
        for item in StockItem.objects.locked(shelves):
            shelves[item.variant_id].append(item)
    return shelves


def apply(changes: Sequence[StockChange], *, shelves: Mapping[int, Sequence[StockItem]], by: Author) -> None:
    """Change locked shelves: one UPDATE, one INSERT into the ledger, then tell whoever must know.

    `shelves` is what `lock_shelves` returned in this same transaction; its items carry the new values
    afterwards. Raises `StockError`, before anything is written, when a shelf would promise more than it has.
    """
    items = {item.pk: item for row in shelves.values() for item in row}
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
    for pk, (delta, held) in deltas.items():
        item = items[pk]
        if not 0 <= item.allocated + held <= item.on_hand + delta:
            raise StockError(_would_break(item, delta, held))
        if delta != held:
            changed.add(item.variant_id)
        if delta > held:
            more.add(item.variant_id)
    add_to(StockItem, ("on_hand", "allocated"), deltas)
    insert(movements, keys=False)
    for pk, (delta, held) in deltas.items():
        items[pk].on_hand += delta
        items[pk].allocated += held
    availability_changed(changed, more=more)


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
    )


def _would_break(item: StockItem, delta: int, held: int) -> str:
    return _(
        "%(sku)s in %(warehouse)s has %(on_hand)d on hand and %(held)d promised: %(change)s is not possible."
    ) % {
        "sku": item.variant.sku,
        "warehouse": item.warehouse.name,
        "on_hand": item.on_hand,
        "held": item.allocated,
        "change": _("%(units)+d promised") % {"units": held}
        if held
        else _("%(units)+d on hand") % {"units": delta},
    }


def availability_changed(variant_ids: Collection[int], *, more: Collection[int] | None = None) -> None:
    """Every store that lists these variants is told, and waiting orders hear of what there is more of.

    One SELECT and the outbox's upsert, in the caller's transaction. `more` names the variants of which more is
    available; None = maybe all of them.
    """
    if not variant_ids:
        return
    rule = topics.RULES[topics.Topic.STOCK]
    rows = (
        ListingVariant.objects.pushable()
        .filter(variant__in=list(variant_ids))
        .order_by("pk")
        .values_list(
            "connection_id",
            "pk",
            "connection__channel",
            "connection__is_read_only",
            KeyTextTransform(str(rule.capability), KeyTransform("offered", "connection__account")),
        )
    )
    pairs: list[tuple[int, int]] = []
    listening: dict[int, bool] = {}
    for connection_id, pk, channel, is_read_only, refusal in rows:
        if refusal is None and spec_for(channel).supports(rule.capability):
            pairs.append((connection_id, pk))
            listening[connection_id] = is_read_only
    outbox.touch(topics.Topic.STOCK, pairs, receivers=listening)
    callbacks.stock_increased(variant_ids if more is None else more)


def shelves_for(wanted: Sequence[tuple[int, int]]) -> dict[int, list[StockItem]]:
    """`lock_shelves` for these (variant id, warehouse id), with the shelves that are missing made first."""
    variant_ids = {variant_id for variant_id, _warehouse in wanted}
    shelves = lock_shelves(variant_ids)
    have = {(item.variant_id, item.warehouse_id) for row in shelves.values() for item in row}
    missing = sorted(set(wanted) - have)
    if not missing:
        return shelves
    StockItem.objects.bulk_create(
        [StockItem(variant_id=variant_id, warehouse_id=warehouse_id) for variant_id, warehouse_id in missing],
        ignore_conflicts=True,
    )
    return lock_shelves(variant_ids)

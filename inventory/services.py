"""Verbs of stock: lock, change, tell. Nothing else in the house writes a shelf or its ledger.

Lock order: whoever also locks orders locks those first, then shelves, in pk order (`lock_shelves`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from catalogue.models import ListingVariant, Variant
from channels.models import Connection
from inventory import hooks
from inventory.errors import QuantityError, Short, StockError
from inventory.models import StockItem, StockMovement, Warehouse, WarehouseMapping
from oms.kit.actors import Author
from oms.kit.bulk import add_to

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
        for item in StockItem.objects.locked(shelves):  # type: ignore[attr-defined]
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
    StockMovement.objects.bulk_create(movements)
    for pk, (delta, held) in deltas.items():
        items[pk].on_hand += delta
        items[pk].allocated += held
    availability_changed(changed, more=more)


def _movement(change: StockChange, before: int, by: Author) -> StockMovement:
    return StockMovement(
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
    from channels import outbox

    if not variant_ids:
        return
    listed = ListingVariant.objects.pushable().filter(variant__in=list(variant_ids))  # type: ignore[attr-defined]
    outbox.touch("stock", list(listed.order_by("pk").values_list("connection_id", "pk")))
    hooks.tell_more(variant_ids if more is None else more)


# ------------------------------------------------------------------------------------ by hand


def whole(value: Any, *, least: int | None = 0) -> int:
    """`value` as a whole number of units; raises `QuantityError` with one sentence for 1.5, −1, "many"."""
    text = str(value).strip()
    try:
        number = int(text) if not isinstance(value, bool | float) else None
    except ValueError:
        number = None
    if number is None and not isinstance(value, bool):
        head, _dot, tail = text.partition(".")
        if tail.strip("0") == "" and head.removeprefix("-").isdecimal():
            number = int(head)
    if number is None:
        raise QuantityError(_("“%s” is not a whole number of units.") % text)
    if least is not None and number < least:
        raise QuantityError(
            _("A quantity cannot be below %(least)d: “%(value)s”.") % {"least": least, "value": text}
        )
    if abs(number) > 2_000_000_000:
        raise QuantityError(_("“%s” is more than a shelf can hold.") % text)
    return number


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One shelf to be changed by `delta` units, or counted as `set_to`; exactly one of the two."""

    variant_id: int
    warehouse_id: int
    delta: int | None = None
    set_to: int | None = None
    reason: str = ""
    kind: str = Kind.ADJUSTMENT
    reference_kind: str = ""
    reference_id: int | None = None


def adjust(
    *,
    variant: Variant,
    warehouse: Warehouse,
    delta: Any = None,
    set_to: Any = None,
    reason: str,
    by: Author,
    kind: str = Kind.ADJUSTMENT,
) -> StockItem:
    """Change what is on a shelf, by `delta` units or to `set_to`, and say why; returns the shelf.

    Promised units that a lower count takes away are given back by their orders first (youngest first).
    Raises `StockError` / `QuantityError`, nothing changed, for a quantity that is not whole or below zero, no
    reason, or promises that cannot be taken back.
    """
    if (delta is None) == (set_to is None):
        raise QuantityError(_("Say either by how many units the stock changes or how many there are."))
    one = Adjustment(
        variant_id=variant.pk,
        warehouse_id=warehouse.pk,
        delta=None if delta is None else whole(delta, least=None),
        set_to=None if set_to is None else whole(set_to),
        reason=reason,
        kind=kind,
    )
    return adjust_many([one], by=by)[0]


def receive(*, variant: Variant, warehouse: Warehouse, quantity: Any, reason: str, by: Author) -> StockItem:
    """Goods have come in: `quantity` is at least 1."""
    return adjust(
        variant=variant,
        warehouse=warehouse,
        delta=whole(quantity, least=1),
        reason=reason,
        by=by,
        kind=Kind.RECEIPT,
    )


def adjust_many(adjustments: Sequence[Adjustment], *, by: Author) -> list[StockItem]:
    """Change many shelves at once, all or none; returns their rows in the order given. Constant queries.

    Shelves that do not exist yet are made. See `adjust` for what is raised.
    """
    for one in adjustments:
        if not one.reason.strip():
            raise StockError(_("Say why the stock changes."))
    try:
        with transaction.atomic():
            return _adjust(adjustments, by)
    except Short as short:
        # The orders' locks come before the shelves', so the first attempt gave its shelves back (rolled back).
        with transaction.atomic():
            hooks.take_back(short.missing)
            try:
                return _adjust(adjustments, by)
            except Short as still:
                raise StockError(_promised(still.missing)) from None


def _adjust(adjustments: Sequence[Adjustment], by: Author) -> list[StockItem]:
    shelves = shelves_for([(one.variant_id, one.warehouse_id) for one in adjustments])
    at = {(item.variant_id, item.warehouse_id): item for row in shelves.values() for item in row}
    on_hand = {key: item.on_hand for key, item in at.items()}
    changes: list[StockChange] = []
    for one in adjustments:
        key = (one.variant_id, one.warehouse_id)
        delta = one.delta if one.delta is not None else (one.set_to or 0) - on_hand[key]
        on_hand[key] += delta
        if on_hand[key] < 0:
            raise QuantityError(
                _(
                    "%(sku)s in %(warehouse)s has %(on_hand)d on hand: %(delta)+d would leave less than nothing."
                )
                % {
                    "sku": at[key].variant.sku,
                    "warehouse": at[key].warehouse.name,
                    "on_hand": on_hand[key] - delta,
                    "delta": delta,
                }
            )
        if delta:
            changes.append(
                StockChange(
                    at[key].pk,
                    on_hand=delta,
                    kind=one.kind,
                    reason=one.reason,
                    reference_kind=one.reference_kind,
                    reference_id=one.reference_id,
                )
            )
    missing = {
        at[key].pk: at[key].allocated - units for key, units in on_hand.items() if units < at[key].allocated
    }
    if missing:
        raise Short(missing)
    apply(changes, shelves=shelves, by=by)
    return [at[one.variant_id, one.warehouse_id] for one in adjustments]


def _promised(missing: Mapping[int, int]) -> str:
    item = StockItem.objects.select_related("variant", "warehouse").get(pk=min(missing))
    return _("%(held)d of %(sku)s in %(warehouse)s are promised to orders: take them back there first.") % {
        "held": item.allocated,
        "sku": item.variant.sku,
        "warehouse": item.warehouse.name,
    }


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


# ------------------------------------------------------------------------------------ who serves whom


def serving_warehouses(connection: Connection) -> list[tuple[int, int, bool]]:
    """(warehouse id, priority, is default) of the active warehouses mapped to this store, nearest first."""
    rows = WarehouseMapping.objects.filter(connection=connection, warehouse__is_active=True)
    return list(rows.order_by("priority", "pk").values_list("warehouse_id", "priority", "is_default"))


def ensure_default_mapping(connection: Connection) -> WarehouseMapping:
    """The store's default mapping; a store without one gets its nearest, or else the first active warehouse.

    An installation without a warehouse gets one called MAIN. Safe to repeat.
    """
    with transaction.atomic():
        Connection.objects.select_for_update(of=("self",)).get(pk=connection.pk)
        mapped = list(
            WarehouseMapping.objects.filter(connection=connection, warehouse__is_active=True).order_by(
                "-is_default", "priority", "pk"
            )
        )
        if mapped and mapped[0].is_default:
            return mapped[0]
        WarehouseMapping.objects.filter(connection=connection, is_default=True).update(is_default=False)
        if mapped:
            mapped[0].is_default = True
            mapped[0].save(update_fields=["is_default"])
            return mapped[0]
        warehouse = Warehouse.objects.filter(is_active=True).order_by("pk").first()
        if warehouse is None:
            warehouse, _made = Warehouse.objects.get_or_create(
                code="MAIN", defaults={"name": _("Main warehouse")}
            )
        mapping, _made = WarehouseMapping.objects.update_or_create(
            connection=connection, warehouse=warehouse, defaults={"is_default": True}
        )
        return mapping

# long because: adding to the opening stock and correcting it is one rule.
"""Opening stock: the first stock of a SKU, taken from the store that listed it first (docs/adr/0003-opening-stock.md)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from django.db import transaction
from django.db.models import Exists, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalogue.callbacks import Imported
from catalogue.models import Variant
from channels.models import Connection
from channels.push import outbox, topics
from inventory.models import OpeningStock, StockItem, StockMovement, StockPolicy
from inventory.offers.compute import offers
from inventory.services.stock_differences import compare_imported
from inventory.services.warehouse_mapping import ensure_default_mapping
from inventory.stock_changes import StockChange, apply, ensure_stock_items
from oms.kit.authors.actors import Author, channel
from oms.kit.bulk import insert, make
from oms.kit.problems import Fault, ProblemCode, open_problems, resolve

UNCERTAIN = ProblemCode(
    "opening_in_doubt",
    gettext_lazy("Opening stock uncertain"),
    fix="admin:inventory_stockitem_changelist",
    means=gettext_lazy(
        "Orders came or changed while the store's figure was read, so the first stock of the SKU may be wrong by a few units."
    ),
    remedy=gettext_lazy(
        "Count the SKU and set its stock (Inventory » Stock). The problem then ends by itself."
    ),
)

StockItems = Mapping[int, Sequence[StockItem]]  # by variant id, as `lock_stock_items` returns them

#: Channels give times in whole seconds, rounded down: “12:00:07” may be almost a second later.
CLOCK_PRECISION = timedelta(seconds=1)


def opening_stock(
    connection: Connection,
    quantities: Mapping[int, int],
    *,
    read_from: datetime | None = None,
    read_at: datetime | None = None,
    by: Author | None = None,
) -> None:
    """Create opening stock for new variants in the default warehouse of a store, from the store's own figures.

    `quantities` is variant id -> units, as the store showed them between `read_from` and `read_at` (default: now). A
    variant that has opening stock or a stock item is skipped, and so is a kit. Six statements, whatever the number.
    """
    if not quantities:
        return
    now = timezone.now()
    with transaction.atomic(savepoint=False):
        opened_before = OpeningStock.objects.filter(variant__in=list(quantities)).order_by()
        kits = Variant.objects.filter(pk__in=list(quantities), is_kit=True).order_by()
        known = {pk for (pk,) in opened_before.values_list("pk").union(kits.values_list("pk"))}
        known |= set(
            StockItem.objects.filter(variant__in=list(quantities)).values_list("variant_id", flat=True)
        )
        new = {pk: units for pk, units in quantities.items() if pk not in known}
        if new:
            warehouse_id, _is_limited = _default_warehouse(connection)
            opened_at = read_at or now
            _create(
                connection,
                warehouse_id,
                new,
                read_from or opened_at,
                opened_at,
                by or channel(connection.name),
            )


def _create(
    connection: Connection,
    warehouse_id: int,
    quantities: Mapping[int, int],
    read_from: datetime,
    read_at: datetime,
    by: Author,
) -> None:
    """Write opening stock, stock items and their first movements; three statements.

    A figure below zero opens with 0 on hand: the units of open orders raise it first (`OpeningStock.absorbed`).
    """
    if not quantities:
        return
    units, now = dict(sorted(quantities.items())), timezone.now()
    opened = [
        make(
            OpeningStock,
            variant_id=variant_id,
            connection=connection,
            warehouse_id=warehouse_id,
            quantity=quantity,
            read_from=min(read_from, read_at),
            read_at=read_at,
        )
        for variant_id, quantity in units.items()
    ]
    stock_items = [
        make(StockItem, variant_id=variant_id, warehouse_id=warehouse_id, on_hand=max(quantity, 0))
        for variant_id, quantity in units.items()
    ]
    reason = _("Opening stock from %(store)s") % {"store": connection.name}
    moved = [
        make(
            StockMovement,
            stock_item=item,
            kind=StockMovement.Kind.OPENING,
            quantity=item.on_hand,
            before=0,
            after=item.on_hand,
            reason=reason,
            reference_kind="connection",
            reference_id=connection.pk,
            author_id=by.user_id,
            actor=by.label[:60],
            at=now,
        )
        for item in stock_items
        if item.on_hand
    ]
    insert(opened, keys=False)
    insert(stock_items)
    insert(moved, keys=False)


def _default_warehouse(connection: Connection) -> tuple[int, bool]:
    """Return the default warehouse (id) of a store, and whether it has limits on what it is offered."""
    limited = StockPolicy.objects.filter(connection=connection)
    mapped = connection.warehouse_mappings.filter(is_default=True, warehouse__is_active=True)
    found = mapped.annotate(limited=Exists(limited)).values_list("warehouse_id", "limited").first()
    return found if found is not None else (ensure_default_mapping(connection).warehouse_id, limited.exists())


@dataclass(frozen=True, slots=True)
class OpenUnits:
    """Units of a line whose order was open at its first import, and which the channel had deducted from its figure.

    `changed_at` is the last change of the order on the channel, `label` its number for messages.
    """

    line_id: int
    variant_id: int
    units: int
    placed_at: datetime
    changed_at: datetime
    label: str = ""


@dataclass(frozen=True, slots=True)
class Added:
    """`units` were added, by line id; for the lines (ids) in `uncertain` a problem was opened."""

    units: Mapping[int, int] = field(default_factory=dict)
    uncertain: Sequence[int] = ()


#: Columns of the opening stock that decide which orders it contains.
_OPENED = ("connection", "warehouse", "read_from", "read_at", "quantity")


def opened(
    connection_ids: Collection[int], variant_ids: Collection[int]
) -> dict[tuple[int, int], OpeningStock]:
    """Return the opening stock of these variants from these stores, by (store id, variant id); one query."""
    rows = OpeningStock.objects.filter(connection__in=connection_ids, variant__in=variant_ids)
    return {(row.connection_id, row.pk): row for row in rows.only(*_OPENED)}


def add_to_opening(
    connection: Connection,
    lines: Sequence[OpenUnits],
    *,
    by: Author | None = None,
    openings: Mapping[tuple[int, int], OpeningStock] | None = None,
    stock_items: StockItems | None = None,
    write: Callable[[Sequence[StockChange], StockItems], None] | None = None,
) -> Added:
    """Add to the opening stock the units of open orders that the channel had deducted before its figure was imported.

    Call it when a line has its variant, before stock is allocated. A second call changes nothing. For each line the
    opening stock of its variant from the same store decides:

    - The order last changed a second or more before the import of the figure began: its units are added.
    - It was placed after the import, or there is no opening stock from this store: nothing is added.
    - Otherwise it is uncertain: nothing is added, so that no store is offered too much, and a problem asks for a count.

    A figure below zero is raised to zero by the first of these units, which are not on hand.

    At most six statements, and one when no variant has opening stock from this store. `openings` and `stock_items` may
    be given by a caller that has loaded or locked them; `write` then writes the changes together with the caller's own.
    """
    if openings is None:
        openings = opened([connection.pk], {line.variant_id for line in lines})
    sure: list[OpenUnits] = []
    doubtful: list[OpenUnits] = []
    for line in lines:
        opening = openings.get((connection.pk, line.variant_id))
        if opening is None or line.units <= 0 or line.placed_at >= opening.read_at:
            continue
        (sure if line.changed_at + CLOCK_PRECISION <= opening.read_from else doubtful).append(line)
    if not sure and not doubtful:
        return Added()
    places = {(line.variant_id, openings[connection.pk, line.variant_id].warehouse_id) for line in sure}
    units: dict[int, int] = {}
    with transaction.atomic(savepoint=False):
        if sure:
            at = _item_ids(stock_items or {})
            if stock_items is None or not at.keys() >= places:
                stock_items = ensure_stock_items(sorted(places))
                at = _item_ids(stock_items)
            counted = counted_units(sure, _below_zero(connection, sure, openings))
            fresh = [line for line in sure if not counted.get((line.line_id, line.variant_id))]
            absorbed = _absorb(fresh, openings, connection)
            units = {line.line_id: line.units - absorbed.get(line.line_id, 0) for line in fresh}
            changes = [
                _addition(connection, line.line_id, line.label, at[place], units[line.line_id])
                for line in fresh
                if units[line.line_id]
                for place in [(line.variant_id, openings[connection.pk, line.variant_id].warehouse_id)]
            ]
            if write is not None:
                write(changes, stock_items)
            else:
                apply(changes, stock_items=stock_items, by=by or channel(connection.name))
        if doubtful:
            message = _(
                "Order %(order)s changed during the first import of the stock of %(store)s. Count this SKU: there may be"
                " %(units)d more units."
            )
            open_problems([_uncertain(connection, line, line.units, message) for line in doubtful])
    return Added(units, tuple(line.line_id for line in doubtful))


def _item_ids(stock_items: StockItems) -> dict[tuple[int, int], int]:
    """Return the ids of the stock items by (variant id, warehouse id)."""
    return {(item.variant_id, item.warehouse_id): item.pk for row in stock_items.values() for item in row}


class CountsFor(Protocol):
    """A line whose units are part of the opening stock of a variant."""

    @property
    def line_id(self) -> int: ...
    @property
    def variant_id(self) -> int: ...
    @property
    def label(self) -> str: ...


def counted_units(lines: Iterable[CountsFor], below_zero: Collection[int] = ()) -> dict[tuple[int, int], int]:
    """Return the units that the opening stock contains for each (line id, variant id). One query, or two.

    `below_zero` are the variants (ids) that opened with a figure below zero. The stock items are locked by the caller.
    """
    keys = {(line.line_id, line.variant_id) for line in lines}
    rows = StockMovement.objects.filter(
        kind=StockMovement.Kind.OPENING,
        reference_kind="order_line",
        reference_id__in=[line_id for line_id, _variant in keys],
    ).values_list("reference_id", "stock_item__variant_id", "quantity")
    found: dict[tuple[int, int], int] = defaultdict(int)
    for line_id, variant_id, units in rows:
        found[line_id or 0, variant_id] += units
    below = (
        OpeningStock.objects.filter(variant__in=list(below_zero))
        if below_zero
        else OpeningStock.objects.none()
    )
    for variant_id, absorbed in below.values_list("variant_id", "absorbed"):
        for line_id, units in absorbed.items():
            found[int(line_id), variant_id] += units
    return found


def _below_zero(
    connection: Connection, lines: Iterable[CountsFor], openings: Mapping[tuple[int, int], OpeningStock]
) -> set[int]:
    """Return the variants (ids) of these lines that opened with a figure below zero."""
    return {line.variant_id for line in lines if openings[connection.pk, line.variant_id].quantity < 0}


def _absorb(
    lines: Sequence[OpenUnits], openings: Mapping[tuple[int, int], OpeningStock], connection: Connection
) -> dict[int, int]:
    """Raise opening figures below zero with the units of these lines; return the units used by line id."""
    below = _below_zero(connection, lines, openings)
    if not below:
        return {}
    rows = OpeningStock.objects.in_bulk(below)
    used: dict[int, int] = {}
    for line in lines:
        row = rows.get(line.variant_id)
        units = min(line.units, row.below_zero) if row else 0
        if row and units:
            row.absorbed[str(line.line_id)] = used[line.line_id] = units
    OpeningStock.objects.bulk_update(rows.values(), ["absorbed"])
    return used


def _addition(connection: Connection, line_id: int, label: str, item_id: int, units: int) -> StockChange:
    reason = (
        _("Opening stock from %(store)s: order %(order)s was already deducted")
        if units > 0
        else _("Opening stock from %(store)s corrected: order %(order)s")
    )
    return StockChange(
        item_id,
        on_hand=units,
        kind=StockMovement.Kind.OPENING,
        reason=reason % {"store": connection.name, "order": label},
        reference_kind="order_line",
        reference_id=line_id,
    )


@dataclass(frozen=True, slots=True)
class Correction:
    """The opening stock of a variant contained other units of an order line than the line had when the figure was read.

    `delta` is added to them; None removes all (the line is of another SKU). `label` is the number of the order.
    """

    line_id: int
    variant_id: int
    delta: int | None
    label: str = ""


def correct_opening(
    connection: Connection,
    corrections: Sequence[Correction],
    *,
    openings: Mapping[tuple[int, int], OpeningStock],
    stock_items: StockItems,
    available: Callable[[int], int],
    write: Callable[[Sequence[StockChange], StockItems], None],
) -> None:
    """Correct the opening stock for lines whose state at the reading of the figure is known only now.

    Never more units are removed than are `available` (by stock item id); for the rest a problem asks for a count. The
    arguments are those of `add_to_opening`; the stock items are locked.
    """
    at = _item_ids(stock_items)
    below_ids = _below_zero(connection, corrections, openings)
    counted = counted_units(corrections, below_ids)
    below = OpeningStock.objects.in_bulk(below_ids) if below_ids else {}
    raised: dict[int, int] = {}
    if below:
        by_orders = StockMovement.objects.filter(
            kind=StockMovement.Kind.OPENING, reference_kind="order_line", stock_item__variant__in=below
        )
        sums = by_orders.order_by().values_list("stock_item__variant").annotate(Sum("quantity"))
        raised = dict(sums)
    short: list[Fault] = []
    for one in corrections:
        item = at.get((one.variant_id, openings[connection.pk, one.variant_id].warehouse_id))
        have = counted.get((one.line_id, one.variant_id), 0)
        delta = -have if one.delta is None else max(one.delta, -have)
        if item is None or not delta:
            continue
        units = delta
        if (row := below.get(one.variant_id)) is not None:  # units below zero were never on hand
            on_hand = raised.get(one.variant_id, 0)
            units = max(delta - row.below_zero, 0) if delta > 0 else max(delta, -on_hand)
            raised[one.variant_id] = on_hand + units
            row.absorbed[str(one.line_id)] = row.absorbed.get(str(one.line_id), 0) + delta - units
        counted[one.line_id, one.variant_id] = have + delta
        possible = max(units, -max(available(item), 0))
        if possible:
            write([_addition(connection, one.line_id, one.label, item, possible)], stock_items)
        if possible != units:
            message = _(
                "Order %(order)s was changed before the first import of the stock of %(store)s. Count this SKU: there may be"
                " %(units)d units fewer."
            )
            short.append(_uncertain(connection, one, possible - units, message))
    if below:
        OpeningStock.objects.bulk_update(below.values(), ["absorbed"])
    if short:
        open_problems(short)


def uncertain(connection: Connection, lines: Sequence[Correction]) -> None:
    """Open the problem “opening stock uncertain” for lines that may have had other units when the figure was read."""
    message = _(
        "Order %(order)s was changed around the first import of the stock of %(store)s. Count this SKU: it may differ by"
        " %(units)d units."
    )
    open_problems([_uncertain(connection, line, abs(line.delta or 0), message) for line in lines])


def _uncertain(connection: Connection, line: CountsFor, units: int, message: str) -> Fault:
    return Fault(
        code=UNCERTAIN.code,
        subject_kind="variant",
        subject_id=line.variant_id,
        key=f"line {line.line_id}",
        connection_id=connection.pk,
        message=message % {"order": line.label, "store": connection.name, "units": units},
        data={"units": units, "line": line.line_id},
    )


def on_imported(
    connection: Connection, rows: Sequence[Imported], read_from: datetime, read_at: datetime
) -> None:
    """Handle an imported page of products: create opening stock of new SKUs, record differences of the others.

    `catalogue.inbound.products` calls it. New listings that show another quantity than the store is offered are
    enqueued; the others are not sent.
    """
    opened = {row.variant_id: row.quantity for row in rows if row.is_new_variant and row.quantity is not None}
    warehouse_id, is_limited = _default_warehouse(connection)
    _create(connection, warehouse_id, opened, read_from, read_at, channel(connection.name))
    known = [row for row in rows if not row.is_new_variant]
    compared = {row.listing_variant_id for row in (rows if is_limited else known)}
    if not compared:
        return
    offered = offers(connection, compared)
    compare_imported(connection, known, offered, read_at)
    different = [
        (connection.pk, row.listing_variant_id)
        for row in rows
        if row.is_new_listing
        and row.listing_variant_id in offered
        and not offered[row.listing_variant_id].blocked
        and offered[row.listing_variant_id].quantity != row.quantity
    ]
    outbox.touch(topics.Topic.STOCK, different)


def resolve_uncertain(variant_ids: Collection[int]) -> None:
    """Resolve the problem “opening stock uncertain” of variants (ids) that were counted."""
    resolve(code=UNCERTAIN.code, subject_kind="variant", subject_ids=variant_ids, how=_("Counted"))

"""Opening stock: the first stock of a SKU, taken from the store that listed it first (docs/adr/0003-opening-stock.md)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalogue.callbacks import Imported
from channels.models import Connection
from channels.push import outbox, topics
from inventory.models import OpeningStock, StockItem, StockMovement, StockPolicy
from inventory.offers.compute import offers
from inventory.services.stock_differences import compare_imported
from inventory.services.warehouse_mapping import ensure_default_mapping
from inventory.stock_changes import StockChange, apply, ensure_stock_items
from oms.kit.actors import Author, channel
from oms.kit.bulk import insert, make
from oms.kit.problems import Fault, ProblemCode, open_problems, resolve

UNCERTAIN = ProblemCode(
    "opening_in_doubt", gettext_lazy("Opening stock uncertain"), fix="admin:inventory_stockitem_changelist"
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
    variant that has opening stock or a stock item is skipped. Six statements, whatever the number.
    """
    if not quantities:
        return
    now = timezone.now()
    with transaction.atomic(savepoint=False):
        known = set(OpeningStock.objects.filter(variant__in=list(quantities)).values_list("pk", flat=True))
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
    """Write opening stock, stock items and their first movements; three statements."""
    if not quantities:
        return
    units = {variant_id: max(quantity, 0) for variant_id, quantity in sorted(quantities.items())}
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
        make(StockItem, variant_id=variant_id, warehouse_id=warehouse_id, on_hand=quantity)
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


@dataclass(frozen=True, slots=True)
class Opened:
    """Where a SKU got its opening stock, and when the store's figure was imported."""

    warehouse_id: int
    read_from: datetime
    read_at: datetime


def opened(connection_ids: Collection[int], variant_ids: Collection[int]) -> dict[tuple[int, int], Opened]:
    """Return the opening stock of these variants from these stores, by (store id, variant id); one query."""
    rows = OpeningStock.objects.filter(connection__in=connection_ids, variant__in=variant_ids)
    return {
        (store_id, variant_id): Opened(warehouse_id, read_from, read_at)
        for store_id, variant_id, warehouse_id, read_from, read_at in rows.values_list(
            "connection_id", "variant_id", "warehouse_id", "read_from", "read_at"
        )
    }


def add_to_opening(
    connection: Connection,
    lines: Sequence[OpenUnits],
    *,
    by: Author | None = None,
    openings: Mapping[tuple[int, int], Opened] | None = None,
    stock_items: StockItems | None = None,
    write: Callable[[Sequence[StockChange], StockItems], None] | None = None,
) -> Added:
    """Add to the opening stock the units of open orders that the channel had deducted before its figure was imported.

    Call it when a line has its variant, before stock is allocated. A second call changes nothing. For each line the
    opening stock of its variant from the same store decides:

    - The order last changed a second or more before the import of the figure began: its units are added.
    - It was placed after the import, or there is no opening stock from this store: nothing is added.
    - Otherwise it is uncertain: nothing is added, so that no store is offered too much, and a problem asks for a count.

    At most six statements, and one when no variant has opening stock from this store. `openings` and `stock_items` may
    be given by a caller that has loaded or locked them; `write` then writes the changes together with the caller's own.
    """
    if openings is None:
        openings = opened([connection.pk], {line.variant_id for line in lines})
    sure: list[OpenUnits] = []
    uncertain: list[OpenUnits] = []
    for line in lines:
        opening = openings.get((connection.pk, line.variant_id))
        if opening is None or line.units <= 0 or line.placed_at >= opening.read_at:
            continue
        (sure if line.changed_at + CLOCK_PRECISION <= opening.read_from else uncertain).append(line)
    if not sure and not uncertain:
        return Added()
    places = {(line.variant_id, openings[connection.pk, line.variant_id].warehouse_id) for line in sure}
    units: dict[int, int] = {}
    with transaction.atomic(savepoint=False):
        if sure:
            at = _item_ids(stock_items or {})
            if stock_items is None or not at.keys() >= places:
                stock_items = ensure_stock_items(sorted(places))
                at = _item_ids(stock_items)
            fresh = _not_added(sure)
            units = {line.line_id: line.units for line in fresh}
            changes = _additions(connection, fresh, openings, at)
            if write is not None:
                write(changes, stock_items)
            else:
                apply(changes, stock_items=stock_items, by=by or channel(connection.name))
        if uncertain:
            open_problems([_uncertain_problem(connection, line) for line in uncertain])
    return Added(units, tuple(line.line_id for line in uncertain))


def _item_ids(stock_items: StockItems) -> dict[tuple[int, int], int]:
    """Return the ids of the stock items by (variant id, warehouse id)."""
    return {(item.variant_id, item.warehouse_id): item.pk for row in stock_items.values() for item in row}


def _not_added(lines: Sequence[OpenUnits]) -> list[OpenUnits]:
    """Return the lines whose units were not added before. Their stock items are locked."""
    done = set(
        StockMovement.objects.filter(
            kind=StockMovement.Kind.OPENING,
            reference_kind="order_line",
            reference_id__in=[line.line_id for line in lines],
        ).values_list("reference_id", flat=True)
    )
    return [line for line in lines if line.line_id not in done]


def _additions(
    connection: Connection,
    lines: Sequence[OpenUnits],
    openings: Mapping[tuple[int, int], Opened],
    at: Mapping[tuple[int, int], int],
) -> list[StockChange]:
    reason = _("Opening stock from %(store)s: order %(order)s was already deducted")
    return [
        StockChange(
            at[line.variant_id, openings[connection.pk, line.variant_id].warehouse_id],
            on_hand=line.units,
            kind=StockMovement.Kind.OPENING,
            reason=reason % {"store": connection.name, "order": line.label},
            reference_kind="order_line",
            reference_id=line.line_id,
        )
        for line in lines
    ]


def _uncertain_problem(connection: Connection, line: OpenUnits) -> Fault:
    return Fault(
        code=UNCERTAIN.code,
        subject_kind="variant",
        subject_id=line.variant_id,
        key=f"line {line.line_id}",
        connection_id=connection.pk,
        message=_(
            "Order %(order)s changed during the first import of the stock of %(store)s. Count this SKU: there may be %(units)d"
            " more units."
        )
        % {"order": line.label, "store": connection.name, "units": line.units},
        data={"units": line.units, "line": line.line_id},
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

"""The first stock of a SKU, and what a store shows of one that we know (R-INV-06; docs/adr/0003-opening-stock.md)."""

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
from inventory.services.stock_differences import _compare
from inventory.services.warehouse_mapping import ensure_default_mapping
from inventory.stock_changes import StockChange, apply, shelves_for
from oms.kit.actors import Author, channel
from oms.kit.bulk import insert, make
from oms.kit.problems import Fault, ProblemCode, open_problems, resolve

IN_DOUBT = ProblemCode(
    "opening_in_doubt", gettext_lazy("Opening stock in doubt"), fix="admin:inventory_stockitem_changelist"
)

Shelves = Mapping[int, Sequence[StockItem]]  # those of each variant, as `lock_stock_items` gives them

#: Channels tell instants in whole seconds, cut off: “12:00:07” may be almost a second later than it says.
GRAIN = timedelta(seconds=1)


def opening_stock(
    connection: Connection,
    quantities: Mapping[int, int],
    *,
    read_from: datetime | None = None,
    read_at: datetime | None = None,
    by: Author | None = None,
) -> None:
    """Put the store's own figures on the shelves of its default warehouse, for variants that are new here.

    `quantities` is variant id -> units as the store showed them between `read_from` and `read_at` (now, if not
    told). A variant that has its opening stock or a shelf already is left alone. Six statements, whatever the
    number.
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
            place, _limited = _place(connection)
            opened_at = read_at or now
            _open(connection, place, new, read_from or opened_at, opened_at, by or channel(connection.name))


def _open(
    connection: Connection,
    warehouse_id: int,
    quantities: Mapping[int, int],
    read_from: datetime,
    read_at: datetime,
    by: Author,
) -> None:
    """New shelves, their first movement, and where it came from: three statements."""
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
    shelves = [
        make(StockItem, variant_id=variant_id, warehouse_id=warehouse_id, on_hand=quantity)
        for variant_id, quantity in units.items()
    ]
    reason = _("opening from %(store)s") % {"store": connection.name}
    moved = [
        make(
            StockMovement,
            stock_item=shelf,
            kind=StockMovement.Kind.OPENING,
            quantity=shelf.on_hand,
            before=0,
            after=shelf.on_hand,
            reason=reason,
            reference_kind="connection",
            reference_id=connection.pk,
            author_id=by.user_id,
            actor=by.label[:60],
        )
        for shelf in shelves
        if shelf.on_hand
    ]
    insert(opened, keys=False)
    insert(shelves)
    insert(moved, keys=False)


def _place(connection: Connection) -> tuple[int, bool]:
    """The store's default warehouse, and whether any limit lowers what the store is offered."""
    limited = StockPolicy.objects.filter(connection=connection)
    mapped = connection.warehouse_mappings.filter(is_default=True, warehouse__is_active=True)
    found = mapped.annotate(limited=Exists(limited)).values_list("warehouse_id", "limited").first()
    return found if found is not None else (ensure_default_mapping(connection).warehouse_id, limited.exists())


@dataclass(frozen=True, slots=True)
class OpenUnits:
    """Units of one line of an order that is open when it first comes in, and that the channel has deducted."""

    line_id: int
    variant_id: int
    units: int
    placed_at: datetime
    changed_at: datetime
    label: str = ""


@dataclass(frozen=True, slots=True)
class Added:
    """`units` by line id were put on the shelf; `in_doubt` are lines that a person must look at."""

    units: Mapping[int, int] = field(default_factory=dict)
    in_doubt: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Opened:
    """Where and when a SKU got its opening stock."""

    warehouse_id: int
    read_from: datetime
    read_at: datetime


def opened(connection_ids: Collection[int], variant_ids: Collection[int]) -> dict[tuple[int, int], Opened]:
    """The opening stock that these stores gave to these variants, by (store id, variant id); one query."""
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
    shelves: Shelves | None = None,
    put: Callable[[Sequence[StockChange], Shelves], None] | None = None,
) -> Added:
    """Add the units of open orders that the opening figure did not contain because the channel had deducted them.

    Call it once a line has its variant, before allocating; calling it again changes nothing. Per line, against
    the variant's opening stock from this same store:

    - the order last changed a second or more before the figure began to be read: its units are added;
    - placed after the figure was read, or no opening stock from this store: nothing to add;
    - otherwise nobody can know: nothing is added (we never show more than there is) and a problem asks for a count.

    At most six statements, and one when no variant was opened from this store. A caller that knows the `openings`
    gives them; one that has locked the `shelves` gives those, and `put` to write the changes together with its own.
    """
    if openings is None:
        openings = opened([connection.pk], {line.variant_id for line in lines})
    sure: list[OpenUnits] = []
    doubtful: list[OpenUnits] = []
    for line in lines:
        opening = openings.get((connection.pk, line.variant_id))
        if opening is None or line.units <= 0 or line.placed_at >= opening.read_at:
            continue
        (sure if line.changed_at + GRAIN <= opening.read_from else doubtful).append(line)
    if not sure and not doubtful:
        return Added()
    places = {(line.variant_id, openings[connection.pk, line.variant_id].warehouse_id) for line in sure}
    units: dict[int, int] = {}
    with transaction.atomic(savepoint=False):
        if sure:
            at = _at(shelves or {})
            if shelves is None or not at.keys() >= places:
                shelves = shelves_for(sorted(places))
                at = _at(shelves)
            fresh = _not_added(sure)
            units = {line.line_id: line.units for line in fresh}
            changes = _additions(connection, fresh, openings, at)
            if put is not None:
                put(changes, shelves)
            else:
                apply(changes, shelves=shelves, by=by or channel(connection.name))
        if doubtful:
            open_problems([_doubt(connection, line) for line in doubtful])
    return Added(units, tuple(line.line_id for line in doubtful))


def _at(shelves: Shelves) -> dict[tuple[int, int], int]:
    return {(item.variant_id, item.warehouse_id): item.pk for row in shelves.values() for item in row}


def _not_added(lines: Sequence[OpenUnits]) -> list[OpenUnits]:
    """Without those whose units were added before; their shelves are locked."""
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
    said = _("opening from %(store)s: open order %(order)s, already deducted there")
    return [
        StockChange(
            at[line.variant_id, openings[connection.pk, line.variant_id].warehouse_id],
            on_hand=line.units,
            kind=StockMovement.Kind.OPENING,
            reason=said % {"store": connection.name, "order": line.label},
            reference_kind="order_line",
            reference_id=line.line_id,
        )
        for line in lines
    ]


def _doubt(connection: Connection, line: OpenUnits) -> Fault:
    return Fault(
        code=IN_DOUBT.code,
        subject_kind="variant",
        subject_id=line.variant_id,
        key=f"line {line.line_id}",
        connection_id=connection.pk,
        message=_(
            "Order %(order)s changed while the stock of %(store)s was first read: count this SKU, %(units)d more may be there."
        )
        % {"order": line.label, "store": connection.name, "units": line.units},
        data={"units": line.units, "line": line.line_id},
    )


def on_imported(
    connection: Connection, rows: Sequence[Imported], read_from: datetime, read_at: datetime
) -> None:
    """What `catalogue.inbound.products` tells of a page: opening stock of new SKUs, differences of those that we knew.

    The store is told where it shows anything else than it is offered; what it shows already is not sent again.
    """
    opened = {row.variant_id: row.quantity for row in rows if row.is_new_variant and row.quantity is not None}
    place, is_limited = _place(connection)
    _open(connection, place, opened, read_from, read_at, channel(connection.name))
    known = [row for row in rows if not row.is_new_variant]
    asked = {row.listing_variant_id for row in (rows if is_limited else known)}
    if not asked:
        return
    ours = offers(connection, asked)
    _compare(connection, known, ours, read_at)
    shown = [
        (connection.pk, row.listing_variant_id)
        for row in rows
        if row.is_new_listing
        and row.listing_variant_id in ours
        and not ours[row.listing_variant_id].blocked
        and ours[row.listing_variant_id].quantity != row.quantity
    ]
    outbox.touch(topics.Topic.STOCK, shown)


def settle_doubt(variant_ids: Collection[int]) -> None:
    """The SKUs were counted: what was in doubt about their opening stock is settled."""
    resolve(code=IN_DOUBT.code, subject_kind="variant", subject_ids=variant_ids, how=_("counted"))

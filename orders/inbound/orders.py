"""The sink of the order streams: a page of records becomes new orders and news about known ones.

A page costs a constant number of statements. Known orders are compared by content hash: an unchanged one writes
nothing. The order of locks: the store's ingest, known orders by pk, shelves by pk.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection as database
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from catalogue.models import sku_key
from catalogue.sku_resolution import LineKey, resolve_variants, untracked_variants
from channels.contract.records.orders import OrderLineRecord, OrderRecord, RemoteState
from channels.contract.records.pages import RefusedRow
from channels.models import Connection, SyncRun
from channels.pull.streams import Counts
from channels.stores.status_map import Entry, add_unknown, status_map
from oms.kit.actors import Author, channel
from oms.kit.bulk import make
from orders import problem_codes
from orders.choices import ShipmentState
from orders.domain import shipments
from orders.domain.allocation import allocate, oldest_first
from orders.domain.carriers import carrier_key, carriers_by_name, carriers_for, import_named_carriers
from orders.domain.lifecycle import auto_release, pack_order, release_order
from orders.domain.moves import refusal
from orders.inbound.duplicates import KnownVersion
from orders.inbound.fields import (
    UnreadableOrder,
    check_document,
    document_of,
    line_columns,
    lines_of,
    order_columns,
    record_refund,
    ship_by,
)
from orders.inbound.opening_stock import add_opening_stock
from orders.inbound.partial_shipments import import_past_shipments, shipments_known_to_channel
from orders.inbound.updates import (
    CLOSED_ON_CHANNEL,
    apply_lines,
    apply_status,
    import_as_history,
    write_pending_events,
)
from orders.models import Carrier, Order, OrderLine, OrderSettings
from orders.outbound.stock_resend import moves_stock, resend_stock
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork

#: First half of the key of the lock that keeps two pages of one store apart.
LOCK = 0x4F524452


@dataclass(slots=True)
class _Sorted:
    """The records of a page by what must be done with them."""

    same: int = 0
    refused: list[RefusedRow] = field(default_factory=list)
    fresh: list[tuple[OrderRecord, RemoteState, tuple[str, bytes], list[tuple[str, OrderLineRecord]]]] = (
        field(default_factory=list)
    )
    changed: dict[int, tuple[OrderRecord, RemoteState, tuple[str, bytes]]] = field(default_factory=dict)


@dataclass(slots=True)
class _Page:
    """What a page needs to know of its store, read once."""

    connection: Connection
    settings: OrderSettings
    states: dict[str, Entry]
    now: datetime
    by: Author
    carriers: dict[str, Carrier] = field(default_factory=dict)
    uncounted: set[int] = field(default_factory=set)

    def state_of(self, record: OrderRecord) -> RemoteState:
        return read_state(record.status_id, record.remote_state, self.states)


def read_state(status_id: str, default: RemoteState, states: dict[str, Entry]) -> RemoteState:
    """What a native status means: the seller's own entry, else the channel's reading, else the map's."""
    entry = states.get(status_id)
    if entry is None:
        return default
    return entry.remote_state if entry.is_edited or default == RemoteState.UNKNOWN else default


def store_orders(
    connection: Connection, records: Sequence[OrderRecord], run: SyncRun | None = None
) -> Counts:
    """Store a page of orders (R-ORD-06 to R-ORD-09, R-ORD-16); called in the page's transaction.

    An order enters once, whatever is pulled at the same time or again. Records that are no orders (a quantity
    that is not whole) are refused with their reason; their neighbours go in.
    """
    latest: dict[str, OrderRecord] = {}
    for record in records:
        before = latest.get(record.external_id)
        if before is None or record.changed_at >= before.changed_at:
            latest[record.external_id] = record
    if not latest:
        return Counts()
    with transaction.atomic(savepoint=False):
        return _store(connection, latest)


def _store(connection: Connection, latest: dict[str, OrderRecord]) -> Counts:
    lock_store_ingest(connection)
    page = _Page(
        connection,
        OrderSettings.objects.select_related("default_carrier").filter(connection=connection).first()
        or OrderSettings(connection_id=connection.pk),
        status_map(connection),
        timezone.now(),
        channel(connection.name),
    )
    rows = Order.objects.filter(connection=connection, external_id__in=list(latest))
    known = {
        row[0]: KnownVersion(*row[1:])
        for row in rows.values_list(
            "external_id", "pk", "remote_hash", "remote_state", "remote_changed_at", "read_at"
        )
    }
    counts = _Sorted()
    for external_id, record in latest.items():
        state = page.state_of(record)
        document = document_of(record)
        found = known.get(external_id)
        try:
            if found is None and state == RemoteState.IGNORED:
                counts.same += 1
            elif found is None:
                counts.fresh.append((record, state, document, lines_of(record)))
            elif found.matches(document[0], state) or found.is_newer(record, page.now):
                counts.same += 1
            else:
                lines_of(record)
                counts.changed[found.pk] = (record, state, document)
        except UnreadableOrder as error:
            counts.refused.append(RefusedRow(external_id, str(error), record.native))
    if counts.fresh or counts.changed:
        _store_changes(page, counts)
    return Counts(
        new=len(counts.fresh), changed=len(counts.changed), same=counts.same, refused=counts.refused
    )


def _store_changes(page: _Page, counts: _Sorted) -> None:
    """Everything that is new or changed in the page, as one unit of work."""
    records = [row[0] for row in counts.fresh] + [row[0] for row in counts.changed.values()]
    _add_unknown_statuses(page, records)
    variants = _resolve(page.connection, records)
    page.carriers = _carriers(page.connection, records)
    unit = UnitOfWork.load(counts.changed)
    page.uncounted = untracked_variants(set(variants.values()))
    unit.now, unit.extra_variants = page.now, set(variants.values())
    news = list(unit.order_states)
    fresh = [_new(page, *row, variants) for row in counts.fresh]
    unit.order_states += fresh
    resolved = [(order_state, line) for order_state in fresh for line in order_state.lines if line.variant_id]
    moved = []  # orders whose units the channel has moved on its own figure since they were read last
    for order_state in news:
        record, state, document = counts.changed[order_state.order.pk]
        if moves_stock(page.states, order_state.order.remote_status_id, record.status_id):
            moved.append(order_state.order.pk)
        resolved += _update_from_document(page, unit, order_state, record, state, document, variants)
    add_opening_stock(unit, resolved, by=page.by)
    told = shipments_known_to_channel(
        (order_state, counts.changed[order_state.order.pk][0]) for order_state in news
    )
    for order_state in news:
        record, state, _document = counts.changed[order_state.order.pk]
        apply_status(
            unit,
            order_state,
            state,
            is_paid=record.is_paid,
            shipments=record.shipments,
            carriers=page.carriers,
            told=told,
            changed_at=record.changed_at,
        )
    for order_state, (record, state, _document, _lines) in zip(fresh, counts.fresh, strict=True):
        _record_arrival(page, order_state, record, state)
    allocate_and_release(unit, news=news)
    unit.flush(page.by)
    resend_stock(page.connection, order_ids=moved)


def _new(
    page: _Page,
    record: OrderRecord,
    state: RemoteState,
    document: tuple[str, bytes],
    rows: list[tuple[str, OrderLineRecord]],
    variants: dict[LineKey, int],
) -> OrderState:
    """An order that was never seen before, with its facts as they follow from the channel's word."""
    is_paid = record.is_paid if record.is_paid is not None else state != RemoteState.UNPAID
    hours = page.settings.unpaid_hold_hours
    order = make(
        Order,
        connection=page.connection,
        external_id=record.external_id[:120],
        read_at=page.now,
        ship_by_at=ship_by(record, page.settings),
        stock_deducted=record.stock_deducted,
        needs_approval=state == RemoteState.DRAFT,
        is_paid=is_paid,
        paid_at=record.changed_at if is_paid else None,
        hold_stock_until=None if is_paid or not hours else record.placed_at + timedelta(hours=hours),
        is_history=state in CLOSED_ON_CHANNEL,
        units=sum(row.quantity for _key, row in rows),
        **order_columns(record, state, document[0]),
    )
    order_state = OrderState(order=order, connection=page.connection, settings=page.settings, is_new=True)
    order_state.native = document[1]
    for position, (external_id, row) in enumerate(rows):
        order_state.lines.append(
            make(
                OrderLine,
                order=order,
                external_id=external_id,
                variant_id=variants.get(key_of(row)) if row.needs_stock else None,
                is_counted=variants.get(key_of(row)) not in page.uncounted,
                quantity=row.quantity,
                **line_columns(row, position),
            )
        )
    if not order.is_history:
        import_past_shipments(order_state, record.shipments, page.carriers, record.changed_at)
    return order_state


def _record_arrival(page: _Page, order_state: OrderState, record: OrderRecord, state: RemoteState) -> None:
    """Say that an order has come, and what is wrong with it."""
    if order_state.order.is_history:
        for shipment in record.shipments:
            row = shipments.add_shipment(
                order_state,
                shipment.shipped_at or record.changed_at,
                warehouse_id=None,
                carrier=page.carriers.get(carrier_key(shipment.carrier)),
                state=ShipmentState.HANDED_OVER,
                is_external=True,
            )
            row.tracking_number, row.external_id = shipment.tracking_number[:120], shipment.external_id[:120]
            row.handed_over_at = shipment.shipped_at or record.changed_at
    else:
        _open_unknown_sku_problems(order_state, order_state.lines)
    check_document(order_state, record, state)
    record_refund(order_state, record, state)
    if order_state.order.is_history:
        import_as_history(None, order_state, state, record.changed_at)
        order_state.add_event("placed", _("Read from %(store)s as history") % {"store": page.connection.name})


def _open_unknown_sku_problems(order_state: OrderState, lines: Iterable[OrderLine]) -> None:
    """A line whose SKU nobody knows keeps its order visible (R-ORD-07)."""
    for line in lines:
        if line.needs_stock and not line.variant_id and is_open(line):
            order_state.open_problem(
                problem_codes.UNKNOWN_SKU,
                _("“%(sku)s” (%(title)s) is not known here: say which SKU was sold.")
                % {"sku": line.sku or _("no SKU"), "title": line.title},
                key=line.external_id,
                sku=line.sku,
                sku_key=sku_key(line.sku),
            )


def _update_from_document(
    page: _Page,
    unit: UnitOfWork,
    order_state: OrderState,
    record: OrderRecord,
    state: RemoteState,
    document: tuple[str, bytes],
    variants: dict[LineKey, int],
) -> list[tuple[OrderState, OrderLine]]:
    """Bring the channel's own columns and lines up to date; returns lines that are resolved only now."""
    order = order_state.order
    was_unknown, was_withheld = order.remote_state == RemoteState.UNKNOWN, order.is_address_withheld
    for name, value in order_columns(record, state, document[0]).items():
        setattr(order, name, value)
    order.read_at = page.now
    if record.ship_by_at:
        order.ship_by_at = record.ship_by_at
    order_state.native = document[1]
    apply_lines(unit, order_state, record)
    resolved = []
    keys = {external_id: key_of(row) for external_id, row in lines_of(record)}
    for line in order_state.lines:
        if line.needs_stock and not line.variant_id and not order.is_history and is_open(line):
            line.variant_id = variants.get(keys.get(line.external_id, LineKey("", "")))
            if line.variant_id:
                line.is_counted = line.variant_id not in page.uncounted
                order_state.close_problem(
                    problem_codes.UNKNOWN_SKU, _("The SKU is known now."), key=line.external_id
                )
                resolved.append((order_state, line))
    if was_unknown and not order.is_history:
        resolved = [(order_state, line) for line in order_state.lines if line.variant_id and is_open(line)]
    if not order_state.is_ended and not order.is_history and state not in CLOSED_ON_CHANNEL:
        _open_unknown_sku_problems(order_state, order_state.lines)
    check_document(order_state, record, state, was_withheld=was_withheld)
    record_refund(order_state, record, state)
    return resolved


def allocate_and_release(unit: UnitOfWork, *, news: Sequence[OrderState] = ()) -> None:
    """Stock for whoever wants some, the oldest order first; then what goes on by itself goes on."""
    arrived = [
        order_state
        for order_state in unit.order_states
        if order_state.is_new and not order_state.order.is_history
    ]
    for order_state in oldest_first(unit.order_states):
        if order_state.may_be_allocated(unit.now) and order_state.missing_units():
            allocate(order_state, unit.stock(), unit.now)
    for order_state in arrived:
        order_state.add_event("placed", _("Came in from %(store)s") % {"store": order_state.connection.name})
    for order_state in news:
        write_pending_events(order_state)
    unit.settle(news)
    auto_release(unit, unit.order_states)
    ready = [
        order_state
        for order_state in unit.order_states
        if order_state.order.remote_state == RemoteState.READY
    ]
    if ready:
        _pack_as_on_channel(unit, ready)


def _pack_as_on_channel(unit: UnitOfWork, order_states: Sequence[OrderState]) -> None:
    """“Processed” there: packed, unless something here stands in the way (opencart.md §7).

    Of an order of which a part has left already, the rest stays open: the channel says nothing of it.
    """
    carriers = carriers_for(order_states)
    for order_state in order_states:
        if any(parcel.is_external for parcel in order_state.live_shipments):
            continue
        if refusal(order_state, "release") is None:
            release_order(order_state, unit, carriers.get(id(order_state)))
        if refusal(order_state, "pack") is None:
            pack_order(order_state, unit)


# ------------------------------------------------ small things


def is_open(line: OrderLine) -> bool:
    return line.quantity > line.shipped + line.cancelled


def key_of(line: OrderLineRecord) -> LineKey:
    return LineKey(line.variant_external_id, line.sku)


def _add_unknown_statuses(page: _Page, records: Sequence[OrderRecord]) -> None:
    """Statuses that only orders tell of come into the store's map: else nobody could say what they mean."""
    names = {
        record.status_id[:60]: record.status_name
        for record in records
        if record.status_id not in page.states and page.state_of(record) == RemoteState.UNKNOWN
    }
    names.pop("", None)
    if names:
        add_unknown(connection=page.connection, names=names)


def _resolve(connection: Connection, records: Sequence[OrderRecord]) -> dict[LineKey, int]:
    """The variant of each line's key: by the channel's own id in one query, only the rest by SKU as well."""
    keys = {key_of(line) for record in records for line in record.lines if line.needs_stock}
    ids = {LineKey(key.variant_external_id, "") for key in keys if key.variant_external_id}
    by_id = resolve_variants(connection, ids)
    found = {
        key: by_id[LineKey(key.variant_external_id, "")] for key in keys if key._replace(sku="") in by_id
    }
    rest = keys - found.keys()
    return found | resolve_variants(connection, rest) if rest else found


def _carriers(connection: Connection, records: Sequence[OrderRecord]) -> dict[str, Carrier]:
    """Carriers that the page names come in (R-CONN-08); those of shipments by key."""
    shipped_by = {shipment.carrier for record in records for shipment in record.shipments} - {""}
    import_named_carriers(connection, {record.carrier for record in records} | shipped_by)
    return carriers_by_name(shipped_by) if shipped_by else {}


def lock_store_ingest(connection: Connection) -> None:
    """Two pages of one store never decide at a time whether an order is new. SQLite has one writer anyway."""
    if database.vendor == "postgresql":
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, connection.pk])

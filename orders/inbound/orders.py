# long because: storing a page of orders is one unit of work, read from top to bottom.
"""The sink of the order streams: store a page of records as new orders and as changes of stored ones.

A page costs a constant number of statements. Stored orders are compared by content hash; nothing is written for an
unchanged one. The order of locks: the imports of the store, stored orders by primary key, stock items by primary key.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db import connection as database
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from catalogue.models import sku_key
from catalogue.services.kits import components_of
from catalogue.sku_resolution import Facts, LineKey, resolve_variants, variant_facts
from channels.contract.records.orders import OrderLineRecord, OrderRecord, PaymentState, RemoteState
from channels.contract.records.pages import RefusedRow
from channels.contract.spec import Capability
from channels.models import Connection, SyncRun
from channels.pull.streams import Counts
from channels.stores.status_map import Entry, add_unknown
from oms.kit.authors.actors import Author, channel
from oms.kit.bulk import make
from orders import problem_codes
from orders.choices import ShipmentState
from orders.domain import kits, shipments
from orders.domain.allocation import allocate, oldest_first
from orders.domain.carriers import (
    carrier_key,
    carriers_by_name,
    carriers_for,
    import_named_carriers,
    mapped_names,
)
from orders.domain.corrected_columns import without_corrected
from orders.domain.lifecycle import auto_release, pack_order, release_order
from orders.domain.moves import refusal
from orders.domain.rules.automation import apply_rules
from orders.inbound.contact_changes import contact_of, follow_contact
from orders.inbound.fields import (
    UnreadableOrder,
    awaits_payment,
    buyer_hashes,
    check_document,
    document_of,
    follow_payment,
    line_columns,
    lines_of,
    order_columns,
    payment_of,
    record_refund,
    ship_by,
)
from orders.inbound.lines import apply_lines
from orders.inbound.opening_stock import OPENING_COLUMNS, add_opening_stock, correct_opening_stock
from orders.inbound.partial_shipments import import_past_shipments, shipments_known_to_channel
from orders.inbound.reopening import reopen_if_live
from orders.inbound.store_facts import StoreFacts, store_facts
from orders.inbound.updates import (
    CLOSED_ON_CHANNEL,
    apply_status,
    import_as_history,
    write_pending_events,
)
from orders.inbound.vanished import seen_again
from orders.models import Carrier, Hold, Order, OrderLine
from orders.outbound.stock_resend import moves_stock, resend_stock
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork

#: First half of the key of the lock that lets one page of a store be stored at a time.
LOCK = 0x4F524452


@dataclass(slots=True)
class _Sorted:
    """The records of a page, sorted by what is done with them."""

    same: list[int] = field(default_factory=list)
    ignored: int = 0
    refused: list[RefusedRow] = field(default_factory=list)
    new: list[tuple[OrderRecord, RemoteState, tuple[str, bytes], list[tuple[str, OrderLineRecord]]]] = field(
        default_factory=list
    )
    changed: dict[int, tuple[OrderRecord, RemoteState, tuple[str, bytes]]] = field(default_factory=dict)


@dataclass(slots=True)
class _Page:
    """What storing a page needs, read once. `facts` are those of its store.

    `untracked` are variants whose stock is not tracked, `unsure` the possible variants of lines that may mean several,
    `kits` the components of the kits that were sold.
    """

    connection: Connection
    facts: StoreFacts
    now: datetime
    by: Author
    placed_text: str = ""
    carriers: dict[str, Carrier] = field(default_factory=dict)
    untracked: set[int] = field(default_factory=set)
    unsure: dict[LineKey, list[int]] = field(default_factory=dict)
    kits: kits.Kits = field(default_factory=dict)

    def state_of(self, record: OrderRecord) -> RemoteState:
        """Return what the status of a record means."""
        return read_state(record.status_id, record.remote_state, self.facts.states)

    @property
    def is_manual(self) -> bool:
        """Whether people enter the orders of the store: a carrier in a record is then a person's choice."""
        return self.connection.spec.supports(Capability.MANUAL_ORDERS)

    def chosen_carrier(self, record: OrderRecord) -> Carrier | None:
        """Return the carrier that a person chose for an order; None for a record of a channel."""
        return self.carriers.get(carrier_key(record.carrier)) if self.is_manual and record.carrier else None


def read_state(status_id: str, default: RemoteState, states: dict[str, Entry]) -> RemoteState:
    """Return what a status of the channel means.

    An entry of the status map that the seller edited decides. Otherwise `default`, which the connector read from the
    record; if that is unknown, the map's own entry.
    """
    entry = states.get(status_id)
    if entry is None:
        return default
    return entry.remote_state if entry.is_edited or default == RemoteState.UNKNOWN else default


def store_orders(
    connection: Connection,
    records: Sequence[OrderRecord],
    run: SyncRun | None = None,
    *,
    by: Author | None = None,
    placed_text: str = "",
) -> Counts:
    """Store a page of orders in the transaction of the page (R-ORD-06 to R-ORD-09, R-ORD-16); return the counts.

    Orders that a person enters take this way, too: then `by` is the person, and `placed_text` the sentence of the
    timeline in place of “Imported from …”.

    An order is created once, whatever is imported at the same time or again. A record that cannot be an order is
    rejected with its reason; the others of the page are stored.
    """
    latest: dict[str, OrderRecord] = {}
    for record in records:
        before = latest.get(record.external_id)
        if before is None or record.changed_at >= before.changed_at:
            latest[record.external_id] = record
    if not latest:
        return Counts()
    with transaction.atomic(savepoint=False):
        is_asked_for = run is not None and not run.query.get("moves_cursor")
        return _store(connection, latest, by or channel(connection.name), placed_text, is_asked_for)


def _store(
    connection: Connection,
    latest: dict[str, OrderRecord],
    by: Author,
    placed_text: str,
    is_asked_for: bool,
) -> Counts:
    lock_store_ingest(connection)
    facts = store_facts(
        connection,
        external_ids=list(latest),
        carriers=mapped_names(_carrier_names(latest.values())),
        buyers={key for record in latest.values() for key in buyer_hashes(record)},
    )
    page = _Page(connection, facts, timezone.now(), by, placed_text)
    known = facts.known
    counts = _Sorted()
    for external_id, record in latest.items():
        state = page.state_of(record)
        document = document_of(record)
        found = known.get(external_id)
        try:
            if found is None and state == RemoteState.IGNORED:
                counts.ignored += 1
            elif found is None:
                counts.new.append((record, state, document, lines_of(record)))
            elif found.matches(document[0], state) or found.is_newer(record, page.now):
                counts.same.append(found.pk)
            else:
                lines_of(record)
                counts.changed[found.pk] = (record, state, document)
        except UnreadableOrder as error:
            counts.refused.append(RefusedRow(external_id, str(error), record.native))
    if counts.new or counts.changed:
        _store_changes(page, counts)
    if counts.same and is_asked_for:  # they exist: the checks for deleted orders ask for the others first
        Order.objects.filter(pk__in=counts.same, read_at__lt=page.now).update(read_at=page.now)
    reason = _("orders with a status that the status map ignores")
    return Counts(
        new=len(counts.new),
        changed=len(counts.changed),
        same=len(counts.same),
        refused=counts.refused,
        left_out={reason: counts.ignored} if counts.ignored else {},
    )


def _store_changes(page: _Page, counts: _Sorted) -> None:
    """Store the new and changed orders of a page as one unit of work."""
    records = [row[0] for row in counts.new] + [row[0] for row in counts.changed.values()]
    _add_unknown_statuses(page, records)
    variants = _resolve(page, records, facts := Facts())
    page.carriers = _carriers(page, records)
    unit = UnitOfWork.load(counts.changed)
    unit.warehouses = {page.connection.pk: page.facts.warehouses}
    facts |= variant_facts(set(variants.values()) - set(facts), OPENING_COLUMNS)
    page.untracked = {pk for pk, variant in facts.items() if not variant.is_counted}
    _drop_uncounted(page, counts, variants, facts)
    unit.variant_codes = {pk: variant[:2] for pk, variant in facts.items()}
    unit.now, unit.extra_variants = page.now, set(variants.values())
    page.kits = components_of([pk for pk, variant in facts.items() if variant.is_kit])
    unit.know_components(page.kits)
    changed = list(unit.order_states)
    new = [_new(page, *row, variants) for row in counts.new]
    unit.order_states += new
    resolved = [(order_state, line) for order_state in new for line in order_state.lines if line.variant_id]
    resend = []  # orders for which the channel has changed its own stock figure since the last import
    for order_state in changed:
        record, state, document = counts.changed[order_state.order.pk]
        before = order_state.order.remote_status_id
        found, is_edited = _update_from_document(page, unit, order_state, record, state, document, variants)
        resolved += found
        if is_edited or moves_stock(page.facts.states, before, record.status_id):
            resend.append(order_state.order.pk)
    known_openings = {pk: variant.more for pk, variant in facts.items()}
    add_opening_stock(unit, resolved, by=page.by, known=known_openings)
    known_shipments = shipments_known_to_channel(
        (order_state, counts.changed[order_state.order.pk][0]) for order_state in changed
    )
    for order_state in changed:
        record, state, _document = counts.changed[order_state.order.pk]
        apply_status(
            unit,
            order_state,
            state,
            is_paid=record.is_paid,
            shipments=record.shipments,
            carriers=page.carriers,
            known_shipments=known_shipments,
            changed_at=record.changed_at,
        )
    correct_opening_stock(unit, changed, resolved={id(line) for _order, line in resolved})
    for order_state, (record, state, _document, _lines) in zip(new, counts.new, strict=True):
        _record_arrival(page, order_state, record, state)
    applied = apply_rules(unit, page.facts.rules_version, new=new, changed=changed)
    allocate_and_release(unit, updated=changed, placed_text=page.placed_text)
    unit.flush(page.by)
    applied.write()
    resend_stock(page.connection, order_ids=resend)


def _drop_uncounted(page: _Page, counts: _Sorted, variants: dict[LineKey, int], facts: Facts) -> None:
    """Let what is not shipped take stock only where its SKU is tracked: a ticket does, a download usually does not."""

    def settled(record: OrderRecord) -> OrderRecord:
        if all(line.needs_parcel or not line.needs_stock for line in record.lines):
            return record
        lines = []
        for line in record.lines:
            variant_id = variants.get(key_of(line))
            is_counted = variant_id is not None and facts[variant_id].is_counted
            takes_stock = line.needs_stock and (line.needs_parcel or is_counted)
            lines.append(replace(line, needs_stock=takes_stock))
        return replace(record, lines=tuple(lines))

    for index, (record, state, document, _lines) in enumerate(counts.new):
        if (changed := settled(record)) is not record:
            counts.new[index] = (changed, state, document, lines_of(changed))
    for pk, (record, state, document) in counts.changed.items():
        counts.changed[pk] = (settled(record), state, document)


def _new(
    page: _Page,
    record: OrderRecord,
    state: RemoteState,
    document: tuple[str, bytes],
    rows: list[tuple[str, OrderLineRecord]],
    variants: dict[LineKey, int],
) -> OrderState:
    """Return a new order, with the facts that follow from the record."""
    is_paid, payment = not awaits_payment(record, state), payment_of(record, state)
    hours = page.facts.settings.unpaid_hold_hours
    order = make(
        Order,
        connection=page.connection,
        external_id=record.external_id[:255],
        read_at=page.now,
        ship_by_at=ship_by(record, page.facts.settings),
        needs_approval=state == RemoteState.DRAFT,
        is_paid=is_paid,
        payment_state=str(payment),
        paid_at=record.changed_at if payment == PaymentState.PAID else None,
        paid_total=record.paid_total,
        carrier=page.chosen_carrier(record),
        hold_stock_until=None if is_paid or not hours else record.placed_at + timedelta(hours=hours),
        is_history=state in CLOSED_ON_CHANNEL,
        units=sum(row.quantity for _key, row in rows),
        **order_columns(record, state, document[0]),
    )
    order_state = OrderState(
        order=order, connection=page.connection, settings=page.facts.settings, is_new=True
    )
    order_state.native = document[1]
    for position, (external_id, row) in enumerate(rows):
        order_state.lines.append(
            make(
                OrderLine,
                order=order,
                external_id=external_id,
                variant_id=variants.get(key_of(row)) if row.needs_stock else None,
                is_counted=variants.get(key_of(row)) not in page.untracked,
                quantity=row.quantity,
                **line_columns(row, position),
            )
        )
    kits.add_components(order_state, page.kits)
    if not order.is_history:
        import_past_shipments(order_state, record.shipments, page.carriers, record.changed_at)
    return order_state


def _record_arrival(page: _Page, order_state: OrderState, record: OrderRecord, state: RemoteState) -> None:
    """Open the problems of a new order. An imported past order gets its shipments and its timeline entry, too."""
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
        _open_sku_problems(page, order_state)
        _hold_if_blocked(page, order_state, record)
    check_document(order_state, record, state)
    record_refund(order_state, record, state)
    if order_state.order.is_history:
        import_as_history(None, order_state, state, record.changed_at)
        order_state.add_event(
            "placed", _("Imported from %(store)s as history") % {"store": page.connection.name}
        )


def _hold_if_blocked(page: _Page, order_state: OrderState, record: OrderRecord) -> None:
    """Put a new order of a blocked buyer on hold, with the reason."""
    blocked = page.facts.blocked
    reason = next((blocked[key] for key in buyer_hashes(record) if key in blocked), None)
    if reason is None:
        return
    text = (_("Blocked buyer: %s") % reason)[:200]
    order_state.holds.append(make(Hold, order=order_state.order, reason=text, placed_at=page.now))
    order_state.pending_events.append(("hold", _("On hold: %(reason)s") % {"reason": text}))


def _open_sku_problems(page: _Page, order_state: OrderState) -> None:
    """Open a problem for each line whose SKU is unknown (R-ORD-07), or of which several products may have been sold."""
    for line in order_state.lines:
        if not (line.needs_stock and not line.variant_id and is_open(line)):
            continue
        possible = page.unsure.get(LineKey(line.variant_external_id, line.sku))
        if possible:
            order_state.close_problem(problem_codes.UNKNOWN_SKU, key=line.external_id)
            order_state.open_problem(
                problem_codes.WHICH_SKU,
                _(
                    "“%(title)s” was sold with the SKU “%(sku)s” and the product ID %(id)s, which do not mean one product."
                    " Nothing is allocated. Choose the product that was sold."
                )
                % {"title": line.title, "sku": line.sku, "id": line.variant_external_id or "–"},
                key=line.external_id,
                sku=line.sku,
                sku_key=sku_key(line.sku),
                possible=possible,
            )
            continue
        order_state.open_problem(
            problem_codes.UNKNOWN_SKU,
            problem_codes.unknown_sku_text(line.sku, line.title),
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
) -> tuple[list[tuple[OrderState, OrderLine]], bool]:
    """Update the columns and lines that the channel owns.

    Return the lines that have got their variant only now, and whether the channel changed quantities or lines.
    """
    order = order_state.order
    was_unknown, was_withheld = order.remote_state == RemoteState.UNKNOWN, order.is_address_withheld
    contact = contact_of(order)
    columns = order_columns(record, state, document[0])
    for name, value in (without_corrected(order, columns) if order.corrected else columns).items():
        setattr(order, name, value)
    order.read_at = page.now
    if record.ship_by_at:
        order.ship_by_at = record.ship_by_at
    order_state.native = document[1]
    is_reopened = bool(order.cancelled_at) and reopen_if_live(unit, order_state, state)
    follow_contact(order_state, contact)
    follow_payment(order_state, record, state)
    is_edited = apply_lines(unit, order_state, record)
    resolved = []
    keys = {external_id: key_of(row) for external_id, row in lines_of(record)}
    for line in order_state.lines:
        if line.needs_stock and not line.variant_id and not order.is_history and is_open(line):
            line.variant_id = variants.get(keys.get(line.external_id, LineKey("", "")))
            if line.variant_id:
                line.is_counted = line.variant_id not in page.untracked
                order_state.close_line_problems(_("The SKU is known now."), key=line.external_id)
                resolved.append((order_state, line))
    kits.add_components(order_state, page.kits)
    if (was_unknown or is_reopened) and not order.is_history:
        resolved = [(order_state, line) for line in order_state.lines if line.variant_id and is_open(line)]
    if not order_state.is_ended and not order.is_history and state not in CLOSED_ON_CHANNEL:
        _open_sku_problems(page, order_state)
    check_document(order_state, record, state, was_withheld=was_withheld)
    seen_again(order_state)
    record_refund(order_state, record, state)
    return resolved, is_edited


def allocate_and_release(
    unit: UnitOfWork, *, updated: Sequence[OrderState] = (), placed_text: str = ""
) -> None:
    """Allocate stock, the oldest order first; then release and pack the orders that need no person for it.

    `updated` are the orders that an import or a status map has changed; they get their pending timeline entries.
    `placed_text` is the first sentence of the timeline of new orders.
    """
    new = [
        order_state
        for order_state in unit.order_states
        if order_state.is_new and not order_state.order.is_history
    ]
    for order_state in oldest_first(unit.order_states):
        if order_state.may_be_allocated(unit.now) and order_state.missing_units():
            allocate(order_state, unit.stock(), unit.now)
    for order_state in new:
        text = placed_text or _("Imported from %(store)s") % {"store": order_state.connection.name}
        order_state.add_event("placed", text)
        write_pending_events(order_state)
    for order_state in updated:
        write_pending_events(order_state)
    unit.settle(updated)
    auto_release(unit, unit.order_states)
    ready = [
        order_state
        for order_state in unit.order_states
        if order_state.order.remote_state == RemoteState.READY
    ]
    if ready:
        _pack_as_on_channel(unit, ready)


def _pack_as_on_channel(unit: UnitOfWork, order_states: Sequence[OrderState]) -> None:
    """Release and pack orders that are “processed” on the channel, unless something blocks it (OpenCart).

    An order that the channel has shipped in part is left open: the status says nothing about the rest.
    """
    carriers = carriers_for(order_states)
    for order_state in order_states:
        if any(shipment.is_external for shipment in order_state.live_shipments):
            continue
        if refusal(order_state, "release") is None:
            release_order(order_state, unit, carriers.get(id(order_state)))
        if refusal(order_state, "pack") is None:
            pack_order(order_state, unit)


# ------------------------------------------------ helpers


def is_open(line: OrderLine) -> bool:
    """Return whether a line has units that are neither shipped nor cancelled."""
    return line.quantity > line.shipped + line.cancelled


def key_of(line: OrderLineRecord) -> LineKey:
    """Return what the variant of a line is found by."""
    return LineKey(line.variant_external_id, line.sku)


def _add_unknown_statuses(page: _Page, records: Sequence[OrderRecord]) -> None:
    """Add unknown statuses of orders to the status map of the store, so that the seller can map them."""
    names = {
        record.status_id[:60]: record.status_name
        for record in records
        if record.status_id not in page.facts.states and page.state_of(record) == RemoteState.UNKNOWN
    }
    names.pop("", None)
    if names:
        add_unknown(connection=page.connection, names=names)


def _resolve(page: _Page, records: Sequence[OrderRecord], facts: Facts) -> dict[LineKey, int]:
    """Return the variant (id) of each line, and note those of which a person must say what was sold."""
    keys = {key_of(line) for record in records for line in record.lines if line.needs_stock}
    return resolve_variants(page.connection, keys, facts, page.unsure, OPENING_COLUMNS)


def _carrier_names(records: Collection[OrderRecord]) -> set[str]:
    return {shipment.carrier for record in records for shipment in record.shipments} | {
        record.carrier for record in records
    }


def _carriers(page: _Page, records: Sequence[OrderRecord]) -> dict[str, Carrier]:
    """Create the carriers that the page names (R-CONN-08); return those of its shipments by `carrier_key`."""
    shipped_by = {shipment.carrier for record in records for shipment in record.shipments} - {""}
    if page.is_manual:
        shipped_by |= {record.carrier for record in records} - {""}
    import_named_carriers(page.connection, _carrier_names(records), page.facts.carriers)
    return carriers_by_name(shipped_by) if shipped_by else {}


def lock_store_ingest(connection: Connection) -> None:
    """Lock the imports of a store, so that two pages cannot create the same order. SQLite has only one writer."""
    if database.vendor == "postgresql":
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, connection.pk])

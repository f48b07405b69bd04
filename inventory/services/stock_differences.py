# long because: how a difference is found, shown and resolved is one subject.
"""Stock differences: find figures of a store that are not Manifold's, and resolve them (docs/stock.md)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db import transaction
from django.db.models import Count, Exists, F, Min, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from catalogue.callbacks import Imported, set_tracking
from catalogue.models import Listing, ListingVariant, Variant
from channels.contract.spec import Capability, Stream
from channels.models import Connection, OutboxMessage, SyncStream
from channels.pull.single_records import request_records
from channels.push import outbox, topics
from inventory import callbacks
from inventory.errors import BelowAllocated, StaleFigure, StockError
from inventory.models import StockDifference, StockItem, StockMovement, StockPolicy
from inventory.offers.compute import Offer, offers
from inventory.services.warehouse_mapping import ensure_default_mapping
from inventory.stock_changes import StockChange, apply, ensure_stock_items
from oms.kit import audit
from oms.kit.actors import Author
from oms.kit.bulk import among


def compare_imported(
    connection: Connection, rows: Sequence[Imported], offered: Mapping[int, Offer], read_at: datetime
) -> None:
    """Record a difference for each imported SKU whose figure is not Manifold's, when its listing is new.

    `offered` is by listing variant id. Later imports update or delete open differences. For a listing that was imported
    before, no difference is recorded: `find_differences` does that when what was sent should be visible. A SKU whose
    stock Manifold does not track, and whose store shows a quantity now, is a difference of its own (`is_tracking`).
    """
    known = [row.listing_variant_id for row in rows]
    existing = {
        row.listing_variant_id: row for row in StockDifference.objects.filter(listing_variant__in=known)
    }
    untracked = set(
        Variant.objects.filter(pk__in={row.variant_id for row in rows}, is_counted=False).values_list(
            "pk", flat=True
        )
    )
    write: list[StockDifference] = []
    resolved: list[int] = []
    for row in rows:
        available = offered[row.listing_variant_id].available
        found = existing.get(row.listing_variant_id)
        is_open = found is not None and found.decided_at is None
        is_tracking = row.variant_id in untracked
        if (
            is_tracking
            and found is not None
            and found.is_tracking
            and row.quantity is not None
            and not is_open
        ):
            continue  # somebody has decided that Manifold does not track it
        if not (is_tracking or row.is_new_listing or is_open):
            continue
        if row.quantity is None or (row.quantity == available and not is_tracking):
            if found is not None and (is_open or is_tracking):
                resolved.append(found.pk)
            continue
        write.append(
            StockDifference(
                connection=connection,
                listing_variant_id=row.listing_variant_id,
                ours=available,
                theirs=row.quantity,
                seen_at=read_at,
                is_tracking=is_tracking,
            )
        )
    if resolved:
        StockDifference.objects.filter(pk__in=resolved).delete()
    _record(write)


def _record(write: Sequence[StockDifference]) -> None:
    """Write differences; one of the same listed SKU is opened again with the new figures."""
    if write:
        StockDifference.objects.bulk_create(
            write,
            update_conflicts=True,
            unique_fields=["listing_variant"],
            update_fields=["ours", "theirs", "seen_at", "is_tracking", "decided_at", "taken_over"],
        )


#: A figure of a store that is older is imported again before it is used.
FRESH = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Choice:
    """What “Use the store's figure” would do: on hand `was` becomes `becomes` in the store's default warehouse.

    `ours` is available now, `theirs` was shown at `seen_at`. `refusal` says why the figure cannot be used now.
    """

    difference: StockDifference
    ours: int
    theirs: int
    seen_at: datetime
    was: int
    becomes: int
    refusal: str = ""


def choices(connection: Connection, differences: Sequence[StockDifference]) -> list[Choice]:
    """Return what each of these open differences of a store would do now. A constant number of statements."""
    rows = list(differences)
    if not rows:
        return []
    offered = offers(connection, [row.listing_variant_id for row in rows])
    listed = ListingVariant.objects.in_bulk([row.listing_variant_id for row in rows])
    variant_ids = {row.variant_id for row in listed.values()}
    mapping = ensure_default_mapping(connection)
    served = set(connection.warehouse_mappings.values_list("warehouse_id", flat=True))
    items = list(StockItem.objects.filter(variant__in=variant_ids, warehouse__in=served))
    times = [_reading(row, listed[row.listing_variant_id])[1] for row in rows]
    movements = list(
        StockMovement.objects.filter(stock_item__in=items, at__gt=min(times)).values_list(
            "stock_item", "kind", "quantity", "at"
        )
    )
    found = []
    for row in rows:
        one = listed[row.listing_variant_id]
        theirs, seen_at = _reading(row, one)
        own = [item for item in items if item.variant_id == one.variant_id]
        ids = {item.pk for item in own}
        since = [(kind, units) for item, kind, units, at in movements if item in ids and at > seen_at]
        deducted = callbacks.deducted_units(connection.pk, [one.variant_id], seen_at)[one.variant_id]
        total = theirs + deducted + sum(units for _kind, units in since)
        was = sum(item.on_hand for item in own if item.warehouse_id == mapping.warehouse_id)
        elsewhere = sum(item.on_hand for item in own) - was
        found.append(
            Choice(
                row,
                offered[row.listing_variant_id].available,
                theirs,
                seen_at,
                was,
                max(total - elsewhere, 0),
                _too_old(row, seen_at, {kind for kind, _units in since}),
            )
        )
    return found


def _reading(row: StockDifference, listed: ListingVariant) -> tuple[int, datetime]:
    """Return the newest figure of the store that Manifold has, and when it was imported."""
    if listed.read_at is not None and listed.remote_quantity is not None and listed.read_at >= row.seen_at:
        return listed.remote_quantity, listed.read_at
    return row.theirs, row.seen_at


def _too_old(row: StockDifference, seen_at: datetime, kinds: Collection[str]) -> str:
    """Return why a figure cannot be used: units were shipped since, or it is older than `FRESH`; "" when it can."""
    sku, store = row.listing_variant.external_sku, row.connection.name
    if StockMovement.Kind.SHIPMENT in kinds:
        return _(
            "Units of %(sku)s were shipped since the import from %(store)s. It is imported again: choose again in a moment."
        ) % {"sku": sku, "store": store}
    if timezone.now() - seen_at > FRESH:
        return _(
            "The figure of %(sku)s in %(store)s is older than 10 minutes. It is imported again: choose again in a moment."
        ) % {"sku": sku, "store": store}
    return ""


def read_again(connection: Connection, differences: Sequence[StockDifference]) -> int:
    """Import the products of these differences again now; return how many. 0 for a store that imports no products."""
    stream = SyncStream.objects.filter(connection=connection, name=Stream.PRODUCTS).first()
    listed = [row.listing_variant_id for row in differences]
    ids = list(
        Listing.objects.filter(variants__in=listed, connection=connection)
        .exclude(external_id="")
        .order_by("pk")
        .values_list("external_id", flat=True)
        .distinct()
    )
    if stream is None or not ids or not connection.may_pull:
        return 0
    request_records(stream, ids)
    return len(ids)


def use_store_figure(
    difference: StockDifference, by: Author, *, was: int | None = None, becomes: int | None = None
) -> StockItem:
    """Use the store's figure in Manifold; return the stock item that was changed, in the store's default warehouse.

    On hand becomes what the store showed, plus the units of its open orders that it had deducted, plus what arrived
    since the import. It is recorded as a count. If less is on hand than is allocated, allocated units are released, from
    the newest orders. For a SKU whose stock was not tracked, tracking starts. `was` and `becomes` are the figures that
    the person confirmed.

    Raises `StaleFigure` when the figure is older than `FRESH` or units were shipped since, `StockError` when the
    difference is already resolved or the figures are not the confirmed ones. Nothing is changed then.
    """
    try:
        with transaction.atomic():
            return _use_store_figure(difference, by, was, becomes)
    except BelowAllocated as below:
        with transaction.atomic():  # orders are locked before stock items
            callbacks.reclaim(below.missing)
            try:
                return _use_store_figure(difference, by, was, becomes)
            except BelowAllocated as still:
                raise StockError(
                    _("%d units are packed and cannot be released. Undo packing of these orders first.")
                    % sum(still.missing.values())
                ) from None


def _use_store_figure(
    difference: StockDifference, by: Author, was: int | None, becomes: int | None
) -> StockItem:
    row = StockDifference.objects.select_for_update(of=("self",)).get(pk=difference.pk)
    if row.decided_at is not None:
        raise StockError(_("This difference is already resolved."))
    variant_id = row.listing_variant.variant_id
    mapping = ensure_default_mapping(row.connection)
    stock_items = ensure_stock_items([(variant_id, mapping.warehouse_id)])
    choice = choices(row.connection, [row])[0]
    if choice.refusal:
        raise StaleFigure(choice.refusal)
    if was is not None and (was, becomes) != (choice.was, choice.becomes):
        raise StockError(
            _("The stock has changed in the meantime: on hand %(was)d would become %(becomes)d now.")
            % {"was": choice.was, "becomes": choice.becomes}
        )
    item = next(item for item in stock_items[variant_id] if item.warehouse_id == mapping.warehouse_id)
    if choice.becomes < item.allocated:
        raise BelowAllocated({item.pk: item.allocated - choice.becomes})
    if choice.becomes != item.on_hand:
        apply(
            [
                StockChange(
                    item.pk,
                    on_hand=choice.becomes - item.on_hand,
                    kind=StockMovement.Kind.COUNT,
                    reason=_("Figure of %(store)s used") % {"store": row.connection.name},
                    reference_kind="connection",
                    reference_id=row.connection_id,
                )
            ],
            stock_items=stock_items,
            by=by,
        )
    if row.is_tracking:
        set_tracking([variant_id], is_counted=True, by=by)
    _resolve(row, taken_over=True)
    return item


def close_counted(variant_ids: Collection[int]) -> int:
    """Close the open differences of variants (ids) that were counted or adjusted: Manifold's figure is the newer one.

    The stores are sent it. Return how many were closed.
    """
    rows = StockDifference.objects.filter(
        listing_variant__variant__in=list(variant_ids), decided_at=None, is_tracking=False
    )
    pairs = list(rows.order_by("pk").values_list("connection_id", "listing_variant_id"))
    if pairs:
        rows.update(decided_at=timezone.now(), taken_over=False)
        outbox.touch(topics.Topic.STOCK, pairs)
    return len(pairs)


def refresh(connection: Connection) -> None:
    """Bring the open differences of a store up to date: Manifold's figure of now; delete those that agree."""
    rows = StockDifference.objects.filter(connection=connection, decided_at=None, is_tracking=False)
    found = list(rows.select_related("listing_variant"))
    if not found:
        return
    offered = offers(connection, [row.listing_variant_id for row in found])
    agreeing, changed = [], []
    for row in found:
        theirs, seen_at = _reading(row, row.listing_variant)
        figures = (offered[row.listing_variant_id].available, theirs, seen_at)
        if figures[0] == theirs:
            agreeing.append(row.pk)
        elif figures != (row.ours, row.theirs, row.seen_at):
            row.ours, row.theirs, row.seen_at = figures
            changed.append(row)
    if agreeing:
        StockDifference.objects.filter(pk__in=agreeing, decided_at=None).delete()
    if changed:
        StockDifference.objects.bulk_update(changed, ["ours", "theirs", "seen_at"])


def keep_own_figure(difference: StockDifference) -> None:
    """Keep Manifold's figure: the store is sent it, once it is live. A SKU that is not tracked remains so."""
    with transaction.atomic():
        row = StockDifference.objects.select_for_update(of=("self",)).get(pk=difference.pk)
        if row.decided_at is None:
            _resolve(row, taken_over=False)
            audit.record("stock.own_figure_kept", row, {"theirs": (row.theirs, row.ours)})
            if not row.is_tracking:
                send_again(row.connection, [row.listing_variant_id])


def send_again(connection: Connection, listing_variant_ids: Sequence[int]) -> None:
    """Send the stock of these listed SKUs, also where the store has accepted this figure before."""
    if not connection.spec.orders_deduct_stock:
        ListingVariant.objects.filter(pk__in=among(listing_variant_ids)).update(sent_at=None)
    outbox.touch(topics.Topic.STOCK, [(connection.pk, pk) for pk in listing_variant_ids])


def _resolve(row: StockDifference, *, taken_over: bool) -> None:
    """Mark a difference as resolved; `taken_over`: the store's figure was used."""
    row.taken_over, row.decided_at = taken_over, timezone.now()
    row.save(update_fields=["taken_over", "decided_at"])


def open_by_store(connection_ids: Collection[int]) -> Mapping[int, int]:
    """Return how many differences of these stores are open, by store."""
    rows = StockDifference.objects.filter(connection__in=connection_ids, decided_at=None).order_by()
    return dict(rows.values_list("connection_id").annotate(n=Count("pk")))


def words(count: int) -> str:
    """Return "3 stock differences"."""
    return ngettext("%s stock difference", "%s stock differences", count) % f"{count:,}"


#: Time between two comparisons of a store.
COMPARE_EVERY_SECONDS = 600
#: Differences that one comparison records.
BATCH_SIZE = 500


def find_all_differences() -> int:
    """Compare the stock of all live stores that were not compared for ten minutes; return how many differences were found."""
    found = 0
    for connection in Connection.objects.active().filter(is_read_only=False):
        if _is_compared(connection) and cache.add(f"differences:{connection.pk}", 1, COMPARE_EVERY_SECONDS):
            found += find_differences(connection)
    return found


def _is_compared(connection: Connection) -> bool:
    """Return whether a store shows quantities that Manifold imports and sends."""
    spec = connection.spec
    return spec.supports(Capability.PULL_PRODUCTS) and spec.supports(Capability.PUSH_STOCK)


#: Time between two samples of a store, and how many of them read all its products once.
SAMPLE_EVERY_SECONDS = 3600
SAMPLES = 24
#: Products of one sample.
LEAST_SAMPLE, LARGEST_SAMPLE = 20, 500


def sample_all_stores() -> int:
    """Import a part of the products of each live store again, once an hour; return how many were requested.

    The products that were imported longest ago come first, a 24th of all each time. So each product is compared at
    least once a day (in a store with more than 12,000 products less often), whatever webhooks the channel has.
    """
    requested = 0
    for connection in Connection.objects.active().filter(is_read_only=False):
        if (
            _is_compared(connection)
            and connection.may_pull
            and cache.add(f"stock_sample:{connection.pk}", 1, SAMPLE_EVERY_SECONDS)
        ):
            requested += sample(connection)
    return requested


def sample(connection: Connection) -> int:
    """Request the next sample of a store's products; return how many."""
    stream = SyncStream.objects.filter(connection=connection, name=Stream.PRODUCTS).first()
    rows = Listing.objects.filter(
        connection=connection, state__in=(Listing.State.ACTIVE, Listing.State.INACTIVE)
    ).exclude(external_id="")
    count = rows.count()
    if stream is None or stream.wanted_ids or not count:
        return 0
    size = min(max(-(-count // SAMPLES), LEAST_SAMPLE), LARGEST_SAMPLE)
    oldest = rows.annotate(last_read=Min("variants__read_at")).order_by(
        F("last_read").asc(nulls_first=True), "pk"
    )
    ids = list(oldest.values_list("external_id", flat=True)[:size])
    request_records(stream, ids)
    return len(ids)


def find_differences(connection: Connection) -> int:
    """Record a difference for each SKU that shows another figure than it was sent, and delete those that agree again.

    In a store with the setting “Manifold is the master”, the figure is sent again instead. Return how many were found.
    A SKU that was never sent should show what the store is offered. Nothing is compared while orders of the store are
    not imported: they may explain it.
    """
    imported_until = _orders_imported_until(connection)
    if imported_until is None:
        return 0
    waiting = OutboxMessage.objects.filter(
        connection=connection,
        topic=topics.Topic.STOCK,
        subject=OuterRef("pk"),
        sent__lt=F("wanted"),
        skipped_at=None,
    )
    visible = F("sent_at") + timedelta(seconds=connection.spec.shown_after)
    rows = ListingVariant.objects.live().filter(
        Q(read_at__gt=visible) | Q(sent_quantity=None),
        ~Exists(waiting),
        connection=connection,
        read_at__lt=imported_until,
        variant__is_counted=True,
    )
    differing = rows.filter(remote_quantity__isnull=False).filter(
        Q(sent_quantity=None) | ~Q(remote_quantity=F("sent_quantity"))
    )
    new = differing.filter(Q(stock_difference=None) | Q(stock_difference__decided_at__lt=F("read_at")))
    found: list[StockDifference] = []
    after = 0
    while len(found) < BATCH_SIZE:
        values = new.filter(pk__gt=after).order_by("pk").values_list("pk", "remote_quantity", "read_at")
        seen = {pk: (units or 0, read_at or imported_until) for pk, units, read_at in values[:BATCH_SIZE]}
        if not seen:
            break
        after = max(seen)
        found += [
            StockDifference(
                connection=connection,
                listing_variant_id=pk,
                ours=offer.available,
                theirs=seen[pk][0],
                seen_at=seen[pk][1],
            )
            for pk, offer in offers(connection, seen).items()
            if not offer.blocked
            and offer.sent_quantity in (None, offer.quantity)
            and offer.quantity != max(seen[pk][0], 0)
        ]
    if StockPolicy.objects.filter(connection=connection, listing_variant=None, is_master=True).exists():
        send_again(connection, [row.listing_variant_id for row in found])
    else:
        _record(found)
    agree = rows.filter(remote_quantity=F("sent_quantity"), stock_difference__decided_at=None)
    StockDifference.objects.filter(
        connection=connection, decided_at=None, is_tracking=False, listing_variant__in=agree
    ).delete()
    return len(found)


def _orders_imported_until(connection: Connection) -> datetime | None:
    """Return the time up to which all orders of a store are imported; None where some are not imported on a schedule."""
    rows = SyncStream.objects.filter(
        connection=connection, name__startswith="orders.", is_on=True, period__isnull=False
    )
    cursors = list(rows.values_list("cursor_at", flat=True))
    if not cursors or None in cursors:
        return None
    return min(min(at for at in cursors if at is not None), timezone.now())

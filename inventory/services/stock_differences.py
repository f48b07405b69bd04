"""Stock differences: find figures of a store that are not Manifold's, and resolve them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from catalogue.callbacks import Imported
from catalogue.inbound.tracked_fields import follows
from catalogue.models import ListingVariant
from channels.contract.spec import Capability
from channels.models import Connection, OutboxMessage, SyncStream
from channels.push import outbox, topics
from inventory import callbacks
from inventory.errors import StockError
from inventory.models import StockDifference, StockItem, StockMovement
from inventory.offers.compute import Offer, offers
from inventory.services.warehouse_mapping import ensure_default_mapping
from inventory.stock_changes import StockChange, apply, ensure_stock_items
from oms.kit import audit
from oms.kit.actors import Author


def compare_imported(
    connection: Connection, rows: Sequence[Imported], offered: Mapping[int, Offer], read_at: datetime
) -> None:
    """Record a difference for each imported SKU whose figure is not Manifold's, when its listing is new.

    `offered` is by listing variant id. Later imports update or delete open differences. For a listing that was imported
    before, no difference is recorded: `find_differences` does that when what was sent should be visible.
    """
    known = [row.listing_variant_id for row in rows if not row.is_new_listing]
    open_differences = (
        dict(
            StockDifference.objects.filter(listing_variant__in=known, decided_at=None).values_list(
                "listing_variant_id", "pk"
            )
        )
        if known
        else {}
    )
    write: list[StockDifference] = []
    resolved: list[int] = []
    for row in rows:
        available = offered[row.listing_variant_id].available
        if not row.is_new_listing and row.listing_variant_id not in open_differences:
            continue
        if row.quantity is None or row.quantity == available:
            if row.listing_variant_id in open_differences:
                resolved.append(open_differences[row.listing_variant_id])
            continue
        write.append(
            StockDifference(
                connection=connection,
                listing_variant_id=row.listing_variant_id,
                ours=available,
                theirs=row.quantity,
                seen_at=read_at,
            )
        )
    if resolved:
        StockDifference.objects.filter(pk__in=resolved).delete()
    if write:
        StockDifference.objects.bulk_create(
            write,
            update_conflicts=True,
            unique_fields=["listing_variant"],
            update_fields=["ours", "theirs", "seen_at", "decided_at", "taken_over"],
        )


def use_store_figure(difference: StockDifference, by: Author) -> StockItem:
    """Use the store's figure in Manifold; return the stock item that was changed, in the store's default warehouse.

    On hand becomes what the store showed, plus the units of its open orders that it had deducted, plus the movements
    since the import. It is recorded as a count. Raises `StockError` when the difference is already resolved, or when
    units were shipped since the import: then the figure is too old.
    """
    with transaction.atomic():
        row = StockDifference.objects.select_for_update(of=("self",)).get(pk=difference.pk)
        if row.decided_at is not None:
            raise StockError(_("This difference is already resolved."))
        variant_id = row.listing_variant.variant_id
        mapping = ensure_default_mapping(row.connection)
        stock_items = ensure_stock_items([(variant_id, mapping.warehouse_id)])
        served = set(row.connection.warehouse_mappings.values_list("warehouse_id", flat=True))
        items = [item for item in stock_items[variant_id] if item.warehouse_id in served]
        since: dict[str, int] = defaultdict(int)
        for kind, units in StockMovement.objects.filter(stock_item__in=items, at__gt=row.seen_at).values_list(
            "kind", "quantity"
        ):
            since[kind] += units
        if StockMovement.Kind.SHIPMENT in since:
            raise StockError(
                _(
                    "Units were shipped since the import from %(store)s. Import this product again, then use the new figure."
                )
                % {"store": row.connection.name}
            )
        deducted = sum(
            holder.units
            for holder in callbacks.holders_of([item.pk for item in items])
            if holder.connection_id == row.connection_id
            and holder.placed_at < row.seen_at
            and holder.is_deducted
        )
        item = next(item for item in items if item.warehouse_id == mapping.warehouse_id)
        delta = row.theirs + deducted + sum(since.values()) - sum(item.on_hand for item in items)
        if delta:
            apply(
                [
                    StockChange(
                        item.pk,
                        on_hand=delta,
                        kind=StockMovement.Kind.COUNT,
                        reason=_("Figure of %(store)s used") % {"store": row.connection.name},
                        reference_kind="connection",
                        reference_id=row.connection_id,
                    )
                ],
                stock_items=stock_items,
                by=by,
            )
        _resolve(row, taken_over=True)
    return item


def keep_own_figure(difference: StockDifference) -> None:
    """Keep Manifold's figure. The store is sent it, once it is live."""
    with transaction.atomic():
        row = StockDifference.objects.select_for_update(of=("self",)).get(pk=difference.pk)
        if row.decided_at is None:
            _resolve(row, taken_over=False)
            audit.record("stock.own_figure_kept", row, {"theirs": (row.theirs, row.ours)})
            outbox.touch(topics.Topic.STOCK, [(row.connection_id, row.listing_variant_id)])


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
    """Return whether the products of a store are imported on a schedule, so that its figures can be compared."""
    return connection.spec.capabilities[Capability.AUTO_UPDATE_PRODUCTS].default or follows(connection)


def find_differences(connection: Connection) -> int:
    """Record a difference for each SKU that shows another figure than it was sent, and delete those that agree again.

    Return how many were recorded. Nothing is compared while orders of the store are not imported: they may explain it.
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
        ~Exists(waiting), connection=connection, read_at__gt=visible, read_at__lt=imported_until
    )
    differing = rows.exclude(remote_quantity=F("sent_quantity")).exclude(remote_quantity=None)
    new = differing.filter(Q(stock_difference=None) | Q(stock_difference__decided_at__lt=F("read_at")))
    values = new.order_by("pk").values_list("pk", "remote_quantity", "read_at")[:BATCH_SIZE]
    seen = {pk: (units or 0, read_at or imported_until) for pk, units, read_at in values}
    offered = offers(connection, seen) if seen else {}
    write = [
        StockDifference(
            connection=connection,
            listing_variant_id=pk,
            ours=offer.available,
            theirs=seen[pk][0],
            seen_at=seen[pk][1],
        )
        for pk, offer in offered.items()
        if not offer.blocked and offer.quantity == offer.sent_quantity != seen[pk][0]
    ]
    StockDifference.objects.bulk_create(
        write,
        update_conflicts=True,
        unique_fields=["listing_variant"],
        update_fields=["ours", "theirs", "seen_at", "decided_at", "taken_over"],
    )
    agree = rows.filter(remote_quantity=F("sent_quantity"), stock_difference__decided_at=None)
    StockDifference.objects.filter(connection=connection, decided_at=None, listing_variant__in=agree).delete()
    return len(write)


def _orders_imported_until(connection: Connection) -> datetime | None:
    """Return the time up to which all orders of a store are imported; None where some are not imported on a schedule."""
    rows = SyncStream.objects.filter(
        connection=connection, name__startswith="orders.", is_on=True, period__isnull=False
    )
    cursors = list(rows.values_list("cursor_at", flat=True))
    if not cursors or None in cursors:
        return None
    return min(min(at for at in cursors if at is not None), timezone.now())

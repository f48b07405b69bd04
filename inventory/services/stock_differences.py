"""A figure of a store that is not Manifold's: found, and accepted or refused by a person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

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
from inventory.stock_changes import StockChange, apply, shelves_for
from oms.kit.actors import Author


def _compare(
    connection: Connection, rows: Sequence[Imported], ours: Mapping[int, Offer], read_at: datetime
) -> None:
    """A figure that differs from ours when a SKU is first met on a store is a question to a person.

    Later pulls refresh an open question; a listing that runs raises none: its differences are the push's business.
    """
    running = [row.listing_variant_id for row in rows if not row.is_new_listing]
    asked = (
        dict(
            StockDifference.objects.filter(listing_variant__in=running, decided_at=None).values_list(
                "listing_variant_id", "pk"
            )
        )
        if running
        else {}
    )
    write: list[StockDifference] = []
    gone: list[int] = []
    for row in rows:
        mine = ours[row.listing_variant_id].available
        if not row.is_new_listing and row.listing_variant_id not in asked:
            continue
        if row.quantity is None or row.quantity == mine:
            if row.listing_variant_id in asked:
                gone.append(asked[row.listing_variant_id])
            continue
        write.append(
            StockDifference(
                connection=connection,
                listing_variant_id=row.listing_variant_id,
                ours=mine,
                theirs=row.quantity,
                seen_at=read_at,
            )
        )
    if gone:
        StockDifference.objects.filter(pk__in=gone).delete()
    if write:
        StockDifference.objects.bulk_create(
            write,
            update_conflicts=True,
            unique_fields=["listing_variant"],
            update_fields=["ours", "theirs", "seen_at", "decided_at", "taken_over"],
        )


def use_store_figure(difference: StockDifference, by: Author) -> StockItem:
    """Make the store's figure ours: on hand = what it showed + units of its own open orders that it had deducted.

    What has moved since it was read comes on top. The change is made in the store's default warehouse, as a
    count. Raises `StockError` when the figure is too old to tell (something was shipped since it was read).
    """
    with transaction.atomic():
        row = StockDifference.objects.select_for_update(of=("self",)).get(pk=difference.pk)
        if row.decided_at is not None:
            raise StockError(_("This difference is decided already."))
        variant_id = row.listing_variant.variant_id
        mapping = ensure_default_mapping(row.connection)
        shelves = shelves_for([(variant_id, mapping.warehouse_id)])
        served = set(row.connection.warehouse_mappings.values_list("warehouse_id", flat=True))
        mine = [item for item in shelves[variant_id] if item.warehouse_id in served]
        since: dict[str, int] = defaultdict(int)
        for kind, units in StockMovement.objects.filter(stock_item__in=mine, at__gt=row.seen_at).values_list(
            "kind", "quantity"
        ):
            since[kind] += units
        if StockMovement.Kind.SHIPMENT in since:
            raise StockError(
                _(
                    "Some of it was shipped since %(store)s was read: sync this product again, then take the new figure."
                )
                % {"store": row.connection.name}
            )
        held = sum(
            holder.units
            for holder in callbacks.holders_of([item.pk for item in mine])
            if holder.connection_id == row.connection_id
            and holder.placed_at < row.seen_at
            and holder.is_deducted
        )
        shelf = next(item for item in mine if item.warehouse_id == mapping.warehouse_id)
        delta = row.theirs + held + sum(since.values()) - sum(item.on_hand for item in mine)
        if delta:
            apply(
                [
                    StockChange(
                        shelf.pk,
                        on_hand=delta,
                        kind=StockMovement.Kind.COUNT,
                        reason=_("taken over from %(store)s") % {"store": row.connection.name},
                        reference_kind="connection",
                        reference_id=row.connection_id,
                    )
                ],
                shelves=shelves,
                by=by,
            )
        _decide(row, taken_over=True)
    return shelf


def keep_own_figure(difference: StockDifference) -> None:
    """Our figure stands; the store is sent it once pushing is on."""
    with transaction.atomic():
        row = StockDifference.objects.select_for_update(of=("self",)).get(pk=difference.pk)
        if row.decided_at is None:
            _decide(row, taken_over=False)
            outbox.touch(topics.Topic.STOCK, [(row.connection_id, row.listing_variant_id)])


def _decide(row: StockDifference, *, taken_over: bool) -> None:
    row.taken_over, row.decided_at = taken_over, timezone.now()
    row.save(update_fields=["taken_over", "decided_at"])


EACH = 600  # s between two looks at a store

AT_ONCE = 500


def look_for_differences() -> int:
    """Ask about the stores whose turn it is; returns how many differences were found."""
    found = 0
    for connection in Connection.objects.active().filter(is_read_only=False):
        if _is_swept(connection) and cache.add(f"differences:{connection.pk}", 1, EACH):
            found += compare(connection)
    return found


def _is_swept(connection: Connection) -> bool:
    """Whether its products are read again and again; a store that keeps its own names is compared, too."""
    return connection.spec.capabilities[Capability.AUTO_UPDATE_PRODUCTS].default or follows(connection)


def compare(connection: Connection) -> int:
    """Open a question for each SKU that shows another figure than it was told, close those that agree again."""
    read_to = _orders_read_to(connection)
    if read_to is None:
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
        ~Exists(waiting), connection=connection, read_at__gt=visible, read_at__lt=read_to
    )
    other = rows.exclude(remote_quantity=F("sent_quantity")).exclude(remote_quantity=None)
    new = other.filter(Q(stock_difference=None) | Q(stock_difference__decided_at__lt=F("read_at")))
    values = new.order_by("pk").values_list("pk", "remote_quantity", "read_at")[:AT_ONCE]
    seen = {pk: (units or 0, read_at or read_to) for pk, units, read_at in values}
    mine = offers(connection, seen) if seen else {}
    write = [
        StockDifference(
            connection=connection,
            listing_variant_id=pk,
            ours=offer.available,
            theirs=seen[pk][0],
            seen_at=seen[pk][1],
        )
        for pk, offer in mine.items()
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


def _orders_read_to(connection: Connection) -> datetime | None:
    """The moment up to which all orders of the store are read; None where some are not read at all."""
    rows = SyncStream.objects.filter(
        connection=connection, name__startswith="orders.", is_on=True, period__isnull=False
    )
    cursors = list(rows.values_list("cursor_at", flat=True))
    if not cursors or None in cursors:
        return None
    return min(min(at for at in cursors if at is not None), timezone.now())

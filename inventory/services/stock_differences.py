"""Find stock differences: figures of a store that are not Manifold's (docs/stock.md). `difference_decisions` resolves them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db.models import Count, Exists, F, Min, OuterRef, Q
from django.utils import timezone
from django.utils.translation import ngettext

from catalogue.callbacks import Imported
from catalogue.models import Listing, ListingVariant, Variant
from channels.contract.spec import Capability, Stream
from channels.models import Connection, OutboxMessage, SyncStream
from channels.pull.single_records import request_records
from channels.push import outbox, topics
from channels.reconcile import pacing
from inventory.models import StockDifference, StockPolicy
from inventory.offers.compute import Offer, offers
from oms.kit.bulk import among
from oms.kit.numbers import grouped


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


def send_again(connection: Connection, listing_variant_ids: Sequence[int]) -> None:
    """Send the stock of these listed SKUs, also where the store has accepted this figure before."""
    if not connection.spec.orders_deduct_stock:
        ListingVariant.objects.filter(pk__in=among(listing_variant_ids)).update(sent_at=None)
    outbox.touch(topics.Topic.STOCK, [(connection.pk, pk) for pk in listing_variant_ids])


def open_by_store(connection_ids: Collection[int]) -> Mapping[int, int]:
    """Return how many differences of these stores are open, by store."""
    rows = StockDifference.objects.filter(connection__in=connection_ids, decided_at=None).order_by()
    return dict(rows.values_list("connection_id").annotate(n=Count("pk")))


def words(count: int) -> str:
    """Return "3 stock differences"."""
    return ngettext("%s stock difference", "%s stock differences", count) % grouped(count)


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


#: Products of one sample. Some channels need a request for each product (OnBuy), so it is within their API limit.
LEAST_SAMPLE, LARGEST_SAMPLE = 20, 500


def sample_all_stores() -> int:
    """Import a part of the products of each live store again, once an hour; return how many were requested.

    The products that were imported longest ago come first, a 24th of all each time. So each product is compared at
    least once a day, whatever webhooks the channel has. The products of a large store are read page by page
    (`channels.reconcile`), which needs fewer requests.
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
    allowed = int(pacing.calls_of_an_hour(connection) * pacing.SHARE / 2)
    size = min(max(-(-count // SAMPLES), LEAST_SAMPLE), LARGEST_SAMPLE, max(allowed, 1))
    oldest = rows.annotate(last_read=Min("variants__read_at")).order_by(
        F("last_read").asc(nulls_first=True), "pk"
    )
    name = "variants__external_id" if connection.spec.variants_by_id else "external_id"
    ids = [each for each in oldest.values_list(name, flat=True)[:size] if each]
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

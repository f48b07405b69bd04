"""The exposure meter: turn what sending noted into rows, find what is exposed now, and set the buffer that avoids it.

A store that deducts its own orders shows less after each of them; their units are taken off what it was sent before they
are compared, so its own sales are no exposure.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from catalogue.models import ListingVariant
from channels.models import Connection, OutboxMessage
from channels.push.topics import Topic
from inventory import callbacks
from inventory.models import Exposure, StockPolicy
from inventory.offers import exposure_log
from inventory.offers.compute import offers
from inventory.services.selling_limits import set_policy

#: Listed SKUs that one run of the sweep reads.
SLICE: Final = 500
#: How long the rows are kept.
KEPT: Final = timedelta(days=180)
#: Messages that are looked at for what is exposed now.
MOST_OPEN: Final = 5_000


@dataclass(frozen=True, slots=True)
class OpenExposure:
    """A store that offers too much now, since `started_at`."""

    listing_variant_id: int
    started_at: datetime
    shown: int
    available: int
    cause: str

    @property
    def overlap(self) -> int:
        """Units offered beyond those available."""
        return self.shown - self.available


def collect() -> int:
    """Store what sending noted on up to 500 listed SKUs, and empty its column; return how many rows were read."""
    with transaction.atomic():
        noted = ~Q(exposure_log="")
        rows = list(
            ListingVariant.objects.filter(noted)
            .select_for_update(of=("self",))
            .select_related("connection")
            .order_by("pk")[:SLICE]
        )
        if not rows:
            return 0
        ListingVariant.objects.filter(pk__in=[row.pk for row in rows]).update(exposure_log="")
        by_store: dict[Connection, list[ListingVariant]] = defaultdict(list)
        for row in rows:
            by_store[row.connection].append(row)
        found = [one for store, listed in by_store.items() for one in _exposures(store, listed)]
        Exposure.objects.bulk_create(found, ignore_conflicts=True)
    return len(rows)


def _exposures(store: Connection, rows: Sequence[ListingVariant]) -> list[Exposure]:
    noted = [(row, one) for row in rows for one in exposure_log.read(row.exposure_log)]
    sold = _Sold(store, {row.variant_id for row in rows}, min(one.shown_since for _row, one in noted))
    found = []
    for row, one in noted:
        own = sold.between(row.variant_id, one.shown_since, one.until)
        overlap = one.shown - own - one.available
        if overlap > 0:
            found.append(
                Exposure(
                    listing_variant=row,
                    started_at=one.started_at,
                    ended_at=one.ended_at,
                    seconds=max(math.ceil(one.until - one.since), 1),
                    shown=one.shown - own,
                    available=one.available,
                    overlap=overlap,
                    cause=one.cause,
                )
            )
    return found


class _Sold:
    """The units that a store sold itself and has deducted from its figure, by SKU and time; one statement, or none."""

    def __init__(self, store: Connection, variant_ids: Collection[int], since: float) -> None:
        self.rows: list[tuple[int, datetime, int]] = []
        if store.spec.orders_deduct_stock and variant_ids:
            start = datetime.fromtimestamp(since, tz=timezone.get_default_timezone())
            self.rows = callbacks.own_sales(store.pk, variant_ids, start)

    def between(self, variant_id: int, since: float, until: float) -> int:
        """Return the units of orders that were placed after `since` and not after `until`."""
        return sum(
            units
            for of, placed_at, units in self.rows
            if of == variant_id and since < placed_at.timestamp() <= until
        )


def open_exposures() -> list[OpenExposure]:
    """Return what stores offer too much of now, because a figure was not sent yet; the longest first.

    Two statements, and three for each store with unsent figures. At most 5,000 messages are looked at, the oldest first.
    """
    now = timezone.now()
    messages = list(
        OutboxMessage.objects.unsent()
        .filter(topic=Topic.STOCK, connection__is_read_only=False)
        .exclude(connection__state=Connection.State.DISCONNECTED)
        .select_related("connection")
        .order_by("waiting_since")[:MOST_OPEN]
    )
    by_store: dict[Connection, list[OutboxMessage]] = defaultdict(list)
    for message in messages:
        by_store[message.connection].append(message)
    found = []
    for store, rows in by_store.items():
        current = offers(store, [row.subject for row in rows])
        shown = {
            pk: offer.sent_quantity if offer.is_sent else offer.remote_quantity
            for pk, offer in current.items()
        }
        at = {pk: offer.sent_at.timestamp() if offer.sent_at else 0.0 for pk, offer in current.items()}
        sold = _Sold(store, {offer.variant_id for offer in current.values()}, min(at.values(), default=0.0))
        for row in rows:
            offer, offered = current.get(row.subject), shown.get(row.subject)
            if offer is None or offered is None:
                continue
            offered -= sold.between(offer.variant_id, at[row.subject], now.timestamp())
            if offered > max(offer.available, 0):
                found.append(
                    OpenExposure(
                        row.subject,
                        row.waiting_since,
                        offered,
                        max(offer.available, 0),
                        _cause_now(row, store, now),
                    )
                )
    return found


def _cause_now(message: OutboxMessage, store: Connection, now: datetime) -> str:
    if message.parked_at is not None:
        return Exposure.Cause.REFUSED
    if not store.may_push:
        return Exposure.Cause.PAUSED
    if message.attempts:  # it was tried, and no try has ended well
        return Exposure.Cause.DOWN
    return exposure_log.cause_of(message, store, message.waiting_since, now)


def set_buffer(listing_variant: ListingVariant, buffer: int) -> None:
    """Set the buffer of one SKU in its store; its other limits stay. Raises like `selling_limits.set_policy`."""
    own = StockPolicy.objects.filter(listing_variant=listing_variant).first()
    set_policy(
        listing_variant.connection,
        listing_variant=listing_variant,
        buffer=buffer,
        percentage=own.percentage if own else None,
        cap=own.cap if own else None,
    )


def prune(limit: int = 5_000) -> int:
    """Delete rows that are older than 180 days, at most `limit`; return how many."""
    old = Exposure.objects.filter(ended_at__lt=timezone.now() - KEPT).order_by("ended_at")
    ids = list(old.values_list("pk", flat=True)[:limit])
    return Exposure.objects.filter(pk__in=ids).delete()[0] if ids else 0

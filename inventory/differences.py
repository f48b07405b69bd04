"""A listing that runs and shows another quantity than it was told: a question to a person (R-CAT-07).

Where a store's products are followed, each sweep reads what it shows. Its figure moves by orders too: it is compared
only once every order is read that may have moved it, nothing more is to be told, and what was told can be seen.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.cache import cache
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from catalogue.follow import follows
from catalogue.models import ListingVariant
from channels import outbox, tasks
from channels.base import Capability, Lane
from channels.models import Connection, OutboxMessage, SyncStream
from inventory.models import StockDifference
from inventory.offers import offers

EACH = 600  # s between two looks at a store
AT_ONCE = 500


def look() -> int:
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
        topic=outbox.Topic.STOCK,
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


def connect() -> None:
    tasks.register_sweep(Lane.DEFAULT, look)

"""Price and stock of one SKU in one call, where the channel takes both (`ChannelSpec.figures_together`).

A price that waits goes with the stock that is being sent, and its own message finds it done. What does not wait goes
along only while the store is believed to show it as it is here: it is not known whether such a channel keeps what is
left out, and what somebody changed there is not overwritten unasked.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.utils import timezone

from catalogue import callbacks
from catalogue.errors import CatalogueError
from catalogue.models import ListingVariant
from catalogue.pricing import Price, price_for
from channels.contract.records.updates import PriceUpdate
from channels.models import Connection, OutboxMessage
from channels.push import topics
from oms.kit.bulk import set_to


def sends_both(connection: Connection) -> bool:
    """Whether this store is told price and stock in one; its setting can part them."""
    return connection.spec.figures_together and not connection.option("figures_alone")


def price_update(row: ListingVariant, price: Price, ref: str, quantity: int | None = None) -> PriceUpdate:
    return PriceUpdate(
        ref=ref,
        listing_external_id=row.listing.external_id,
        external_id=row.external_id,
        sku=row.external_sku,
        price=price.price,
        selling_price=price.selling_price,
        currency=row.connection.currency,
        sale_from=row.sale_from,
        sale_until=row.sale_until,
        quantity=quantity,
    )


class Prices:
    """The prices that go with the stock of these listed SKUs, as they were when it was made. Two statements."""

    def __init__(self, connection: Connection, listing_variant_ids: Collection[int]) -> None:
        self.read_at = timezone.now()
        waiting = OutboxMessage.objects.waiting().filter(
            connection=connection, topic=topics.Topic.PRICE, subject__in=listing_variant_ids, is_held=False
        )
        self.new = set(waiting.values_list("subject", flat=True))
        self.updates: dict[int, PriceUpdate] = {}
        self.told: dict[int, tuple[object, object]] = {}
        rows = ListingVariant.objects.filter(pk__in=listing_variant_ids)
        for row in rows.select_related("variant", "listing", "connection"):
            try:
                price = price_for(row)
            except CatalogueError:
                continue
            if row.pk in self.new or _shown(row, row.price_sent_at, _sent(row), _read(row)) == tuple(price):
                self.updates[row.pk] = price_update(row, price, str(row.pk))

    def note(self, listing_variant_id: int) -> None:
        """The store took this price with its stock."""
        update = self.updates[listing_variant_id]
        self.told[listing_variant_id] = (update.price, update.selling_price)

    def close(self) -> None:
        """Keep what was told; as of the moment when it was read, so that a later change is sent again."""
        set_to(
            ListingVariant,
            ("sent_price", "sent_selling_price", "price_sent_at"),
            {pk: (*figures, self.read_at) for pk, figures in self.told.items()},
        )


def was_sent(row: ListingVariant, price: Price, message: OutboxMessage) -> bool:
    """Whether this price went out with a stock figure after the message was written."""
    return (
        row.price_sent_at is not None
        and row.price_sent_at >= message.changed_at
        and _sent(row) == tuple(price)
    )


def units_for(connection: Connection, rows: Collection[ListingVariant]) -> dict[int, int]:
    """The stock that goes with the price of these: what the store is believed to show, where that is what it should."""
    told = [row for row in rows if row.sent_at is not None]
    now = callbacks.offered(connection, [row.pk for row in told]) if told else {}
    return {
        row.pk: now[row.pk]
        for row in told
        if _shown(row, row.sent_at, row.sent_quantity, row.remote_quantity) == now[row.pk]
    }


def _sent(row: ListingVariant) -> tuple[object, object]:
    return row.sent_price, row.sent_selling_price


def _read(row: ListingVariant) -> tuple[object, object]:
    return row.remote_price, row.remote_selling_price


def _shown(row: ListingVariant, sent_at: datetime | None, sent: object, read: object) -> object:
    """What the store is believed to show: what was sent, unless it was read after that could be seen."""
    visible = None if sent_at is None else sent_at + timedelta(seconds=row.connection.spec.shown_after)
    return sent if visible is not None and (row.read_at is None or row.read_at < visible) else read

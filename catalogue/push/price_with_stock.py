"""Send price and stock of one SKU in one call, where the channel accepts both (`ChannelSpec.figures_together`).

A price that waits to be sent goes with the stock, and its own message has nothing left to do. A price that does not wait
is sent with the stock only while the store is believed to show the same price: such a channel may delete what is left out,
and a price that somebody changed in the store must not be overwritten.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.utils import timezone

from catalogue import callbacks
from catalogue.errors import CatalogueError
from catalogue.models import ListingVariant
from catalogue.pricing import Price, price_for, price_to_send
from channels.contract.records.updates import PriceUpdate
from channels.models import Connection, OutboxMessage
from channels.push import topics
from oms.kit.bulk import set_to


def sends_both(connection: Connection) -> bool:
    """Return whether this store is sent price and stock together; a setting of the store can switch it off."""
    return connection.spec.figures_together and not connection.option("figures_alone")


def price_update(row: ListingVariant, price: Price, ref: str, quantity: int | None = None) -> PriceUpdate:
    """Return the update of a SKU's price; with `quantity` its stock is sent too."""
    sent = price_to_send(row)
    return PriceUpdate(
        ref=ref,
        listing_external_id=row.listing.external_id,
        external_id=row.external_id,
        sku=row.external_sku,
        price=price.price,
        selling_price=sent.selling_price,
        currency=row.connection.currency,
        sale_from=row.sale_from,
        sale_until=row.sale_until,
        quantity=quantity,
    )


class Prices:
    """The prices that are sent with the stock of these listed SKUs, read when the object is created. Two statements.

    `new` are the ids of SKUs whose price waits to be sent; `updates` are the prices by id.
    """

    def __init__(self, connection: Connection, listing_variant_ids: Collection[int]) -> None:
        self.read_at = timezone.now()
        waiting = OutboxMessage.objects.waiting().filter(
            connection=connection, topic=topics.Topic.PRICE, subject__in=listing_variant_ids, is_held=False
        )
        self.new = set(waiting.values_list("subject", flat=True))
        self.updates: dict[int, PriceUpdate] = {}
        self.shown: dict[int, tuple[object, object]] = {}  # what the store shows now: not a coming sale
        self.sent: dict[int, tuple[object, object]] = {}
        rows = ListingVariant.objects.filter(pk__in=listing_variant_ids)
        for row in rows.select_related("variant", "listing", "connection"):
            try:
                price = price_for(row)
            except CatalogueError:
                continue
            if row.pk in self.new or _shown(row, row.price_sent_at, _sent(row), _read(row)) == tuple(price):
                self.updates[row.pk] = price_update(row, price, str(row.pk))
                self.shown[row.pk] = (price.price, price.selling_price)

    def note(self, listing_variant_id: int) -> None:
        """Note that the store accepted this price with the stock."""
        self.sent[listing_variant_id] = self.shown[listing_variant_id]

    def close(self) -> None:
        """Store the noted prices with the time at which they were read, so that a later change is sent again."""
        set_to(
            ListingVariant,
            ("sent_price", "sent_selling_price", "price_sent_at"),
            {pk: (*figures, self.read_at) for pk, figures in self.sent.items()},
        )


def was_sent(row: ListingVariant, price: Price, message: OutboxMessage) -> bool:
    """Return whether this price was sent with stock after the message was written."""
    return (
        row.price_sent_at is not None
        and row.price_sent_at >= message.changed_at
        and _sent(row) == tuple(price)
    )


def units_for(connection: Connection, rows: Collection[ListingVariant]) -> dict[int, int]:
    """Return the stock to send with the prices of these SKUs: where the store is believed to show the right quantity."""
    sent = [row for row in rows if row.sent_at is not None]
    now = callbacks.offered(connection, [row.pk for row in sent]) if sent else {}
    return {
        row.pk: now[row.pk]
        for row in sent
        if _shown(row, row.sent_at, row.sent_quantity, row.remote_quantity) == now[row.pk]
    }


def _sent(row: ListingVariant) -> tuple[object, object]:
    return row.sent_price, row.sent_selling_price


def _read(row: ListingVariant) -> tuple[object, object]:
    return row.remote_price, row.remote_selling_price


def _shown(row: ListingVariant, sent_at: datetime | None, sent: object, read: object) -> object:
    """Return what the store is believed to show: the sent value until an import can have seen it, then the imported one."""
    return sent if row.is_newest_sent(sent_at) else read
